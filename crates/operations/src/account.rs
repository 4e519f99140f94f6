//! Accounts: `create`, `list`, `show`, `set`.

use std::collections::HashMap;
use std::sync::Arc;

use ::ledger::facts::{Directory, Spent};
use record::id::kind;
use record::{Account as Kept, AccountState, Actor, Budget, BudgetOwner, Change, Id, Limits, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;
use crate::shapes::{LimitsChange, Spend};
use crate::{find, shapes};

/// An account as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its organisation's id.
    pub organization: String,
    /// Its organisation's name.
    pub organization_name: String,
    /// Its plan's name.
    pub plan: String,
    /// Whether it may be used.
    pub state: AccountState,
    /// When it was made.
    pub created: String,
    /// Limits of its own.
    pub limits: Limits,
    /// The spend limit that holds: its own, or the plan's.
    pub spend: Option<Spend>,
    /// What is spent of it in this period; `None` without a spend limit.
    pub spent_dollars: Option<String>,
    /// What is reserved of it beside.
    pub reserved_dollars: Option<String>,
    /// Keys that were not revoked.
    pub keys: usize,
    /// Grants that were not revoked.
    pub grants: usize,
}

/// What `create` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The organisation's id, or its name where that is unique.
    pub organization: String,
    /// The account's name.
    pub name: String,
    /// Its plan.
    #[serde(default = "default_plan")]
    pub plan: String,
    /// Limits of its own, in place of the plan's.
    #[serde(default)]
    pub limits: LimitsChange,
    /// A spend limit of its own, in place of the plan's.
    #[serde(default)]
    pub spend: Option<Spend>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

fn default_plan() -> String {
    "default".into()
}

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Only those of this organisation.
    pub organization: Option<String>,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Oldest first.
    pub accounts: Vec<Account>,
}

/// What `show` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Its id, or its name where that is unique.
    pub account: String,
}

/// What `set` takes: what is left out stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its id, or its name where that is unique.
    pub account: String,
    /// Another plan.
    #[serde(default)]
    pub plan: Option<String>,
    /// Limits of its own; 0 takes one away, so that the plan's holds again.
    #[serde(default)]
    pub limits: LimitsChange,
    /// A spend limit of its own.
    #[serde(default)]
    pub spend: Option<Spend>,
    /// Takes its own spend limit away, so that the plan's holds again.
    #[serde(default)]
    pub no_spend: bool,
    /// Closes it, or opens it again.
    #[serde(default)]
    pub state: Option<AccountState>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Makes an account.
///
/// # Errors
/// An organisation or plan that is not there, a value that can't be; the ledger's.
pub fn create(house: &House, by: &Actor, input: Create) -> Result<Account> {
    let organization = find::organization(&house.facts.directory(), &input.organization)?;
    known_plan(house, &input.plan)?;
    let new = Kept {
        id: house.id(),
        organization: organization.id,
        name: shapes::name("name", &input.name)?,
        plan: input.plan,
        state: AccountState::Active,
        limits: input.limits.on(&Limits::default()),
        spend: input.spend.as_ref().map(Spend::settle).transpose()?,
    };
    house.change(by, &input.why, Change::AccountCreated(new.clone()))?;
    Ok(one(house, &new))
}

/// Every account, or those of an organisation.
///
/// # Errors
/// An organisation that is not there.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let accounts: Vec<Arc<Kept>> = {
        let directory = house.facts.directory();
        let of = input
            .organization
            .map(|text| find::organization(&directory, &text))
            .transpose()?;
        let wanted = |account: &&Arc<Kept>| {
            of.as_ref()
                .is_none_or(|organization| account.organization == organization.id)
        };
        directory.accounts().filter(wanted).cloned().collect()
    };
    let tally = Tally::of(&house.facts.directory());
    Ok(Listed {
        accounts: accounts
            .iter()
            .map(|account| view(house, account, &tally))
            .collect(),
    })
}

/// One account.
///
/// # Errors
/// There is none, or more than one of that name.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Account> {
    let account = find::account(&house.facts.directory(), &input.account)?;
    Ok(one(house, &account))
}

