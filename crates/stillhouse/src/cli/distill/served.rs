//! A run that a server drives: it is asked to, and followed from here.

use std::path::Path;

use operations::distill::{Start, Started};

use super::{drive, show};
use crate::cli::{door, pretty, print};
use crate::failure::{Failure, Result};
use crate::settings::Settings;

/// What the server is asked: a run file is named from the root, for its working folder is another.
///
/// # Errors
/// There is no working folder.
pub(super) fn start(run: &str, back_to: Option<u64>, why: String) -> Result<Start> {
    let run = match Path::new(run).is_file() {
        true => door::absolute(Path::new(run))?.display().to_string(),
        false => run.to_owned(),
    };
    Ok(Start { run, back_to, why })
}

/// Has a server drive a run, and follows it unless it is to be left alone; false where no server
/// runs on the data folder.
///
/// # Errors
/// The verb's; how the run ended, where it did not end held.
pub(super) fn by_server(
    settings: &Settings,
    json: bool,
    start: Start,
    detach: bool,
) -> Result<bool> {
    let input = serde_json::to_value(&start).unwrap_or_default();
    let Some(said) = door::beside(settings, ("distill", "start"), &input)? else {
        return Ok(false);
    };
    let strange = |error: &dyn std::fmt::Display| {
        Failure::system("reading the server's answer")(std::io::Error::other(error.to_string()))
    };
    let said: Started = serde_json::from_value(said).map_err(|error| strange(&error))?;
    if detach {
        print(&match json {
            true => pretty(&said),
            false => format!(
                "the server drives run {0}; follow it by: stillhouse distill watch -f {0}\n",
                said.run
            ),
        })?;
        return Ok(true);
    }
    show::watch(settings, &said.run, true, json)?;
    let run = said.run.parse().map_err(|error| strange(&error))?;
    let state = distill::runs::state(door::reader(settings)?.read(1..), run);
    drive::ended(run, &state.map_err(operations::Error::from)?, None)?;
    Ok(true)
}
