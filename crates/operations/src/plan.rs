//! Plans: `list`, `show`. They are written in the settings; here they are only read.

use record::{Actor, CapabilitySet, Limits, Plan as Kept};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;
use crate::shapes::Spend;
use crate::verbs::Nothing;

/// A plan as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Limits on use.
    pub limits: Limits,
    /// What each account may spend.
    pub spend: Option<Spend>,
    /// What requests may ask for.
    pub capabilities: CapabilitySet,
    /// The models that may be used; `None`: every model.
    pub models: Option<Vec<String>>,
    /// How many accounts are on it.
    pub accounts: usize,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// By name.
    pub plans: Vec<Plan>,
}

/// What `show` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Its name.
    pub plan: String,
}

/// Every plan.
///
/// # Errors
/// None so far.
pub fn list(house: &House, _: &Actor, _: Nothing) -> Result<Listed> {
    Ok(Listed {
        plans: house
            .table
            .plans()
            .into_iter()
            .map(|plan| view(house, plan))
            .collect(),
    })
}

/// One plan.
///
/// # Errors
/// There is none.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Plan> {
    let plan = house.table.plan(&input.plan).ok_or_else(|| {
        let hint = "plans are in the settings file; `stillhouse plan list` shows them".to_owned();
        Error::missing(format!("there is no plan `{}`", input.plan), Some(hint))
    })?;
    Ok(view(house, plan))
}

fn view(house: &House, kept: Kept) -> Plan {
    let directory = house.facts.directory();
    Plan {
        accounts: directory
            .accounts()
            .filter(|account| account.plan == kept.name)
            .count(),
        name: kept.name,
        limits: kept.limits,
        spend: kept.spend.map(Spend::from),
        capabilities: kept.capabilities,
        models: kept.models,
    }
}
