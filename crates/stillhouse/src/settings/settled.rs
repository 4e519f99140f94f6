//! The settings as the program uses them: whole, checked, and free of text that is to be parsed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use record::{Plan, Prices};
use serde::Deserialize;

use super::report::Report;
use super::secret::SecretPlace;

/// Everything that is settled.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The settings file, where there is one.
    pub(crate) file: Option<PathBuf>,
    /// The data folder: ledger, local socket, pulled models.
    pub(crate) data_dir: PathBuf,
    pub(crate) server: Server,
    pub(crate) operator: Operator,
    pub(crate) ledger: Ledger,
    pub(crate) log_format: LogFormat,
    /// Directives as `tracing_subscriber::EnvFilter` has them.
    pub(crate) log_filter: String,
    pub(crate) telemetry: Telemetry,
    pub(crate) runs: Runs,
    pub(crate) plans: Vec<Plan>,
    pub(crate) upstreams: BTreeMap<String, Upstream>,
    pub(crate) models: BTreeMap<String, Model>,
    /// Every value and its origin.
    pub(crate) report: Report,
}

impl Settings {
    /// How operators reach their port; `None` where it is off.
    pub(crate) fn operator_url(&self) -> Option<String> {
        let is_on = !self.operator.listen.is_empty();
        is_on.then(|| self.operator.public_url.clone())
    }
}

/// The public port.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) listen: Vec<SocketAddr>,
    /// How clients reach it; by default the first listener.
    pub(crate) public_url: String,
    /// Threads of the gateway; 1 is a runtime of its own kind.
    pub(crate) workers: usize,
    /// How often servers that nobody asks are looked at; `None`: never.
    pub(crate) probe_every: Option<Duration>,
    /// The rest as the gateway takes it.
    pub(crate) options: gateway::Options,
}

/// The operator's port.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    /// Nothing: there is no such port.
    pub(crate) listen: Vec<SocketAddr>,
    /// How people reach it; by default the first listener.
    pub(crate) public_url: String,
    /// How long a session may last.
    pub(crate) session: Duration,
    /// What a scraper of the metrics sends.
    pub(crate) scrape_token: Option<SecretPlace>,
}

/// What becomes of the upstream's call when the client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientGone {
    /// It ends within a second.
    Cancel,
    /// It is read on to a limit, where exact usage is worth more.
    Drain,
}

impl fmt::Display for ClientGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "cancel",
            Self::Drain => "drain",
        })
    }
}

/// Where the ledger lies, and its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) folder: PathBuf,
    pub(crate) heads_file: Option<PathBuf>,
    pub(crate) head_every: Duration,
    pub(crate) segment_bytes: u64,
    /// Most bytes that wait for the store before requests get 503.
    pub(crate) spool_bytes: u64,
    pub(crate) refuse_when_store_down: bool,
    pub(crate) vault_body_bytes: u64,
    pub(crate) vault_total_bytes: u64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// What the outside is told of the house.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    /// Whether requests are counted for `/metrics`.
    pub(crate) metrics: bool,
    /// Where traces go, if anywhere.
    pub(crate) traces: Option<Traces>,
}

/// Traces, sent by OTLP over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    /// Where they are posted to.
    pub(crate) url: http::Uri,
    /// The part of all traces that is recorded, 0 to 1.
    pub(crate) ratio: f64,
    /// Spans that may wait; more are thrown away.
    pub(crate) queue_spans: usize,
    /// What the receiver calls this server.
    pub(crate) service_name: String,
    /// The value of an `Authorization` header, by reference.
    pub(crate) authorization: Option<SecretPlace>,
}

/// Distillation runs in a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runs {
    /// How many are driven at once; the others wait.
    pub(crate) at_once: usize,
    /// How long a student that nobody asks stays in memory.
    pub(crate) candidate_idle: Duration,
}

/// Who answers for models.
#[derive(Debug, Clone)]
pub(crate) enum Upstream {
    /// Servers elsewhere.
    Servers(Box<Servers>),
    /// A model in process.
    Local(Local),
}

/// What an upstream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpstreamKind {
    /// Servers that speak OpenAI's API.
    Openai,
    /// Servers that speak Anthropic's API.
    Anthropic,
    /// A model in process.
    Local,
}

impl fmt::Display for UpstreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Local => "local",
        })
    }
}

/// An HTTP upstream; the secret is still only named.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    pub(crate) settings: upstream::Settings,
    pub(crate) secret: Option<SecretPlace>,
    pub(crate) roots_file: Option<PathBuf>,
}

/// A model in process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) file: LocalFile,
    pub(crate) threads: usize,
    pub(crate) max_sequences: usize,
    pub(crate) queue_length: usize,
    pub(crate) context_tokens: Option<usize>,
    pub(crate) exact_sampling: bool,
    pub(crate) default_output_tokens: usize,
    pub(crate) max_output_tokens: usize,
}

/// Which file holds the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalFile {
    /// This one.
    Path(PathBuf),
    /// The one that `model pull` put into the data folder under this name.
    Pulled(String),
}

/// A model as clients name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) upstream: String,
    pub(crate) upstream_model: Option<String>,
    pub(crate) context_tokens: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) prices: Prices,
}
