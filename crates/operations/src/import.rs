//! `import litellm`: what a LiteLLM proxy keeps, brought over. Its configuration becomes lines for
//! the settings file, its teams organisations, its keys accounts with one key each, which go on
//! being used unchanged. By default only the plan of it is shown; nothing is half done.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use record::{
    Account, AccountState, Actor, Change, Key, Limits, Organization, SpendLimit, SpendPeriod,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::import::litellm::{self, Holders, Period};

use crate::error::{Error, Result};
use crate::house::House;
use crate::shapes::{self, Spend};

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// The organisation of keys without a team.
const NO_TEAM: &str = "litellm";

/// What `litellm` takes: at least one file. Paths are absolute, on the server's machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Litellm {
    /// The proxy's `config.yaml`.
    #[schemars(extend("format" = "path"))]
    pub proxy_config: Option<PathBuf>,
    /// Its keys: the answer of `/key/list?return_full_object=true`, or the table
    /// `LiteLLM_VerificationToken` as JSON or CSV.
    #[schemars(extend("format" = "path"))]
    pub keys: Option<PathBuf>,
    /// Its teams: the answer of `/team/list`, or the table `LiteLLM_TeamTable` as JSON or CSV.
    #[schemars(extend("format" = "path"))]
    pub teams: Option<PathBuf>,
    /// Where to write the lines for the settings file; a file that is not there yet.
    #[schemars(extend("format" = "path"))]
    pub settings_to: Option<PathBuf>,
    /// The plan of accounts that may use every model; `default` where nothing is said.
    pub plan: Option<String>,
    /// Makes the organisations, accounts and keys; without it they are only shown.
    pub apply: bool,
    /// Why, for the ledger.
    pub why: String,
}

/// An account that is made, with its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brought {
    /// The account's name.
    pub account: String,
    /// Its organisation's name.
    pub organization: String,
    /// What is shown of its key.
    pub key: String,
    /// Its plan.
    pub plan: String,
    /// Whether it may be used.
    pub state: AccountState,
    /// Its limits.
    pub limits: Limits,
    /// Its spend limit.
    pub spend: Option<Spend>,
    /// When its key ends.
    pub expires: Option<String>,
}

/// What `litellm` did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// Whether organisations, accounts and keys were made.
    pub applied: bool,
    /// Lines for the settings file: upstreams, models and plans.
    pub settings: String,
    /// Where they were written.
    pub settings_written_to: Option<PathBuf>,
    /// Organisations that are new, by name.
    pub organizations: Vec<String>,
    /// Accounts that are new.
    pub accounts: Vec<Brought>,
    /// Keys that were here before, and are left as they are.
    pub known_keys: usize,
    /// Keys that have ended, and are left out.
    pub ended_keys: usize,
    /// What could not be carried over.
    pub notes: Vec<String>,
}

/// Brings over what a LiteLLM proxy keeps.
///
/// # Errors
/// Files that can't be read or written; with `apply`, a plan that is not in the settings yet; the
/// ledger's. Then no organisation, account or key was made; the lines for the settings file may
/// have been written, as what a missing plan needs.
pub fn litellm(house: &House, by: &Actor, input: Litellm) -> Result<Imported> {
    if input.proxy_config.is_none() && input.keys.is_none() && input.teams.is_none() {
        let error = Error::invalid("proxy_config", "there is nothing to import");
        return Err(error.with_hint("name a configuration, keys or teams"));
    }
    let (mut settings, mut notes) = (String::new(), Vec::new());
    if let Some(text) = read("proxy_config", input.proxy_config.as_deref())? {
        let config =
            litellm::read_config(&text).map_err(|error| Error::invalid("proxy_config", error))?;
        settings = litellm::to_toml(&config);
        notes.extend(config.notes);
    }
    let keys = read("keys", input.keys.as_deref())?;
    let teams = read("teams", input.teams.as_deref())?;
    let holders = litellm::read_holders(keys.as_deref(), teams.as_deref())
        .map_err(|error| Error::invalid("keys", error))?;
    let plans = plans(&holders);
    let named = plans
        .iter()
        .map(|(models, name)| (name.as_str(), models.as_slice()));
    let more = litellm::plans_as_toml(named);
    if !settings.is_empty() && !more.is_empty() {
        settings.push('\n');
    }
    settings.push_str(&more);
    let default = input.plan.as_deref().unwrap_or("default");
    let mut made = Made::new(house, default, plans);
    made.bring(&holders);
    notes.extend(holders.notes);
    notes.append(&mut made.notes);
    // The file first: it can be removed again, what is in the ledger can't.
    if let Some(path) = input.settings_to.as_deref() {
        write(path, &settings)?;
    }
    if input.apply {
        made.check_plans()?;
        let changes = std::mem::take(&mut made.changes);
        house
            .facts
            .change_at(by.clone(), &input.why, changes, None)?;
    }
    Ok(Imported {
        applied: input.apply,
        settings,
        settings_written_to: input.settings_to,
        organizations: made.organizations,
        accounts: made.accounts,
        known_keys: made.known,
        ended_keys: made.ended,
        notes,
    })
}