/// Changes an account.
///
/// # Errors
/// An account or plan that is not there, a value that can't be, nothing to change; the ledger's.
pub fn set(house: &House, by: &Actor, input: Set) -> Result<Account> {
    let account = find::account(&house.facts.directory(), &input.account)?;
    let id = account.id;
    let changes = changes(house, &account, &input)?;
    if changes.is_empty() {
        let error = Error::invalid("account", "there is nothing to change");
        return Err(error.with_hint("say what to set: a plan, limits, a spend limit or a state"));
    }
    for change in changes {
        house.change(by, &input.why, change)?;
    }
    let changed = house
        .facts
        .directory()
        .account(id)
        .cloned()
        .unwrap_or(account);
    Ok(one(house, &changed))
}

/// All changes are made of checked values before the first is written.
fn changes(house: &House, account: &Kept, input: &Set) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let account_id = account.id;
    if let Some(plan) = &input.plan {
        known_plan(house, plan)?;
        changes.push(Change::AccountPlan {
            account: account_id,
            plan: plan.clone(),
        });
    }
    if input.no_spend && input.spend.is_some() {
        return Err(Error::invalid("spend", "either a spend limit or none"));
    }
    let own_spend = input.spend.as_ref().map(Spend::settle).transpose()?;
    if !input.limits.is_nothing() || own_spend.is_some() || input.no_spend {
        changes.push(Change::AccountLimits {
            account: account_id,
            limits: input.limits.on(&account.limits),
            spend: own_spend.or(account.spend).filter(|_| !input.no_spend),
        });
    }
    if let Some(state) = input.state {
        changes.push(Change::AccountState {
            account: account_id,
            state,
        });
    }
    Ok(changes)
}

fn known_plan(house: &House, plan: &str) -> Result<()> {
    if house.table.plan(plan).is_some() {
        return Ok(());
    }
    let plans: Vec<String> = house
        .table
        .plans()
        .into_iter()
        .map(|plan| plan.name)
        .collect();
    let hint = format!(
        "plans are in the settings file; there are: {}",
        plans.join(", ")
    );
    Err(Error::missing(
        format!("there is no plan `{plan}`"),
        Some(hint),
    ))
}

fn one(house: &House, kept: &Kept) -> Account {
    let tally = Tally::of(&house.facts.directory());
    view(house, kept, &tally)
}

fn view(house: &House, kept: &Kept, tally: &Tally) -> Account {
    let plan = house.table.plan(&kept.plan);
    let limit = kept.spend.or(plan.and_then(|plan| plan.spend));
    let spent = limit.map(|limit| {
        let start_day = limit.period.start_day(house.now());
        spent(house, BudgetOwner::Account(kept.id), start_day)
    });
    let directory = house.facts.directory();
    let organization = directory.organization(kept.organization);
    Account {
        id: kept.id.to_string(),
        name: kept.name.clone(),
        organization: kept.organization.to_string(),
        organization_name: organization
            .map(|known| known.name.clone())
            .unwrap_or_default(),
        plan: kept.plan.clone(),
        state: kept.state,
        created: shapes::made(kept.id).rfc3339(),
        limits: kept.limits.clone(),
        spend: limit.map(Spend::from),
        spent_dollars: spent.map(|spent| spent.gone.money.to_string()),
        reserved_dollars: spent.map(|spent| spent.reserved.money.to_string()),
        keys: tally.keys.get(&kept.id).copied().unwrap_or_default(),
        grants: tally.grants.get(&kept.id).copied().unwrap_or_default(),
    }
}

/// Keys and grants that were not revoked, by account: counted once for a whole list.
struct Tally {
    keys: HashMap<Id<kind::Account>, usize>,
    grants: HashMap<Id<kind::Account>, usize>,
}

impl Tally {
    fn of(directory: &Directory) -> Self {
        let mut tally = Self {
            keys: HashMap::new(),
            grants: HashMap::new(),
        };
        for key in directory.keys().filter(|key| key.revoked.is_none()) {
            *tally.keys.entry(key.account).or_default() += 1;
        }
        for grant in directory.grants().filter(|grant| grant.revoked.is_none()) {
            *tally.grants.entry(grant.account).or_default() += 1;
        }
        tally
    }
}

pub(crate) fn spent(house: &House, owner: BudgetOwner, start_day: u32) -> Spent {
    house.facts.spent(&Budget { owner, start_day })
}

/// The state of what may end or be revoked, as it is shown.
pub(crate) fn state(revoked: Option<Time>, expires: Option<Time>, now: Time) -> String {
    match (revoked, expires) {
        (Some(_), _) => "revoked".into(),
        (None, Some(end)) if end <= now => "expired".into(),
        _ => "live".into(),
    }
}
