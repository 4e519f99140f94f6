//! Accounts: `create`, `list`, `show`, `set`.

mod list;
mod view;

use ::ledger::facts::Thing;
use record::{Account as Kept, AccountState, Actor, Change, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;
use crate::shapes::{LimitsChange, Spend};
use crate::{find, shapes};

pub use list::{List, Listed, list};
pub use view::Account;
pub(crate) use view::{millionths, spent};

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
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
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
    Ok(view::view(house, &new))
}

/// One account.
///
/// # Errors
/// There is none, or more than one of that name.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Account> {
    let account = find::account(&house.facts.directory(), &input.account)?;
    Ok(view::view(house, &account))
}

/// Changes an account.
///
/// # Errors
/// An account or plan that is not there, a value that can't be, nothing to change;
/// [`Error::Stale`]; the ledger's.
pub fn set(house: &House, by: &Actor, input: Set) -> Result<Account> {
    let id = find::account(&house.facts.directory(), &input.account)?.id;
    let seen = (Thing::Account(id), input.revision);
    house.edit(by, &input.why, seen, |directory| {
        let account = find::account(directory, &id.to_string())?;
        let changes = changes(house, &account, &input)?;
        if changes.is_empty() {
            let error = Error::invalid("account", "there is nothing to change");
            let hint = "say what to set: a plan, limits, a spend limit or a state";
            return Err(error.with_hint(hint));
        }
        Ok(changes)
    })?;
    let account = find::account(&house.facts.directory(), &id.to_string())?;
    Ok(view::view(house, &account))
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
