//! What can go wrong in the ledger, and whose fault it was.
//! Nothing here decides what to do about an error; it says whether trying again can help.

use std::io;
use std::path::PathBuf;

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The calling code: a wrong argument.
    Caller,
    /// The operator: a full disk, a second server, a missing key, a wrong folder.
    Operator,
    /// The machine: a device or file system that failed.
    Machine,
    /// Someone or something changed what was written.
    Damage,
}

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller used a kind that belongs to the ledger itself.
    #[error("kind {0} belongs to the ledger itself; kinds from 16 on are free")]
    ReservedKind(u16),
    /// The caller handed in a payload or batch that is too large.
    #[error("{what} of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// The caller handed in something else that cannot be.
    #[error("{0}")]
    Argument(String),
    /// The ledger was closed before.
    #[error("the ledger is closed")]
    Closed,
    /// The spool is full: the store has not taken entries for too long (answer 503).
    #[error(
        "the spool is full: {unfolded} bytes are waiting for the store (limit {limit}): {cause}"
    )]
    Full {
        /// Bytes in the journal that the store does not hold yet.
        unfolded: u64,
        /// The limit from the options.
        limit: u64,
        /// What the store said last.
        cause: String,
    },
    /// The store cannot be written and the options say to refuse at once.
    #[error("the store cannot be written: {0}")]
    StoreDown(String),
    /// A sync failed before; what reached the disk is unknown, so that nothing more is taken.
    #[error("the journal failed and takes nothing more until the next start: {0}")]
    Poisoned(String),
    /// Another process holds the folder.
    #[error("{path} is in use by another process: one server a folder")]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The folder holds no ledger.
    #[error("{path} holds no ledger")]
    NoLedger {
        /// The folder.
        path: PathBuf,
    },
    /// A key file is missing or not what it should be.
    #[error("key file {path}: {what}")]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file was written by a version that this one does not know.
    #[error(
        "{place} has format {found}; this version knows {known}: use the version that wrote it, or a newer one"
    )]
    Format {
        /// Which file or table.
        place: String,
        /// The format found.
        found: u64,
        /// The newest format known here.
        known: u64,
    },
    /// What was written has been changed, cut or lost.
    #[error("damage at entry {seq} in {place}: {what}")]
    Damage {
        /// The first bad entry.
        seq: u64,
        /// File and offset, or table and row.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// A file operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, to which file.
        what: String,
        /// The system's own error.
        source: io::Error,
    },
    /// The store failed.
    #[error("store: {what}: {cause}")]
    Store {
        /// What was being done.
        what: &'static str,
        /// The store's own message.
        cause: String,
    },
    /// A body in the vault cannot be opened with this key.
    #[error("vault: {0}")]
    Vault(String),
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whose fault it was.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::ReservedKind(_) | Self::TooLarge { .. } | Self::Argument(_) | Self::Closed => {
                Fault::Caller
            }
            Self::Full { .. }
            | Self::Held { .. }
            | Self::NoLedger { .. }
            | Self::Key { .. }
            | Self::Format { .. } => Fault::Operator,
            Self::StoreDown(_) | Self::Poisoned(_) | Self::Io { .. } | Self::Store { .. } => {
                Fault::Machine
            }
            Self::Damage { .. } | Self::Vault(_) => Fault::Damage,
        }
    }

    /// Whether the same call can succeed later without anybody doing something here
    /// (the store comes back, the disk gets room). A poisoned journal needs a restart.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::StoreDown(_) | Self::Io { .. } | Self::Store { .. }
        )
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn damage(seq: u64, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damage {
            seq,
            place: place.into(),
            what: what.into(),
        }
    }
}
