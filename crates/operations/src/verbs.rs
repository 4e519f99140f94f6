//! What a verb is: a noun and a verb, who may call it, where it is in the admin API, the schemas
//! of its input and output, and a function from JSON to JSON over the typed one.
//!
//! [`VERBS`] is the one list; command line, admin API and pages are made from it. Nothing here
//! asks who calls: the faces compare the caller's role with [`Verb::roles`].

mod fields;
mod table;
#[cfg(test)]
mod tests;

use ::ledger::Reader;
use record::{Actor, Role};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::house::House;

pub use table::VERBS;

/// For verbs that take nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nothing {}

type OnHouse = Box<dyn Fn(&House, &Actor, Value) -> Result<Value> + Send + Sync>;
type OnReader = Box<dyn Fn(&Reader, Value) -> Result<Value> + Send + Sync>;

/// What a verb needs.
pub enum Way {
    /// The house: a running server, or the ledger's lease.
    House(OnHouse),
    /// The ledger's files, to read, also beside a running server.
    Reader(OnReader),
}

/// A verb.
pub struct Verb {
    /// What it is about.
    pub noun: &'static str,
    /// What it does.
    pub verb: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Whether it changes what the ledger says or how the server behaves, or looks at text. Each
    /// such verb takes `why` and writes an entry that says who and why; a backup, an export and a
    /// check change nothing, and write none.
    pub changes: bool,
    /// Who may call it over the network; who holds the local socket may call all.
    pub roles: &'static [Role],
    /// The method of its route in the admin API.
    pub method: &'static str,
    /// Its route below `/api/v1`, with `{field}` for fields of the input that are in the path.
    /// The others are the query of a GET, and the JSON body of all else.
    pub path: &'static str,
    /// The schema of its input (JSON Schema 2020-12, without references).
    pub input: fn() -> Schema,
    /// The schema of its output, likewise.
    pub output: fn() -> Schema,
    /// The names of the input's fields, in the order in which they are asked for.
    pub fields: fn() -> &'static [&'static str],
    way: Way,
}

impl Verb {
    /// What it needs.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Whether somebody with this role may call it.
    pub fn is_for(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The fields of the input that are in the path.
    pub fn path_fields(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Does it in the house, for somebody.
    ///
    /// # Errors
    /// The verb's.
    pub fn call(&self, house: &House, by: &Actor, input: Value) -> Result<Value> {
        match &self.way {
            Way::House(call) => call(house, by, input),
            Way::Reader(call) => call(&house.facts.ledger().reader(), input),
        }
    }
}

/// The verb of this name.
pub fn verb(noun: &str, name: &str) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|verb| verb.noun == noun && verb.verb == name)
}

/// Who may call a verb, and whether it changes anything.
#[derive(Clone, Copy)]
struct Access {
    changes: bool,
    roles: &'static [Role],
}

/// Where a verb is in the admin API: method and path, parted by a space.
type Place = &'static str;

fn on_house<I, O>(
    name: &'static str,
    summary: &'static str,
    access: Access,
    place: Place,
    call: fn(&House, &Actor, I) -> Result<O>,
) -> Verb
where
    I: DeserializeOwned + JsonSchema + 'static,
    O: Serialize + JsonSchema + 'static,
{
    let way =
        move |house: &House, by: &Actor, input: Value| written(&call(house, by, read(input)?)?);
    new::<I, O>(name, summary, access, place, Way::House(Box::new(way)))
}

fn on_reader<I, O>(
    name: &'static str,
    summary: &'static str,
    access: Access,
    place: Place,
    call: fn(&Reader, &I) -> Result<O>,
) -> Verb
where
    I: DeserializeOwned + JsonSchema + 'static,
    O: Serialize + JsonSchema + 'static,
{
    let way = move |reader: &Reader, input: Value| written(&call(reader, &read(input)?)?);
    new::<I, O>(name, summary, access, place, Way::Reader(Box::new(way)))
}

fn new<I: DeserializeOwned + JsonSchema, O: JsonSchema>(
    name: &'static str,
    summary: &'static str,
    access: Access,
    place: Place,
    way: Way,
) -> Verb {
    let (noun, verb) = name.split_once(' ').unwrap_or((name, ""));
    let (method, path) = place.split_once(' ').unwrap_or((place, ""));
    Verb {
        noun,
        verb,
        summary,
        changes: access.changes,
        roles: access.roles,
        method,
        path,
        input: || generator(SchemaSettings::for_deserialize).into_root_schema_for::<I>(),
        output: || generator(SchemaSettings::for_serialize).into_root_schema_for::<O>(),
        fields: fields::of::<I>,
        way,
    }
}

/// No type of a verb holds itself, so that all may be written in place.
fn generator(side: fn(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    side(SchemaSettings::draft2020_12().with(inline)).into_generator()
}

fn read<I: DeserializeOwned>(input: Value) -> Result<I> {
    serde_json::from_value(input).map_err(|error| Error::invalid("input", error))
}

fn written(output: &impl Serialize) -> Result<Value> {
    serde_json::to_value(output).map_err(|error| Error::Internal {
        message: error.to_string(),
        hint: None,
    })
}
