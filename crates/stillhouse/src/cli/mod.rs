//! The command line: arguments in, one verb done, text or JSON out.
//!
//! A verb goes to the running server over the local socket; where none runs, it takes the
//! ledger's lease itself. Verbs that only read the ledger's files never need either.

mod account;
mod arguments;
mod call;
mod door;
mod grant;
mod key;
mod ledger;
mod limits;
mod models;
mod organization;
mod outside;
mod page;
mod pages;
mod plan;
mod status;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::failure::{Failure, Result};
use crate::settings::{Settings, settle};
use arguments::{Arguments, Command, ConfigVerb};
use page::Page;

pub(crate) use door::SOCKET;

/// Runs the command of the process's arguments.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.global.json;
    match arguments.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure, json);
            ExitCode::from(failure.exit_code())
        }
    }
}

impl Arguments {
    fn run(self) -> Result<()> {
        let Self { global, command } = self;
        let (call, settings) = match command {
            Command::Completions { shell } => return completions(shell),
            Command::Serve(serve) => {
                let outside = outside::outside(&global, Some(&serve))?;
                return crate::serve::serve(outside);
            }
            Command::Config {
                verb: ConfigVerb::Check(serve),
            } => {
                let settings = settle(&outside::outside(&global, Some(&serve))?)?;
                return check(&settings, global.json);
            }
            Command::Organization { verb } => (verb.call(), settled(&global)?),
            Command::Account { verb } => (verb.call(), settled(&global)?),
            Command::Key { verb } => (verb.call(), settled(&global)?),
            Command::Grant { verb } => (verb.call(), settled(&global)?),
            Command::Plan { verb } => (verb.call(), settled(&global)?),
            Command::Status => (status::call(), settled(&global)?),
            Command::Model { verb } => {
                let settings = settled(&global)?;
                match verb.run(&settings, global.json)? {
                    Some(call) => (call, settings),
                    None => return Ok(()),
                }
            }
            Command::Ledger { verb } => {
                let settings = settled(&global)?;
                match verb.run(&settings, global.json)? {
                    Some(call) => (call, settings),
                    None => return Ok(()),
                }
            }
        };
        let output = pages::whole(&settings, call.verb, call.input)?;
        print(&match global.json {
            true => pretty(&output),
            false => (call.show)(output)?.to_string(),
        })
    }
}

fn settled(global: &arguments::Global) -> Result<Settings> {
    Ok(settle(&outside::outside(global, None)?)?)
}

fn check(settings: &Settings, json: bool) -> Result<()> {
    let text = match json {
        true => pretty(&serde_json::json!({
            "file": settings.file,
            "settings": settings.report,
        })),
        false => {
            let lines = settings.report.lines.iter();
            let rows = lines
                .map(|line| vec![line.key.clone(), line.value.clone(), line.from.to_string()])
                .collect();
            Page::table(&["SETTING", "VALUE", "FROM"], rows).to_string()
        }
    };
    print(&text)
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "stillhouse", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// JSON for people's eyes and programs alike.
fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes to standard output; who stops reading is no failure.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::system("writing to standard output")(error))
        }
        _ => Ok(()),
    }
}

fn complain(failure: &Failure, json: bool) {
    let hint = failure.hint();
    let text = match json {
        true => pretty(&serde_json::json!({
            "error": { "message": failure.to_string(), "hint": hint },
        })),
        false => {
            let hint = hint
                .map(|hint| format!("hint: {hint}\n"))
                .unwrap_or_default();
            format!("error: {failure}\n{hint}")
        }
    };
    // There is nobody left to tell if this fails.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    /// Every verb of the house is on the command line under the same name, and the command line
    /// has none beside, but for those of the process.
    #[test]
    fn one_list_of_verbs_drives_both_faces() {
        let command = Arguments::command();
        for verb in operations::VERBS
            .iter()
            .filter(|verb| verb.noun != "server")
        {
            let noun = command.find_subcommand(verb.noun);
            let found = noun.and_then(|noun| noun.find_subcommand(verb.verb));
            assert!(
                found.is_some(),
                "`{} {}` is not on the command line",
                verb.noun,
                verb.verb
            );
        }
        for noun in command.get_subcommands() {
            for verb in noun.get_subcommands() {
                let (noun, verb) = (noun.get_name(), verb.get_name());
                let process = matches!(
                    (noun, verb),
                    ("config", "check") | ("model", "pull" | "rm" | "pulled")
                );
                let known = operations::verb(noun, verb).is_some();
                assert!(known || process, "`{noun} {verb}` is nowhere else");
            }
        }
    }
}
