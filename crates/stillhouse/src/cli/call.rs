//! A verb of the list, called: its arguments become its input, its output text or JSON.

use clap::ArgMatches;
use operations::Verb;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments::Global;
use super::{distill, field, ledger, pages, pretty, print, settled, show, tree};
use crate::failure::Result;

/// Calls a verb with what was given, and prints what it gave.
///
/// # Errors
/// The verb's, or the way's.
pub(super) fn call(verb: &Verb, given: &ArgMatches, global: &Global) -> Result<()> {
    let input = field::input(verb, given)?;
    let settings = settled(global)?;
    let nowhere = || input.get("to").is_none() && input.get("traffic").is_none();
    match (verb.noun, verb.verb) {
        ("ledger", "verify") => return ledger::verify(&settings, global.json),
        ("ledger", "tail") if given.get_flag(tree::FOLLOW) => {
            return ledger::follow(&settings, input, global.json);
        }
        ("ledger", "export") if nowhere() => return ledger::stream(&settings, input),
        ("distill", "fork") => {
            let detach = given.get_flag(tree::DETACH);
            return distill::fork(&settings, read(input)?, global.json, detach);
        }
        ("distill", "export") => return distill::export(&settings, read(input)?, global.json),
        _ => {}
    }
    tell(verb, pages::whole(&settings, verb, input)?, global.json)
}

/// Prints what a verb gave.
///
/// # Errors
/// An output of another version, or standard output's.
pub(super) fn tell(verb: &Verb, output: Value, json: bool) -> Result<()> {
    print(&match json {
        true => pretty(&output),
        false => show::page(verb, output)?.to_string(),
    })
}

/// Reads what a server, perhaps of another version, gave.
pub(super) fn read<O: DeserializeOwned>(output: Value) -> Result<O> {
    let read = serde_json::from_value(output).map_err(|error| operations::Error::Internal {
        message: format!("the answer can't be read: {error}"),
        hint: Some("the server may be of another version; --json shows what it said".into()),
    });
    Ok(read?)
}
