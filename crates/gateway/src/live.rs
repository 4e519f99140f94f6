//! The streams that are running: who opened each, and how to end it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use guard::admission::Credential;
use hashbrown::HashMap;
use parking_lot::Mutex;
use record::Time;
use tokio::sync::Notify;

/// One running stream, seen from outside.
pub(crate) struct Running {
    credential: Arc<Credential>,
    /// Cuts the connection.
    cut: Arc<Notify>,
    ended: AtomicBool,
    stopped: AtomicBool,
    waker: AtomicWaker,
    /// When it was told to end. By a clock that never steps.
    told: OnceLock<Instant>,
}

impl Running {
    /// Whether the credential ended in mid-stream. Registers who is to be woken when it does.
    pub(crate) fn has_ended(&self, waker: &std::task::Waker) -> bool {
        if self.ended.load(Ordering::Acquire) {
            return true;
        }
        self.waker.register(waker);
        self.ended.load(Ordering::Acquire)
    }

    /// Whether the server's stop ended it, rather than a revocation.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn end(&self) {
        if self.told.set(Instant::now()).is_ok() {
            self.ended.store(true, Ordering::Release);
            self.waker.wake();
        }
    }
}

/// Every running stream.
#[derive(Default)]
pub(crate) struct Live {
    next: AtomicU64,
    streams: Mutex<HashMap<u64, Arc<Running>>>,
}

/// A stream's place in the list; it leaves when this is dropped.
pub(crate) struct Place {
    live: Arc<Live>,
    number: u64,
    pub(crate) running: Arc<Running>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.streams.lock().remove(&self.number);
    }
}

impl Live {
    /// Puts a stream on the list.
    pub(crate) fn enter(
        self: &Arc<Self>,
        credential: &Arc<Credential>,
        cut: &Arc<Notify>,
    ) -> Place {
        let running = Arc::new(Running {
            credential: Arc::clone(credential),
            cut: Arc::clone(cut),
            ended: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            told: OnceLock::new(),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.streams.lock().insert(number, Arc::clone(&running));
        Place {
            live: Arc::clone(self),
            number,
            running,
        }
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.streams.lock().len()
    }

    /// Ends streams whose credential has ended, and cuts the connections of those that did not
    /// end when told: their client does not read.
    pub(crate) fn sweep(&self, now: Time) {
        const PATIENCE: Duration = Duration::from_millis(500);
        for running in self.streams.lock().values() {
            match running.told.get() {
                Some(told) if told.elapsed() > PATIENCE => running.cut.notify_one(),
                Some(_) => {}
                None if running.credential.ended(now).is_some() => running.end(),
                None => {}
            }
        }
    }

    /// Ends every stream, since the server stops.
    pub(crate) fn stop(&self) {
        for running in self.streams.lock().values() {
            running.stopped.store(true, Ordering::Release);
            running.end();
        }
    }
}
