//! The one list of verbs, by which the local socket and the command line know them: a noun, a
//! verb, and a function from JSON to JSON over the typed one.

use ::ledger::Reader;
use record::Actor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::house::House;
use crate::{account, grant, key, ledger, model, organization, plan, server};

/// For verbs that take nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    way: Way,
}

impl Verb {
    /// What it needs.
    pub fn way(&self) -> &Way {
        &self.way
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

/// Every verb, by noun.
pub static VERBS: std::sync::LazyLock<Vec<Verb>> = std::sync::LazyLock::new(|| {
    vec![
        on_house("account", "create", account::create),
        on_house("account", "list", account::list),
        on_house("account", "set", account::set),
        on_house("account", "show", account::show),
        on_house("grant", "issue", grant::issue),
        on_house("grant", "list", grant::list),
        on_house("grant", "narrow", grant::narrow),
        on_house("grant", "revoke", grant::revoke),
        on_house("grant", "show", grant::show),
        on_house("key", "create", key::create),
        on_house("key", "list", key::list),
        on_house("key", "revoke", key::revoke),
        on_house("ledger", "backup", ledger::backup),
        on_house("ledger", "cost", ledger::cost),
        on_house("ledger", "erase", ledger::erase),
        on_reader("ledger", "export", ledger::export),
        on_house("ledger", "prune", ledger::prune),
        on_reader("ledger", "tail", ledger::tail),
        on_reader("ledger", "verify", ledger::verify),
        on_house("model", "list", model::list),
        on_house("organization", "create", organization::create),
        on_house("organization", "list", organization::list),
        on_house("organization", "show", organization::show),
        on_house("plan", "list", plan::list),
        on_house("plan", "show", plan::show),
        on_house("server", "status", server::status),
    ]
});

/// The verb of this name.
pub fn verb(noun: &str, name: &str) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|verb| verb.noun == noun && verb.verb == name)
}

fn on_house<I, O>(
    noun: &'static str,
    verb: &'static str,
    call: fn(&House, &Actor, I) -> Result<O>,
) -> Verb
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
{
    let way =
        move |house: &House, by: &Actor, input: Value| written(&call(house, by, read(input)?)?);
    Verb {
        noun,
        verb,
        way: Way::House(Box::new(way)),
    }
}

fn on_reader<I, O>(
    noun: &'static str,
    verb: &'static str,
    call: fn(&Reader, &I) -> Result<O>,
) -> Verb
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
{
    let way = move |reader: &Reader, input: Value| written(&call(reader, &read(input)?)?);
    Verb {
        noun,
        verb,
        way: Way::Reader(Box::new(way)),
    }
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
