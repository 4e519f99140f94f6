//! Models: `list`. They are written in the settings; a running server adds how they are.

use record::{Actor, Money, Prices};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::house::House;
use crate::verbs::Nothing;

/// A model as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its upstream.
    pub upstream: String,
    /// The upstream's own name for it, where it differs.
    pub upstream_model: Option<String>,
    /// Its context in tokens, where it is known.
    pub context_tokens: Option<u64>,
    /// The longest answer in tokens, where it is bounded.
    pub max_output_tokens: Option<u64>,
    /// Its prices.
    pub dollars_per_million_tokens: Price,
    /// How its upstream is; `None` where no server runs.
    pub health: Option<Health>,
}

/// Prices in dollars a million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// Of input.
    pub input: String,
    /// Of input that the upstream had cached.
    pub cached_input: String,
    /// Of output.
    pub output: String,
    /// Of hidden reasoning.
    pub reasoning: String,
}

impl From<Prices> for Price {
    fn from(prices: Prices) -> Self {
        let million = |nanos: u64| Money::from_nanos(nanos.saturating_mul(1_000_000)).to_string();
        Self {
            input: million(prices.input),
            cached_input: million(prices.cached),
            output: million(prices.output),
            reasoning: million(prices.reasoning),
        }
    }
}

/// How an upstream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Servers (or the model in process) that answer.
    pub ready: usize,
    /// All servers.
    pub servers: usize,
    /// Requests in flight.
    pub in_flight: usize,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// By name.
    pub models: Vec<Model>,
}

/// Every model.
///
/// # Errors
/// None so far.
pub fn list(house: &House, _: &Actor, _: Nothing) -> Result<Listed> {
    Ok(Listed {
        models: house.serving.models(),
    })
}
