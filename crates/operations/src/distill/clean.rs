//! `distill clean`: what of runs that are over can go, said and, where that is asked for, removed.

use std::path::PathBuf;
use std::sync::Arc;

use ::distill::clean;
use ::distill::folder::Folder;
use ::distill::runs::{All, Run};
use record::{Actor, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::in_order;
use super::make::writing;
use super::view::{find, named};
use crate::error::{Error, Result};
use crate::house::{House, Source};

/// What `clean` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clean {
    /// The run's id, or its name where that is unique; every run that is over where it is left out.
    #[serde(default)]
    pub run: Option<String>,
    /// Whether the files are removed; else it is only said which can go.
    #[serde(default)]
    pub apply: bool,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `clean` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cleaned {
    /// Whether the files were removed.
    pub applied: bool,
    /// Their bytes, of all runs.
    pub bytes: u64,
    /// Runs of which files can go, or went.
    pub runs: Vec<Freed>,
}

/// A run and its files that can go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Freed {
    /// The run's id.
    pub run: String,
    /// Its name.
    pub name: String,
    /// How it ended, such as `held` or `cancelled`.
    pub stage: String,
    /// Bytes of the files.
    pub bytes: u64,
    /// The files and folders, below the run's folder.
    pub files: Vec<PathBuf>,
    /// Steps whose checkpoints stay.
    pub kept: Vec<u64>,
}

/// Says which files of runs that are over can go, and removes them where that is asked for.
///
/// # Errors
/// There is no such run, or it is not over; the ledger's; the disk's.
pub fn clean(house: &House, by: &Actor, input: Clean) -> Result<Cleaned> {
    // No student is written of a checkpoint that goes meanwhile. Who only looks waits for nobody.
    let _writing = input.apply.then(writing);
    let all = house.folded.all()?;
    let used = used(house, &all);
    let runs = match &input.run {
        Some(run) => vec![over(find(&house.folded, run)?)?],
        None => all.runs,
    };
    let mut cleaned = Cleaned {
        applied: input.apply,
        bytes: 0,
        runs: Vec::new(),
    };
    for run in runs {
        let _order = input.apply.then(in_order);
        let run = house.folded.one(run.id)?;
        let folder = Folder::new(&house.runs, run.id);
        let waste = clean::waste(&folder, &run.state, &used)?;
        if waste.is_empty() {
            continue;
        }
        if input.apply {
            let mut state = run.state.clone();
            let of = (run.id, &mut state);
            clean::clean(&house.facts, &folder, of, &waste, (by, &input.why))?;
        }
        let bytes = waste.iter().map(|waste| waste.bytes).sum();
        let kept = clean::kept(&run.state).unwrap_or_default();
        cleaned.bytes += bytes;
        cleaned.runs.push(Freed {
            run: run.id.to_string(),
            name: run.state.created.name.clone(),
            stage: named(&run.state.stage),
            bytes,
            files: waste.into_iter().map(|waste| waste.name).collect(),
            kept: kept.into_iter().map(|(_, step)| step).collect(),
        });
    }
    Ok(cleaned)
}

fn over(run: Arc<Run>) -> Result<Arc<Run>> {
    match clean::kept(&run.state) {
        Some(_) => Ok(run),
        None => Err(Error::Conflict {
            message: format!(
                "the run is {}: its files are needed",
                named(&run.state.stage)
            ),
            hint: Some(format!(
                "end it first: stillhouse distill cancel {}",
                run.id
            )),
        }),
    }
}

/// Models that other runs began with or learn from, and that the settings serve.
fn used(house: &House, all: &All) -> Vec<PathBuf> {
    let void = |run: &Run| matches!(run.state.stage, Stage::Rejected | Stage::Cancelled);
    let mut used = Vec::new();
    let broken = all.broken.iter().filter_map(|run| run.before.as_ref());
    for run in all.runs.iter().filter(|run| !void(run)).chain(broken) {
        let spec = &run.state.spec;
        used.push(spec.student.model.clone());
        used.extend(
            spec.all_teachers()
                .filter_map(|teacher| teacher.model.clone()),
        );
    }
    for model in house.serving.models() {
        if let Some(Source::File(path)) = house.serving.source(&model.name) {
            used.push(path);
        }
    }
    used
}
