//! `distill start` and `distill fork`: a run is made of a run file or of a checkpoint, or goes on,
//! driven by the server itself.

use std::path::{Path, PathBuf};

use ::distill::plan::{self, Next};
use record::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::resume;
use super::make::{How, Made, Place, fork, make};
use crate::error::{Error, Result};
use crate::house::House;

/// What `start` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The path of a run file on the server's machine, from its root; or the id of a run, or its
    /// name where that is unique, to go on with it.
    pub run: String,
    /// Goes back to the checkpoint after this step first; 0: to the stage's beginning.
    #[serde(default)]
    pub back_to: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
    /// Only measures the gap and says what the run would need and whether to run it: it is paused
    /// then, and goes on when it is started again. For a run file.
    #[serde(default)]
    pub plan_only: bool,
}

/// What `fork` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// The id of the run whose checkpoint it begins with, or its name where that is unique.
    pub run: String,
    /// The checkpoint after this step; the newest where it is left out; 0: the start model.
    #[serde(default)]
    pub at: Option<u64>,
    /// A run file in place of the run's own settings: its path on the server's machine, from its
    /// root.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub file: Option<PathBuf>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `start` and `fork` give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    /// The run's id.
    pub run: String,
    /// Whether it was made now.
    pub made: bool,
}

/// Has the server drive a run.
///
/// # Errors
/// No server runs that drives runs; the run file's; there is no such run, or it has ended; the
/// ledger's.
pub fn start(house: &House, by: &Actor, input: Start) -> Result<Started> {
    let file = Path::new(&input.run);
    let made = file.is_absolute();
    if input.plan_only && !made {
        let error = Error::invalid(
            "plan_only",
            "a run is planned when it is made of a run file",
        );
        return Err(error.with_hint("name the file by its path from the root"));
    }
    is_driven(house)?;
    let id = match made {
        true => {
            let how = How {
                by,
                why: &input.why,
                plan_only: input.plan_only,
            };
            placed(house, |place| make(house, place, file, how))?.id
        }
        false => {
            let id = resume(house, &input.run, (by, &input.why), input.back_to)?;
            if plan::next(&house.folded.one(id)?.state) == Next::End {
                return Err(Error::Conflict {
                    message: "the run has ended".into(),
                    hint: Some(format!(
                        "another can be made of it: stillhouse distill fork {id}"
                    )),
                });
            }
            id
        }
    };
    house.serving.drive(id);
    Ok(Started {
        run: id.to_string(),
        made,
    })
}

/// Has the server make a run of another one's checkpoint, and drive it.
///
/// # Errors
/// No server runs that drives runs; there is no such run or checkpoint; the run file's; the
/// ledger's.
pub fn start_fork(house: &House, by: &Actor, input: Fork) -> Result<Started> {
    if input.file.as_ref().is_some_and(|file| !file.is_absolute()) {
        return Err(Error::invalid("file", "it is not a path from the root"));
    }
    is_driven(house)?;
    let how = How {
        by,
        why: &input.why,
        plan_only: false,
    };
    let from = (input.run.as_str(), input.at);
    let file = input.file.as_deref();
    let made = placed(house, |place| fork(house, place, from, file, how))?;
    house.serving.drive(made.id);
    Ok(Started {
        run: made.id.to_string(),
        made: true,
    })
}

fn is_driven(house: &House) -> Result<()> {
    match house.serving.drives() {
        true => Ok(()),
        false => Err(Error::Unavailable {
            message: "no server drives runs on this data folder".into(),
            hint: Some("`stillhouse serve` does, where `runs.at_once` is not 0; `stillhouse distill run` drives one by itself".into()),
        }),
    }
}

fn placed(house: &House, make: impl FnOnce(&Place<'_>) -> Result<Made>) -> Result<Made> {
    make(&Place {
        runs: &house.runs,
        source: &|name| house.serving.source(name),
    })
}
