//! Runs that this server drives, beside its traffic: so many at once, the others in the order in
//! which they were asked for. Each is driven on a thread of its own; its learning is a child
//! process. When the server stops, their steps are finished and written down; when it starts, it
//! goes on with those, and with what was cut off.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use distill::runs::Runs;
use distill::{Observer, State, World};
use ledger::facts::Facts;
use parking_lot::Mutex;
use record::id::kind;
use record::{Actor, Id, RunEvent};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::failure::Result;
use crate::settings::Settings;
use crate::teacher::Asked;
use crate::{wiring, world};

/// Why the house goes on with a run by itself.
const AGAIN: &str = "the server has started again";

/// Drives runs.
pub(super) struct Runner {
    facts: Facts,
    folded: Arc<Runs>,
    folder: PathBuf,
    trainer: Vec<OsString>,
    at_once: usize,
    /// For the calls of a teacher elsewhere.
    runtime: Handle,
    queue: Mutex<Queue>,
    /// How many are driven.
    driven: watch::Sender<usize>,
}

#[derive(Default)]
struct Queue {
    is_closed: bool,
    waiting: VecDeque<Id<kind::Run>>,
    driven: BTreeMap<Id<kind::Run>, Driven>,
}

/// A run that is driven.
#[derive(Default)]
struct Driven {
    /// What stops it.
    stop: Arc<AtomicBool>,
    /// It was asked for meanwhile: perhaps after it had read that it is paused.
    again: bool,
}

impl Queue {
    /// A run is asked for; whether its turn may have come.
    fn ask(&mut self, run: Id<kind::Run>) -> bool {
        if self.is_closed || self.waiting.contains(&run) {
            return false;
        }
        if let Some(driven) = self.driven.get_mut(&run) {
            driven.again = true;
            return false;
        }
        self.waiting.push_back(run);
        true
    }

    /// A run's turn ends. One that was asked for meanwhile waits for another, which ends at once
    /// where there is nothing to do.
    fn end(&mut self, run: Id<kind::Run>) {
        let ended = self.driven.remove(&run);
        if ended.is_some_and(|driven| driven.again) {
            self.ask(run);
        }
    }
}

impl Runner {
    /// Drives nothing yet.
    ///
    /// # Errors
    /// This program's file can't be found.
    pub(super) fn new(settings: &Settings, facts: Facts, folded: Arc<Runs>) -> Result<Self> {
        Ok(Self {
            facts,
            folded,
            folder: wiring::runs(settings),
            trainer: wiring::trainer(true)?,
            at_once: settings.runs.at_once,
            runtime: Handle::current(),
            queue: Mutex::default(),
            driven: watch::Sender::new(0),
        })
    }

    /// Whether it drives any.
    pub(super) fn drives(&self) -> bool {
        self.at_once > 0 && !self.queue.lock().is_closed
    }
}

/// What drives a run needs beside the runner: the settings of now, and who is told.
pub(super) trait Around: Send + Sync + 'static {
    /// The settings that are in force.
    fn settings(&self) -> Settings;
    /// A run has moved.
    fn moved(&self, run: Id<kind::Run>);
}

/// Drives a run now, or when its turn comes; one that is driven, once more after that.
pub(super) fn drive(runner: &Arc<Runner>, around: &Arc<dyn Around>, run: Id<kind::Run>) {
    let is_new = runner.queue.lock().ask(run);
    if is_new {
        next(runner, around);
    }
}

/// Begins with those whose turn it is.
fn next(runner: &Arc<Runner>, around: &Arc<dyn Around>) {
    let mut queue = runner.queue.lock();
    while queue.driven.len() < runner.at_once
        && let Some(run) = queue.waiting.pop_front()
    {
        let driven = Driven::default();
        let (again, around_it) = (Arc::clone(runner), Arc::clone(around));
        let stopped = Arc::clone(&driven.stop);
        let work = move || {
            let turn = Turn {
                runner: &again,
                run,
            };
            work(&again, &around_it, run, &stopped);
            around_it.moved(run);
            drop(turn);
            next(&again, &around_it);
        };
        let spawned = std::thread::Builder::new().name("run".into()).spawn(work);
        match spawned {
            Ok(_) => {
                queue.driven.insert(run, driven);
                runner.driven.send_modify(|driven| *driven += 1);
            }
            Err(error) => tracing::error!(%run, %error, "the run can't be driven"),
        }
    }
}

