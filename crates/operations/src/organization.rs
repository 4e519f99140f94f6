//! Organisations: `create`, `list`, `show`.

use std::collections::HashMap;
use std::sync::Arc;

use record::id::kind;
use record::{Actor, Change, Id, Organization as Kept};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::house::House;
use crate::verbs::Nothing;
use crate::{find, shapes};

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

/// What `list` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Oldest first.
    pub organizations: Vec<Organization>,
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
    Ok(view(&new, &HashMap::new()))
}

/// Every organisation.
///
/// # Errors
/// None so far.
pub fn list(house: &House, _: &Actor, _: Nothing) -> Result<List> {
    let all: Vec<Arc<Kept>> = house.facts.directory().organizations().cloned().collect();
    let tally = tally(house);
    Ok(List {
        organizations: all.iter().map(|one| view(one, &tally)).collect(),
    })
}

/// One organisation.
///
/// # Errors
/// There is none, or more than one of that name.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Organization> {
    let found = find::organization(&house.facts.directory(), &input.organization)?;
    Ok(view(&found, &tally(house)))
}

/// How many accounts each organisation has: counted once for a whole list.
fn tally(house: &House) -> HashMap<Id<kind::Organization>, usize> {
    let mut tally = HashMap::new();
    for account in house.facts.directory().accounts() {
        *tally.entry(account.organization).or_default() += 1;
    }
    tally
}

fn view(kept: &Kept, accounts: &HashMap<Id<kind::Organization>, usize>) -> Organization {
    Organization {
        id: kept.id.to_string(),
        name: kept.name.clone(),
        created: shapes::made(kept.id).rfc3339(),
        accounts: accounts.get(&kept.id).copied().unwrap_or_default(),
    }
}
