//! A run that a server drives: it is asked to, and followed from here.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use distill::folder::Folder;
use distill::plan::{self, Next};
use distill::{Observer, State, runs};
use ledger::Reader;
use operations::distill::{Start, Started};
use record::id::kind;
use record::{Id, Stage};
use serde::Serialize;

use super::teller::Teller;
use super::{drive, show};
use crate::cli::call::read;
use crate::cli::{door, pretty, print};
use crate::failure::{Failure, Result};
use crate::settings::Settings;
use crate::wiring;

/// How often a run is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// So many looks in a row at a run that nobody drives, and it is not waited for any longer: a server
/// that was killed has time to start again.
const PATIENCE: u32 = 60;
/// The same where nothing but the student's files can be missing.
const FILES: u32 = 10;

/// What the server is asked: a run file is named from the root, for its working folder is another.
///
/// # Errors
/// There is no working folder.
pub(super) fn start(run: &str, back_to: Option<u64>, why: String) -> Result<Start> {
    let run = match Path::new(run).is_file() {
        true => door::absolute(Path::new(run))?.display().to_string(),
        false => run.to_owned(),
    };
    Ok(Start {
        run,
        back_to,
        why,
        plan_only: false,
    })
}

/// Has a server drive a run by one of its verbs, and follows it unless it is to be left alone; false
/// where no server runs on the data folder.
///
/// # Errors
/// The verb's; how the run ended, where it did not end held.
pub(super) fn by_server(
    settings: &Settings,
    json: bool,
    (verb, input): (&str, &impl Serialize),
    detach: bool,
) -> Result<bool> {
    let input = serde_json::to_value(input).unwrap_or_default();
    let behind = match door::reader(settings) {
        Ok(reader) => newest(&reader)?,
        // There is no ledger yet, and no server.
        Err(_) => return Ok(false),
    };
    let Some(said) = door::beside(settings, ("distill", verb), &input)? else {
        return Ok(false);
    };
    let said: Started = read(said)?;
    if detach {
        print(&match json {
            true => pretty(&said),
            false => show::started(said).to_string(),
        })?;
        return Ok(true);
    }
    let strange = |error: String| {
        Failure::system("reading the server's answer")(std::io::Error::other(error))
    };
    let run: Id<kind::Run> = said
        .run
        .parse()
        .map_err(|error| strange(format!("{error}")))?;
    let state = follow(settings, json, run, behind)?;
    drive::told(settings, json, run, &state)?;
    Ok(true)
}

/// The newest entry; 0 where there is none.
fn newest(reader: &Reader) -> Result<u64> {
    let entry = reader.read_back(u64::MAX).next().transpose();
    let entry = entry.map_err(operations::Error::from)?;
    Ok(entry.map_or(0, |entry| entry.header.seq))
}

/// Follows a run until it stands, and tells what happens beyond an entry.
fn follow(settings: &Settings, json: bool, run: Id<kind::Run>, behind: u64) -> Result<State> {
    let reader = door::reader(settings)?;
    let folder = Folder::new(&wiring::runs(settings), run);
    let mut teller = Teller::new(json);
    let mut state: Option<State> = None;
    let read = Cell::new(0);
    let mut quiet = 0;
    loop {
        let entries = reader.read(read.get() + 1..).inspect(|entry| {
            if let Ok(entry) = entry {
                read.set(entry.header.seq);
            }
        });
        let mut news = false;
        for told in runs::events(entries) {
            let told = told.map_err(operations::Error::from)?;
            if told.run != run {
                continue;
            }
            news = true;
            let now = runs::take(&mut state, &told.event).map_err(operations::Error::from)?;
            if told.seq > behind {
                teller.event(now, &told.event);
            }
        }
        let is_held = state
            .as_ref()
            .is_some_and(|state| state.stage == Stage::Held);
        let is_quiet = !news && !folder.is_driven() && (is_held || !reader.is_served());
        quiet = if is_quiet { quiet + 1 } else { 0 };
        if let Some(found) = state.take_if(|state| stands(state, quiet)) {
            teller.wipe();
            return Ok(found);
        }
        if quiet >= PATIENCE {
            teller.wipe();
            return Err(Failure::Run {
                stage: state
                    .map(|state| show::stage(state.stage))
                    .unwrap_or_default(),
                why: "the server that drove it has ended".into(),
                hint: Some(format!(
                    "the next one goes on with it; follow it by: stillhouse distill watch -f {run}"
                )),
                code: 1,
            });
        }
        std::thread::sleep(EVERY);
    }
}

/// Whether there is nothing more to come by itself.
fn stands(state: &State, quiet: u32) -> bool {
    match plan::next(state) {
        Next::Wait | Next::End => true,
        _ => state.stage == Stage::Held && quiet >= FILES,
    }
}