/// A run's turn, which ends also where its thread breaks off.
struct Turn<'a> {
    runner: &'a Runner,
    run: Id<kind::Run>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.runner.queue.lock().end(self.run);
        self.runner.driven.send_modify(|driven| *driven -= 1);
    }
}

/// Drives a run until it ends, is paused, or the server stops.
fn work(runner: &Runner, around: &Arc<dyn Around>, run: Id<kind::Run>, stop: &AtomicBool) {
    tracing::info!(%run, "the run is driven");
    match driven(runner, &around.settings(), run, stop) {
        Ok(state) => {
            let why = operations::distill::why(&state);
            tracing::info!(%run, stage = ?state.stage, why, "the run is driven no more");
        }
        // What was written stands: it can be driven again.
        Err(error) => tracing::error!(%run, %error, "the run broke off"),
    }
}

fn driven(
    runner: &Runner,
    settings: &Settings,
    run: Id<kind::Run>,
    stop: &AtomicBool,
) -> Result<State> {
    let found = runner.folded.one(run).map_err(operations::Error::from)?;
    let asked = Asked::all(settings, &found.state.spec, &runner.runtime)?;
    let random = world::random();
    let mut world = World {
        facts: &runner.facts,
        runs: &runner.folder,
        trainer: &runner.trainer,
        clock: &world::now,
        random: &|bytes| random(bytes),
        free: &world::free,
        teachers: Asked::named(&asked),
        stop,
        observer: &mut Log(run),
        by: Actor::House,
    };
    let driven = distill::drive(&mut world, run);
    driven.map_err(|error| operations::Error::from(error).into())
}

/// The moves of a run, in the server's log.
struct Log(Id<kind::Run>);

impl Observer for Log {
    fn event(&mut self, _: &State, event: &RunEvent) {
        if let RunEvent::Moved { from, to, .. } = event {
            tracing::info!(run = %self.0, ?from, ?to, "the run has moved");
        }
    }
}

/// Goes on with what an earlier server did not bring to its end: runs that it paused because it
/// stopped, and those that were cut off.
///
/// # Errors
/// The ledger's.
pub(super) fn again(runner: &Arc<Runner>, around: &Arc<dyn Around>) -> Result<()> {
    if !runner.drives() {
        return Ok(());
    }
    let all = runner.folded.all().map_err(operations::Error::from)?;
    for broken in &all.broken {
        tracing::error!(run = %broken.id, why = %broken.why, "the run's entries do not fit together");
    }
    for found in all.runs.iter().filter(|run| run.is_left()) {
        let run = found.id;
        if operations::distill::go_on(&runner.facts, &runner.folded, run, AGAIN)? {
            drive(runner, around, run);
        }
    }
    Ok(())
}

/// Has every run that is driven finish its step and pause, and waits for it. None begins any more.
pub(super) async fn stop(runner: &Runner) {
    {
        let mut queue = runner.queue.lock();
        queue.is_closed = true;
        queue.waiting.clear();
        for driven in queue.driven.values() {
            driven.stop.store(true, Ordering::Relaxed);
        }
    }
    // The sender is in `runner`: it ends with the number alone.
    let _ = runner
        .driven
        .subscribe()
        .wait_for(|driven| *driven == 0)
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_asked_for_while_its_turn_ends_has_another() {
        let run = Id::from_bytes([1; 16]);
        let mut queue = Queue::default();
        assert!(queue.ask(run) && !queue.ask(run));
        assert_eq!(queue.waiting.pop_front(), Some(run));
        queue.driven.insert(run, Driven::default());
        // It is paused by now, and resumed; its turn has not ended.
        assert!(!queue.ask(run) && queue.waiting.is_empty());
        queue.end(run);
        assert_eq!(queue.waiting.pop_front(), Some(run));
        queue.driven.insert(run, Driven::default());
        queue.end(run);
        assert!(queue.waiting.is_empty(), "once for each time");
        // When the server stops, nothing begins any more.
        queue.driven.insert(run, Driven::default());
        queue.ask(run);
        queue.is_closed = true;
        queue.end(run);
        assert!(queue.waiting.is_empty());
    }
}
