//! `stillhouse distill`: runs made, driven, watched and exported. What lists and
//! steers them are verbs of the house.
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
use operations::distill;
use record::Stage;

use super::door;
use super::{pretty, print};
use crate::failure::Result;
use crate::settings::Settings;
use crate::wiring;

use drive::House;

#[derive(Debug, Subcommand)]
pub(crate) enum DistillVerb {
    /// Measures the gap, says what the run would need and whether to run it; then it is paused.
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
    /// Makes a run that begins with the student of another one's checkpoint, and drives it.
    Fork {
        /// The run's id or name.
        run: String,
        /// The checkpoint after this step; the newest where it is left out; 0: the start model.
        #[arg(long, value_name = "STEP")]
        at: Option<u64>,
        /// A run file in place of the run's own settings.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// What differs between two runs: settings, and what came of them.
    Diff {
        /// A run's id or name.
        a: String,
        /// Another one's.
        b: String,
    },
    /// Writes a checkpoint's student as safetensors and GGUF into the run's folder.
    Export {
        /// The run's id or name.
        run: String,
        /// The checkpoint after this step; the newest where it is left out.
        #[arg(long, value_name = "STEP")]
        at: Option<u64>,
    },
}

impl DistillVerb {
    /// Does it.
    ///
    /// # Errors
    /// The verb's; how a run ended, where it did not end held.
    pub(super) fn run(self, settings: &Settings, json: bool) -> Result<()> {
        let runs = wiring::runs(settings);
        match self {
            Self::Plan { file } => {
                let after = Some(Stage::Plan);
                drive::with(settings, json, after, |house| house.make(&file))
            }
            Self::Run { run, detach } => {
                let start = served::start(&run, None, String::new())?;
                if served::by_server(settings, json, start, detach)? {
                    return Ok(());
                }
                drive::with(settings, json, None, |house| house.make_or_find(&run))
            }
            Self::Resume {
                run,
                back_to,
                why,
                detach,
            } => {
                let start = served::start(&run, back_to, why.clone())?;
                if served::by_server(settings, json, start, detach)? {
                    return Ok(());
                }
                drive::with(settings, json, None, |house| {
                    house.resume(&run, &why, back_to)
                })
            }
            Self::Fork { run, at, file } => drive::with(settings, json, None, |house| {
                house.fork(&run, at, file.as_deref())
            }),
            Self::Watch { run, follow } => show::watch(settings, &run, follow, json),
            Self::Diff { a, b } => {
                let found = distill::diff(&door::reader(settings)?, &a, &b)?;
                print(&match json {
                    true => pretty(&found),
                    false => show::diff(&found, (&a, &b)).to_string(),
                })
            }
            Self::Export { run, at } => {
                let reader = door::reader(settings)?;
                let trainer = wiring::trainer()?;
                let made =
                    distill::export(&reader, (&runs, &trainer), (&run, at), &House::FORMATS)?;
                print(&match json {
                    true => pretty(&serde_json::json!({ "folder": made })),
                    false => format!("{}\n", made.display()),
                })
            }
        }
    }
}
