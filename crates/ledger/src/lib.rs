//! The room `ledger`: an append-only, hash-chained log of facts that forgets nothing.
//!
//! This half knows bytes, not what facts mean: a [`Draft`] is `(kind, version, payload)`. The way
//! of an entry: [`Ledger::observe`] or [`Ledger::bind`] links it into the chain and writes it to
//! the *journal* in one `write`; the sync thread brings it to the device; the fold thread moves
//! it in groups into the *store*, together with the sums and points that a [`Folder`] decides;
//! the head thread signs the chain's head every 10 s. `verify` checks all of it from outside.
//!
//! What never happens here: judging what is stored, rewriting an entry, reading a clock or a
//! seed of its own (both come in [`Options`]), dialling, or needing an async runtime.

pub mod chain;
pub mod facts;
mod entry;
mod error;
mod folder;
mod health;
mod ledger;
mod options;
mod vault;

pub use chain::{Hash, Header, Seq};
pub use entry::{Appended, Draft, Entry, Sealed};
pub use error::{Error, Fault, Result};
pub use folder::{Folder, GroupOut, NoFolder, Point};
pub use health::{Health, State};
pub use ledger::{Entries, Ledger, Pending, Prune};
pub use options::{Clock, Options, Random, VaultLimits};
pub use vault::{Lock, Vault};