fn read(field: &str, path: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    if !path.is_absolute() {
        return Err(Error::invalid(field, "the file's path must be absolute"));
    }
    let wrong =
        |what: &dyn std::fmt::Display| Error::invalid(field, format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut text = String::new();
    let bounded = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    bounded.map_err(|error| wrong(&error))?;
    match text.len() as u64 > MOST_BYTES {
        true => Err(wrong(&"it is larger than 64 MiB")),
        false => Ok(Some(text)),
    }
}

fn write(path: &Path, settings: &str) -> Result<()> {
    if !path.is_absolute() {
        return Err(Error::invalid(
            "settings_to",
            "the file's path must be absolute",
        ));
    }
    let written = File::create_new(path).and_then(|mut file| file.write_all(settings.as_bytes()));
    written.map_err(|error| Error::invalid("settings_to", format!("{}: {error}", path.display())))
}

/// A plan for each set of models that some key is bound to.
fn plans(holders: &Holders) -> BTreeMap<Vec<String>, String> {
    let sets = holders.model_sets().into_iter().enumerate();
    sets.map(|(place, models)| (models, format!("litellm-{}", place + 1)))
        .collect()
}

/// What is to be made.
struct Made<'a> {
    house: &'a House,
    default: &'a str,
    plans: BTreeMap<Vec<String>, String>,
    changes: Vec<Change>,
    organizations: Vec<String>,
    accounts: Vec<Brought>,
    known: usize,
    ended: usize,
    notes: Vec<String>,
}

impl<'a> Made<'a> {
    fn new(house: &'a House, default: &'a str, plans: BTreeMap<Vec<String>, String>) -> Self {
        Self {
            house,
            default,
            plans,
            changes: Vec::new(),
            organizations: Vec::new(),
            accounts: Vec::new(),
            known: 0,
            ended: 0,
            notes: Vec::new(),
        }
    }

    fn bring(&mut self, holders: &Holders) {
        let (mut by_name, known) = {
            let directory = self.house.facts.directory();
            let by_name: BTreeMap<String, _> = directory
                .organizations()
                .map(|one| (one.name.clone(), one.id))
                .collect();
            let known: HashSet<[u8; 32]> = directory.keys().map(|key| key.hash).collect();
            (by_name, known)
        };
        let names: BTreeMap<&str, String> = holders
            .teams
            .iter()
            .map(|team| (team.id.as_str(), one_line(&team.name)))
            .collect();
        let unnamed = holders.keys.iter().filter_map(|key| key.team.as_deref());
        let mut wanted: Vec<String> = names.values().cloned().collect();
        wanted.extend(unnamed.filter(|id| !names.contains_key(id)).map(one_line));
        if holders.keys.iter().any(|key| key.team.is_none()) {
            wanted.push(NO_TEAM.to_owned());
        }
        for name in wanted {
            by_name.entry(name.clone()).or_insert_with(|| {
                let new = Organization {
                    id: self.house.id(),
                    name: name.clone(),
                };
                let id = new.id;
                self.changes.push(Change::OrganizationCreated(new));
                self.organizations.push(name);
                id
            });
        }
        for key in &holders.keys {
            if known.contains(&key.hash) {
                self.known += 1;
                continue;
            }
            let organization = match key.team.as_deref() {
                Some(team) => names.get(team).cloned().unwrap_or_else(|| one_line(team)),
                None => NO_TEAM.to_owned(),
            };
            if let Some(id) = by_name.get(&organization) {
                self.key(key, (*id, organization));
            }
        }
    }

    fn key(
        &mut self,
        key: &litellm::Key,
        (organization, organization_name): (record::Id<record::id::kind::Organization>, String),
    ) {
        let expires = match key.expires.as_deref() {
            None => None,
            Some(text) => match shapes::ahead("expires", text, self.house.now()) {
                Ok(expires) => Some(expires),
                Err(_) => {
                    self.ended += 1;
                    return;
                }
            },
        };
        let name = one_line(&key.name);
        let plan = match self.plans.get(&key.models) {
            Some(plan) => plan.clone(),
            None => self.default.to_owned(),
        };
        let spend = key.budget.map(|budget| SpendLimit {
            amount: budget.amount,
            period: match budget.period {
                Period::Day => SpendPeriod::Day,
                Period::Month => SpendPeriod::Month,
                Period::Total => SpendPeriod::Total,
            },
        });
        let account = Account {
            id: self.house.id(),
            organization,
            name: name.clone(),
            plan,
            state: match key.blocked {
                true => AccountState::Closed,
                false => AccountState::Active,
            },
            limits: Limits {
                requests_per_minute: key.requests_per_minute,
                tokens_per_minute: key.tokens_per_minute,
                concurrency: key.concurrency,
            },
            spend,
        };
        let new = Key {
            id: self.house.id(),
            account: account.id,
            name,
            prefix: key.shown.chars().take(16).collect(),
            hash: key.hash,
            expires,
            spend: None,
            revoked: None,
        };
        self.accounts.push(Brought {
            account: account.name.clone(),
            organization: organization_name,
            key: new.prefix.clone(),
            plan: account.plan.clone(),
            state: account.state,
            limits: account.limits.clone(),
            spend: account.spend.map(Spend::from),
            expires: expires.map(record::Time::rfc3339),
        });
        self.changes.push(Change::AccountCreated(account));
        self.changes.push(Change::KeyCreated(new));
    }

    /// Every plan that is needed must be in force: otherwise limits would not be either.
    fn check_plans(&self) -> Result<()> {
        let missing = self.accounts.iter().map(|account| &account.plan);
        let missing = missing
            .into_iter()
            .find(|plan| self.house.table.plan(plan).is_none());
        match missing {
            None => Ok(()),
            Some(plan) => Err(Error::missing(
                format!("there is no plan `{plan}`"),
                Some("put the lines for the settings file there, reload, and import again".into()),
            )),
        }
    }
}

/// A name as the house takes it: one line of at most 128 bytes.
fn one_line(text: &str) -> String {
    let mut name: String = text.chars().filter(|c| !c.is_control()).collect();
    while name.len() > 128 {
        name.pop();
    }
    let name = name.trim();
    match name.is_empty() {
        true => "unnamed".to_owned(),
        false => name.to_owned(),
    }
}
