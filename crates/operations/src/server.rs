//! The server itself: `status`, `reload`.

use ::ledger::State;
use record::{Actor, Change, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::house::House;
use crate::ledger::LastBackup;
use crate::model::{self, Model};
use crate::verbs::Nothing;

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Whether a server runs.
    pub running: bool,
    /// Since when.
    pub since: Option<String>,
    /// How clients reach it.
    pub public_url: String,
    /// Requests at the same time, now.
    pub in_flight: u64,
    /// The ledger.
    pub ledger: Ledger,
    /// The newest backup.
    pub backup: LastBackup,
    /// The models.
    pub models: Vec<Model>,
    /// Organisations, accounts, keys, grants and operators, revoked ones too.
    pub known: Known,
}

/// How many of each there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// Organisations.
    pub organizations: usize,
    /// Accounts.
    pub accounts: usize,
    /// Keys.
    pub keys: usize,
    /// Grants.
    pub grants: usize,
    /// Operators.
    pub operators: usize,
}

/// How the ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// `good`, `spooling`, `full`, `poisoned` or `closed`.
    pub state: String,
    /// The last entry appended.
    pub appended: u64,
    /// The last entry known to be on the device.
    pub synced: u64,
    /// The last entry in the store.
    pub folded: u64,
    /// The last entry attested by a signed head.
    pub attested: u64,
    /// Bytes that wait for the store.
    pub unfolded_bytes: u64,
    /// The last error, while it lasts.
    pub error: Option<String>,
}

/// How the server is.
///
/// # Errors
/// None so far.
pub fn status(house: &House, _: &Actor, _: Nothing) -> Result<Status> {
    let health = house.facts.ledger().health();
    let state = match health.state {
        State::Good => "good",
        State::Spooling => "spooling",
        State::Full => "full",
        State::Poisoned => "poisoned",
        State::Closed => "closed",
    };
    let known = {
        let directory = house.facts.directory();
        Known {
            organizations: directory.organizations().len(),
            accounts: directory.accounts().len(),
            keys: directory.keys().len(),
            grants: directory.grants().len(),
            operators: directory.operators().len(),
        }
    };
    Ok(Status {
        version: house.version.clone(),
        running: house.since.is_some(),
        since: house.since.map(Time::rfc3339),
        public_url: house.public_url.clone(),
        in_flight: house.serving.in_flight(),
        ledger: Ledger {
            state: state.to_owned(),
            appended: health.appended,
            synced: health.synced,
            folded: health.folded,
            attested: health.attested,
            unfolded_bytes: health.unfolded_bytes,
            error: health.error,
        },
        backup: LastBackup::of(&house.facts.ledger().reader(), house.now()),
        models: model::all(house),
        known,
    })
}

/// Whether the house can do its work: the ledger takes entries.
pub fn is_well(house: &House) -> bool {
    let state = house.facts.ledger().health().state;
    matches!(state, State::Good | State::Spooling)
}

/// What `reload` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reloaded {
    /// Settings that are in force now, by key.
    pub changed: Vec<String>,
    /// Settings that differ and wait for a restart, by key.
    pub waiting: Vec<String>,
}

/// What `reload` takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reload {
    /// Why, for the ledger.
    pub why: String,
}

/// Reads the settings again and takes over what can be without a restart. What came of it is
/// only known then, so that the entry of who and why comes after.
///
/// # Errors
/// What is wrong with the settings, whereupon nothing was changed; the ledger's, whereupon the
/// settings are in force all the same.
pub fn reload(house: &House, by: &Actor, input: Reload) -> Result<Reloaded> {
    let reloaded = house.serving.reload()?;
    let change = Change::SettingsReloaded {
        changed: reloaded.changed.clone(),
        waiting: reloaded.waiting.clone(),
    };
    house.change(by, &input.why, change).map_err(|error| {
        let hint = "the settings are in force, but no entry says so";
        error.with_hint(hint)
    })?;
    Ok(reloaded)
}
