//! Both folds as they are kept in memory, and where they were last stored.

use parking_lot::{Mutex, RwLock};

use super::books::Books;
use super::directory::Directory;
use crate::Seq;

/// The live folds.
pub(super) struct Live {
    pub(super) directory: RwLock<Directory>,
    pub(super) books: Mutex<Books>,
    pub(super) snapshot_at: Mutex<Seq>,
}
