//! The front door: one [`Ledger`] a data folder, shared by all threads of the one server.
//! Calls that write are synchronous and short; nothing here needs an async runtime.

use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::back::Backward;
use crate::backup::STORE_FILE;
use crate::chain::{ChainId, Seq, Tip};
use crate::core::Core;
use crate::disk::{Disk, RealDisk};
use crate::entry::{Appended, Draft, Entry};
use crate::folder::Folder;
use crate::folding::run_fold;
use crate::health::Health;
use crate::journal::{SyncTimes, run_spares, run_sync};
use crate::lease::Lease;
use crate::options::Options;
use crate::pending::Pending;
use crate::private::make_folder;
use crate::reader::Reader;
use crate::retain::{self, Prune};
use crate::source::Entries;
use crate::start::{Front, Threads, build, upgrade};
use crate::store::{SqliteStore, Store};
use crate::vault::Vault;
use crate::{Error, Result, backup, keeper};

/// A ledger, open for writing. Cheap to clone; all clones are one ledger.
#[derive(Clone)]
pub struct Ledger {
    front: Arc<Front>,
}

/// What lies underneath a ledger: for another store, and for tests that put a failing disk there.
/// Keys, lease and vault are the system's files in any case.
pub struct Parts {
    /// Under the journal and the heads file.
    pub disk: Arc<dyn Disk>,
    /// The store.
    pub store: Arc<dyn Store>,
}

impl Ledger {
    /// Opens the ledger in a folder, or makes one with a fresh signing key. Takes the folder's
    /// lease, cuts a torn tail, and folds what the store lacks in the background.
    ///
    /// # Errors
    /// [`Error::Held`] where another process has the folder, [`Error::Damage`] where what was
    /// durable is damaged, missing or rewritten, [`Error::Key`], [`Error::Format`], [`Error::Io`].
    pub fn open(options: Options, folder: Box<dyn Folder>) -> Result<Self> {
        let folder_path = options.folder.clone();
        make_folder(&folder_path).map_err(Error::io(format!("making {folder_path:?}")))?;
        let lease = Lease::take(&folder_path)?;
        let store = Arc::new(SqliteStore::open(&folder_path.join(STORE_FILE))?);
        Self::start(
            options,
            Parts {
                disk: Arc::new(RealDisk),
                store,
            },
            lease,
            folder,
        )
    }

