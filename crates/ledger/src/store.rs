//! Where entries rest once they are folded: blocks of headers and payloads, and beside them
//! sums, points, snapshots and a few settings. A small trait, so that another backend can stand
//! beside SQLite; `tests/it/store_suite.rs` holds every backend to the same behaviour.
//! A store never looks into a payload and never changes a header.

mod block;
mod rows;
mod sqlite;
mod sums;

use std::path::Path;

pub use block::{Block, BlockEntry};
pub use sqlite::SqliteStore;

use crate::Result;
use crate::chain::{Seq, Tip};
use crate::folder::GroupOut;

/// The first key behind all keys with this prefix; `None` where there is none.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return Some(end);
        }
        end.pop();
    }
    None
}

/// What the fold thread commits in one transaction.
#[derive(Debug)]
pub struct Group<'a> {
    /// Blocks that follow one another and the store's tip without a gap.
    pub blocks: &'a [Block],
    /// The tip after them.
    pub tip: Tip,
    /// Sums and points.
    pub out: &'a GroupOut,
}

/// A store of entries. All calls may block on a device; each is atomic and, where it writes,
/// durable when it returns.
pub trait Store: Send + Sync {
    /// The last entry held; `None` for a new store.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store), as for every call below.
    fn tip(&self) -> Result<Option<Tip>>;

    /// Takes a group: blocks, sums, points and the new tip together. A group that does not
    /// follow the tip is refused, so that none is ever taken twice.
    ///
    /// # Errors
    /// [`Error::Damage`](crate::Error::Damage) for a group that does not follow.
    fn commit(&self, group: &Group<'_>) -> Result<()>;

    /// The block that holds `seq`, or else the first after it.
    ///
    /// # Errors
    /// As above.
    fn block(&self, seq: Seq) -> Result<Option<Block>>;

    /// Puts other payloads (or none) into a block, so that the old ones cannot be read back
    /// from the store's files.
    ///
    /// # Errors
    /// As above.
    fn replace_payloads(&self, first_seq: Seq, payloads: Option<&[u8]>) -> Result<()>;

    /// After replacements: leaves no copy of old payloads in side files.
    ///
    /// # Errors
    /// As above.
    fn scrub(&self) -> Result<()>;

    /// Hands over the sums of every key that is `from` or behind it, and before `until` where
    /// that is given, ascending, as of one moment. `each` must not use the store.
    ///
    /// # Errors
    /// As above.
    fn each_total(
        &self,
        namespace: &str,
        from: &[u8],
        until: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[i64]),
    ) -> Result<()>;

    /// The first sum of every key that starts with a prefix, ascending.
    ///
    /// # Errors
    /// As above.
    fn totals(&self, namespace: &str, prefix: &[u8]) -> Result<Vec<(Vec<u8>, i64)>> {
        let mut found = Vec::new();
        self.each_total(
            namespace,
            prefix,
            prefix_end(prefix).as_deref(),
            &mut |key, sums| found.extend(sums.first().map(|sum| (key.to_vec(), *sum))),
        )?;
        Ok(found)
    }

    /// Takes sums and points of entries that are held already, together with a setting.
    ///
    /// # Errors
    /// As above.
    fn amend(&self, out: &GroupOut, key: &str, value: &[u8]) -> Result<()>;

    /// A point that has not expired by `now_us`.
    ///
    /// # Errors
    /// As above.
    fn point(&self, namespace: &str, key: &[u8], now_us: u64) -> Result<Option<Vec<u8>>>;

    /// Drops points that expired by then; returns how many.
    ///
    /// # Errors
    /// As above.
    fn expire(&self, now_us: u64) -> Result<u64>;

    /// Stores a snapshot. Of its name those at or behind `keep_from`, and of these the newest
    /// two, stay.
    ///
    /// # Errors
    /// As above.
    fn put_snapshot(&self, name: &str, seq: Seq, bytes: &[u8], keep_from: Seq) -> Result<()>;

    /// The newest snapshot of a name.
    ///
    /// # Errors
    /// As above.
    fn snapshot(&self, name: &str) -> Result<Option<(Seq, Vec<u8>)>>;

    /// Names and positions of all snapshots.
    ///
    /// # Errors
    /// As above.
    fn snapshots(&self) -> Result<Vec<(String, Seq)>>;

    /// A setting.
    ///
    /// # Errors
    /// As above.
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Sets a setting.
    ///
    /// # Errors
    /// As above.
    fn set_meta(&self, key: &str, value: &[u8]) -> Result<()>;

    /// Writes a copy of everything, as of one moment, to a new file.
    ///
    /// # Errors
    /// As above.
    fn backup(&self, to: &Path) -> Result<()>;
}
