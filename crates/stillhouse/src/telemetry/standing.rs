//! How the house stands, looked at when somebody scrapes: door, ledger, upstreams, models in
//! process. Nothing here is counted.

use std::sync::Arc;

use gateway::Gateway;
use ledger::State;
use ledger::facts::Facts;
use record::Time;

/// Someone who answers for models, at one moment.
pub(crate) struct Answerer {
    /// The name in the settings.
    pub(crate) name: String,
    /// How it is.
    pub(crate) health: upstream::Health,
    /// How busy it is, where it is a model in process.
    pub(crate) load: Option<local::Load>,
}

/// What is looked at.
pub(crate) struct Standing {
    /// The door.
    pub(crate) gateway: Arc<Gateway>,
    /// The ledger.
    pub(crate) facts: Facts,
    /// Looks at everyone who answers.
    pub(crate) answerers: Box<dyn Fn() -> Vec<Answerer> + Send + Sync>,
    /// Since when it serves.
    pub(crate) since: Time,
    /// The program's version.
    pub(crate) version: &'static str,
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").finish_non_exhaustive()
    }
}

/// Every state of a ledger, and its label.
pub(super) const STATES: [(State, &str); 5] = [
    (State::Good, "good"),
    (State::Spooling, "spooling"),
    (State::Full, "full"),
    (State::Poisoned, "poisoned"),
    (State::Closed, "closed"),
];