    /// The same over other parts.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(options: Options, parts: Parts, folder: Box<dyn Folder>) -> Result<Self> {
        let path = &options.folder;
        make_folder(path).map_err(Error::io(format!("making {path:?}")))?;
        let lease = Lease::take(path)?;
        Self::start(options, parts, lease, folder)
    }

    fn start(
        options: Options,
        parts: Parts,
        lease: Lease,
        folder: Box<dyn Folder>,
    ) -> Result<Self> {
        let sync_within = options.sync_within;
        let upgrading = options.upgrading.clone();
        let core = Arc::new(build(options, parts, lease)?);
        let mut folder = folder;
        upgrade(&*core.store, &mut *folder, &*upgrading)?;
        let mut threads = Threads::default();
        let on = |name: &str, run: Box<dyn FnOnce(&Core) + Send>| {
            let core = Arc::clone(&core);
            thread::Builder::new()
                .name(format!("ledger-{name}"))
                .spawn(move || run(&core))
                .map_err(Error::io("starting a thread"))
        };
        threads.sync = Some(on(
            "sync",
            Box::new(move |core| run_sync(&core.journal, sync_within)),
        )?);
        let front = Front {
            core: Arc::clone(&core),
            threads: Mutex::new(threads),
        };
        // From here on an early return ends the threads that run.
        let ledger = Self {
            front: Arc::new(front),
        };
        let fold = on("fold", Box::new(move |core| run_fold(core, folder)))?;
        ledger.front.threads.lock().fold = Some(fold);
        for (name, run) in [
            ("spares", (|core| run_spares(&core.journal)) as fn(&Core)),
            ("keeper", keeper::run_keeper),
            ("mend", keeper::run_mend as fn(&Core)),
        ] {
            let thread = on(name, Box::new(run))?;
            ledger.front.threads.lock().keeper.push(thread);
        }
        Ok(ledger)
    }

    /// Appends observations: in the operating system's hands when this returns (`kill -9` loses
    /// none), on the device within 10 ms. All of a batch or none.
    ///
    /// # Errors
    /// Nothing was appended: [`Error::Full`], [`Error::StoreDown`], [`Error::Poisoned`],
    /// [`Error::Closed`], [`Error::Io`] (disk full), or the caller's ([`Error::ReservedKind`],
    /// [`Error::TooLarge`]).
    pub fn observe(&self, drafts: &[Draft<'_>]) -> Result<Appended> {
        self.front
            .core
            .journal
            .append(drafts, self.front.core.now())
    }

    /// Appends binding facts, all of them or none. They take effect when the [`Pending`] is done;
    /// whoever does not wait for it gets the sync of observations.
    ///
    /// # Errors
    /// As [`Ledger::observe`].
    pub fn bind(&self, drafts: &[Draft<'_>]) -> Result<Pending> {
        let core = &self.front.core;
        let appended = core.journal.append(drafts, core.now())?;
        Ok(Pending {
            journal: Arc::clone(&core.journal),
            appended,
            waker: None,
        })
    }

    /// Entries in ledger order, also those not folded yet, up to the tip at the time of reading.
    pub fn read(&self, range: impl RangeBounds<Seq>) -> Entries {
        let (first, last) = bounds(&range);
        let core = &self.front.core;
        core.source()
            .entries(first, last.min(core.journal.tip().seq))
    }

    /// The same from the newest back, from a position on that may lie beyond the tip.
    #[must_use]
    pub fn read_back(&self, from: Seq) -> Backward {
        let core = &self.front.core;
        let from = from.min(core.journal.tip().seq);
        Backward::new(core.source(), from, true)
    }

    /// One entry, or `None` beyond the tip.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Io`], [`Error::Damage`].
    pub fn entry(&self, seq: Seq) -> Result<Option<Entry>> {
        let core = &self.front.core;
        if seq == 0 || seq > core.journal.tip().seq {
            return Ok(None);
        }
        core.source().entries(seq, seq).next().transpose()
    }

    /// The first sum of every key of a namespace that starts with a prefix, ascending by key, as
    /// of the last fold (see [`Ledger::flush`]).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn totals(&self, namespace: &str, prefix: &[u8]) -> Result<Vec<(Vec<u8>, i64)>> {
        self.front.core.store.totals(namespace, prefix)
    }

    /// Hands over the sums of every key of a namespace that is `from` or behind it, and before
    /// `until`, ascending by key, as of the last fold. `each` must not use the ledger.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn each_total(
        &self,
        namespace: &str,
        from: &[u8],
        until: Option<&[u8]>,
        mut each: impl FnMut(&[u8], &[i64]),
    ) -> Result<()> {
        let store = &self.front.core.store;
        store.each_total(namespace, from, until, &mut each)
    }

    /// A point by its key, as of the last fold; expired ones are gone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn point(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.front
            .core
            .store
            .point(namespace, key, self.front.core.now())
    }

    /// Stores a snapshot of a fold as of `seq`. Where it is not older than the last erasure,
    /// the older snapshots of that name are deleted in the same transaction; otherwise the
    /// newest two of a name are kept.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Argument`] where `seq` lies beyond the tip.
    pub fn put_snapshot(&self, name: &str, seq: Seq, bytes: &[u8]) -> Result<()> {
        let core = &self.front.core;
        let tip = core.journal.tip().seq;
        if seq > tip {
            return Err(Error::Argument(format!(
                "a snapshot at {seq} lies beyond the tip, {tip}"
            )));
        }
        retain::put_snapshot(core, name, seq, bytes)
    }

    /// The newest snapshot of a name, with the position that it stands at.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn snapshot(&self, name: &str) -> Result<Option<(Seq, Vec<u8>)>> {
        self.front.core.store.snapshot(name)
    }

    /// Drops payloads by age, except those pinned. Appends a marker first (binding), then
    /// rewrites the store. Returns the marker's position, or `None` where nothing was to drop.
    ///
    /// # Errors
    /// As [`Ledger::observe`], and [`Error::Store`]; after an error the work is finished by the
    /// next start.
    pub fn prune(&self, prune: &Prune<'_>) -> Result<Option<Seq>> {
        retain::prune(&self.front.core, prune)
    }

    /// Erases payloads at these positions for ever. Returns the marker's position: put snapshots
    /// that stand there or later, whereupon the older ones are deleted.
    ///
    /// # Errors
    /// As [`Ledger::prune`]; [`Error::Argument`] for positions that are not there or that the
    /// ledger itself needs (heads, markers).
    pub fn erase(&self, seqs: &[Seq]) -> Result<Seq> {
        retain::erase(&self.front.core, seqs)
    }

    /// Copies everything, while running, to a new folder that opens and verifies by itself.
    /// Keys only where asked for: without them the copy verifies but cannot be written to.
    ///
    /// # Errors
    /// [`Error::Argument`] where the folder is not empty, [`Error::Store`], [`Error::Io`].
    pub fn backup(&self, to: &Path, with_keys: bool) -> Result<()> {
        backup::backup(&self.front.core, to, with_keys)
    }

    /// Waits until everything appended so far is in the store; `false` at the time limit.
    pub fn flush(&self, limit: Duration) -> bool {
        self.front
            .core
            .fold
            .wait(self.front.core.journal.tip().seq, limit)
    }

    /// The bodies.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.front.core.vault
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        self.front.core.chain
    }

    /// The last entry appended.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.front.core.journal.tip()
    }

    /// The last entry known to be on the device.
    #[must_use]
    pub fn synced(&self) -> Seq {
        self.front.core.journal.line().synced()
    }

    /// Blocks until an entry is on the device. Does not hurry the next sync: for observations
    /// that is 10 ms at most.
    ///
    /// # Errors
    /// [`Error::Poisoned`], [`Error::Closed`].
    pub fn wait_synced(&self, seq: Seq) -> Result<()> {
        self.front.core.journal.line().wait(seq)
    }

    /// Signs a head now, if something was appended since the last.
    ///
    /// # Errors
    /// As [`Ledger::observe`], and [`Error::Io`] for the heads file.
    pub fn sign_head(&self) -> Result<()> {
        self.front.core.sign_head()
    }

    /// A look at the same ledger from outside, as [`verify`](crate::verify) takes it.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let core = &self.front.core;
        let public = core.keys.signing.verifying_key();
        let (disk, store) = (Arc::clone(&core.disk), Arc::clone(&core.store));
        Reader::over(&core.folder, Some(&core.heads_path), public, disk, store)
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        self.front.core.health()
    }

    /// How long syncs took, since it was opened.
    #[must_use]
    pub fn sync_times(&self) -> SyncTimes {
        self.front.core.journal.line().times()
    }

    /// Signs a last head, syncs, folds and ends the threads. Later appends are refused. Safe to
    /// call twice. Dropping the last clone does the same, but tells no error.
    ///
    /// # Errors
    /// The first thing that could not be finished; nothing acknowledged is lost by it.
    pub fn close(&self) -> Result<()> {
        self.front.close()
    }
}

/// First and last position of a range.
pub(crate) fn bounds(range: &impl RangeBounds<Seq>) -> (Seq, Seq) {
    let first = match range.start_bound() {
        Bound::Included(seq) => *seq,
        Bound::Excluded(seq) => seq.saturating_add(1),
        Bound::Unbounded => 1,
    };
    let last = match range.end_bound() {
        Bound::Included(seq) => *seq,
        Bound::Excluded(seq) => seq.saturating_sub(1),
        Bound::Unbounded => Seq::MAX,
    };
    (first, last)
}
