//! What the verbs work on, handed in by whoever wires the house.

use std::sync::Arc;

use ::ledger::facts::Facts;
use guard::admission::Table;
use record::{Actor, Change, Id, Time};

use crate::error::Result;
use crate::model::Model;

/// The clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;
/// A cryptographic source of randomness: fills the slice.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What a running server says of itself.
pub trait Serving: Send + Sync {
    /// The models, with their upstreams' health where a server runs.
    fn models(&self) -> Vec<Model>;
    /// Requests at the same time, now.
    fn in_flight(&self) -> u64;
}

/// The house.
pub struct House {
    /// The ledger and its folds.
    pub facts: Facts,
    /// Plans and live limits.
    pub table: Arc<Table>,
    /// What serves.
    pub serving: Arc<dyn Serving>,
    /// The clock.
    pub clock: Clock,
    /// Randomness for ids and secrets.
    pub random: Random,
    /// The program's version.
    pub version: String,
    /// How clients reach the public port, without a slash at the end.
    pub public_url: String,
    /// Since when a server runs; `None` where a verb took the ledger by itself.
    pub since: Option<Time>,
}

impl House {
    /// Now.
    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// A new id.
    pub(crate) fn id<K>(&self) -> Id<K> {
        let mut random = [0; 10];
        (self.random)(&mut random);
        Id::new(self.now(), random)
    }

    /// The random bytes of a new secret.
    pub(crate) fn secret_bytes(&self) -> [u8; 32] {
        let mut random = [0; 32];
        (self.random)(&mut random);
        random
    }

    /// Makes a change.
    pub(crate) fn change(&self, by: &Actor, why: &str, change: Change) -> Result<()> {
        self.facts.change(by.clone(), why, change)?;
        Ok(())
    }
}
