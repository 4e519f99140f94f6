//! Runs as the ledger tells them: read from its entries, one or all.

use std::collections::BTreeMap;

use ledger::Entry;
use ledger::facts::{decode, kind as kinds};
use record::id::kind;
use record::{Actor, Cause, Fact, Id, RunEvent, Stage, Time};

use crate::error::{Error, Result};
use crate::plan::{self, Next};
use crate::state::State;

/// An event of a run, with when it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The entry.
    pub seq: u64,
    /// When.
    pub time: Time,
    /// Which run.
    pub run: Id<kind::Run>,
    /// What.
    pub event: RunEvent,
}

/// The runs' events among entries, in order.
pub fn events(
    entries: impl Iterator<Item = ledger::Result<Entry>>,
) -> impl Iterator<Item = Result<Told>> {
    entries.filter_map(|entry| match entry {
        Err(error) => Some(Err(error.into())),
        Ok(entry) => told(&entry).transpose(),
    })
}

fn told(entry: &Entry) -> Result<Option<Told>> {
    let header = &entry.header;
    let Some(payload) = entry.payload().filter(|_| header.kind == kinds::RUN) else {
        return Ok(None);
    };
    let fact = decode(header.kind, header.version, payload).map_err(|error| {
        Error::Ledger(ledger::Error::Damage {
            seq: header.seq,
            place: "payload".into(),
            what: error.to_string(),
        })
    })?;
    Ok(match fact {
        Some(Fact::Run { run, event }) => Some(Told {
            seq: header.seq,
            time: Time::from_micros(header.time_us),
            run,
            event: *event,
        }),
        _ => None,
    })
}

/// The state of one run.
///
/// # Errors
/// [`Error::NoRun`]; the ledger's; entries that do not fit together.
pub fn state(
    entries: impl Iterator<Item = ledger::Result<Entry>>,
    run: Id<kind::Run>,
) -> Result<State> {
    let mut state: Option<State> = None;
    for told in events(entries) {
        let told = told?;
        if told.run != run {
            continue;
        }
        match &mut state {
            None => state = Some(State::new(&told.event)?),
            Some(state) => state.apply(&told.event)?,
        }
    }
    state.ok_or_else(|| Error::NoRun(run.to_string()))
}

/// Takes the next event of a run into its state; the first makes it.
///
/// # Errors
/// It does not follow those before it.
pub fn take<'a>(state: &'a mut Option<State>, event: &RunEvent) -> Result<&'a State> {
    match state {
        None => Ok(state.insert(State::new(event)?)),
        Some(state) => {
            state.apply(event)?;
            Ok(state)
        }
    }
}

/// The states of all runs, oldest first.
///
/// # Errors
/// The ledger's; entries that do not fit together.
pub fn all(
    entries: impl Iterator<Item = ledger::Result<Entry>>,
) -> Result<BTreeMap<Id<kind::Run>, State>> {
    let mut runs: BTreeMap<Id<kind::Run>, State> = BTreeMap::new();
    for told in events(entries) {
        let told = told?;
        match runs.get_mut(&told.run) {
            Some(state) => state.apply(&told.event)?,
            None => {
                runs.insert(told.run, State::new(&told.event)?);
            }
        }
    }
    Ok(runs)
}

/// Runs that whoever drove them left before their end: cut off, or paused by the house itself
/// because it stopped. What a person or a measurement stopped is not among them.
///
/// # Errors
/// The ledger's; entries that do not fit together.
pub fn left(
    entries: impl Iterator<Item = ledger::Result<Entry>>,
) -> Result<Vec<(Id<kind::Run>, State)>> {
    let mut runs: BTreeMap<Id<kind::Run>, (State, bool)> = BTreeMap::new();
    for told in events(entries) {
        let told = told?;
        let by_house = matches!(
            &told.event,
            RunEvent::Moved {
                to: Stage::Paused,
                cause: Cause::Asked(_),
                actor: Actor::House,
                ..
            }
        );
        match runs.get_mut(&told.run) {
            Some((state, stopped)) => {
                state.apply(&told.event)?;
                *stopped = by_house || (*stopped && state.stage == Stage::Paused);
            }
            None => {
                runs.insert(told.run, (State::new(&told.event)?, false));
            }
        }
    }
    let goes_on = |state: &State, stopped| match plan::next(state) {
        Next::Wait => stopped && !state.came_so_far(),
        Next::End => false,
        _ => true,
    };
    Ok(runs
        .into_iter()
        .filter(|(_, (state, stopped))| goes_on(state, *stopped))
        .map(|(run, (state, _))| (run, state))
        .collect())
}
