//! The room `ledger`: an append-only, hash-chained log of facts that forgets nothing.
//!
//! This half knows bytes, not what facts mean: a [`Draft`] is `(kind, version, payload)`. The way
//! of an entry: [`Ledger::observe`] or [`Ledger::bind`] links it into the chain and writes it to
//! the *journal* in one `write`; the sync thread brings it to the device; the fold thread moves
//! it in groups into the *store*, together with the sums and points that a [`Folder`] decides;
//! the head thread signs the chain's head every 10 s. [`verify`](verify()) checks all of it from outside.
//!
//! What never happens here: judging what is stored, rewriting an entry, reading a clock or a
//! seed of its own (both come in [`Options`]), dialling, or needing an async runtime.

mod back;
mod backup;
pub mod chain;
mod core;
pub mod disk;
mod entry;
mod error;
pub mod facts;
mod folder;
mod folding;
mod heads;
mod health;
mod journal;
mod keeper;
mod keys;
mod lease;
mod ledger;
mod options;
mod pending;
mod private;
mod reader;
mod retain;
mod source;
mod start;
pub mod store;
mod vault;
mod verify;

pub use back::Backward;
pub use backup::{LastBackup, RestoredKeys, restore};
pub use chain::{Hash, Header, Seq};
pub use entry::{Appended, Draft, Entry, Sealed};
pub use error::{Error, Fault, Result};
pub use folder::{Folder, GroupOut, MOST_SUMS, NoFolder, Old, Point, add_sums};
pub use health::{Health, State};
pub use journal::SyncTimes;
pub use ledger::{Ledger, Parts};
pub use options::{Clock, Options, Random, Upgrading, VaultLimits};
pub use pending::Pending;
pub use private::make_folder;
pub use reader::Reader;
pub use retain::Prune;
pub use source::Entries;
pub use vault::{Lock, Vault, VaultReport};
pub use verify::{Finding, Progress, Report, Tail, check_tail, verify};

/// For fuzz targets only.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads bytes as the journal would; tells whether they are a whole frame.
    #[must_use]
    pub fn frame(bytes: &[u8]) -> bool {
        matches!(crate::journal::parse(bytes), crate::journal::Parsed::Frame(frame) if frame.verify().is_ok())
    }
}
