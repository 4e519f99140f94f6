//! The folds as they are kept in memory, and where they were last stored.

use parking_lot::{Mutex, RwLock};

use super::books::Books;
use super::directory::Directory;
use super::runs::RunEntries;
use crate::Seq;

/// The live folds.
pub(super) struct Live {
    pub(super) directory: RwLock<Directory>,
    /// Held while a slice is reserved or settled in the ledger, as `runs` is.
    pub(super) books: Mutex<Books>,
    /// Held while an entry of a run is appended, so that none before the tip is missing here.
    pub(super) runs: Mutex<RunEntries>,
    pub(super) snapshot_at: Mutex<Seq>,
}
