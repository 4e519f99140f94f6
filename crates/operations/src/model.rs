//! Models: `list`, `set`. They are written in the settings; a running server adds how they are.

use ::ledger::facts::Thing;
use record::{Actor, Change, Money, Prices};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
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
    /// Whether it is switched on. One that is off is answered as one that is not there.
    pub on: bool,
    /// The ledger's entry that switched it last; 0 where only the settings name it.
    pub revision: u64,
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

/// What `set` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its name.
    pub model: String,
    /// Switches it on, or off: it gets no new request then, and answers that run go on.
    pub on: bool,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Every model.
///
/// # Errors
/// None so far.
pub fn list(house: &House, _: &Actor, _: Nothing) -> Result<Listed> {
    Ok(Listed { models: all(house) })
}

/// Switches a model.
///
/// # Errors
/// A model that is not there; [`Error::Stale`]; the ledger's.
pub fn set(house: &House, by: &Actor, input: Set) -> Result<Model> {
    find(house, &input.model)?;
    let seen = (Thing::Model(input.model.clone()), input.revision);
    house.edit(by, &input.why, seen, |directory| {
        let (model, on) = (input.model.clone(), input.on);
        // What is so already needs no entry.
        let same = directory.model_is_on(&model) == on;
        Ok(match same {
            true => vec![],
            false => vec![Change::ModelSwitched { model, on }],
        })
    })?;
    find(house, &input.model)
}

/// Every model, with its switch.
pub(crate) fn all(house: &House) -> Vec<Model> {
    let models = house.serving.models();
    let directory = house.facts.directory();
    let switched = |model: Model| Model {
        on: directory.model_is_on(&model.name),
        revision: directory.revision(&Thing::Model(model.name.clone())),
        ..model
    };
    models.into_iter().map(switched).collect()
}

fn find(house: &House, name: &str) -> Result<Model> {
    let all = all(house);
    let names: Vec<&str> = all.iter().map(|model| model.name.as_str()).collect();
    let hint = format!(
        "models are in the settings file; there are: {}",
        names.join(", ")
    );
    let missing = || Error::missing(format!("there is no model `{name}`"), Some(hint));
    all.iter()
        .find(|model| model.name == name)
        .cloned()
        .ok_or_else(missing)
}
