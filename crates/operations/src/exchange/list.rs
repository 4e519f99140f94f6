//! `exchange list`: back from the ledger's end, looking at a bounded number of entries an answer.

use record::{Actor, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter::{Class, Filter, What};
use super::row::{Kind, Row, Seen};
use crate::error::Result;
use crate::house::House;
use crate::page::{read_cursor, size, write_cursor};

/// The most entries that are looked at for one answer.
const LOOKED_AT: u64 = 50_000;

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Only those of this account: its id, or its name where that is unique.
    pub account: Option<String>,
    /// Only those of this organisation: its id, or its name where that is unique.
    pub organization: Option<String>,
    /// Only those that asked for this model.
    pub model: Option<String>,
    /// Only exchanges, or only refusals.
    pub kind: Option<Kind>,
    /// Only those that were answered with a status of this class.
    pub status: Option<Class>,
    /// Only those that were refused for this reason.
    pub reason: Option<Reason>,
    /// The most rows on a page: 1 to 1000, 100 where nothing is said.
    pub limit: Option<u32>,
    /// Where to go on: the `next` of the page before, with the same filters.
    pub after: Option<String>,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Newest first.
    pub exchanges: Vec<Row>,
    /// The cursor to go on with; `None` at the ledger's beginning. There may be one after a page
    /// without rows: an answer looks at no more than 50,000 entries.
    pub next: Option<String>,
    /// How many entries were looked at.
    pub looked_at: u64,
}

/// Exchanges and refusals, newest first.
///
/// # Errors
/// An account or organisation that is not there; a cursor or a size that can't be; the ledger's.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let limit = size(input.limit)?;
    let ledger = house.facts.ledger();
    let from = match &input.after {
        Some(cursor) => read_cursor::<u64>(cursor)?,
        None => ledger.tip().seq,
    };
    let what = What {
        account: input.account,
        organization: input.organization,
        model: input.model,
        kind: input.kind,
        status: input.status,
        reason: input.reason,
    };
    let filter = Filter::new(house, what)?;
    let mut listed = Listed {
        exchanges: Vec::new(),
        next: None,
        looked_at: 0,
    };
    if from == 0 {
        return Ok(listed);
    }
    for entry in ledger.read_back(from) {
        let entry = entry?;
        let seq = entry.header.seq;
        listed.looked_at += 1;
        if let Some(seen) = Seen::of(&entry)? {
            let directory = house.facts.directory();
            if filter.passes(&seen, &directory) {
                listed.exchanges.push(seen.row(&entry.header, &directory));
            }
        }
        if listed.exchanges.len() == limit || listed.looked_at == LOOKED_AT {
            listed.next = (seq > 1).then(|| write_cursor(&(seq - 1)));
            break;
        }
    }
    Ok(listed)
}
