//! What the verbs work on, handed in by whoever wires the house.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use ::distill::runs::Runs;
use ::distill::spec::Served;
use ::ledger::facts::{ChangeError, Directory, Expected, Facts, Thing};
use guard::admission::Table;
use record::{Actor, Change, Id, Time, id::kind};

use crate::error::{Error, Result};
use crate::model::Model;
use crate::server::Reloaded;
use crate::settings::Setting;
use crate::upstream::Upstream;

/// How often a change is made anew where others change the same thing.
const TRIES: u32 = 16;

/// The clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;
/// A cryptographic source of randomness: fills the slice.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What a running server says of itself and does on demand; or what the settings say, where none
/// runs.
pub trait Serving: Send + Sync {
    /// The models by name, with their upstreams' health where a server runs. Whether they are
    /// switched on is the ledger's to say: the verbs fill it in.
    fn models(&self) -> Vec<Model>;
    /// The upstreams by name, likewise.
    fn upstreams(&self) -> Vec<Upstream>;
    /// Requests at the same time, now.
    fn in_flight(&self) -> u64;
    /// Every settled setting that is in force; secrets as the place where they are read from.
    fn settings(&self) -> Vec<Setting>;
    /// Reads the settings again and takes over what can be. Blocks while a model is loaded.
    ///
    /// # Errors
    /// What is wrong with the settings; nothing was changed. No server runs.
    fn reload(&self) -> Result<Reloaded>;
    /// Where a model of the settings is, to a run that names it as its teacher.
    fn source(&self, _model: &str) -> Option<Source> {
        None
    }
    /// Whether runs are driven here.
    fn drives(&self) -> bool {
        false
    }
    /// Drives a run from now on, or when its turn comes, until it ends or is paused.
    fn drive(&self, _: Id<kind::Run>) {}
    /// A run was moved that nobody drives.
    fn run_moved(&self, _: Id<kind::Run>) {}
}

/// Where a model of the settings is.
pub enum Source {
    /// Its file, where it runs in this process.
    File(PathBuf),
    /// Behind an upstream.
    Served(Served),
}

/// The house.
pub struct House {
    /// The ledger and its folds.
    pub facts: Facts,
    /// Plans and live limits.
    pub table: Arc<Table>,
    /// What serves.
    pub serving: Arc<dyn Serving>,
    /// The distillation runs, folded.
    pub folded: Arc<Runs>,
    /// The folder of distillation runs, each in one of its own below it.
    pub runs: PathBuf,
    /// The program that a run's learning is a child of, and its arguments.
    pub trainer: Vec<OsString>,
    /// The clock.
    pub clock: Clock,
    /// Randomness for ids and secrets.
    pub random: Random,
    /// The program's version.
    pub version: String,
    /// How clients reach the public port, without a slash at the end.
    pub public_url: String,
    /// How operators reach their port, without a slash at the end; `None` where it is off.
    pub operator_url: Option<String>,
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

    /// Changes one thing, all of it or nothing. The changes are made from what is there, and only
    /// written where that is still so; where the caller says which revision they saw, only if it
    /// is the present one.
    pub(crate) fn edit(
        &self,
        by: &Actor,
        why: &str,
        (thing, seen): (Thing, Option<u64>),
        changes: impl Fn(&Directory) -> Result<Vec<Change>>,
    ) -> Result<()> {
        let mut current = 0;
        for _ in 0..TRIES {
            let made = {
                let directory = self.facts.directory();
                current = directory.revision(&thing);
                if seen.is_some_and(|seen| seen != current) {
                    return Err(Error::stale(current));
                }
                changes(&directory)?
            };
            let expected = Expected {
                thing: thing.clone(),
                revision: current,
            };
            match self.facts.change_at(by.clone(), why, made, Some(expected)) {
                // Somebody was quicker; the changes are made anew from what is there now.
                Err(ChangeError::Stale { .. }) if seen.is_none() => {}
                done => return Ok(done.map(drop)?),
            }
        }
        Err(Error::stale(current))
    }
}
