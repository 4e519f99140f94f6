//! Requests with an `Idempotency-Key` that run, or ended just now.

use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;
use record::Idempotency;

/// How long a finished request is remembered here at least, until the ledger's fold has it.
const BRIDGE: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum Entry {
    Running,
    Finished(Idempotency, Instant),
}

/// What is known of a key here.
#[derive(Debug)]
pub(crate) enum Known {
    /// Nothing: it runs from now on, until [`RunningKeys::finish`].
    First,
    /// A request with it runs.
    Running,
    /// A request with it ended just now.
    Finished(Idempotency),
}

/// The keys, each by its hash.
#[derive(Debug, Default)]
pub(crate) struct RunningKeys {
    entries: Mutex<HashMap<[u8; 32], Entry>>,
}

impl RunningKeys {
    /// Looks a key up, and takes it where nobody has.
    pub(crate) fn begin(&self, key: [u8; 32]) -> Known {
        let mut entries = self.entries.lock();
        match entries.get(&key) {
            Some(Entry::Running) => Known::Running,
            Some(Entry::Finished(idempotency, _)) => Known::Finished(idempotency.clone()),
            None => {
                entries.insert(key, Entry::Running);
                Known::First
            }
        }
    }

    /// The request has ended. Where it came to nothing that could be given again, another try
    /// may run.
    pub(crate) fn finish(&self, key: [u8; 32], answer: Option<Idempotency>) {
        let mut entries = self.entries.lock();
        match answer {
            Some(answer) => drop(entries.insert(key, Entry::Finished(answer, Instant::now()))),
            None => drop(entries.remove(&key)),
        }
    }

    /// Forgets what ended some time ago; to be called while the ledger's fold goes on.
    pub(crate) fn forget(&self) {
        self.entries.lock().retain(|_, entry| match entry {
            Entry::Running => true,
            Entry::Finished(_, at) => at.elapsed() < BRIDGE,
        });
    }
}
