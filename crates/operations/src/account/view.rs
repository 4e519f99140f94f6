//! An account as it is shown: what is kept of it, what holds for it, and what it has used.

use ::ledger::facts::{Spent, Thing};
use record::{Account as Kept, AccountState, Budget, BudgetOwner, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::house::House;
use crate::shapes::{self, Spend};

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
    /// The same in percent of the limit, rounded down; `None` without a spend limit.
    pub spent_percent: Option<u64>,
    /// What is reserved of it beside.
    pub reserved_dollars: Option<String>,
    /// Keys that were not revoked.
    pub keys: usize,
    /// Grants that were not revoked.
    pub grants: usize,
    /// The ledger's entry that changed it last.
    pub revision: u64,
}

/// Made for what is shown alone: never for all that there is.
pub(super) fn view(house: &House, kept: &Kept) -> Account {
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
        spent_percent: limit.zip(spent).map(|(limit, spent)| {
            millionths(spent.gone.money.nanos(), limit.amount.nanos()) / 10_000
        }),
        reserved_dollars: spent.map(|spent| spent.reserved.money.to_string()),
        keys: directory
            .keys_of(kept.id)
            .filter(|key| key.revoked.is_none())
            .count(),
        grants: directory
            .grants_of(kept.id)
            .filter(|grant| grant.revoked.is_none())
            .count(),
        revision: directory.revision(&Thing::Account(kept.id)),
    }
}

/// How much of a bound is gone, in millionths; of none, nothing.
pub(crate) fn millionths(gone: u64, most: u64) -> u64 {
    let share = u128::from(gone) * 1_000_000 / u128::from(most.max(1));
    match most {
        0 => 0,
        _ => u64::try_from(share).unwrap_or(u64::MAX),
    }
}

pub(crate) fn spent(house: &House, owner: BudgetOwner, start_day: u32) -> Spent {
    house.facts.spent(&Budget { owner, start_day })
}
