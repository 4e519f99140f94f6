//! The ledger's own verbs. `verify`, `tail` and `export` read beside a running server and need
//! only a [`Reader`]; `cost`, `backup`, `erase` and `prune` need the house.

mod backup;
mod cost;
mod erase;
mod export;
mod prune;
mod tail;
mod traffic;
mod verify;

pub use backup::{BackedUp, Backup, backup};
pub use cost::{By, Cost, Costs, Row, cost};
pub use erase::{Erase, Erased, erase};
pub use export::{Export, Exported, export, export_to};
pub use prune::{Prune, Pruned, prune};
pub use tail::{Entry, Tail, Tailed, tail};
pub use verify::{Finding, Verified, Verify, verify, verify_with};

use ::ledger::{Reader, Seq};

use crate::error::Result;

/// The last entry there is; 0 where there is none. A reader has no tip of its own, because the
/// server beside goes on: it is found by looking.
fn tip(reader: &Reader) -> Result<Seq> {
    let (mut there, mut beyond) = (0, 1);
    while reader.entry(beyond)?.is_some() {
        (there, beyond) = (beyond, beyond.saturating_mul(2));
    }
    while beyond - there > 1 {
        let middle = there + (beyond - there) / 2;
        match reader.entry(middle)? {
            Some(_) => there = middle,
            None => beyond = middle,
        }
    }
    Ok(there)
}
