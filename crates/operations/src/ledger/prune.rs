//! `prune`: payloads of exchanges and refusals go by age; headers, changes and money stay.

use std::time::Duration;

use ::ledger::facts::kind;
use record::{Actor, Change, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;

const DAY_US: u64 = 86_400_000_000;
/// The sums must hold what is dropped.
const FOLD_LIMIT: Duration = Duration::from_secs(60);

/// What `prune` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// Payloads older than so many days go, at least 1.
    pub older_than_days: u32,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `prune` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pruned {
    /// What was written before this is gone.
    pub before: String,
    /// The entry that marks it; `None` where nothing was to drop.
    pub marker: Option<u64>,
}

/// Drops payloads by age.
///
/// # Errors
/// An age below a day; sums that lag behind; the ledger's.
pub fn prune(house: &House, by: &Actor, input: Prune) -> Result<Pruned> {
    if input.older_than_days == 0 {
        return Err(Error::invalid(
            "older_than_days",
            "at least one day is kept",
        ));
    }
    let days = u64::from(input.older_than_days);
    let now_us = house.now().micros();
    let before = Time::from_micros(now_us.saturating_sub(days * DAY_US));
    let ledger = house.facts.ledger();
    if !ledger.flush(FOLD_LIMIT) {
        return Err(Error::Unavailable {
            message: "the store lags behind, so that the sums are not whole yet".into(),
            hint: Some("see `stillhouse status`, and try again".into()),
        });
    }
    // Who and why first: nothing goes that nobody answers for.
    house.change(by, &input.why, Change::PayloadsPruned { before })?;
    house.facts.snapshot(0)?;
    let marker = ledger.prune(&::ledger::Prune {
        before_us: before.micros(),
        kinds: &[kind::EXCHANGE, kind::REFUSAL],
        pinned: &[],
    })?;
    Ok(Pruned {
        before: before.rfc3339(),
        marker,
    })
}
