//! What verbs give, as text for people: one function each.

mod account;
mod grant;
mod import;
mod key;
mod ledger;
mod model;
mod operator;
mod organization;
mod plan;
mod server;
mod traffic;
mod words;

use operations::Verb;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::read;
use super::distill::show as distill;
use super::page::Page;
use crate::failure::Result;

pub(super) use ledger::{entry_line, verdict};

/// The output of a verb as text.
///
/// # Errors
/// The output is of another version.
pub(super) fn page(verb: &Verb, output: Value) -> Result<Page> {
    match (verb.noun, verb.verb) {
        ("account", "list") => of(output, account::list),
        ("account", _) => of(output, account::one),
        ("key", "create") => of(output, key::created),
        ("key", "list") => of(output, key::list),
        ("key", _) => of(output, key::one),
        ("grant", "issue") => of(output, grant::issued),
        ("grant", "list") => of(output, grant::list),
        ("grant", _) => of(output, grant::one),
        ("organization", "list") => of(output, organization::list),
        ("organization", _) => of(output, organization::one),
        ("operator", "list") => of(output, operator::list),
        ("operator", "revoke") => of(output, operator::one),
        ("operator", _) => of(output, operator::invited),
        ("token", "create") => of(output, operator::token_created),
        ("token", "list") => of(output, operator::tokens),
        ("token", _) => of(output, operator::token),
        ("plan", "list") => of(output, plan::list),
        ("plan", _) => of(output, plan::one),
        ("model", "list") => of(output, model::list),
        ("model", _) => of(output, model::one),
        ("upstream", "list") => of(output, model::upstreams),
        ("upstream", _) => of(output, model::upstream),
        ("server", "status") => of(output, server::status),
        ("server", _) => of(output, server::reloaded),
        ("exchange", "list") => of(output, traffic::list),
        ("exchange", "text") => of(output, traffic::texts),
        ("exchange", _) => of(output, traffic::one),
        ("distill", "list") => of(output, distill::list),
        ("distill", "text") => of(output, distill::texts),
        ("distill", "pause" | "cancel") => of(output, distill::done),
        ("distill", "start" | "fork") => of(output, distill::started),
        ("distill", "clean") => of(output, distill::cleaned),
        ("distill", "export") => of(output, distill::exported),
        ("distill", _) => of(output, distill::one),
        ("usage", _) => of(output, traffic::used),
        ("import", _) => of(output, import::litellm),
        ("settings", _) => of(output, server::settings),
        ("ledger", verb) => of_ledger(verb, output),
        // A verb without a form of its own is shown as it is.
        _ => Ok(Page::default().line(super::pretty(&output).trim_end())),
    }
}

fn of_ledger(verb: &str, output: Value) -> Result<Page> {
    match verb {
        "backup" => of(output, ledger::backed_up),
        "cost" => of(output, ledger::costs),
        "erase" => of(output, ledger::erased),
        "export" => of(output, ledger::exported),
        "prune" => of(output, ledger::pruned),
        "tail" => of(output, ledger::tailed),
        _ => of(output, ledger::verdict),
    }
}

fn of<O: DeserializeOwned>(output: Value, show: fn(O) -> Page) -> Result<Page> {
    Ok(show(read(output)?))
}
