//! Group sync: one thread brings the journal to the device, or whoever blocks on a binding append.
//! A binding append that is awaited wakes the thread; observations only move a counter, and the
//! thread looks by itself while there is traffic.
//! A failed sync is final: it is never tried again as if nothing had happened.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Journal;
use super::times::{SyncTimes, Times};
use crate::chain::Seq;
use crate::{Error, Result};

/// After so long without a write the thread sleeps until it is woken.
const LINGER: Duration = Duration::from_millis(100);

/// How far the journal was written and synced, and who waits.
#[derive(Default)]
pub(crate) struct SyncLine {
    written: AtomicU64,
    synced: AtomicU64,
    /// The thread sleeps without a time limit: the next write has to wake it.
    asleep: AtomicBool,
    poisoned: AtomicBool,
    times: Times,
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    urgent: bool,
    stop: bool,
    stopped: bool,
    cause: String,
    /// Somebody brings entries to the device right now.
    syncing: bool,
    wakers: Vec<(u64, Waker)>,
    next_waker: u64,
}

impl SyncLine {
    pub(crate) fn new(tip: Seq) -> Self {
        let line = Self::default();
        line.written.store(tip, Ordering::SeqCst);
        line.synced.store(tip, Ordering::SeqCst);
        line
    }

    /// The last entry that is on the device.
    pub(crate) fn synced(&self) -> Seq {
        self.synced.load(Ordering::Acquire)
    }

    /// How long syncs took, since the ledger was opened.
    pub(crate) fn times(&self) -> SyncTimes {
        self.times.seen()
    }

    /// Tells of a write. Costs two atomic operations unless the thread sleeps.
    pub(crate) fn wrote(&self, seq: Seq) {
        self.written.store(seq, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            drop(self.state.lock());
            self.wake.notify_one();
        }
    }

    /// Asks for a sync now.
    pub(crate) fn hurry(&self) {
        self.state.lock().urgent = true;
        self.wake.notify_one();
    }

    pub(crate) fn poison(&self, cause: String) {
        let mut state = self.state.lock();
        if !self.poisoned.swap(true, Ordering::SeqCst) {
            state.cause = cause;
        }
        Self::release(&mut state);
        self.done.notify_all();
    }

    /// Why the journal takes nothing more, if so.
    pub(crate) fn poisoned(&self) -> Option<String> {
        self.poisoned
            .load(Ordering::SeqCst)
            .then(|| self.state.lock().cause.clone())
    }

    /// Blocks until an entry is on the device.
    pub(crate) fn wait(&self, seq: Seq) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            if let Some(result) = self.outcome(&state, seq) {
                return result;
            }
            self.done.wait(&mut state);
        }
    }

    /// The same for an executor. `id` remembers the waker between polls.
    pub(crate) fn poll(
        &self,
        seq: Seq,
        id: &mut Option<u64>,
        cx: &Context<'_>,
    ) -> Poll<Result<()>> {
        let mut state = self.state.lock();
        if let Some(result) = self.outcome(&state, seq) {
            return Poll::Ready(result);
        }
        let found = id.and_then(|id| state.wakers.iter_mut().find(|(known, _)| *known == id));
        if let Some((_, waker)) = found {
            waker.clone_from(cx.waker());
        } else {
            state.next_waker += 1;
            let fresh = state.next_waker;
            state.wakers.push((fresh, cx.waker().clone()));
            *id = Some(fresh);
        }
        Poll::Pending
    }

    fn outcome(&self, state: &State, seq: Seq) -> Option<Result<()>> {
        if self.synced() >= seq {
            return Some(Ok(()));
        }
        if self.poisoned.load(Ordering::SeqCst) {
            return Some(Err(Error::Poisoned(state.cause.clone())));
        }
        state.stopped.then_some(Err(Error::Closed))
    }

    fn release(state: &mut State) {
        for (_, waker) in state.wakers.drain(..) {
            waker.wake();
        }
    }

    /// Takes the turn to sync, waiting for whoever has it unless `enough` is reached meanwhile.
    /// Everybody waits for the same bell, so that nobody who appends again and again can keep
    /// the turn from the others.
    fn take_turn(&self, enough: Option<Seq>) -> bool {
        let mut state = self.state.lock();
        loop {
            if enough.is_some_and(|seq| self.outcome(&state, seq).is_some()) {
                return false;
            }
            if !state.syncing {
                state.syncing = true;
                return true;
            }
            self.done.wait(&mut state);
        }
    }

    /// Gives the turn back; all up to `synced` is on the device.
    fn end_turn(&self, synced: Option<Seq>) {
        let mut state = self.state.lock();
        state.syncing = false;
        if let Some(seq) = synced {
            self.synced.fetch_max(seq, Ordering::AcqRel);
            Self::release(&mut state);
        }
        self.done.notify_all();
    }

    /// Asks the thread to sync once more and end.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_one();
    }

    fn dirty(&self) -> bool {
        self.written.load(Ordering::SeqCst) > self.synced()
    }

    /// Waits for a reason to sync; `false` at the end.
    fn next(&self, pace: &Pace) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.stop {
                return false;
            }
            if self.dirty() {
                if state.urgent || Instant::now() >= pace.due() {
                    state.urgent = false;
                    return true;
                }
                self.wake.wait_until(&mut state, pace.due());
                continue;
            }
            state.urgent = false;
            if pace.last.elapsed() < LINGER {
                self.wake.wait_for(&mut state, pace.pause);
                // Whatever was written meanwhile may have waited for that long already.
                if self.dirty() {
                    return true;
                }
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            if !self.dirty() {
                self.wake.wait(&mut state);
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }
}

