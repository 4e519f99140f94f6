//! The ledger's own verbs. `verify`, `tail` and `export` read beside a running server and need
//! only a [`Reader`]; `cost`, `backup`, `erase` and `prune` need the house.

mod backup;
mod cost;
mod erase;
mod export;
mod groups;
mod prune;
mod tail;
mod traffic;
mod verify;

pub use backup::{BackedUp, Backup, BackupState, LastBackup, OLD_DAYS, backup};
pub use cost::{By, Cost, Costs, Row, cost};
pub use erase::{Erase, Erased, erase};
pub use export::{Export, Exported, export, export_to};
pub use prune::{Prune, Pruned, prune};
pub use tail::{Entry, Tail, Tailed, tail};
pub use verify::{Finding, Verified, Verify, verify, verify_with};

use ::ledger::{Reader, Seq};

use crate::error::Result;

/// The last entry there is; 0 where there is none. The server beside goes on: what is behind the
/// store's last entry is few, and is counted by reading it.
fn tip(reader: &Reader) -> Result<Seq> {
    let mut tip = reader.folded()?;
    for entry in reader.read(tip + 1..) {
        tip = entry?.header.seq;
    }
    Ok(tip)
}
