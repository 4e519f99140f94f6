//! The settings as the file has them: everything may be left out, nothing unknown may stand there.
//! Every number bears its unit in its name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use record::{Money, SpendPeriod};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

use super::secret::SecretPlace;
use super::settled::{ClientGone, LogFormat, UpstreamKind};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) server: Server,
    pub(super) operator: Operator,
    pub(super) ledger: Ledger,
    pub(super) log: Log,
    pub(super) telemetry: Telemetry,
    pub(super) runs: Runs,
    pub(super) plans: BTreeMap<String, Plan>,
    pub(super) upstreams: BTreeMap<String, Upstream>,
    pub(super) models: BTreeMap<String, Model>,
}

/// `[server]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    pub(super) listen: Option<Vec<SocketAddr>>,
    pub(super) public_url: Option<String>,
    pub(super) workers: Option<usize>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) max_body_bytes: Option<usize>,
    pub(super) header_timeout_ms: Option<u64>,
    pub(super) body_timeout_ms: Option<u64>,
    pub(super) stall_timeout_ms: Option<u64>,
    pub(super) drain_limit_ms: Option<u64>,
    pub(super) default_max_output_tokens: Option<u64>,
    pub(super) keep_stored_days: Option<u32>,
    pub(super) keep_max_bytes: Option<usize>,
    pub(super) score_check_share: Option<f64>,
    pub(super) listed_paths: Option<Vec<String>>,
    pub(super) on_client_gone: Option<ClientGone>,
    pub(super) client_gone_drain_limit_ms: Option<u64>,
    pub(super) upstream_probe_seconds: Option<u32>,
}

/// `[operator]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Operator {
    pub(super) listen: Option<Vec<SocketAddr>>,
    pub(super) public_url: Option<String>,
    pub(super) scrape_token: Option<SecretPlace>,
    pub(super) session_hours: Option<u32>,
}

/// `[ledger]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ledger {
    pub(super) folder: Option<PathBuf>,
    pub(super) heads_file: Option<PathBuf>,
    pub(super) head_every_ms: Option<u64>,
    pub(super) segment_bytes: Option<u64>,
    pub(super) spool_bytes: Option<u64>,
    pub(super) refuse_when_store_down: Option<bool>,
    pub(super) vault_body_bytes: Option<u64>,
    pub(super) vault_total_bytes: Option<u64>,
}

/// `[log]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<LogFormat>,
    pub(super) filter: Option<String>,
}

/// `[telemetry]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Telemetry {
    pub(super) metrics: Option<bool>,
    pub(super) otlp_url: Option<String>,
    pub(super) otlp_authorization: Option<SecretPlace>,
    pub(super) trace_ratio: Option<f64>,
    pub(super) trace_queue_spans: Option<usize>,
    pub(super) service_name: Option<String>,
}

/// `[runs]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Runs {
    pub(super) at_once: Option<usize>,
    pub(super) candidate_idle_seconds: Option<u32>,
}

/// `[plans.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) requests_per_minute: Option<u32>,
    pub(super) tokens_per_minute: Option<u64>,
    pub(super) concurrency: Option<u32>,
    pub(super) spend_dollars: Option<Dollars>,
    pub(super) spend_period: Option<SpendPeriod>,
    pub(super) models: Option<Vec<String>>,
    pub(super) top_logprobs: Option<u32>,
    pub(super) prompt_logprobs: Option<bool>,
    pub(super) max_n: Option<u32>,
    pub(super) logit_bias: Option<bool>,
    pub(super) reasoning: Option<bool>,
}

/// `[upstreams.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Upstream {
    pub(super) kind: Option<UpstreamKind>,
    pub(super) servers: Option<Vec<String>>,
    pub(super) secret: Option<SecretPlace>,
    pub(super) endpoints: Option<Vec<String>>,
    pub(super) tokenize: Option<bool>,
    pub(super) roots_file: Option<PathBuf>,
    pub(super) connect_timeout_ms: Option<u64>,
    pub(super) first_byte_timeout_ms: Option<u64>,
    pub(super) idle_timeout_ms: Option<u64>,
    pub(super) max_answer_bytes: Option<usize>,
    pub(super) max_idle_connections: Option<usize>,
    pub(super) retries: Option<u32>,
    pub(super) file: Option<PathBuf>,
    pub(super) pulled: Option<String>,
    pub(super) threads: Option<usize>,
    pub(super) max_sequences: Option<usize>,
    pub(super) queue_length: Option<usize>,
    pub(super) context_tokens: Option<usize>,
    pub(super) exact_sampling: Option<bool>,
    pub(super) default_output_tokens: Option<usize>,
    pub(super) max_output_tokens: Option<usize>,
}

/// `[models.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Model {
    pub(super) upstream: Option<String>,
    pub(super) upstream_model: Option<String>,
    pub(super) context_tokens: Option<u64>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) input_dollars_per_million_tokens: Option<Price>,
    pub(super) cached_input_dollars_per_million_tokens: Option<Price>,
    pub(super) output_dollars_per_million_tokens: Option<Price>,
    pub(super) reasoning_dollars_per_million_tokens: Option<Price>,
}

/// An amount of dollars, as a text or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dollars(pub(super) Money);

/// A price in billionths of a dollar a token, written as dollars a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price(pub(super) u64);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(Decimal)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(Decimal)?;
        let million: Money = text.parse().map_err(D::Error::custom)?;
        // A billionth of a dollar a token is a thousandth of a dollar a million tokens.
        if !million.nanos().is_multiple_of(1_000_000) {
            return Err(D::Error::custom(
                "a price has at most three decimals of a dollar a million tokens",
            ));
        }
        Ok(Self(million.nanos() / 1_000_000))
    }
}

/// A decimal number as text: a float is taken by its shortest form, which is what was written.
struct Decimal;

impl Visitor<'_> for Decimal {
    type Value = String;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dollars, such as 0.15 or \"0.15\"")
    }
    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct One {
        price: Price,
    }

    #[test]
    fn prices_are_exact() {
        for (text, nanos) in [
            ("0.15", 150),
            ("\"0.075\"", 75),
            ("3", 3_000),
            ("2.50", 2_500),
            ("0", 0),
        ] {
            let one: One = toml::from_str(&format!("price = {text}")).unwrap();
            assert_eq!(one.price, Price(nanos), "{text}");
        }
        for bad in ["0.0001", "-1", "\"x\"", "true", "1e30", "nan"] {
            assert!(
                toml::from_str::<One>(&format!("price = {bad}")).is_err(),
                "{bad}"
            );
        }
    }
}
