//! The newest, as they come: what was appended behind an entry.

use super::filter::Filter;
use super::row::{Row, Seen};
use crate::error::Result;
use crate::house::House;

/// The most entries behind the last that are looked at; who comes later goes on behind them.
const MOST_ENTRIES: u64 = 20_000;

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// The newest that pass the filter, oldest first.
    pub rows: Vec<Row>,
    /// How many more passed it, or were too many to be looked at.
    pub skipped: u64,
    /// The last entry that there was.
    pub at: u64,
}

/// What was appended behind the entry `behind`; at most so many of the newest. The last entry
/// alone where `behind` is `None`.
///
/// # Errors
/// The ledger's.
pub fn newest(house: &House, filter: &Filter, behind: Option<u64>, most: usize) -> Result<Newest> {
    let ledger = house.facts.ledger();
    let tip = ledger.health().appended;
    let behind = behind.unwrap_or(tip);
    let mut newest = Newest {
        rows: Vec::new(),
        skipped: 0,
        at: behind,
    };
    if behind >= tip {
        return Ok(newest);
    }
    let from = (behind + 1).max(tip.saturating_sub(MOST_ENTRIES));
    newest.skipped = from - behind - 1;
    let mut passed = std::collections::VecDeque::new();
    for entry in ledger.reader().read(from..=tip) {
        let entry = entry?;
        newest.at = entry.header.seq;
        let Some(seen) = Seen::of(&entry)? else {
            continue;
        };
        if !filter.passes(&seen, &house.facts.directory()) {
            continue;
        }
        passed.push_back((entry.header, seen));
        if passed.len() > most {
            passed.pop_front();
            newest.skipped += 1;
        }
    }
    let directory = house.facts.directory();
    newest.rows = passed
        .iter()
        .map(|(header, seen)| seen.row(header, &directory))
        .collect();
    Ok(newest)
}
