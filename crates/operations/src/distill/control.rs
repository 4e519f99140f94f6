//! Runs driven, paused, resumed and cancelled.

use std::path::{Path, PathBuf};

use ::distill::folder::{Ask, Folder};
use ::distill::{State, World, runs as told};
use ::ledger::Reader;
use record::id::kind;
use record::{Actor, Id, Stage};

use super::view;
use crate::error::{Error, Result};
use crate::house::House;

/// How somebody outside moves a run.
pub enum Control<'a> {
    /// Nobody holds the ledger: an entry says so.
    House(&'a House),
    /// Somebody drives a run: its folder says so.
    Beside(&'a Reader),
}

impl Control<'_> {
    fn find(&self, text: &str) -> Result<Id<kind::Run>> {
        match self {
            Self::House(house) => view::find(&house.facts.ledger().reader(), text),
            Self::Beside(reader) => view::find(reader, text),
        }
    }

    fn put(&self, runs: &Path, text: &str, by: &Actor, asked: (Ask, Stage, &str)) -> Result<bool> {
        let (ask, to, why) = asked;
        let run = self.find(text)?;
        let folder = Folder::new(runs, run);
        if folder.is_driven() {
            folder.ask(ask, why)?;
            return Ok(false);
        }
        let Self::House(house) = self else {
            return Err(Error::Conflict {
                message: "nobody drives the run, and a server holds the ledger".into(),
                hint: Some("stop the server, then try again".into()),
            });
        };
        let mut state = told::state(house.facts.ledger().read(1..), run)?;
        ::distill::put(&house.facts, (run, &mut state), by, (to, why))?;
        Ok(true)
    }
}

/// Pauses a run. `false`: it is asked to, and pauses when its step is done.
///
/// # Errors
/// There is none, or it cannot be paused; the ledger's.
pub fn pause(
    control: &Control<'_>,
    runs: &Path,
    run: &str,
    (by, why): (&Actor, &str),
) -> Result<bool> {
    control.put(runs, run, by, (Ask::Pause, Stage::Paused, why))
}

/// Cancels a run for good. `false`: it is asked to, and ends at once.
///
/// # Errors
/// There is none, or it has ended; the ledger's.
pub fn cancel(
    control: &Control<'_>,
    runs: &Path,
    run: &str,
    (by, why): (&Actor, &str),
) -> Result<bool> {
    control.put(runs, run, by, (Ask::Cancel, Stage::Cancelled, why))
}

/// Writes that a paused run goes on, from an earlier checkpoint where one is named. One that is not
/// paused (it was killed) goes on without an entry.
///
/// # Errors
/// There is none, it has ended, or there is no such checkpoint; the ledger's.
pub fn resume(
    house: &House,
    run: &str,
    (by, why): (&Actor, &str),
    back_to: Option<u64>,
) -> Result<Id<kind::Run>> {
    let id = view::find(&house.facts.ledger().reader(), run)?;
    let mut state = told::state(house.facts.ledger().read(1..), id)?;
    if state.stage == Stage::Paused {
        ::distill::resume(&house.facts, (id, &mut state), by, why, back_to)?;
    } else if back_to.is_some() {
        return Err(Error::Conflict {
            message: "only a paused run goes back".into(),
            hint: Some(format!("pause it first: stillhouse distill pause {id}")),
        });
    }
    Ok(id)
}

/// Drives a run in the foreground until it ends or is paused.
///
/// # Errors
/// As [`distill::drive`](::distill::drive()).
pub fn drive(world: &mut World<'_>, run: Id<kind::Run>) -> Result<State> {
    Ok(::distill::drive(world, run)?)
}

/// Writes the files of a run's student at a checkpoint (the newest where none is named) into
/// `name` below its folder.
///
/// # Errors
/// There is no such run or checkpoint; the child's.
pub fn export(
    reader: &Reader,
    (runs, trainer): (&Path, &[std::ffi::OsString]),
    (run, step): (&str, Option<u64>),
    formats: &[::distill::drive::Format],
) -> Result<PathBuf> {
    let id = view::find(reader, run)?;
    let state = told::state(reader.read(1..), id)?;
    let place = match step {
        Some(step) => Some((state.learning(), step)),
        None => state.place(),
    };
    let place = place.filter(|place| state.checkpoints.contains_key(place));
    let place = place.ok_or_else(|| Error::missing("the run has no such checkpoint", None))?;
    let name = format!("student-{}", place.1);
    let made =
        ::distill::drive::materialise((runs, trainer), (id, &state), place, (&name, formats))?;
    Ok(made)
}
