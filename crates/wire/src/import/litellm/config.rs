//! `config.yaml`: deployments become upstreams and models. Deployments of one name that differ
//! only in their server become one upstream with several servers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Error;
use super::carried::{Config, Model, Prices, Upstream, UpstreamKind};
use super::provider::{Provider, provider};

/// What is read of a deployment's `litellm_params` and `model_info`.
const PARAMS: [&str; 8] = [
    "model",
    "api_base",
    "base_url",
    "api_key",
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "output_cost_per_reasoning_token",
];
const INFO: [&str; 8] = [
    "id",
    "mode",
    "max_input_tokens",
    "max_output_tokens",
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "output_cost_per_reasoning_token",
];

/// Reads a configuration.
///
/// # Errors
/// It is no YAML, or `model_list` is no list.
pub fn read_config(text: &str) -> Result<Config, Error> {
    let mut read: Value =
        serde_saphyr::from_str(text).map_err(|error| Error::Config(error.to_string()))?;
    // What was not understood is told in the order of the alphabet.
    read.sort_all_objects();
    let Value::Object(file) = read else {
        return Err(Error::Config("it is no mapping with `model_list`".into()));
    };
    let mut reading = Reading::default();
    match file.get("model_list") {
        Some(Value::Array(list)) => {
            for (place, one) in list.iter().enumerate() {
                reading.deployment(place + 1, one);
            }
        }
        None | Some(Value::Null) => reading.note("there is no `model_list`"),
        Some(_) => return Err(Error::Config("`model_list` is no list".into())),
    }
    for (key, value) in &file {
        match (key.as_str(), value) {
            ("model_list", _) => {}
            (section, Value::Object(values)) => reading.section(section, values),
            (key, _) => reading.note(format!("`{key}`")),
        }
    }
    Ok(reading.settle())
}

/// One deployment, read.
#[derive(Clone)]
struct Deployment {
    server: String,
    kind: UpstreamKind,
    secret_env: Option<String>,
    /// What its upstream is called after.
    origin: String,
    model: Model,
}

#[derive(Default)]
struct Reading {
    /// By the name that clients use, in the file's order.
    deployments: BTreeMap<String, Vec<Deployment>>,
    aliases: BTreeMap<String, String>,
    config: Config,
}

