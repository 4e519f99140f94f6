//! A run is made: of a run file, or of another run's checkpoint.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::distill::drive::Format;
use ::distill::folder::Folder;
use ::distill::spec::Teacher;
use ::distill::{Spec, State, file};
use record::id::kind;
use record::{Actor, Id, Stage};

use super::view;
use crate::error::{Error, Result};
use crate::find;
use crate::house::{House, Source};

/// Where the runs are, and how the settings answer for a teacher that the run file only names.
pub struct Place<'a> {
    /// The folder of runs.
    pub runs: &'a Path,
    /// Where the settings' model of this name is.
    pub source: &'a dyn Fn(&str) -> Option<Source>,
}

/// A new run.
pub struct Made {
    /// Its id.
    pub id: Id<kind::Run>,
    /// Its state.
    pub state: State,
}

/// How a run is made.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// Who has it made.
    pub by: &'a Actor,
    /// Why, for the ledger.
    pub why: &'a str,
    /// Whether it pauses after its plan.
    pub plan_only: bool,
}

/// Makes a run of a run file. Nothing is spent yet.
///
/// # Errors
/// The file's, its rows' and models'; a grant that is not there; the ledger's.
pub fn make(house: &House, place: &Place<'_>, run_file: &Path, how: How<'_>) -> Result<Made> {
    let spec = read(place, run_file)?;
    create(house, place, (spec, None), how)
}

/// Makes a run that begins with the student of another one's checkpoint, under its settings or
/// those of another run file.
///
/// # Errors
/// There is no such run or checkpoint; the child's, where it can't write the student's files; as
/// [`make`].
pub fn fork(
    house: &House,
    place: &Place<'_>,
    (parent, step): (&str, Option<u64>),
    run_file: Option<&Path>,
    how: How<'_>,
) -> Result<Made> {
    // Held until the new run is in the ledger: what it begins with is in use only then.
    let _writing = writing();
    let found = view::find(&house.folded, parent)?;
    let (id, state) = (found.id, &found.state);
    let mut spec = match run_file {
        Some(run_file) => read(place, run_file)?,
        None => {
            let mut spec = state.spec.clone();
            spec.run.name = format!("{} (fork)", spec.run.name);
            spec
        }
    };
    let at = match step {
        Some(0) => None,
        Some(step) => {
            let at = (state.learning(), step);
            if !state.checkpoints.contains_key(&at) {
                return Err(Error::missing(
                    format!("the run has no checkpoint after step {step}"),
                    None,
                ));
            }
            Some(at)
        }
        None if state.checkpoints.is_empty() && !state.steps.is_empty() => {
            return Err(Error::missing(
                "the run has no checkpoint any more",
                Some("--at 0 begins with the start model".into()),
            ));
        }
        None => state.place(),
    };
    if let Some(at) = at {
        spec.student.model = student(house, place, (id, state), at)?;
    }
    create(
        house,
        place,
        (spec, Some((id, at.map_or(0, |at| at.1)))),
        how,
    )
}

/// One student is written at a time, and none is removed meanwhile.
static WRITING: Mutex<()> = Mutex::new(());

/// Held while students are written or removed.
pub(super) fn writing() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The student of a checkpoint as a folder of safetensors, written where it is not there. It is
/// named by the checkpoint's digest: a run that went back takes the same step another time. Whoever
/// calls it holds [`writing`].
fn student(
    house: &House,
    place: &Place<'_>,
    (run, state): (Id<kind::Run>, &State),
    at: (Stage, u64),
) -> Result<PathBuf> {
    let digest = state.checkpoints.get(&at).map(hex::encode);
    let digest = digest.unwrap_or_default();
    let name = format!("fork-{}-{}", at.1, digest.get(..12).unwrap_or_default());
    let folder = Folder::new(place.runs, run).path(&name);
    if !folder.is_dir() {
        // Half of one is never taken for a whole one.
        let half = format!(".{name}");
        let made = ::distill::drive::materialise(
            (place.runs, &house.trainer),
            (run, state),
            at,
            (&half, &[Format::Safetensors]),
        )?;
        std::fs::rename(&made, &folder).map_err(|error| Error::Internal {
            message: format!("{}: {error}", folder.display()),
            hint: None,
        })?;
    }
    Ok(folder.join("safetensors"))
}

fn create(
    house: &House,
    place: &Place<'_>,
    (mut spec, parent): (Spec, Option<(Id<kind::Run>, u64)>),
    how: How<'_>,
) -> Result<Made> {
    let grant = find::grant(&house.facts.directory(), &spec.run.grant)?;
    spec.run.until = how.plan_only.then_some(Stage::Plan);
    let id = house.id();
    // As if it were driven: nobody moves it before it is whole.
    let folder = Folder::new(place.runs, id);
    folder.make()?;
    let _held = folder.lock()?;
    let new = (&spec, &*grant);
    let mut state = ::distill::create::create(&house.facts, place.runs, id, new, parent)?;
    let to = (Stage::Approval, how.why);
    ::distill::put(&house.facts, (id, &mut state), how.by, to)?;
    Ok(Made { id, state })
}

/// A run file, with its teachers settled.
fn read(place: &Place<'_>, run_file: &Path) -> Result<Spec> {
    let mut spec = file::read(run_file)?;
    settle(&mut spec.teacher, "[teacher]", place)?;
    for teacher in &mut spec.teachers {
        settle(teacher, "[[teachers]]", place)?;
    }
    file::check_settled(run_file, &spec)?;
    Ok(spec)
}

/// A teacher that the file only names is the settings' model of that name.
fn settle(teacher: &mut Teacher, table: &str, place: &Place<'_>) -> Result<()> {
    if teacher.model.is_some() {
        return Ok(());
    }
    let name = &teacher.name;
    match (place.source)(name) {
        Some(Source::File(path)) => teacher.model = Some(path),
        Some(Source::Served(served)) => teacher.served = Some(served),
        None => {
            return Err(Error::missing(
                format!("the teacher `{name}` is no model of the settings"),
                Some(format!(
                    "give `model`, a file, in {table}; or name a model of [models]"
                )),
            ));
        }
    }
    Ok(())
}