/// When the next sync of observations is due: so early that it ends in time.
struct Pace {
    within: Duration,
    last: Instant,
    pause: Duration,
}

impl Pace {
    fn due(&self) -> Instant {
        self.last + self.pause
    }

    fn ran(&mut self, started: Instant) {
        let took = started.elapsed();
        self.last = started;
        let least = Duration::from_millis(1).min(self.within);
        let room = self.within.saturating_sub(took * 2);
        // Drifts towards the room that the last syncs left, quickly down and slowly up.
        self.pause = if room < self.pause {
            room
        } else {
            (self.pause * 7 + room) / 8
        };
        self.pause = self.pause.max(least);
    }
}

/// The sync thread. Ends after [`SyncLine::stop`], with a last sync.
pub(crate) fn run_sync(journal: &Journal, within: Duration) {
    let line = journal.line();
    let mut pace = Pace {
        within,
        last: Instant::now(),
        pause: within * 3 / 4,
    };
    while line.next(&pace) {
        let started = Instant::now();
        // Whoever waits for a binding entry may have brought these along meanwhile.
        let written = line.written.load(Ordering::SeqCst);
        if !sync_once(journal, Some(written)) {
            return;
        }
        pace.ran(started);
    }
    sync_once(journal, None);
    let mut state = line.state.lock();
    state.stopped = true;
    SyncLine::release(&mut state);
    line.done.notify_all();
}

impl Journal {
    /// Blocks until an entry is on the device. The caller syncs itself, which saves the way to
    /// the sync thread and back; who comes meanwhile waits, and finds that it was taken along.
    pub(crate) fn sync_to(&self, seq: Seq) -> Result<()> {
        sync_once(self, Some(seq));
        // Known by now, but for what was written behind what this sync found: never so for a
        // caller's own entry.
        self.line().wait(seq)
    }
}

/// Brings to the device what is written by now, or finds that `enough` is there already; `false`
/// where the journal has failed.
fn sync_once(journal: &Journal, enough: Option<Seq>) -> bool {
    let line = journal.line();
    if line.take_turn(enough) {
        let synced = sync_files(journal);
        line.end_turn(synced);
    }
    !line.poisoned.load(Ordering::SeqCst)
}

/// Syncs what is written by now; tells how far, where anything had to be done and went well.
fn sync_files(journal: &Journal) -> Option<Seq> {
    let line = journal.line();
    if line.poisoned.load(Ordering::SeqCst) {
        return None;
    }
    let (seq, files) = journal.unsynced();
    if seq <= line.synced() {
        return None;
    }
    let started = Instant::now();
    for file in files {
        if let Err(error) = file.sync() {
            line.poison(format!("a sync failed: {error}"));
            return None;
        }
    }
    line.times.add(started.elapsed());
    Some(seq)
}
