//! Exchanges and refusals, newest first: `list`, `show`, `text`, and the newest as they come. Text
//! is only ever given by `text`, which writes who looked, and why, into the ledger first.

mod filter;
mod list;
mod row;
mod tail;
mod text;
mod view;

use ::ledger::Entry;
use record::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;

pub use filter::{Class, Filter, What};
pub use list::{List, Listed, list};
pub use row::{Kind, Row};
pub use tail::{Newest, newest};
pub use text::{Body, Text, Texts, text};
pub use view::Exchange;

use row::Seen;

/// What `show` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Its entry in the ledger.
    pub seq: u64,
}

/// One exchange or refusal, without its text.
///
/// # Errors
/// There is none at that entry, or it was pruned or erased; the ledger's.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Exchange> {
    let (entry, seen) = find(house, input.seq)?;
    Ok(view::whole(&house.facts.directory(), &entry, &seen))
}

/// The entry, and what it says.
fn find(house: &House, seq: u64) -> Result<(Entry, Seen)> {
    let entry = house.facts.ledger().entry(seq)?;
    let entry = entry.ok_or_else(|| none_at(seq))?;
    if entry.body.is_none() {
        let hint = "payloads go by `ledger prune` and `ledger erase`; sums of them stay".to_owned();
        return Err(Error::missing(
            format!("what entry {seq} said is gone"),
            Some(hint),
        ));
    }
    let seen = Seen::of(&entry)?.ok_or_else(|| none_at(seq))?;
    Ok((entry, seen))
}

fn none_at(seq: u64) -> Error {
    let hint = "`stillhouse exchange list` shows what there is".to_owned();
    Error::missing(
        format!("entry {seq} is no exchange and no refusal"),
        Some(hint),
    )
}
