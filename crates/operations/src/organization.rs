//! Organisations: `create`, `list`, `show`.

use std::sync::Arc;

use ::ledger::facts::{Directory, Thing};
use record::{Actor, Change, Organization as Kept};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::house::House;
use crate::page::{Asked, Key, Search};
use crate::{find, shapes};

const SORTS: [&str; 3] = ["created", "name", "accounts"];

/// An organisation as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: String,
    /// How many accounts it has.
    pub accounts: usize,
    /// The ledger's entry that changed it last.
    pub revision: u64,
}

/// What `create` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `show` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Its id, or its name where that is unique.
    pub organization: String,
}

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Text in the name, or the whole id.
    pub search: Option<String>,
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
    pub organizations: Vec<Organization>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many there are that pass the filters.
    pub total: u64,
}

/// Makes an organisation.
///
/// # Errors
/// A name that can't be; the ledger's.
pub fn create(house: &House, by: &Actor, input: Create) -> Result<Organization> {
    let new = Kept {
        id: house.id(),
        name: shapes::name("name", &input.name)?,
    };
    house.change(by, &input.why, Change::OrganizationCreated(new.clone()))?;
    Ok(view(&house.facts.directory(), &new))
}

/// Organisations, a page at a time.
///
/// # Errors
/// An order, a cursor or a size that can't be.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let search = Search::new(&input.search);
    let directory = house.facts.directory();
    let found = |one: &&Arc<Kept>| search.finds(one.id, &[&one.name]);
    let rows = directory.organizations().filter(found);
    let cut = asked.cut(rows, |one| {
        let key = match asked.sort {
            "name" => Key::name(&one.name),
            "accounts" => Key::Number(directory.accounts_of(one.id).count() as u64),
            _ => Key::Number(0),
        };
        (key, one.id)
    });
    let cut = cut.map(|one| view(&directory, one));
    Ok(Listed {
        organizations: cut.rows,
        next: cut.next,
        total: cut.total,
    })
}

/// One organisation.
///
/// # Errors
/// There is none, or more than one of that name.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Organization> {
    let directory = house.facts.directory();
    let found = find::organization(&directory, &input.organization)?;
    Ok(view(&directory, &found))
}

fn view(directory: &Directory, kept: &Kept) -> Organization {
    Organization {
        id: kept.id.to_string(),
        name: kept.name.clone(),
        created: shapes::made(kept.id).rfc3339(),
        accounts: directory.accounts_of(kept.id).count(),
        revision: directory.revision(&Thing::Organization(kept.id)),
    }
}
