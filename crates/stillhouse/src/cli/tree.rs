//! The tree of commands: the verbs of the house, made from their one list, beside the verbs of
//! the process, which are declared in `arguments`.

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};
use operations::{VERBS, Verb};

use super::arguments::Arguments;
use super::field;

/// Every verb of the process: those that are not the house's, and so on the command line alone.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the tests hold the tree against it")
)]
pub(super) const PROCESS: [&str; 18] = [
    "completions",
    "config check",
    "distill diff",
    "distill plan",
    "distill resume",
    "distill run",
    "distill watch",
    "doctor",
    "guard fit",
    "man",
    "model pull",
    "model pulled",
    "model rm",
    "replay",
    "restore",
    "serve",
    // Another name of `server status`.
    "status",
    "trainer",
];

/// What the nouns are.
const NOUNS: [(&str, &str); 16] = [
    ("account", "Accounts: what limits and budgets belong to"),
    ("distill", "Distillation runs"),
    (
        "exchange",
        "Requests and their answers, and what was refused",
    ),
    (
        "grant",
        "Leaves with an end and a budget, for distilling and for what a plan does not give",
    ),
    ("import", "What another gateway's settings become here"),
    ("key", "Credentials of accounts"),
    (
        "ledger",
        "The ledger: verify it, read it, sum it, keep it small",
    ),
    (
        "model",
        "Models that are served, and models for the server's own process",
    ),
    ("operator", "Those who run the house"),
    (
        "organization",
        "Customers and teams that accounts belong to",
    ),
    ("plan", "Plans, as the settings file has them"),
    ("server", "The server itself"),
    ("settings", "The settings, as a running server has them"),
    ("token", "Credentials of operators' programs"),
    ("upstream", "Who answers: upstreams and their servers"),
    ("usage", "What was used, over time"),
];

/// The id of the argument by which a tail goes on.
pub(super) const FOLLOW: &str = "follow";

/// The id of the argument by which a run that a server drives is left alone.
pub(super) const DETACH: &str = "detach";

/// The whole tree.
pub(super) fn command() -> Command {
    let mut command = Arguments::command();
    for (noun, about) in NOUNS {
        let mut verbs = VERBS
            .iter()
            .filter(|verb| verb.noun == noun)
            .map(subcommand)
            .peekable();
        if verbs.peek().is_none() {
            continue;
        }
        command = match command.find_subcommand(noun) {
            Some(_) => command.mut_subcommand(noun, |known| known.subcommands(verbs)),
            None => command.subcommand(
                Command::new(noun)
                    .about(about)
                    .subcommand_required(true)
                    .arg_required_else_help(true)
                    .subcommands(verbs),
            ),
        };
    }
    command
}

fn subcommand(verb: &Verb) -> Command {
    let command = Command::new(verb.verb)
        .about(verb.summary.trim_end_matches('.'))
        .args(field::arguments(verb));
    // What the command line has beside the fields.
    match (verb.noun, verb.verb) {
        ("ledger", "tail") => command
            .mut_arg("limit", |limit| limit.short('n'))
            .arg(flag(FOLLOW, "Goes on as entries come in").short('f')),
        ("ledger", "erase") => {
            command.arg(flag("yes", "Does it: an erasure can't be taken back").required(true))
        }
        ("distill", "fork") => {
            command.arg(flag(DETACH, "Does not follow a run that a server drives"))
        }
        _ => command,
    }
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}

/// The verb of the house that was named, and what was given to it.
pub(super) fn verb(matches: &ArgMatches) -> Option<(&'static Verb, &ArgMatches)> {
    let (noun, below) = matches.subcommand()?;
    let (name, given) = below.subcommand()?;
    Some((operations::verb(noun, name)?, given))
}

/// The deepest of all: what holds for every command has come down to there.
pub(super) fn deepest(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, below)) => deepest(below),
        None => matches,
    }
}

#[cfg(test)]
mod tests;
