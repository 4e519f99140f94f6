//! `account list`: filtered and ordered over what is kept; only a page of it is made to be shown.

use std::collections::HashMap;
use std::sync::Arc;

use record::{Account as Kept, AccountState, Actor, BudgetOwner, SpendLimit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{Account, millionths, spent, view};
use crate::error::Result;
use crate::find;
use crate::house::House;
use crate::page::{Asked, Key, Search};

const SORTS: [&str; 7] = [
    "created",
    "name",
    "organization",
    "plan",
    "state",
    "spent_dollars",
    "spent_percent",
];

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Text in the name, or the whole id.
    pub search: Option<String>,
    /// Only those of this organisation: its id, or its name where that is unique.
    pub organization: Option<String>,
    /// Only those on this plan.
    pub plan: Option<String>,
    /// Only those in this state.
    pub state: Option<AccountState>,
    /// The most rows on a page: 1 to 1000, 100 where nothing is said.
    pub limit: Option<u32>,
    /// Where to go on: the `next` of the page before, with the same order and filters.
    pub after: Option<String>,
    /// The field to order by, with `-` before it for the other way around.
    #[schemars(extend("x-sorts" = SORTS))]
    pub sort: Option<String>,
}

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// In the order asked for; oldest first where nothing is said.
    pub accounts: Vec<Account>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many there are that pass the filters.
    pub total: u64,
}

/// Accounts, a page at a time.
///
/// # Errors
/// An organisation that is not there; an order, a cursor or a size that can't be.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let search = Search::new(&input.search);
    let limits = SpendLimits::of(house);
    let cut = {
        let directory = house.facts.directory();
        let organization = match &input.organization {
            Some(text) => Some(find::organization(&directory, text)?.id),
            None => None,
        };
        let wanted = |account: &&Arc<Kept>| {
            organization.is_none_or(|wanted| account.organization == wanted)
                && input
                    .plan
                    .as_ref()
                    .is_none_or(|wanted| account.plan == *wanted)
                && input.state.is_none_or(|wanted| account.state == wanted)
                && search.finds(account.id, &[&account.name])
        };
        let rows = directory.accounts().filter(wanted);
        let cut = asked.cut(rows, |account| {
            let key = match asked.sort {
                "name" => Key::name(&account.name),
                "organization" => {
                    let known = directory.organization(account.organization);
                    Key::name(known.map_or("", |known| &known.name))
                }
                "plan" => Key::name(&account.plan),
                "state" => Key::Number(account.state as u64),
                "spent_dollars" => Key::Number(limits.gone(house, account).0),
                "spent_percent" => {
                    let (gone, most) = limits.gone(house, account);
                    Key::Number(millionths(gone, most))
                }
                _ => Key::Number(0),
            };
            (key, account.id)
        });
        cut.map(Arc::clone)
    };
    let cut = cut.map(|account| view(house, &account));
    Ok(Listed {
        accounts: cut.rows,
        next: cut.next,
        total: cut.total,
    })
}

/// The spend limit of each plan: looked up once for a whole list.
struct SpendLimits(HashMap<String, Option<SpendLimit>>);

impl SpendLimits {
    fn of(house: &House) -> Self {
        let plans = house.table.plans().into_iter();
        Self(plans.map(|plan| (plan.name, plan.spend)).collect())
    }

    /// Billionths of a dollar that are gone in this period, and the limit; 0 without one.
    fn gone(&self, house: &House, account: &Kept) -> (u64, u64) {
        let plans = || self.0.get(&account.plan).copied().flatten();
        account.spend.or_else(plans).map_or((0, 0), |limit| {
            let start_day = limit.period.start_day(house.now());
            let spent = spent(house, BudgetOwner::Account(account.id), start_day);
            (spent.gone.money.nanos(), limit.amount.nanos())
        })
    }
}