impl Reading {
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.config.notes.contains(&note) {
            self.config.notes.push(note);
        }
    }

    fn deployment(&mut self, place: usize, value: &Value) {
        let at = format!("model_list entry {place}");
        let empty = Map::new();
        let object = |key: &str| value.get(key).and_then(Value::as_object).unwrap_or(&empty);
        let (params, info) = (object("litellm_params"), object("model_info"));
        let name = value.get("model_name").and_then(Value::as_str);
        let model = params.get("model").and_then(Value::as_str);
        let (Some(name), Some(model)) = (name, model) else {
            return self.note(format!(
                "{at}: it has no model_name or no litellm_params.model"
            ));
        };
        if name.contains('*') || model.contains('*') {
            return self.note(format!("`{name}`: wildcards; name each model"));
        }
        let text = |key: &str| params.get(key).and_then(Value::as_str);
        let base = text("api_base").or_else(|| text("base_url"));
        let Some((found, upstream_model)) = provider(model) else {
            return self.note(format!(
                "`{name}`: the provider of `{model}` speaks neither OpenAI's nor Anthropic's API"
            ));
        };
        let Some(server) = self.server(name, found, base) else {
            return;
        };
        let secret_env = self.secret(name, found, (text("api_key"), base));
        for key in params.keys().filter(|key| !PARAMS.contains(&key.as_str())) {
            self.note(format!("`{name}`: litellm_params.{key}"));
        }
        for key in info.keys().filter(|key| !INFO.contains(&key.as_str())) {
            self.note(format!("`{name}`: model_info.{key}"));
        }
        let tokens = |key: &str| info.get(key).and_then(Value::as_u64);
        let model = Model {
            name: name.to_owned(),
            upstream: String::new(),
            upstream_model: upstream_model.to_owned(),
            context_tokens: tokens("max_input_tokens"),
            max_output_tokens: tokens("max_output_tokens"),
            prices: self.prices(name, params, info),
        };
        let deployment = Deployment {
            server,
            kind: found.kind,
            secret_env,
            origin: found.prefix.to_owned(),
            model,
        };
        self.deployments
            .entry(name.to_owned())
            .or_default()
            .push(deployment);
    }

    fn server(&mut self, name: &str, found: &Provider, base: Option<&str>) -> Option<String> {
        let base = base.or(found.base).map(|base| base.trim_end_matches('/'));
        match base {
            Some(base) if base.starts_with("os.environ/") => {
                self.note(format!(
                    "`{name}`: api_base is in the environment ({base}); write the address itself"
                ));
                None
            }
            Some(base) if base.starts_with("http://") || base.starts_with("https://") => {
                Some(match (found.prefix, base.ends_with("/v1")) {
                    ("ollama_chat", false) => format!("{base}/v1"),
                    _ => base.to_owned(),
                })
            }
            _ => {
                self.note(format!("`{name}`: there is no api_base that is a URL"));
                None
            }
        }
    }

    /// The variable that holds the key. A key that stands in the file is never repeated, and its
    /// variable is the model's own: a provider's key must not go to another's server.
    fn secret(
        &mut self,
        name: &str,
        found: &Provider,
        (key, base): (Option<&str>, Option<&str>),
    ) -> Option<String> {
        let Some(key) = key else {
            return found.key.filter(|_| base.is_none()).map(str::to_owned);
        };
        if let Some(variable) = key.strip_prefix("os.environ/") {
            return Some(variable.to_owned());
        }
        if ["", "none", "None", "EMPTY", "empty", "fake-key", "dummy"].contains(&key) {
            return None;
        }
        let letter = |c: char| match c.is_ascii_alphanumeric() {
            true => c.to_ascii_uppercase(),
            false => '_',
        };
        let variable: String = name.chars().map(letter).collect();
        let variable = format!("LITELLM_{variable}_API_KEY");
        self.note(format!(
            "`{name}`: the API key stands in the file itself; put it into the environment as {variable}"
        ));
        Some(variable)
    }

    fn prices(
        &mut self,
        name: &str,
        params: &Map<String, Value>,
        info: &Map<String, Value>,
    ) -> Prices {
        let mut price = |key: &str| {
            let a_token = params.get(key).or_else(|| info.get(key))?;
            let a_token = match a_token {
                Value::String(text) => text.parse().ok(),
                other => other.as_f64(),
            };
            let Some((text, exact)) = a_token.and_then(a_million) else {
                self.note(format!("`{name}`: {key} is no price"));
                return None;
            };
            if !exact {
                self.note(format!(
                    "`{name}`: {key} is rounded up to {text} dollars a million tokens"
                ));
            }
            Some(text)
        };
        Prices {
            input: price("input_cost_per_token"),
            cached_input: price("cache_read_input_token_cost"),
            output: price("output_cost_per_token"),
            reasoning: price("output_cost_per_reasoning_token"),
        }
    }

    fn section(&mut self, section: &str, values: &Map<String, Value>) {
        for (key, value) in values {
            match (key.as_str(), value) {
                ("num_retries", value) if value.is_u64() => {
                    self.config.retries = value.as_u64();
                }
                ("timeout" | "request_timeout", value) if seconds(value).is_some() => {
                    self.config.first_byte_timeout_ms = seconds(value);
                }
                ("model_group_alias", Value::Object(aliases)) => {
                    for (alias, of) in aliases {
                        let of = of.as_str().or_else(|| of.get("model")?.as_str());
                        if let Some(of) = of {
                            self.aliases.insert(alias.clone(), of.to_owned());
                        }
                    }
                }
                ("routing_strategy", Value::String(way)) if way == "least-busy" => {}
                ("master_key", _) => self.note(
                    "general_settings.master_key: operators sign in by name; `stillhouse operator create`",
                ),
                (key, _) => self.note(format!("{section}.{key}")),
            }
        }
    }

    fn settle(mut self) -> Config {
        let mut named: BTreeMap<(UpstreamKind, Vec<String>, Option<String>), String> =
            BTreeMap::new();
        for (name, all) in std::mem::take(&mut self.deployments) {
            let Some(first) = all.first().cloned() else {
                continue;
            };
            let alike = |one: &&Deployment| {
                (one.kind, &one.secret_env, &one.model.upstream_model)
                    == (first.kind, &first.secret_env, &first.model.upstream_model)
            };
            let servers: Vec<&Deployment> = all.iter().filter(alike).collect();
            if servers.len() < all.len() {
                let left = all.len() - servers.len();
                self.note(format!(
                    "`{name}`: {left} of {} deployments have another provider, key or model; one model has one upstream",
                    all.len()
                ));
            }
            let mut urls: Vec<String> = servers.iter().map(|one| one.server.clone()).collect();
            urls.sort();
            urls.dedup();
            let taken: Vec<String> = named.values().cloned().collect();
            let key = (first.kind, urls, first.secret_env.clone());
            let upstream = named
                .entry(key)
                .or_insert_with(|| free_name(&first.origin, &taken));
            self.config.models.push(Model {
                upstream: upstream.clone(),
                ..first.model
            });
        }
        let upstream = |((kind, servers, secret_env), name)| Upstream {
            name,
            kind,
            servers,
            secret_env,
        };
        self.config.upstreams = named.into_iter().map(upstream).collect();
        self.config.upstreams.sort_by(|a, b| a.name.cmp(&b.name));
        self.alias();
        self.config
    }

    fn alias(&mut self) {
        for (alias, of) in std::mem::take(&mut self.aliases) {
            let known = self.config.models.iter().find(|model| model.name == of);
            let taken = self.config.models.iter().any(|model| model.name == alias);
            match known.cloned() {
                Some(model) if !taken => self.config.models.push(Model {
                    name: alias,
                    ..model
                }),
                _ => self.note(format!("the alias `{alias}` of `{of}`")),
            }
        }
        self.config.models.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

fn free_name(origin: &str, taken: &[String]) -> String {
    let free = |name: &String| !taken.contains(name);
    let numbered = (2..).map(|number| format!("{origin}-{number}"));
    std::iter::once(origin.to_owned())
        .chain(numbered)
        .find(free)
        .unwrap_or_default()
}

/// Seconds as milliseconds, within what the settings allow.
fn seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64()?;
    let fits = (0.001..=86_400.0).contains(&seconds);
    fits.then_some((seconds * 1000.0) as u64)
}

/// Dollars a token as dollars a million tokens with at most three decimals, and whether that is
/// exact; what is not is rounded up, so that no budget lets through more.
pub(super) fn a_million(a_token: f64) -> Option<(String, bool)> {
    if !(0.0..1.0).contains(&a_token) {
        return None;
    }
    let thousandths = a_token * 1e9;
    let near = thousandths.round();
    let exact = (thousandths - near).abs() < 1e-6 * thousandths.max(1.0);
    let whole = if exact { near } else { thousandths.ceil() } as u64;
    Some((format!("{}.{:03}", whole / 1000, whole % 1000), exact))
}
