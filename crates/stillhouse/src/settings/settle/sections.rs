//! Settles `[server]`, `[ledger]` and `[plans]`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use record::{CapabilitySet, Limits, Plan, SpendLimit, SpendPeriod};

use super::super::error::Error;
use super::super::settled::{ClientGone, Ledger, Model, Server};
use super::super::written;
use super::{Settler, listed};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Settler<'_> {
    pub(super) fn server(&mut self, mut written: written::Server) -> Result<Server, Error> {
        let listen = self.won(
            "server.listen",
            self.outside.listen.clone(),
            written.listen.take(),
            vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)],
            |addresses| listed(addresses),
        );
        let Some(first) = listen.first() else {
            return Err(self.wrong("server.listen", "at least one address is needed", None));
        };
        let reached = format!("http://{first}");
        let public_url = self.value("server.public_url", written.public_url.take(), reached);
        let workers = self.won(
            "server.workers",
            self.outside.workers.clone(),
            written.workers,
            self.outside.processors.max(1),
            usize::to_string,
        );
        if !(1..=1024).contains(&workers) {
            return Err(self.wrong("server.workers", "1 to 1024 are possible", None));
        }
        let key = "server.upstream_probe_seconds";
        let probe = self.value(key, written.upstream_probe_seconds, 10);
        let options = self.gateway(written)?;
        Ok(Server {
            listen,
            public_url: public_url.trim_end_matches('/').to_owned(),
            workers,
            probe_every: (probe > 0).then(|| Duration::from_secs(probe.into())),
            options,
        })
    }

    fn share(&mut self, key: &str, written: Option<f64>, usual: f64) -> Result<f64, Error> {
        let share = self.value(key, written, usual);
        if (0.0..=1.0).contains(&share) {
            return Ok(share);
        }
        Err(self.wrong(key, "a share is from 0 to 1", None))
    }

    fn gateway(&mut self, written: written::Server) -> Result<gateway::Options, Error> {
        let usual = gateway::Options::default();
        let key = |last: &str| format!("server.{last}");
        let trusted_proxies = self.trusted_proxies(written.trusted_proxies)?;
        let listed_paths = self.list(&key("listed_paths"), written.listed_paths, vec![]);
        if let Some(path) = listed_paths.iter().find(|path| !path.starts_with('/')) {
            let what = format!("`{path}` does not start with `/`");
            return Err(self.wrong(&key("listed_paths"), what, None));
        }
        let gone = written.on_client_gone;
        let gone = self.value(&key("on_client_gone"), gone, ClientGone::Cancel);
        let limit_key = key("client_gone_drain_limit_ms");
        let limit = self.millis(&limit_key, written.client_gone_drain_limit_ms, 60_000)?;
        let days = self.value(&key("keep_stored_days"), written.keep_stored_days, 30);
        let mut millis = |last: &str, written, usual: Duration| {
            self.millis(
                &key(last),
                written,
                u64::try_from(usual.as_millis()).unwrap_or(u64::MAX),
            )
        };
        Ok(gateway::Options {
            header_timeout: millis(
                "header_timeout_ms",
                written.header_timeout_ms,
                usual.header_timeout,
            )?,
            body_timeout: millis(
                "body_timeout_ms",
                written.body_timeout_ms,
                usual.body_timeout,
            )?,
            stall_timeout: millis(
                "stall_timeout_ms",
                written.stall_timeout_ms,
                usual.stall_timeout,
            )?,
            drain_limit: millis("drain_limit_ms", written.drain_limit_ms, usual.drain_limit)?,
            max_body_bytes: self.value(
                &key("max_body_bytes"),
                written.max_body_bytes,
                usual.max_body_bytes,
            ),
            default_max_output: self.value(
                &key("default_max_output_tokens"),
                written.default_max_output_tokens,
                usual.default_max_output,
            ),
            keep_max_bytes: self.value(
                &key("keep_max_bytes"),
                written.keep_max_bytes,
                usual.keep_max_bytes,
            ),
            keep_stored: Duration::from_secs(u64::from(days) * 86_400),
            score_check_share: self.share(
                &key("score_check_share"),
                written.score_check_share,
                usual.score_check_share,
            )?,
            trusted_proxies,
            listed_paths,
            client_gone: match gone {
                ClientGone::Cancel => gateway::ClientGone::Cancel,
                ClientGone::Drain => gateway::ClientGone::Drain(limit),
            },
        })
    }

    fn trusted_proxies(
        &mut self,
        written: Option<Vec<String>>,
    ) -> Result<Vec<gateway::Network>, Error> {
        const KEY: &str = "server.trusted_proxies";
        let texts = self.list(KEY, written, vec![]);
        let parse = |text: &String| {
            text.parse::<gateway::Network>()
                .map_err(|error| self.wrong(KEY, format!("`{text}` is {error}"), None))
        };
        texts.iter().map(parse).collect()
    }

    pub(super) fn ledger(
        &mut self,
        written: written::Ledger,
        data_dir: &Path,
    ) -> Result<Ledger, Error> {
        let show = |path: &std::path::PathBuf| path.display().to_string();
        let folder = data_dir.join("ledger");
        let folder = self.won("ledger.folder", None, written.folder, folder, show);
        let heads = written.heads_file.as_ref().map(show);
        self.maybe("ledger.heads_file", heads);
        let head_every = self.millis("ledger.head_every_ms", written.head_every_ms, 10_000)?;
        let segment_bytes = self.value("ledger.segment_bytes", written.segment_bytes, 16 * MIB);
        let spool_bytes = self.value("ledger.spool_bytes", written.spool_bytes, GIB);
        if spool_bytes < segment_bytes || segment_bytes < MIB {
            return Err(self.wrong(
                "ledger.spool_bytes",
                "the spool holds at least one segment, and a segment at least 1 MiB",
                None,
            ));
        }
        Ok(Ledger {
            folder,
            heads_file: written.heads_file,
            head_every,
            segment_bytes,
            spool_bytes,
            refuse_when_store_down: self.value(
                "ledger.refuse_when_store_down",
                written.refuse_when_store_down,
                false,
            ),
            vault_body_bytes: self.value(
                "ledger.vault_body_bytes",
                written.vault_body_bytes,
                32 * MIB,
            ),
            vault_total_bytes: self.value(
                "ledger.vault_total_bytes",
                written.vault_total_bytes,
                16 * GIB,
            ),
        })
    }

    pub(super) fn plans(
        &mut self,
        written: BTreeMap<String, written::Plan>,
        models: &BTreeMap<String, Model>,
    ) -> Result<Vec<Plan>, Error> {
        let written = match written.is_empty() {
            true => BTreeMap::from([("default".to_owned(), written::Plan::default())]),
            false => written,
        };
        written
            .into_iter()
            .map(|(name, plan)| self.plan(name, plan, models))
            .collect()
    }

    fn plan(
        &mut self,
        name: String,
        written: written::Plan,
        models: &BTreeMap<String, Model>,
    ) -> Result<Plan, Error> {
        let at = format!("plans.{name}");
        let key = |last: &str| format!("{at}.{last}");
        for model in written.models.iter().flatten() {
            if !models.contains_key(model) {
                let known = models.keys().map(String::as_str);
                return Err(self.unknown(&key("models"), "model", model, known));
            }
        }
        let limits = Limits {
            requests_per_minute: self
                .maybe(&key("requests_per_minute"), written.requests_per_minute),
            tokens_per_minute: self.maybe(&key("tokens_per_minute"), written.tokens_per_minute),
            concurrency: self.maybe(&key("concurrency"), written.concurrency),
        };
        let spend = self.spend(&at, &written)?;
        let open = CapabilitySet::default();
        let all = open.top_logprobs.unwrap_or_default();
        // 0 says "none at all", which TOML has no other number for.
        let top = self.value(&key("top_logprobs"), written.top_logprobs, all);
        let max_n = self.value(&key("max_n"), written.max_n, open.max_n);
        if max_n == 0 {
            return Err(self.wrong(&key("max_n"), "a request has at least one answer", None));
        }
        let capabilities = CapabilitySet {
            top_logprobs: (top > 0).then_some(top),
            prompt_logprobs: self.value(
                &key("prompt_logprobs"),
                written.prompt_logprobs,
                open.prompt_logprobs,
            ),
            max_n,
            logit_bias: self.value(&key("logit_bias"), written.logit_bias, open.logit_bias),
            reasoning: self.value(&key("reasoning"), written.reasoning, open.reasoning),
            // Grants alone open scores.
            scores: open.scores,
        };
        let every = written.models.as_deref().map(listed);
        let from = self.origin(&key("models"), every.is_some());
        self.note(&key("models"), every.unwrap_or("every model".into()), from);
        Ok(Plan {
            name,
            limits,
            spend,
            capabilities,
            models: written.models,
        })
    }

    fn spend(&mut self, at: &str, written: &written::Plan) -> Result<Option<SpendLimit>, Error> {
        let key = format!("{at}.spend_dollars");
        let amount = self.maybe(&key, written.spend_dollars.map(|dollars| dollars.0));
        let period_key = format!("{at}.spend_period");
        let Some(amount) = amount else {
            return match written.spend_period {
                Some(_) => {
                    Err(self.wrong(&period_key, "means nothing without spend_dollars", None))
                }
                None => Ok(None),
            };
        };
        let period = written.spend_period.unwrap_or(SpendPeriod::Month);
        let shown = match period {
            SpendPeriod::Day => "day",
            SpendPeriod::Month => "month",
            SpendPeriod::Total => "total",
        };
        let from = self.origin(&period_key, written.spend_period.is_some());
        self.note(&period_key, shown.to_owned(), from);
        Ok(Some(SpendLimit { amount, period }))
    }

    /// A time in milliseconds, above 0 and at most a day.
    pub(super) fn millis(
        &mut self,
        key: &str,
        written: Option<u64>,
        default: u64,
    ) -> Result<Duration, Error> {
        const DAY_MS: u64 = 24 * 3_600_000;
        let millis = self.value(key, written, default);
        if millis == 0 || millis > DAY_MS {
            return Err(self.wrong(key, format!("1 to {DAY_MS} (a day) are possible"), None));
        }
        Ok(Duration::from_millis(millis))
    }
}
