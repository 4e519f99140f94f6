//! The command line: arguments in, one verb done, text or JSON out.
//!
//! A verb goes to the running server over the local socket; where none runs, it takes the
//! ledger's lease itself. Verbs that only read the ledger's files never need either.

mod arguments;
mod call;
mod distill;
mod doctor;
mod door;
mod field;
mod fit;
mod ledger;
mod man;
mod models;
mod outside;
mod page;
mod pages;
mod replay;
mod restore;
mod show;
mod tree;

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgMatches, FromArgMatches};

use crate::failure::{Failure, Result};
use crate::settings::{Settings, settle};
use arguments::{Arguments, Command, ConfigVerb, Global, GuardVerb};
use page::Page;

pub(crate) use door::SOCKET;

/// Runs the command of the process's arguments.
pub(crate) fn run() -> ExitCode {
    let matches = tree::command().get_matches();
    let json = tree::deepest(&matches).get_flag("json");
    match dispatch(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure, json);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A verb of the house, or else one of the process.
fn dispatch(matches: &ArgMatches) -> Result<()> {
    if let Some((verb, given)) = tree::verb(matches) {
        let global = Global::from_arg_matches(given).unwrap_or_else(|error| error.exit());
        return call::call(verb, given, &global);
    }
    let arguments = Arguments::from_arg_matches(matches);
    arguments.unwrap_or_else(|error| error.exit()).run()
}

impl Arguments {
    fn run(self) -> Result<()> {
        let Self { global, command } = self;
        match command {
            Command::Completions { shell } => completions(shell),
            Command::Man { folder } => man::write(&folder),
            Command::Serve(serve) => crate::serve::serve(outside::outside(&global, Some(&serve))?),
            Command::Config {
                verb: ConfigVerb::Check(serve),
            } => {
                let settings = settle(&outside::outside(&global, Some(&serve))?)?;
                check(&settings, global.json)
            }
            Command::Doctor => doctor::run(&outside::outside(&global, None)?, global.json),
            Command::Restore { backup, to, keys } => {
                restore::run(&backup, &to, keys.as_deref(), global.json)
            }
            Command::Replay(replay) => replay::run(&replay, global.json),
            Command::Trainer { background } => {
                if background {
                    crate::world::wait_behind_others();
                }
                trainer();
                Ok(())
            }
            Command::Distill { verb } => verb.run(&settled(&global)?, global.json),
            Command::Guard {
                verb: GuardVerb::Fit(fit),
            } => fit::run(&fit, global.json),
            Command::Status => {
                let verb = operations::verb("server", "status").expect("a test names it");
                let status = door::call(&settled(&global)?, verb, serde_json::json!({}))?;
                call::tell(verb, status, global.json)
            }
            Command::Model { verb } => verb.run(&settled(&global)?, global.json),
        }
    }
}

/// The child's life. What went wrong is its last report; it ends at once with its parent.
fn trainer() {
    let world = trainer::World {
        clock: &crate::world::monotonic,
    };
    let input = std::io::BufReader::new(std::io::stdin());
    let orphaned = || std::process::exit(3);
    if !trainer::serve(input, std::io::stdout(), world, orphaned) {
        std::process::exit(1);
    }
}

fn settled(global: &Global) -> Result<Settings> {
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
    clap_complete::generate(shell, &mut tree::command(), "stillhouse", &mut text);
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
