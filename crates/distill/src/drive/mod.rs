//! The driver: does what the plan says, one thing after the other, and writes down what came of
//! it. It starts the child, watches grant, budget, disk and alarms while it works, and can be
//! killed at any point: what is in the ledger and the newest checkpoint are enough to go on.
//!
//! It alone writes a run's entries; it decides nothing that `plan` decides.

mod answers;
mod ask;
mod buy;
mod child;
mod grade;
mod learn;
mod measure;
mod money;
mod probe;
mod routed;
mod smoke;
mod student;
mod watch;
mod worst;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ledger::facts::Facts;
use record::id::kind;
use record::{Actor, Amount, Cause, Fact, Id, Paid, RunEvent, Stage, Time};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::plan::{self, Next};
use crate::state::State;
use crate::teacher::Teacher;
use crate::{grant, runs};

use child::{Child, Heard};
use money::Purse;

pub(crate) use ask::PART;
pub(crate) use measure::answers_file;
pub(crate) use smoke::SMOKE;
pub(crate) use student::checkpoint_of;
pub use student::materialise;
pub use trainer::protocol::Format;

/// How long it listens to the child before it looks around again.
const TICK: Duration = Duration::from_millis(50);

/// What the driver is handed.
pub struct World<'a> {
    /// The ledger.
    pub facts: &'a Facts,
    /// The folder of all runs.
    pub runs: &'a Path,
    /// The program that is the child, and its arguments.
    pub trainer: &'a [OsString],
    /// Now.
    pub clock: &'a dyn Fn() -> Time,
    /// Randomness, for ids.
    pub random: &'a dyn Fn(&mut [u8]),
    /// Bytes that are free where a path is; `None` where the system does not tell.
    pub free: &'a dyn Fn(&Path) -> Option<u64>,
    /// The teachers that are elsewhere, by name.
    pub teachers: BTreeMap<String, &'a dyn Teacher>,
    /// Set to pause the run: the step is finished and written down first.
    pub stop: &'a AtomicBool,
    /// Who is told.
    pub observer: &'a mut dyn Observer,
    /// Who drives.
    pub by: Actor,
}

/// Who is told what happens.
pub trait Observer {
    /// An event was written.
    fn event(&mut self, state: &State, event: &RunEvent);
    /// Work goes on: of what, how much of how many.
    fn working(&mut self, _: &State, _: &str, _: u64, _: u64) {}
    /// A child that learns has loaded its models, in so many seconds, and begins.
    fn loaded(&mut self, _: &State, _seconds: f64) {}
}

/// Nobody is told.
impl Observer for () {
    fn event(&mut self, _: &State, _: &RunEvent) {}
}

/// Why work is stopped.
#[derive(Debug, Clone)]
struct Stop {
    to: Stage,
    cause: Cause,
    /// For a roll-back.
    back_to: Option<u64>,
    /// Whether the step is finished first.
    gently: bool,
    /// Who asked for it, where it was not who drives.
    by: Option<Actor>,
}

impl Stop {
    fn pause(cause: Cause) -> Self {
        Self {
            to: Stage::Paused,
            cause,
            back_to: None,
            gently: false,
            by: None,
        }
    }

    fn failed(what: impl Into<String>) -> Self {
        Self::pause(Cause::Failed(what.into()))
    }
}

/// What became of work: its value, or why it was stopped.
type Worked<T> = std::result::Result<T, Stop>;

struct Driver<'a, 'w> {
    world: &'a mut World<'w>,
    run: Id<kind::Run>,
    state: State,
    folder: Folder,
    log: File,
    purse: Purse,
    /// What teachers elsewhere called their version first.
    versions: buy::Versions,
    looked: Time,
    /// What is expected of items, read where answers are graded.
    expected: Option<BTreeMap<String, String>>,
}

