//! `distill start`: a run is made of a run file, or goes on, driven by the server itself.

use std::path::Path;

use ::distill::plan::{self, Next};
use ::distill::runs;
use record::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::resume;
use super::make::{Place, make};
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
}

/// What `start` gives.
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
    if !house.serving.drives() {
        return Err(Error::Unavailable {
            message: "no server drives runs on this data folder".into(),
            hint: Some("`stillhouse serve` does, where `runs.at_once` is not 0; `stillhouse distill run` drives one by itself".into()),
        });
    }
    let file = Path::new(&input.run);
    let made = file.is_absolute();
    let id = match made {
        true => {
            let place = Place {
                runs: &house.runs,
                source: &|name| house.serving.source(name),
            };
            make(house, &place, file)?.id
        }
        false => {
            let id = resume(house, &input.run, (by, &input.why), input.back_to)?;
            let state = runs::state(house.facts.ledger().read(1..), id)?;
            if plan::next(&state) == Next::End {
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
