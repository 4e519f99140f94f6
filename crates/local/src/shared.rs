//! What the gateway's side and the model's threads share: the way in, the bounded number of
//! places, and whether the model is well. Locks are held for a few instructions only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::job::Job;
use crate::pace::Pace;

/// Shared by all.
pub(crate) struct Shared {
    inbox: Mutex<Inbox>,
    woken: Condvar,
    /// Requests that hold a place.
    taken: AtomicUsize,
    places: usize,
    pub(crate) pace: Mutex<Pace>,
}

#[derive(Default)]
struct Inbox {
    jobs: Vec<Job>,
    /// Something happened since the scheduler last looked.
    woken: bool,
    /// The upstream was dropped.
    stopped: bool,
    /// Why the scheduler ended.
    broken: Option<String>,
}

/// A request's place among those at work and in the queue. Dropping it gives it back.
pub(crate) struct Place {
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            inbox: Mutex::default(),
            woken: Condvar::new(),
            taken: AtomicUsize::new(0),
            places,
            pace: Mutex::default(),
        })
    }

    /// A place, if one is left.
    pub(crate) fn place(self: &Arc<Self>) -> Option<Place> {
        let free = |taken: usize| (taken < self.places).then_some(taken + 1);
        let taken = self
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, free);
        taken.ok().map(|_| Place {
            shared: Arc::clone(self),
        })
    }

    /// All places.
    pub(crate) const fn places(&self) -> usize {
        self.places
    }

    /// Places taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Hands a request to the scheduler.
    ///
    /// # Errors
    /// Where the scheduler has ended: why.
    pub(crate) fn submit(&self, job: Job) -> Result<(), String> {
        let mut inbox = self.inbox.lock();
        if let Some(why) = &inbox.broken {
            return Err(why.clone());
        }
        inbox.jobs.push(job);
        inbox.woken = true;
        drop(inbox);
        self.woken.notify_one();
        Ok(())
    }

    /// Makes the scheduler look again, should it sleep.
    pub(crate) fn wake(&self) {
        self.inbox.lock().woken = true;
        self.woken.notify_one();
    }

    /// Ends the scheduler after its current step.
    pub(crate) fn stop(&self) {
        self.inbox.lock().stopped = true;
        self.wake();
    }

    /// The new requests; `None` once stopped. With `sleep`, waits until something happens.
    pub(crate) fn take(&self, sleep: bool) -> Option<Vec<Job>> {
        let mut inbox = self.inbox.lock();
        while sleep && !inbox.woken {
            self.woken.wait(&mut inbox);
        }
        inbox.woken = false;
        (!inbox.stopped).then(|| std::mem::take(&mut inbox.jobs))
    }

    /// Notes that the scheduler ended; what waited is let go.
    pub(crate) fn broke(&self, why: String) {
        let mut inbox = self.inbox.lock();
        inbox.broken = Some(why);
        let jobs = std::mem::take(&mut inbox.jobs);
        drop(inbox);
        // Outside the lock: a dropped line gives its place back and wakes its client.
        drop(jobs);
    }

    /// Why the scheduler ended, if it did.
    pub(crate) fn broken(&self) -> Option<String> {
        self.inbox.lock().broken.clone()
    }
}