/// Drives a run until it ends or is paused.
///
/// # Errors
/// The run is not there or driven by somebody else; the ledger's and the disk's. What was written
/// stands, and the run can be driven again.
pub fn drive(world: &mut World<'_>, run: Id<kind::Run>) -> Result<State> {
    let folder = Folder::new(world.runs, run);
    folder.make()?;
    let log = folder.lock()?;
    // Only now: what was moved while nobody held the lock is in it.
    let state = runs::of(world.facts, run)?;
    let purse = Purse::new(state.created.grant);
    let mut driver = Driver {
        world,
        run,
        state,
        folder,
        log,
        purse,
        versions: buy::Versions::new(),
        looked: Time::from_micros(0),
        expected: None,
    };
    let driven = driver.drive();
    let closed = driver.purse.close(driver.world.facts);
    driven?;
    closed?;
    Ok(driver.state)
}

/// Resumes a paused run: writes that it goes on, from an earlier checkpoint where one is named.
///
/// # Errors
/// It is not paused, has no such checkpoint, or the ledger's.
pub fn resume(
    facts: &Facts,
    (run, state): (Id<kind::Run>, &mut State),
    by: &Actor,
    why: &str,
    back_to: Option<u64>,
) -> Result<()> {
    let Some(to) = state.paused_in.filter(|_| state.stage == Stage::Paused) else {
        return Err(Error::Refused(format!(
            "the run is not paused, but in {:?}",
            state.stage
        )));
    };
    let stage = state.learning();
    if back_to.is_some_and(|step| step > 0 && !state.checkpoints.contains_key(&(stage, step))) {
        return Err(Error::Refused(format!(
            "there is no checkpoint at that step of {stage:?}"
        )));
    }
    // What is gone back over is measured anew.
    let to = match back_to {
        Some(_) if to == Stage::Evaluate && stage == Stage::OnPolicy => Stage::Evaluate,
        _ => to,
    };
    let event = RunEvent::Moved {
        from: Stage::Paused,
        to,
        cause: Cause::Asked(why.to_owned()),
        actor: by.clone(),
        back_to,
    };
    write(facts, run, state, &event)
}

/// Moves a run that nobody drives, such as to cancel it. Whoever calls it holds its folder's lock,
/// and has read the state since.
///
/// # Errors
/// The move is not allowed; the ledger's.
pub fn put(
    facts: &Facts,
    (run, state): (Id<kind::Run>, &mut State),
    by: &Actor,
    (to, why): (Stage, &str),
) -> Result<()> {
    let event = RunEvent::Moved {
        from: state.stage,
        to,
        cause: Cause::Asked(why.to_owned()),
        actor: by.clone(),
        back_to: None,
    };
    write(facts, run, state, &event)
}

/// Writes an event, durably where it binds, after it was found to fit.
pub(crate) fn write(
    facts: &Facts,
    run: Id<kind::Run>,
    state: &mut State,
    event: &RunEvent,
) -> Result<()> {
    // An event that does not fit is not written; a state ahead of a ledger that failed is dropped
    // with the error.
    state.apply(event)?;
    let fact = Fact::Run {
        run,
        event: Box::new(event.clone()),
    };
    facts.bind(&fact)?.wait()?;
    Ok(())
}

impl Driver<'_, '_> {
    fn drive(&mut self) -> Result<()> {
        self.mend()?;
        loop {
            let next = plan::next(&self.state);
            if matches!(next, Next::Wait | Next::End) {
                return Ok(());
            }
            if let Some(stop) = self.look(true)? {
                self.stop(stop)?;
                continue;
            }
            let worked = match next {
                Next::Move { to, cause } => {
                    self.go(to, cause, None)?;
                    Ok(())
                }
                Next::Approve => self.approve()?,
                Next::Probe => self.probe()?,
                Next::Smoke => self.smoke()?,
                Next::Collect => self.collect()?,
                Next::Curate => self.curate()?,
                Next::Learn {
                    stage,
                    from,
                    begin,
                    until,
                } => self.learn(stage, from, begin, until)?,
                Next::Evaluate { who, place } => self.evaluate(&who, place)?,
                Next::Export => self.export()?,
                Next::Wait | Next::End => return Ok(()),
            };
            if let Err(stop) = worked {
                self.stop(stop)?;
            }
        }
    }

