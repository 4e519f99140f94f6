//! `stillhouse distill`: runs made, driven, watched and exported. What lists and
//! steers them are verbs of the house; `fork` and `export` are too, and go without a server as well.
//!
//! Where a server runs, it drives the runs. Else whoever drives one holds the ledger and answers on
//! the local socket meanwhile, so that the verbs of the house (such as pausing it, or revoking its
//! grant) go through it.

mod drive;
mod served;
pub(super) mod show;
mod teller;

use std::path::PathBuf;

use clap::Subcommand;
use operations::distill::{self, Export, Fork};

use super::call::read;
use super::door;
use super::{pretty, print};
use crate::failure::Result;
use crate::settings::Settings;
use crate::wiring;

#[derive(Debug, Subcommand)]
pub(crate) enum DistillVerb {
    /// Measures the gap, says what the run would need and whether to run it; then it is paused.
    ///
    /// Where a server runs on the data folder, it does that, and this follows it.
    Plan {
        /// The run file.
        file: PathBuf,
    },
    /// Makes a run of a run file, or goes on with one that was stopped. An interrupt pauses it.
    ///
    /// Where a server runs on the data folder, it drives the run, and this follows it.
    Run {
        /// The run file, or the run's id or name.
        run: String,
        /// Does not follow a run that a server drives.
        #[arg(long)]
        detach: bool,
    },
    /// Shows a run: where it stands, what was measured, what it cost.
    Watch {
        /// The run's id or name.
        run: String,
        /// Goes on until the run ends or is paused.
        #[arg(long, short)]
        follow: bool,
    },
    /// Goes on with a paused run; as `run` does, where a server runs.
    Resume {
        /// The run's id or name.
        run: String,
        /// Goes back to the checkpoint after this step first; 0: to the stage's beginning.
        #[arg(long, value_name = "STEP")]
        back_to: Option<u64>,
        /// Why, for the ledger.
        #[arg(long, default_value = "")]
        why: String,
        /// Does not follow a run that a server drives.
        #[arg(long)]
        detach: bool,
    },
    /// What differs between two runs: settings, and what came of them.
    Diff {
        /// A run's id or name.
        a: String,
        /// Another one's.
        b: String,
    },
}

impl DistillVerb {
    /// Does it.
    ///
    /// # Errors
    /// The verb's; how a run ended, where it did not end held.
    pub(super) fn run(self, settings: &Settings, json: bool) -> Result<()> {
        match self {
            Self::Plan { file } => {
                let mut start = served::start(&file.to_string_lossy(), None, String::new())?;
                start.plan_only = true;
                if served::by_server(settings, json, ("start", &start), false)? {
                    return Ok(());
                }
                drive::with(settings, json, |house| house.make(&file, true))
            }
            Self::Run { run, detach } => {
                let start = served::start(&run, None, String::new())?;
                if served::by_server(settings, json, ("start", &start), detach)? {
                    return Ok(());
                }
                drive::with(settings, json, |house| house.make_or_find(&run))
            }
            Self::Resume {
                run,
                back_to,
                why,
                detach,
            } => {
                let start = served::start(&run, back_to, why.clone())?;
                if served::by_server(settings, json, ("start", &start), detach)? {
                    return Ok(());
                }
                drive::with(settings, json, |house| house.resume(&run, &why, back_to))
            }
            Self::Watch { run, follow } => show::watch(settings, &run, follow, json),
            Self::Diff { a, b } => {
                let found = distill::diff(&door::runs(settings)?, &a, &b)?;
                print(&match json {
                    true => pretty(&found),
                    false => show::diff(&found, (&a, &b)).to_string(),
                })
            }
        }
    }
}

/// Makes a run of another one's checkpoint and drives it, or has the server do both.
///
/// # Errors
/// The verb's; how the run ended, where it did not end held.
pub(super) fn fork(settings: &Settings, fork: Fork, json: bool, detach: bool) -> Result<()> {
    match served::by_server(settings, json, ("fork", &fork), detach)? {
        true => Ok(()),
        false => drive::with(settings, json, |house| house.fork(&fork)),
    }
}

/// Writes a checkpoint's student, or has the server do it.
///
/// # Errors
/// The verb's.
pub(super) fn export(settings: &Settings, export: Export, json: bool) -> Result<()> {
    let input = serde_json::to_value(&export).unwrap_or_default();
    let made = match door::beside(settings, ("distill", "export"), &input)? {
        Some(made) => read(made)?,
        None => {
            let (runs, trainer) = (wiring::runs(settings), wiring::trainer(false)?);
            distill::write(&door::runs(settings)?, (&runs, &trainer), &export)?
        }
    };
    print(&match json {
        true => pretty(&made),
        false => show::exported(made).to_string(),
    })
}
