//! [`Facts`]: appends facts, keeps the live folds, and answers from them. Changes are in `change`.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use record::id::kind;
use record::{Amount, Budget, Fact, Id, Idempotency, Slice};

use super::books::{Books, OpenSlice, Spent};
use super::change::Follower;
use super::directory::Directory;
use super::live::Live;
use super::{codec, start, totals};
use crate::{Draft, Ledger, Options, Result, Seq};

/// The ledger, as the house uses it. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Facts {
    pub(super) ledger: Ledger,
    pub(super) live: Arc<Live>,
    /// One change at a time, so that the order of application is the ledger's.
    pub(super) changing: Arc<Mutex<()>>,
    pub(super) follower: Arc<RwLock<Option<Follower>>>,
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Facts {
    /// Opens the ledger, brings the folds up to date, settles the slices that a crash left
    /// open, and writes that a server started.
    ///
    /// # Errors
    /// As [`Ledger::open`]; [`crate::Error::Damage`] where a payload can't be read.
    pub fn open(options: Options, version: &str) -> Result<Self> {
        let ledger = Ledger::open(options, Box::new(totals::Totals))?;
        let live = start::load(&ledger)?;
        let facts = Self {
            ledger,
            live: Arc::new(live),
            changing: Arc::default(),
            follower: Arc::default(),
        };
        facts
            .bind(&Fact::ServerStarted {
                version: version.to_owned(),
            })?
            .wait()?;
        facts.recover()?;
        Ok(facts)
    }

    /// The untyped ledger below.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Who there is. Held shortly: a change waits for it.
    pub fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.live.directory.read()
    }

    /// What became of a budget.
    pub fn spent(&self, budget: &Budget) -> Spent {
        self.live.books.lock().of(budget)
    }

    /// All budgets, copied.
    pub fn books(&self) -> Books {
        self.live.books.lock().clone()
    }

    /// Sets who is told of changes; there is one.
    pub fn follow(&self, follower: Follower) {
        *self.follower.write() = Some(follower);
    }

    /// Appends an observation (an exchange, a refusal): in the operating system's hands when
    /// this returns.
    ///
    /// # Errors
    /// As [`Ledger::observe`].
    pub fn observe(&self, fact: &Fact) -> Result<Seq> {
        with_draft(fact, |draft| {
            self.ledger.observe(&[draft]).map(|at| at.first)
        })
    }

    /// Appends a binding fact; it takes effect when the result is waited for.
    ///
    /// # Errors
    /// As [`Ledger::bind`].
    pub fn bind(&self, fact: &Fact) -> Result<crate::Pending> {
        let bind = || with_draft(fact, |draft| self.ledger.bind(&[draft]));
        let Fact::Run { run, .. } = fact else {
            return bind();
        };
        let mut runs = self.live.runs.lock();
        let pending = bind()?;
        runs.put(*run, pending.appended().first);
        Ok(pending)
    }

    /// The entries of a run beyond one, in order.
    pub fn entries_of_run(&self, run: Id<kind::Run>, behind: Seq) -> Vec<Seq> {
        self.live.runs.lock().of(run, behind).to_vec()
    }

    /// Every run that entries speak of, oldest first.
    pub fn runs(&self) -> Vec<Id<kind::Run>> {
        self.live.runs.lock().runs().collect()
    }

    /// Reserves a slice; it may be drawn from when the result is done. The books count it from
    /// now on, and for good: if the sync fails, whether it is reserved is unknown.
    ///
    /// # Errors
    /// Nothing is reserved.
    pub fn reserve(&self, slice: &Slice) -> Result<crate::Pending> {
        let mut books = self.live.books.lock();
        let pending = self.bind(&Fact::SliceReserved(*slice))?;
        books.reserve(slice, pending.appended().first);
        Ok(pending)
    }

    /// Settles a slice.
    ///
    /// # Errors
    /// It stays open; the next start settles it by the exchanges that drew on it.
    pub fn settle(&self, slice: Id<kind::Slice>, spent: Amount, overrun: Amount) -> Result<Seq> {
        let mut books = self.live.books.lock();
        let seq = self.observe(&Fact::SliceSettled {
            slice,
            spent,
            overrun,
        })?;
        books.settle(slice, spent, overrun);
        Ok(seq)
    }

    /// What the first request with this idempotency key got, where that is folded already.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn idempotent(&self, key: &[u8; 32]) -> Result<Option<(Id<kind::Exchange>, Idempotency)>> {
        let value = self.ledger.point(totals::IDEMPOTENCY, key)?;
        let read = value.as_deref().and_then(totals::read_idempotency);
        Ok(read.map(|(id, idempotency)| (Id::from_bytes(id), idempotency)))
    }

    /// Entries appended since the folds were last stored.
    pub fn entries_since_snapshot(&self) -> u64 {
        // Held while one is being stored: then none is due.
        let at = self.live.snapshot_at.try_lock();
        at.map_or(0, |at| self.ledger.tip().seq.saturating_sub(*at))
    }

    /// Writes snapshots of the folds where more than `entries` were appended since the last.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn snapshot(&self, entries: u64) -> Result<()> {
        start::save(&self.ledger, (&self.live, &self.changing), entries)
    }

    /// Writes snapshots and that the server stopped, then closes the ledger.
    ///
    /// # Errors
    /// The first thing that could not be finished; nothing acknowledged is lost by it.
    pub fn close(&self) -> Result<()> {
        let stopped = self
            .bind(&Fact::ServerStopped)
            .and_then(|pending| pending.wait());
        let saved = self.snapshot(0);
        self.ledger.close()?;
        stopped.map(drop).and(saved)
    }

    /// Settles every slice that a crash left open, by what the recorded exchanges drew from it.
    fn recover(&self) -> Result<()> {
        let open: Vec<OpenSlice> = self.books().open().copied().collect();
        for (slice, all) in start::drawn(&self.ledger, &open)? {
            let within = all.min(slice.slice.reserved);
            self.settle(slice.slice.id, within, all.minus(within))?;
        }
        Ok(())
    }
}

fn with_draft<T>(fact: &Fact, append: impl FnOnce(Draft<'_>) -> Result<T>) -> Result<T> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        let kind = codec::encode(fact, buffer);
        append(Draft::new(kind, codec::VERSION, buffer))
    })
}
