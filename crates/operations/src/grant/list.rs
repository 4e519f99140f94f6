//! `grant list`: filtered and ordered over what is kept; only a page of it is made to be shown.

use std::sync::Arc;

use record::{Actor, BudgetOwner, Grant as Kept, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grant, used, view};
use crate::account::spent;
use crate::error::Result;
use crate::find::Owner;
use crate::house::House;
use crate::page::{Asked, Key, Search};
use crate::shapes::Life;

const SORTS: [&str; 8] = [
    "created",
    "purpose",
    "account",
    "tier",
    "state",
    "expires",
    "spent_dollars",
    "spent_percent",
];

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Text in the purpose or in the first letters of the token, or the whole id.
    pub search: Option<String>,
    /// Only those of this account: its id, or its name where that is unique.
    pub account: Option<String>,
    /// Only those of this organisation: its id, or its name where that is unique.
    pub organization: Option<String>,
    /// Only those in this state.
    pub state: Option<Life>,
    /// Only those that open as much.
    pub tier: Option<Tier>,
    /// Only those for this model.
    pub teacher: Option<String>,
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
    pub grants: Vec<Grant>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many there are that pass the filters.
    pub total: u64,
}

/// Grants, a page at a time.
///
/// # Errors
/// An account or organisation that is not there; an order, a cursor or a size that can't be.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let search = Search::new(&input.search);
    let now = house.now();
    let life = |grant: &Kept| Life::of(grant.revoked, Some(grant.terms.expires), now);
    let cut = {
        let directory = house.facts.directory();
        let owner = Owner::new(&directory, &input.account, &input.organization)?;
        let wanted = |grant: &&Arc<Kept>| {
            let terms = &grant.terms;
            let teaches = |wanted: &String| terms.teachers.contains(wanted);
            owner.is(grant.account)
                && input.state.is_none_or(|wanted| life(grant) == wanted)
                && input.tier.is_none_or(|wanted| terms.tier == wanted)
                && input.teacher.as_ref().is_none_or(teaches)
                && search.finds(grant.id, &[&terms.purpose, &grant.prefix])
        };
        let rows = directory.grants().filter(wanted);
        let cut = asked.cut(rows, |grant| {
            let key = match asked.sort {
                "purpose" => Key::name(&grant.terms.purpose),
                "account" => Key::name(directory.account(grant.account).map_or("", |of| &of.name)),
                "tier" => Key::Number(grant.terms.tier as u64),
                "state" => Key::Number(life(grant) as u64),
                "expires" => Key::Number(grant.terms.expires.micros()),
                "spent_dollars" => {
                    let spent = spent(house, BudgetOwner::Grant(grant.id), 0);
                    Key::Number(spent.gone.money.nanos())
                }
                "spent_percent" => {
                    let spent = spent(house, BudgetOwner::Grant(grant.id), 0);
                    Key::Number(used(&grant.terms.budget, &spent.gone))
                }
                _ => Key::Number(0),
            };
            (key, grant.id)
        });
        cut.map(Arc::clone)
    };
    let cut = cut.map(|grant| view(house, &grant));
    Ok(Listed {
        grants: cut.rows,
        next: cut.next,
        total: cut.total,
    })
}
