//! A checkpoint's student written as files, also while the run goes on. Nothing of it is in the
//! ledger.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ::distill::drive::{Format, materialise};
use ::distill::runs::Runs;
use record::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::make::writing;
use super::view;
use crate::error::{Error, Result};
use crate::house::House;

/// What is written on demand.
const FORMATS: [Format; 3] = [Format::Safetensors, Format::GgufF16, Format::GgufQ8];

/// What `export` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The run's id, or its name where that is unique.
    pub run: String,
    /// The checkpoint after this step; the newest where it is left out.
    #[serde(default)]
    pub at: Option<u64>,
}

/// What `export` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// The folder of the files, on the machine of the run's own folder.
    pub folder: PathBuf,
}

/// Writes the files of a run's student at a checkpoint into its folder.
///
/// # Errors
/// There is no such run or checkpoint; the child's.
pub fn export(house: &House, _: &Actor, input: Export) -> Result<Exported> {
    let _writing = writing();
    write(&house.folded, (&house.runs, &house.trainer), &input)
}

/// The same of a ledger that is only read.
///
/// # Errors
/// There is no such run or checkpoint; the child's.
pub fn write(
    runs: &Runs,
    (folder, trainer): (&Path, &[OsString]),
    input: &Export,
) -> Result<Exported> {
    let found = view::find(runs, &input.run)?;
    let (id, state) = (found.id, &found.state);
    let place = match input.at {
        Some(step) => Some((state.learning(), step)),
        None => state.place(),
    };
    let place = place.filter(|place| state.checkpoints.contains_key(place));
    let place = place.ok_or_else(|| Error::missing("the run has no such checkpoint", None))?;
    let name = format!("student-{}", place.1);
    let folder = materialise((folder, trainer), (id, state), place, (&name, &FORMATS))?;
    Ok(Exported { folder })
}