    /// What was under way at a foreign teacher when the run was stopped is paid, and lost.
    fn mend(&mut self) -> Result<()> {
        for (call, spent, slice) in self.state.adrift() {
            self.record(&RunEvent::Lost {
                call,
                slice,
                spent,
                why: "the run was stopped before its answer was written down".into(),
            })?;
        }
        Ok(())
    }

    fn approve(&mut self) -> Result<Worked<()>> {
        let (id, now) = (self.state.created.grant, (self.world.clock)());
        let (grant, revision) = {
            let directory = self.world.facts.directory();
            let thing = ledger::facts::Thing::Grant(id);
            (directory.grant(id).cloned(), directory.revision(&thing))
        };
        let Some(found) = grant else {
            return Ok(Err(Stop::pause(Cause::Grant("there is none".into()))));
        };
        if let Err(why) = grant::covers(&found, &self.state.spec, now) {
            return Ok(Err(Stop::pause(Cause::Grant(why))));
        }
        match grant::licences(&self.state.spec) {
            Err(why) => Ok(Err(Stop::pause(Cause::Grant(why)))),
            Ok(licence) => {
                self.record(&RunEvent::Approved {
                    grant_revision: revision,
                    licence,
                })?;
                Ok(Ok(()))
            }
        }
    }

    fn stop(&mut self, stop: Stop) -> Result<()> {
        if !plan::allowed(&self.state, stop.to) {
            // A held run stays held: its files can be made another time.
            let (at, cause) = (self.state.stage, stop.cause);
            return Err(Error::Refused(format!("the run stays {at:?}: {cause:?}")));
        }
        let actor = match (stop.by, &stop.cause) {
            (Some(by), _) => by,
            (None, Cause::Asked(_)) => self.world.by.clone(),
            (None, _) => Actor::House,
        };
        self.moved(stop.to, stop.cause, actor, stop.back_to)
    }

    /// Goes on, or back, by itself.
    fn go(&mut self, to: Stage, cause: Cause, back_to: Option<u64>) -> Result<()> {
        self.moved(to, cause, Actor::House, back_to)
    }

    fn moved(&mut self, to: Stage, cause: Cause, actor: Actor, back_to: Option<u64>) -> Result<()> {
        let from = self.state.stage;
        self.record(&RunEvent::Moved {
            from,
            to,
            cause,
            actor,
            back_to,
        })
    }

    fn record(&mut self, event: &RunEvent) -> Result<()> {
        write(self.world.facts, self.run, &mut self.state, event)?;
        self.world.observer.event(&self.state, event);
        Ok(())
    }

    /// A new id.
    fn id<K>(&self) -> Id<K> {
        let mut random = [0; 10];
        (self.world.random)(&mut random);
        Id::new((self.world.clock)(), random)
    }

    /// Reserves what something costs at most.
    fn draw(&mut self, worst: Amount) -> Result<Worked<Id<kind::Slice>>> {
        let id = self.id();
        let limits = (
            self.state.created.budget,
            self.state.created.budget.minus(self.state.spent),
        );
        let drawn = self
            .purse
            .draw(self.world.facts, worst, limits, move || id)?;
        Ok(drawn.map_err(|money::Short| Stop::pause(Cause::Budget)))
    }

    /// Pays for work on this machine out of what was reserved. What it took beyond that is the
    /// house's own.
    fn paid(&mut self, seconds: f64, tokens: u64) -> Option<Paid> {
        let slice = self.purse.slice()?;
        let amount = Amount {
            money: self.state.spec.budget.machine(seconds),
            tokens,
        };
        let amount = amount.min(self.purse.room()).min(self.state.left());
        self.purse.spend(amount);
        Some(Paid { slice, amount })
    }

    /// Seconds since a time.
    fn since(&self, began: Time) -> f64 {
        let now = (self.world.clock)().micros();
        now.saturating_sub(began.micros()) as f64 / 1e6
    }
}
