//! `operator list`.

use std::sync::Arc;

use record::{Actor, Operator as Known, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manage::{Operator, State, view};
use crate::error::Result;
use crate::house::House;
use crate::page::{Asked, Key, Search};

const SORTS: [&str; 4] = ["created", "name", "role", "state"];

/// What `list` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Text in the name, or the whole id.
    pub search: Option<String>,
    /// Only those with this role.
    pub role: Option<Role>,
    /// Only those in this state.
    pub state: Option<State>,
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
    pub operators: Vec<Operator>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
    /// How many there are that pass the filters.
    pub total: u64,
}

/// Operators, a page at a time.
///
/// # Errors
/// An order, a cursor or a size that can't be.
pub fn list(house: &House, _: &Actor, input: List) -> Result<Listed> {
    let asked = Asked::new(input.limit, &input.after, &input.sort, &SORTS)?;
    let search = Search::new(&input.search);
    let directory = house.facts.directory();
    let wanted = |one: &&Arc<Known>| {
        input.role.is_none_or(|wanted| one.role == wanted)
            && input.state.is_none_or(|wanted| State::of(one) == wanted)
            && search.finds(one.id, &[&one.name])
    };
    let rows = directory.operators().filter(wanted);
    let cut = asked.cut(rows, |one| {
        let key = match asked.sort {
            "name" => Key::name(&one.name),
            "role" => Key::Number(one.role as u64),
            "state" => Key::Number(State::of(one) as u64),
            _ => Key::Number(0),
        };
        (key, one.id)
    });
    let cut = cut.map(|one| view(&directory, one));
    Ok(Listed {
        operators: cut.rows,
        next: cut.next,
        total: cut.total,
    })
}
