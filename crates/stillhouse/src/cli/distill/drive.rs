//! A run driven in the foreground: the ledger is taken, the local socket answered, the child
//! started, and all of it given back in the end.

use std::path::Path;
use std::sync::Arc;

use console::Socket;
use distill::runs::Runs;
use distill::{State, World};
use ledger::facts::Facts;
use operations::distill::{self as verbs, Fork, How, Made, Place};
use record::id::kind;
use record::{Cause, Id, Stage};
use tokio::sync::watch;

use super::show;
use super::teller::Teller;
use crate::cli::door;
use crate::cli::replay::interrupts;
use crate::cli::{SOCKET, pretty, print};
use crate::failure::{Failure, Result};
use crate::settings::Settings;
use crate::teacher::Asked;
use crate::{wiring, world};

/// The house over a ledger that this process holds.
pub(super) fn house(settings: &Settings, facts: &Facts) -> Result<operations::House> {
    let table = wiring::open_table(settings, facts);
    wiring::follow(facts, &table, |_| {});
    let serving = Arc::new(wiring::Written::of(settings));
    let folded = Arc::new(Runs::held(facts.clone()));
    wiring::house(settings, (facts.clone(), folded), table, serving, None)
}

/// What a run is chosen or made with.
pub(super) struct House<'a> {
    settings: &'a Settings,
    house: &'a operations::House,
}

impl House<'_> {
    /// Makes a run of a file.
    pub(super) fn make(&self, file: &Path, plan_only: bool) -> Result<Id<kind::Run>> {
        let by = world::operator();
        let how = How {
            by: &by,
            why: "",
            plan_only,
        };
        self.placed(|place| verbs::make(self.house, place, file, how))
    }

    /// Makes a run where a file of this name is there, or else finds the run.
    pub(super) fn make_or_find(&self, run: &str) -> Result<Id<kind::Run>> {
        match Path::new(run).is_file() {
            true => self.make(Path::new(run), false),
            false => self.resume(run, "", None),
        }
    }

    /// Goes on with a run.
    pub(super) fn resume(
        &self,
        run: &str,
        why: &str,
        back_to: Option<u64>,
    ) -> Result<Id<kind::Run>> {
        let by = world::operator();
        Ok(verbs::resume(self.house, run, (&by, why), back_to)?)
    }

    /// Makes a run of another one's checkpoint.
    pub(super) fn fork(&self, fork: &Fork) -> Result<Id<kind::Run>> {
        let (by, from) = (world::operator(), (fork.run.as_str(), fork.at));
        let how = How {
            by: &by,
            why: &fork.why,
            plan_only: false,
        };
        self.placed(|place| verbs::fork(self.house, place, from, fork.file.as_deref(), how))
    }

    fn placed(
        &self,
        make: impl FnOnce(&Place<'_>) -> operations::Result<Made>,
    ) -> Result<Id<kind::Run>> {
        let made = make(&Place {
            runs: &self.house.runs,
            source: &|name| wiring::source(self.settings, name),
        });
        Ok(made?.id)
    }
}

/// Chooses a run and drives it.
///
/// # Errors
/// A server runs on this data folder; the verb's; how the run ended, where it did not end well.
pub(super) fn with(
    settings: &Settings,
    json: bool,
    choose: impl FnOnce(&House<'_>) -> Result<Id<kind::Run>>,
) -> Result<()> {
    let facts = wiring::open_ledger(settings)?;
    let driven = driven(settings, json, &facts, choose);
    let closed = facts.close();
    let (run, state) = driven?;
    closed?;
    told(settings, json, run, &state)
}

/// Prints what came of a run, and ends as it did.
///
/// # Errors
/// The ledger's; how the run ended, where it did not end well.
pub(super) fn told(
    settings: &Settings,
    json: bool,
    run: Id<kind::Run>,
    state: &State,
) -> Result<()> {
    let told = verbs::shown(&door::runs(settings)?, &run.to_string())?;
    print(&match json {
        true => pretty(&told),
        false => show::page(&told).to_string(),
    })?;
    ended(run, state)
}

fn driven(
    settings: &Settings,
    json: bool,
    facts: &Facts,
    choose: impl FnOnce(&House<'_>) -> Result<Id<kind::Run>>,
) -> Result<(Id<kind::Run>, State)> {
    let house = Arc::new(house(settings, facts)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::system("starting a runtime"))?;
    let stop = interrupts("pausing: the step is finished and written down first")?;
    let socket = runtime.block_on(Socket::bind(&settings.data_dir.join(SOCKET)))?;
    let (ends, ended) = watch::channel(false);
    let answering = runtime.spawn(socket.serve(Arc::clone(&house), ended));
    let chosen = choose(&House {
        settings,
        house: &house,
    });
    let driven = chosen.and_then(|run| {
        let found = house.folded.one(run).map_err(operations::Error::from)?;
        let asked = Asked::all(settings, &found.state.spec, runtime.handle())?;
        let mut teller = Teller::new(json);
        let random = world::random();
        let mut world = World {
            facts,
            runs: &house.runs,
            trainer: &house.trainer,
            clock: &world::now,
            random: &|bytes| random(bytes),
            free: &world::free,
            teachers: Asked::named(&asked),
            stop: &stop,
            observer: &mut teller,
            by: world::operator(),
        };
        let state = verbs::drive(&mut world, run);
        teller.wipe();
        Ok((run, state?))
    });
    // Who waits for an answer of the socket gets it.
    let _ = ends.send(true);
    let _ = runtime.block_on(answering);
    driven
}

/// How the process ends: 0 where the run is held or only planned, else by why it stands.
fn ended(run: Id<kind::Run>, state: &State) -> Result<()> {
    let planned = state.stage == Stage::Paused && state.came_so_far();
    if matches!(state.stage, Stage::Held | Stage::Released) || planned {
        return Ok(());
    }
    let code = match (&state.stage, &state.cause) {
        (Stage::Rejected, _) => 4,
        (_, Some(Cause::Budget)) => 5,
        (_, Some(Cause::Grant(_))) => 6,
        (_, Some(Cause::Failed(_))) => 1,
        (_, Some(Cause::Asked(_))) => 130,
        _ => 3,
    };
    let why = show::why(state);
    let hint = match state.stage {
        Stage::Paused => Some(format!("go on with: stillhouse distill resume {run}")),
        _ => None,
    };
    Err(Failure::Run {
        stage: show::stage(state.stage),
        why,
        hint,
        code,
    })
}
