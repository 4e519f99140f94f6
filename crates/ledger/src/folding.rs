//! The fold thread: moves entries from the journal to the store, in groups of one transaction.
//! It folds only what is on the device already, so that the store is never ahead of the journal.
//! While the store fails it tries again and again; entries wait in the journal meanwhile.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::chain::{Header, KIND_ERASE, KIND_PRUNE, Seq, Tip};
use crate::core::Core;
use crate::folder::{Folder, GroupOut};
use crate::journal::{Batch, Parsed, parse};
use crate::store::{Block, Group};
use crate::{Error, Result};

/// About so many bytes in one transaction: its sync must not keep the journal's waiting.
const GROUP_BYTES: usize = 512 << 10;
/// Payload and header bytes of one block.
const BLOCK_BYTES: usize = 256 << 10;
/// The fold thread's niceness.
const NICE: i32 = 15;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Where the positions of markers are kept, so that they are found without a walk.
pub(crate) const MARKERS: &str = "ledger.marker";

/// How far was folded, and who waits for it.
#[derive(Default)]
pub(crate) struct FoldLine {
    folded: AtomicU64,
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    stopped: bool,
    asked: bool,
}

impl FoldLine {
    pub(crate) fn new(folded: Seq) -> Self {
        Self {
            folded: AtomicU64::new(folded),
            ..Self::default()
        }
    }

    pub(crate) fn folded(&self) -> Seq {
        self.folded.load(Ordering::Acquire)
    }

    fn reached(&self, seq: Seq) {
        let _state = self.state.lock();
        self.folded.store(seq, Ordering::Release);
        self.done.notify_all();
    }

    /// Waits until an entry is folded; `false` at the limit or when the thread has ended.
    pub(crate) fn wait(&self, seq: Seq, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.state.lock();
        loop {
            if self.folded() >= seq {
                return true;
            }
            if state.stopped {
                return false;
            }
            state.asked = true;
            self.wake.notify_one();
            if self.done.wait_until(&mut state, until).timed_out() {
                return self.folded() >= seq;
            }
        }
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_one();
    }

    /// Sleeps until the next round is due, somebody asks, or the end; tells whether it is the end.
    fn pause(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.state.lock();
        while !state.stop && !state.asked {
            if self.wake.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.asked = false;
        state.stop
    }

    /// Whether the thread folds nothing more.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().stopped
    }

    fn ended(&self) {
        self.state.lock().stopped = true;
        self.done.notify_all();
    }
}

/// A group that is ready, or none.
#[derive(Default)]
struct Ready {
    blocks: Vec<Block>,
    tip: Option<Tip>,
    out: GroupOut,
    bytes: u64,
}

/// Entries taken from the journal, and how far they were made into groups.
#[derive(Default)]
struct Work {
    batch: Batch,
    at: usize,
}

/// The fold thread. Ends after [`FoldLine::stop`], with a last round.
pub(crate) fn run_fold(core: &Core, mut folder: Box<dyn Folder>) {
    // Folding can wait, binding entries can't: on Linux niceness belongs to a thread. Where it
    // may not be changed, folding only takes its full share.
    let _ = rustix::process::setpriority_process(None, NICE);
    let mut ready = Ready::default();
    let mut work = Work::default();
    let mut pause = core.fold_every;
    let mut failed = FIRST_PAUSE;
    loop {
        let stop = core.fold.pause(pause);
        match round(core, &mut *folder, &mut ready, &mut work) {
            Ok(()) => {
                pause = core.fold_every;
                failed = FIRST_PAUSE;
                core.journal.set_store_error(None);
            }
            Err(error) => {
                core.journal.set_store_error(Some(error.to_string()));
                pause = failed;
                failed = (failed * 2).min(LONGEST_PAUSE);
                // Where the journal itself has failed, nothing more can be folded.
                if matches!(error, Error::Poisoned(_)) {
                    break;
                }
            }
        }
        if stop {
            break;
        }
    }
    core.fold.ended();
}

/// Folds all there is.
fn round(core: &Core, folder: &mut dyn Folder, ready: &mut Ready, work: &mut Work) -> Result<()> {
    loop {
        if ready.tip.is_none() {
            if work.at == work.batch.bytes.len() {
                let reuse = mem::take(&mut work.batch.bytes);
                work.at = 0;
                let Some(batch) = core.journal.take(core.fold.folded(), reuse)? else {
                    return Ok(());
                };
                core.journal.line().wait(batch.last)?;
                work.batch = batch;
            }
            // A transaction writes every page of the sums that it touches: small ones of many
            // accounts would never catch up. Once the spool is half full that comes first.
            let most = match core.journal.is_half_full() {
                true => usize::MAX,
                false => GROUP_BYTES,
            };
            *ready = build(work, folder, most)?;
        }
        let Some(tip) = ready.tip else { return Ok(()) };
        core.store.commit(&Group {
            blocks: &ready.blocks,
            tip,
            out: &ready.out,
        })?;
        let bytes = ready.bytes;
        *ready = Ready::default();
        core.fold.reached(tip.seq);
        // The entries are safe; segments that could not be removed now go later.
        drop(core.journal.folded(tip.seq, bytes));
    }
}

/// The next group of the work at hand, of about `most` bytes.
fn build(work: &mut Work, folder: &mut dyn Folder, most: usize) -> Result<Ready> {
    let mut ready = Ready::default();
    let mut block = Block::default();
    let from = work.at;
    while let Parsed::Frame(frame) = parse(&work.batch.bytes[work.at..]) {
        work.at += frame.size();
        block.push(
            &frame.header,
            frame.header_bytes,
            &frame.salt,
            frame.payload,
        );
        folder.fold(&frame.header, frame.payload, &mut ready.out);
        if matches!(frame.header.kind, KIND_PRUNE | KIND_ERASE) {
            let key = frame.header.seq.to_be_bytes();
            ready.out.add(MARKERS, &key, i64::from(frame.header.kind));
        }
        let last = work.at == work.batch.bytes.len() || work.at - from >= most;
        if last || block.size() >= BLOCK_BYTES {
            ready.blocks.push(mem::take(&mut block));
        }
        if last {
            let Header { seq, time_us, .. } = frame.header;
            ready.tip = Some(Tip {
                seq,
                hash: frame.header.hash(),
                time_us,
            });
            break;
        }
    }
    ready.bytes = (work.at - from) as u64;
    if ready.tip.is_none() {
        return Err(Error::damage(
            work.batch.last,
            "memory",
            "a batch that does not add up",
        ));
    }
    Ok(ready)
}
