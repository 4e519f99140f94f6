//! Settles `[upstreams]` and `[models]`. Without either, one model runs in process.

use std::collections::BTreeMap;

use record::{Endpoint, Prices};
use upstream::EndpointSet;

use super::super::error::Error;
use super::super::settled::{Local, LocalFile, Model, Servers, Upstream, UpstreamKind};
use super::super::written;
use super::Settler;

/// The model that is there without any settings.
pub(crate) const DEFAULT_MODEL: &str = "smollm2-135m";
/// The upstream that it has.
const DEFAULT_UPSTREAM: &str = "local";

const ENDPOINTS: [(&str, Endpoint); 8] = [
    ("chat", Endpoint::Chat),
    ("completions", Endpoint::Completions),
    ("responses", Endpoint::Responses),
    ("embeddings", Endpoint::Embeddings),
    ("messages", Endpoint::Messages),
    ("count_tokens", Endpoint::CountTokens),
    ("models", Endpoint::Models),
    ("score", Endpoint::Score),
];

impl Settler<'_> {
    pub(super) fn upstreams(
        &mut self,
        written: BTreeMap<String, written::Upstream>,
    ) -> Result<BTreeMap<String, Upstream>, Error> {
        let written = match written.is_empty() {
            true => BTreeMap::from([(
                DEFAULT_UPSTREAM.to_owned(),
                written::Upstream {
                    kind: Some(UpstreamKind::Local),
                    ..written::Upstream::default()
                },
            )]),
            false => written,
        };
        written
            .into_iter()
            .map(|(name, upstream)| Ok((name.clone(), self.upstream(&name, upstream)?)))
            .collect()
    }

    fn upstream(&mut self, name: &str, written: written::Upstream) -> Result<Upstream, Error> {
        let at = format!("upstreams.{name}");
        let Some(kind) = written.kind else {
            let hint = Some("kinds are openai, anthropic and local".to_owned());
            return Err(self.wrong(&at, "`kind` is missing", hint));
        };
        let from = self.origin(&format!("{at}.kind"), name != DEFAULT_UPSTREAM);
        self.note(&format!("{at}.kind"), kind.to_string(), from);
        let foreign = match kind {
            UpstreamKind::Local => foreign_to_local(&written),
            UpstreamKind::Openai | UpstreamKind::Anthropic => foreign_to_servers(&written),
        };
        if let Some(last) = foreign {
            let key = format!("{at}.{last}");
            return Err(self.wrong(
                &key,
                format!("an upstream of kind {kind} has no `{last}`"),
                None,
            ));
        }
        match kind {
            UpstreamKind::Local => self.local(&at, written).map(Upstream::Local),
            UpstreamKind::Openai => self.servers(name, upstream::Kind::OpenAi, written),
            UpstreamKind::Anthropic => self.servers(name, upstream::Kind::Anthropic, written),
        }
    }

    fn servers(
        &mut self,
        name: &str,
        kind: upstream::Kind,
        written: written::Upstream,
    ) -> Result<Upstream, Error> {
        let at = format!("upstreams.{name}");
        let key = |last: &str| format!("{at}.{last}");
        let servers = self.list(&key("servers"), written.servers, vec![]);
        if servers.is_empty() {
            let hint = Some("servers = [\"http://127.0.0.1:8000/v1\"]".to_owned());
            return Err(self.wrong(&key("servers"), "at least one base URL is needed", hint));
        }
        let mut settings = upstream::Settings::new(name, kind, servers);
        let secret = self.maybe(&key("secret"), written.secret);
        if let Some(names) = written.endpoints {
            settings.endpoints = self.endpoints(&key("endpoints"), names)?;
        }
        settings.tokenize = self.value(&key("tokenize"), written.tokenize, settings.tokenize);
        let roots = written
            .roots_file
            .as_ref()
            .map(|path| path.display().to_string());
        self.maybe(&key("roots_file"), roots);
        let mut millis = |last: &str, written, default: std::time::Duration| {
            let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
            self.millis(&key(last), written, default)
        };
        settings.connect_timeout = millis(
            "connect_timeout_ms",
            written.connect_timeout_ms,
            settings.connect_timeout,
        )?;
        settings.first_byte_timeout = millis(
            "first_byte_timeout_ms",
            written.first_byte_timeout_ms,
            settings.first_byte_timeout,
        )?;
        settings.idle_timeout = millis(
            "idle_timeout_ms",
            written.idle_timeout_ms,
            settings.idle_timeout,
        )?;
        settings.max_answer_bytes = self.value(
            &key("max_answer_bytes"),
            written.max_answer_bytes,
            settings.max_answer_bytes,
        );
        settings.max_idle = self.value(
            &key("max_idle_connections"),
            written.max_idle_connections,
            settings.max_idle,
        );
        settings.retries = self.value(&key("retries"), written.retries, settings.retries);
        Ok(Upstream::Servers(Box::new(Servers {
            settings,
            secret,
            roots_file: written.roots_file,
        })))
    }

    fn endpoints(&mut self, key: &str, names: Vec<String>) -> Result<EndpointSet, Error> {
        let names = self.list(key, Some(names), vec![]);
        let mut endpoints = Vec::new();
        for name in &names {
            match ENDPOINTS.iter().find(|(known, _)| known == name) {
                Some((_, endpoint)) => endpoints.push(endpoint.clone()),
                None => {
                    let known = ENDPOINTS.iter().map(|(known, _)| *known);
                    return Err(self.unknown(key, "endpoint", name, known));
                }
            }
        }
        Ok(EndpointSet::of(&endpoints))
    }

    fn local(&mut self, at: &str, written: written::Upstream) -> Result<Local, Error> {
        let key = |last: &str| format!("{at}.{last}");
        let file = match (written.file, written.pulled) {
            (Some(_), Some(_)) => {
                return Err(self.wrong(&key("file"), "either `file` or `pulled`, not both", None));
            }
            (Some(path), None) => {
                let shown = path.display().to_string();
                self.maybe(&key("file"), Some(shown));
                LocalFile::Path(path)
            }
            (None, pulled) => {
                let name = self.value(&key("pulled"), pulled, DEFAULT_MODEL.to_owned());
                LocalFile::Pulled(name)
            }
        };
        let local = Local {
            file,
            threads: self.value(
                &key("threads"),
                written.threads,
                self.outside.processors.max(1),
            ),
            max_sequences: self.value(&key("max_sequences"), written.max_sequences, 8),
            queue_length: self.value(&key("queue_length"), written.queue_length, 64),
            context_tokens: self.maybe(&key("context_tokens"), written.context_tokens),
            exact_sampling: self.value(&key("exact_sampling"), written.exact_sampling, false),
            default_output_tokens: self.value(
                &key("default_output_tokens"),
                written.default_output_tokens,
                1024,
            ),
            max_output_tokens: self.value(
                &key("max_output_tokens"),
                written.max_output_tokens,
                4096,
            ),
        };
        if !(1..=local.max_output_tokens).contains(&local.default_output_tokens) {
            let what = "at least 1, and at most `max_output_tokens`";
            return Err(self.wrong(&key("default_output_tokens"), what, None));
        }
        if local.threads == 0 || local.max_sequences == 0 {
            return Err(self.wrong(at, "`threads` and `max_sequences` are at least 1", None));
        }
        Ok(local)
    }

    pub(super) fn models(
        &mut self,
        written: BTreeMap<String, written::Model>,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Result<BTreeMap<String, Model>, Error> {
        let defaults = upstreams.contains_key(DEFAULT_UPSTREAM) && written.is_empty();
        let written = match defaults {
            true => BTreeMap::from([(DEFAULT_MODEL.to_owned(), written::Model::default())]),
            false => written,
        };
        written
            .into_iter()
            .map(|(name, model)| Ok((name.clone(), self.model(&name, model, upstreams)?)))
            .collect()
    }

    fn model(
        &mut self,
        name: &str,
        written: written::Model,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Result<Model, Error> {
        let at = format!("models.{name}");
        let key = |last: &str| format!("{at}.{last}");
        let only = match upstreams.len() {
            1 => upstreams.keys().next().cloned(),
            _ => None,
        };
        let from = self.origin(&key("upstream"), written.upstream.is_some());
        let Some(upstream) = written.upstream.or(only) else {
            let hint = Some("name one of [upstreams]".to_owned());
            return Err(self.wrong(&at, "`upstream` is missing", hint));
        };
        if !upstreams.contains_key(&upstream) {
            let known = upstreams.keys().map(String::as_str);
            return Err(self.unknown(&key("upstream"), "upstream", &upstream, known));
        }
        self.note(&key("upstream"), upstream.clone(), from);
        let upstream_model = self.maybe(&key("upstream_model"), written.upstream_model);
        let context_tokens = self.maybe(&key("context_tokens"), written.context_tokens);
        let max_output_tokens = self.maybe(&key("max_output_tokens"), written.max_output_tokens);
        let mut price = |last: &str, written: Option<written::Price>, default: u64| {
            let key = format!("{at}.{last}_dollars_per_million_tokens");
            let from = self.origin(&key, written.is_some());
            let nanos = written.map_or(default, |price| price.0);
            let million = record::Money::from_nanos(nanos.saturating_mul(1_000_000));
            self.note(&key, million.to_string(), from);
            nanos
        };
        let input = price("input", written.input_dollars_per_million_tokens, 0);
        let output = price("output", written.output_dollars_per_million_tokens, 0);
        let cached = written.cached_input_dollars_per_million_tokens;
        let reasoning = written.reasoning_dollars_per_million_tokens;
        Ok(Model {
            upstream,
            upstream_model,
            context_tokens,
            max_output_tokens,
            prices: Prices {
                input,
                cached: price("cached_input", cached, input),
                output,
                reasoning: price("reasoning", reasoning, output),
            },
        })
    }
}

/// The first key of an HTTP upstream that a model in process has no use for.
fn foreign_to_local(written: &written::Upstream) -> Option<&'static str> {
    let present = [
        ("servers", written.servers.is_some()),
        ("secret", written.secret.is_some()),
        ("endpoints", written.endpoints.is_some()),
        ("tokenize", written.tokenize.is_some()),
        ("roots_file", written.roots_file.is_some()),
        ("connect_timeout_ms", written.connect_timeout_ms.is_some()),
        (
            "first_byte_timeout_ms",
            written.first_byte_timeout_ms.is_some(),
        ),
        ("idle_timeout_ms", written.idle_timeout_ms.is_some()),
        ("max_answer_bytes", written.max_answer_bytes.is_some()),
        (
            "max_idle_connections",
            written.max_idle_connections.is_some(),
        ),
        ("retries", written.retries.is_some()),
    ];
    present.into_iter().find(|(_, is)| *is).map(|(key, _)| key)
}

/// The first key of a model in process that an HTTP upstream has no use for.
fn foreign_to_servers(written: &written::Upstream) -> Option<&'static str> {
    let present = [
        ("file", written.file.is_some()),
        ("pulled", written.pulled.is_some()),
        ("threads", written.threads.is_some()),
        ("max_sequences", written.max_sequences.is_some()),
        ("queue_length", written.queue_length.is_some()),
        ("context_tokens", written.context_tokens.is_some()),
        ("exact_sampling", written.exact_sampling.is_some()),
        (
            "default_output_tokens",
            written.default_output_tokens.is_some(),
        ),
        ("max_output_tokens", written.max_output_tokens.is_some()),
    ];
    present.into_iter().find(|(_, is)| *is).map(|(key, _)| key)
}
