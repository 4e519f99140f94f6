//! Runs driven, paused, resumed and cancelled.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::distill::folder::{Ask, Folder};
use ::distill::runs::Runs;
use ::distill::{State, World, plan};
use ledger::facts::Facts;
use record::id::kind;
use record::{Actor, Id, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view;
use crate::error::{Error, Result};
use crate::house::House;

/// What `pause` and `cancel` take.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steer {
    /// The run's id, or its name where that is unique.
    pub run: String,
    /// Only if it is still at this revision; else it is changed as it is now. One that is driven
    /// moves on from entry to entry, and is not held to it.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `pause` and `cancel` give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// The run's id.
    pub run: String,
    /// Whether it is done; else who drives the run was asked to do it.
    pub done: bool,
    /// What was done or asked for, in words.
    pub said: String,
}

/// Moves are made one after the other, each from where the one before led.
static ORDER: Mutex<()> = Mutex::new(());

/// Held from the look at a run until what follows of it is written.
pub(super) fn in_order() -> MutexGuard<'static, ()> {
    ORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(house: &House, by: &Actor, input: &Steer, (ask, to): (Ask, Stage)) -> Result<Done> {
    let _order = in_order();
    let run = view::find(&house.folded, &input.run)?.id;
    let folder = Folder::new(&house.runs, run);
    folder.make()?;
    // Held until the move is written: who drives the run from then on begins where that led.
    let held = folder.try_lock()?;
    let found = house.folded.one(run)?;
    if held.is_some() && input.revision.is_some_and(|seen| seen != found.revision) {
        return Err(Error::stale(found.revision));
    }
    let (done, said) = match held {
        None => {
            folder.ask(ask, by, &input.why)?;
            let said = match ask {
                Ask::Pause => "the run pauses when its step is done",
                Ask::Cancel => "the run ends now",
            };
            (false, said)
        }
        Some(_held) => {
            let mut state = found.state.clone();
            if !plan::allowed(&state, to) {
                let (is, to) = (view::named(&state.stage), view::named(&to));
                return Err(Error::Conflict {
                    message: format!("the run is {is}: it can't be {to}"),
                    hint: None,
                });
            }
            ::distill::put(&house.facts, (run, &mut state), by, (to, &input.why))?;
            house.serving.run_moved(run);
            let said = match ask {
                Ask::Pause => "the run is paused",
                Ask::Cancel => "the run is cancelled",
            };
            (true, said)
        }
    };
    Ok(Done {
        run: run.to_string(),
        done,
        said: said.to_owned(),
    })
}

/// Pauses a run; one that is driven finishes its step first.
///
/// # Errors
/// There is none, it cannot be paused, or it is no longer as it was seen; the ledger's.
pub fn pause(house: &House, by: &Actor, input: Steer) -> Result<Done> {
    put(house, by, &input, (Ask::Pause, Stage::Paused))
}

/// Cancels a run for good.
///
/// # Errors
/// There is none, it has ended, or it is no longer as it was seen; the ledger's.
pub fn cancel(house: &House, by: &Actor, input: Steer) -> Result<Done> {
    put(house, by, &input, (Ask::Cancel, Stage::Cancelled))
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
    let _order = in_order();
    let found = view::find(&house.folded, run)?;
    let (id, mut state) = (found.id, found.state.clone());
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

/// Writes that a run goes on which the house itself left, paused or cut off. Whether it still is one:
/// somebody else may have moved it.
///
/// # Errors
/// There is no such run; the ledger's.
pub fn go_on(facts: &Facts, runs: &Runs, run: Id<kind::Run>, why: &str) -> Result<bool> {
    let _order = in_order();
    let found = runs.one(run)?;
    let is_left = found.is_left();
    if is_left && found.state.stage == Stage::Paused {
        let mut state = found.state.clone();
        ::distill::resume(facts, (run, &mut state), &Actor::House, why, None)?;
    }
    Ok(is_left)
}

/// Drives a run in the foreground until it ends or is paused.
///
/// # Errors
/// As [`distill::drive`](::distill::drive()).
pub fn drive(world: &mut World<'_>, run: Id<kind::Run>) -> Result<State> {
    Ok(::distill::drive(world, run)?)
}
