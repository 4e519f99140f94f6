//! The rooms: which path shows what. Every page is a function from a visit to an answer.

mod accounts;
mod cost;
mod directory;
pub(crate) mod doors;
mod exchanges;
mod grants;
mod house;
mod keys;
mod ledger;
mod overview;
mod people;
mod runs;
mod serving;
mod upkeep;
mod upstreams;
mod usage;
mod verify;

use serde_json::Value;

use super::fault;
use super::form::Form;
use super::query::segments;
use super::visit::{Answer, Visit};

/// Answers a visit.
pub(crate) fn respond(visit: &Visit<'_>) -> Answer {
    let path = segments(visit.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (room, rest) = path.split_first().unwrap_or((&"", &[]));
    let answer = match (*room, rest) {
        ("", _) => Some(overview::show(visit)),
        ("live", []) => Some(exchanges::live(visit)),
        ("exchanges", rest) => exchanges::respond(visit, rest),
        ("organizations", rest) => directory::organizations(visit, rest),
        ("plans", rest) => directory::plans(visit, rest),
        ("accounts", rest) => accounts::respond(visit, rest),
        ("keys", rest) => keys::respond(visit, rest),
        ("grants", rest) => grants::respond(visit, rest),
        ("runs", rest) => runs::respond(visit, rest),
        ("models", rest) => serving::models(visit, rest),
        ("upstreams", rest) => upstreams::respond(visit, rest),
        ("ledger", rest) => ledger::respond(visit, rest),
        ("cost", []) => Some(cost::show(visit)),
        ("usage", []) => Some(usage::show(visit)),
        ("upkeep", rest) => upkeep::respond(visit, rest),
        ("operators", rest) => people::operators(visit, rest),
        ("tokens", rest) => people::tokens(visit, rest),
        ("settings", rest) => house::settings(visit, rest),
        ("import", []) => Some(house::import(visit)),
        _ => None,
    };
    answer.unwrap_or_else(|| fault::missing(visit))
}

/// A form with the revision that was seen, where the verb takes one: who changed the thing in the
/// meantime is not written over.
fn revised(form: Form, said: &Value) -> Form {
    match said.get("revision").and_then(Value::as_u64) {
        Some(revision) if form.has("revision") => form.seen("revision", revision),
        _ => form,
    }
}
