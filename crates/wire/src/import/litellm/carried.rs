//! What a configuration becomes: upstreams and models as the house's settings have them, and notes
//! of what could not be carried over. Plain values.

/// Whose API an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpstreamKind {
    /// OpenAI's.
    Openai,
    /// Anthropic's.
    Anthropic,
}

/// Servers that serve the same models with the same credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Whose API they speak.
    pub kind: UpstreamKind,
    /// Base URLs.
    pub servers: Vec<String>,
    /// The environment variable that holds the credential.
    pub secret_env: Option<String>,
}

/// Prices in dollars a million tokens, as decimal text with at most three places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of input.
    pub input: Option<String>,
    /// Of input that was cached.
    pub cached_input: Option<String>,
    /// Of output.
    pub output: Option<String>,
    /// Of hidden reasoning.
    pub reasoning: Option<String>,
}

/// A model as clients name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its upstream's name.
    pub upstream: String,
    /// The upstream's own name for it.
    pub upstream_model: String,
    /// Its context in tokens.
    pub context_tokens: Option<u64>,
    /// The longest answer in tokens.
    pub max_output_tokens: Option<u64>,
    /// Its prices.
    pub prices: Prices,
}

/// What a configuration becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// By name.
    pub upstreams: Vec<Upstream>,
    /// By name.
    pub models: Vec<Model>,
    /// Further tries after the first, for every upstream.
    pub retries: Option<u64>,
    /// Milliseconds to the first byte, for every upstream.
    pub first_byte_timeout_ms: Option<u64>,
    /// What could not be carried over.
    pub notes: Vec<String>,
}
