//! A run is made: of a run file, or of another run's checkpoint.

use std::path::{Path, PathBuf};

use ::distill::{Spec, State, file};
use record::Id;
use record::id::kind;

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

/// Makes a run of a run file. Nothing is spent yet.
///
/// # Errors
/// The file's, its rows' and models'; a grant that is not there; the ledger's.
pub fn make(house: &House, place: &Place<'_>, run_file: &Path) -> Result<Made> {
    let mut spec = file::read(run_file)?;
    settle(&mut spec, place)?;
    create(house, place, &spec, None)
}

/// Writes the files of a run's student at a checkpoint, and says where they are.
pub(super) type WriteStudent<'a> =
    dyn Fn(Id<kind::Run>, &State, (record::Stage, u64)) -> Result<PathBuf> + 'a;

/// Makes a run that begins with the student of another one's checkpoint, under its settings or
/// those of another run file. `student` writes that student's files and says where they are.
///
/// # Errors
/// There is no such run or checkpoint; as [`make`].
pub fn fork(
    house: &House,
    place: &Place<'_>,
    (parent, step): (&str, Option<u64>),
    run_file: Option<&Path>,
    student: &WriteStudent<'_>,
) -> Result<Made> {
    let reader = house.facts.ledger().reader();
    let id = view::find(&reader, parent)?;
    let state = ::distill::runs::state(house.facts.ledger().read(1..), id)?;
    let mut spec = match run_file {
        Some(run_file) => {
            let mut spec = file::read(run_file)?;
            settle(&mut spec, place)?;
            spec
        }
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
        None => state.place(),
    };
    if let Some(at) = at {
        spec.student.model = student(id, &state, at)?;
    }
    create(house, place, &spec, Some((id, at.map_or(0, |at| at.1))))
}

fn create(
    house: &House,
    place: &Place<'_>,
    spec: &Spec,
    parent: Option<(Id<kind::Run>, u64)>,
) -> Result<Made> {
    let grant = find::grant(&house.facts.directory(), &spec.run.grant)?;
    let id = house.id();
    let state = ::distill::create::create(&house.facts, place.runs, id, (spec, &grant), parent)?;
    Ok(Made { id, state })
}

/// A teacher that the file only names is the settings' model of that name.
fn settle(spec: &mut Spec, place: &Place<'_>) -> Result<()> {
    if spec.teacher.model.is_some() {
        return Ok(());
    }
    let name = &spec.teacher.name;
    match (place.source)(name) {
        Some(Source::File(path)) => spec.teacher.model = Some(path),
        Some(Source::Served(served)) => spec.teacher.served = Some(served),
        None => {
            return Err(Error::missing(
                format!("the teacher `{name}` is no model of the settings"),
                Some("give `model`, a file, in [teacher]; or name a model of [models]".into()),
            ));
        }
    }
    Ok(())
}
