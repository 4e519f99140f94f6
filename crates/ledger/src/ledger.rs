//! The front door: one [`Ledger`] a data folder, shared by all threads of the one server.
//! Calls that write are synchronous and short; nothing here needs an async runtime.

use std::future::Future;
use std::ops::RangeBounds;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::chain::{ChainId, Seq, Tip};
use crate::entry::{Appended, Draft, Entry};
use crate::folder::Folder;
use crate::health::Health;
use crate::options::Options;
use crate::vault::Vault;
use crate::{Error, Result};

/// A ledger, open for writing. Cheap to clone; all clones are one ledger.
#[derive(Clone)]
pub struct Ledger {}

impl Ledger {
    /// Opens the ledger in a folder, or makes one with a fresh signing key. Takes the folder's
    /// lease, cuts a torn tail, and folds what the store lacks in the background.
    ///
    /// # Errors
    /// [`Error::Held`] where another process has the folder, [`Error::Damage`] where what was
    /// durable is damaged, missing or rewritten, [`Error::Key`], [`Error::Format`], [`Error::Io`].
    pub fn open(options: Options, folder: Box<dyn Folder>) -> Result<Self> {
        let _ = (options, folder);
        Err(Error::Closed)
    }

    /// Appends observations: in the operating system's hands when this returns (`kill -9` loses
    /// none), on the device within 10 ms. All of a batch or none.
    ///
    /// # Errors
    /// Nothing was appended: [`Error::Full`], [`Error::StoreDown`], [`Error::Poisoned`],
    /// [`Error::Closed`], [`Error::Io`] (disk full), or the caller's ([`Error::ReservedKind`],
    /// [`Error::TooLarge`]).
    pub fn observe(&self, drafts: &[Draft<'_>]) -> Result<Appended> {
        let _ = drafts;
        Err(Error::Closed)
    }

    /// Appends binding facts, all of them or none. They take effect when the [`Pending`] is done.
    ///
    /// # Errors
    /// As [`Ledger::observe`].
    pub fn bind(&self, drafts: &[Draft<'_>]) -> Result<Pending> {
        let _ = drafts;
        Err(Error::Closed)
    }

    /// Entries in ledger order, also those not folded yet, up to the tip at the time of reading.
    pub fn read(&self, range: impl RangeBounds<Seq>) -> Entries {
        let _ = range;
        Entries {}
    }

    /// One entry, or `None` beyond the tip.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Io`], [`Error::Damage`].
    pub fn entry(&self, seq: Seq) -> Result<Option<Entry>> {
        let _ = seq;
        Err(Error::Closed)
    }

    /// Sums of a namespace whose key starts with a prefix, ascending by key, as of the last fold
    /// (see [`Ledger::flush`]).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn totals(&self, namespace: &str, prefix: &[u8]) -> Result<Vec<(Vec<u8>, i64)>> {
        let _ = (namespace, prefix);
        Err(Error::Closed)
    }

    /// A point by its key, as of the last fold; expired ones are gone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn point(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let _ = (namespace, key);
        Err(Error::Closed)
    }

    /// Stores a snapshot of a fold as of `seq`. Where it is not older than the last erasure,
    /// the older snapshots of that name are deleted in the same transaction; otherwise the
    /// newest two of a name are kept.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Argument`] where `seq` lies beyond the tip.
    pub fn put_snapshot(&self, name: &str, seq: Seq, bytes: &[u8]) -> Result<()> {
        let _ = (name, seq, bytes);
        Err(Error::Closed)
    }

    /// The newest snapshot of a name, with the position that it stands at.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn snapshot(&self, name: &str) -> Result<Option<(Seq, Vec<u8>)>> {
        let _ = name;
        Err(Error::Closed)
    }

    /// Drops payloads by age, except those pinned. Appends a marker first (binding), then
    /// rewrites the store. Returns the marker's position, or `None` where nothing was to drop.
    ///
    /// # Errors
    /// As [`Ledger::observe`], and [`Error::Store`]; after an error the work is finished by the
    /// next start.
    pub fn prune(&self, prune: &Prune<'_>) -> Result<Option<Seq>> {
        let _ = prune;
        Err(Error::Closed)
    }

    /// Erases payloads at these positions for ever. Returns the marker's position: put snapshots
    /// that stand there or later, whereupon the older ones are deleted.
    ///
    /// # Errors
    /// As [`Ledger::prune`]; [`Error::Argument`] for positions that are not there or that the
    /// ledger itself needs (heads, markers).
    pub fn erase(&self, seqs: &[Seq]) -> Result<Seq> {
        let _ = seqs;
        Err(Error::Closed)
    }

    /// Copies everything, while running, to a new folder that opens and verifies by itself.
    /// Keys only where asked for: without them the copy verifies but cannot be written to.
    ///
    /// # Errors
    /// [`Error::Argument`] where the folder is not empty, [`Error::Store`], [`Error::Io`].
    pub fn backup(&self, to: &Path, with_keys: bool) -> Result<()> {
        let _ = (to, with_keys);
        Err(Error::Closed)
    }

    /// Waits until everything appended so far is in the store; `false` at the time limit.
    pub fn flush(&self, limit: Duration) -> bool {
        let _ = limit;
        false
    }

    /// The bodies.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        unreachable!()
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        [0; 16]
    }

    /// The last entry appended.
    #[must_use]
    pub fn tip(&self) -> Tip {
        Tip::start(&[0; 16])
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        unreachable!()
    }

    /// Signs a last head, syncs, folds and ends the threads. Later appends are refused. Safe to
    /// call twice. Dropping the last clone does the same, but tells no error.
    ///
    /// # Errors
    /// The first thing that could not be finished; nothing acknowledged is lost by it.
    pub fn close(&self) -> Result<()> {
        Err(Error::Closed)
    }
}

/// What [`Ledger::prune`] drops.
#[derive(Clone, Copy, Debug)]
pub struct Prune<'a> {
    /// Payloads of entries before this time, in microseconds since 1970.
    pub before_us: u64,
    /// Of these kinds only (from 16 on).
    pub kinds: &'a [u16],
    /// But not at these positions (an open case pins its own).
    pub pinned: &'a [Seq],
}

/// Binding entries on their way to the device.
#[must_use = "a binding fact takes effect only when it is on the device"]
pub struct Pending {
    appended: Appended,
}

impl Pending {
    /// Where they went. Not yet durable.
    #[must_use]
    pub fn appended(&self) -> Appended {
        self.appended
    }

    /// Blocks until they are on the device.
    ///
    /// # Errors
    /// [`Error::Poisoned`]: whether they are is unknown; they must not take effect.
    pub fn wait(self) -> Result<Appended> {
        Ok(self.appended)
    }
}

/// The same as [`Pending::wait`], for any executor.
impl Future for Pending {
    type Output = Result<Appended>;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(self.appended))
    }
}

/// Entries in ledger order, read in blocks of bounded size. Ends after the first error.
pub struct Entries {}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
