//! Runs as the ledger tells them: read from its entries, one or all.

mod fold;

use ledger::Entry;
use ledger::facts::{Facts, decode, kind as kinds};
use record::id::kind;
use record::{Fact, Id, RunEvent, Time};

use crate::error::{Error, Result};
use crate::state::State;

pub use fold::{All, Broken, Run, Runs};

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

/// The state of one run in a ledger that this process holds.
///
/// # Errors
/// [`Error::NoRun`]; the ledger's; entries that do not fit together.
pub fn of(facts: &Facts, run: Id<kind::Run>) -> Result<State> {
    let run = Runs::held(facts.clone()).one(run)?;
    Ok(run.state.clone())
}
