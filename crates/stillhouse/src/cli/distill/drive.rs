//! A run driven in the foreground: the ledger is taken, the local socket answered, the child
//! started, and all of it given back in the end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use console::Socket;
use distill::drive::Format;
use distill::teacher::Teacher;
use distill::{State, World};
use ledger::facts::Facts;
use operations::distill::{self as verbs, Place};
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
pub(super) fn house(settings: &Settings, facts: &Facts) -> operations::House {
    let table = wiring::open_table(settings, facts);
    wiring::follow(facts, &table, |_| {});
    let serving = Arc::new(wiring::Written::of(settings));
    wiring::house(settings, facts.clone(), table, serving, None)
}

/// What a run is chosen or made with.
pub(super) struct House<'a> {
    settings: &'a Settings,
    house: &'a operations::House,
    runs: PathBuf,
    trainer: Vec<OsString>,
}

impl House<'_> {
    /// What is exported on demand.
    pub(super) const FORMATS: [Format; 3] = [Format::Safetensors, Format::GgufF16, Format::GgufQ8];

    /// Makes a run of a file.
    pub(super) fn make(&self, file: &Path) -> Result<Id<kind::Run>> {
        self.placed(|place| Ok(verbs::make(self.house, place, file)?.id))
    }

    /// Makes a run where a file of this name is there, or else finds the run.
    pub(super) fn make_or_find(&self, run: &str) -> Result<Id<kind::Run>> {
        match Path::new(run).is_file() {
            true => self.make(Path::new(run)),
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
    pub(super) fn fork(
        &self,
        run: &str,
        at: Option<u64>,
        file: Option<&Path>,
    ) -> Result<Id<kind::Run>> {
        let student = |id: Id<kind::Run>, state: &State, place: (Stage, u64)| {
            let name = format!("fork-{}", place.1);
            let made = distill::drive::materialise(
                (&self.runs, &self.trainer),
                (id, state),
                place,
                (&name, &[Format::Safetensors]),
            );
            Ok(made?.join("safetensors"))
        };
        self.placed(|place| Ok(verbs::fork(self.house, place, (run, at), file, &student)?.id))
    }

    fn placed<T>(&self, make: impl FnOnce(&Place<'_>) -> Result<T>) -> Result<T> {
        make(&Place {
            runs: &self.runs,
            source: &|name| wiring::source(self.settings, name),
        })
    }
}

/// Chooses a run and drives it.
///
/// # Errors
/// A server runs on this data folder; the verb's; how the run ended, where it did not end well.
pub(super) fn with(
    settings: &Settings,
    json: bool,
    stop_after: Option<Stage>,
    choose: impl FnOnce(&House<'_>) -> Result<Id<kind::Run>>,
) -> Result<()> {
    let facts = wiring::open_ledger(settings)?;
    let driven = driven(settings, json, (&facts, stop_after), choose);
    let closed = facts.close();
    let (run, state) = driven?;
    closed?;
    let told = verbs::shown(&door::reader(settings)?, &run.to_string())?;
    print(&match json {
        true => pretty(&told),
        false => show::page(&told).to_string(),
    })?;
    ended(run, &state, stop_after)
}

fn driven(
    settings: &Settings,
    json: bool,
    (facts, stop_after): (&Facts, Option<Stage>),
    choose: impl FnOnce(&House<'_>) -> Result<Id<kind::Run>>,
) -> Result<(Id<kind::Run>, State)> {
    let house = Arc::new(house(settings, facts));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::system("starting a runtime"))?;
    let stop = interrupts("pausing: the step is finished and written down first")?;
    let socket = runtime.block_on(Socket::bind(&settings.data_dir.join(SOCKET)))?;
    let (ends, ended) = watch::channel(false);
    let answering = runtime.spawn(socket.serve(Arc::clone(&house), ended));
    let (runs, trainer) = (wiring::runs(settings), wiring::trainer()?);
    let chosen = choose(&House {
        settings,
        house: &house,
        runs: runs.clone(),
        trainer: trainer.clone(),
    });
    let driven = chosen.and_then(|run| {
        let state = distill::runs::state(facts.ledger().read(1..), run);
        let state = state.map_err(operations::Error::from)?;
        let served = state.spec.teacher.served.as_ref();
        let teacher = served
            .map(|served| Asked::new(settings, served, runtime.handle().clone()))
            .transpose()?;
        let mut teller = Teller::new(json);
        let random = world::random();
        let mut world = World {
            facts,
            runs: &runs,
            trainer: &trainer,
            clock: &world::now,
            random: &|bytes| random(bytes),
            free: &world::free,
            teacher: teacher.as_ref().map(|asked| asked as &dyn Teacher),
            stop: &stop,
            observer: &mut teller,
            by: world::operator(),
            stop_after,
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
pub(super) fn ended(run: Id<kind::Run>, state: &State, stop_after: Option<Stage>) -> Result<()> {
    let planned = stop_after.is_some() && matches!(state.cause, Some(Cause::Asked(_)));
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
