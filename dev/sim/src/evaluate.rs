//! The verb `evaluate` of the command line: what it takes, and where its table goes.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use sim::measure::{self, Wanted};

use crate::{data_folder, say};

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Folder to write into
    #[arg(long)]
    out: PathBuf,
    /// A fifth of the accounts: a look within minutes
    #[arg(long)]
    quick: bool,
    /// Part of the accounts
    #[arg(long)]
    scale: Option<f64>,
    /// Seed of every world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave the baselines and the window test out
    #[arg(long)]
    guard_only: bool,
    /// Add campaigns of a thousand and of 20,000 accounts, and a month of 30,000 honest ones
    #[arg(long)]
    long: bool,
    /// One world alone (clusters-1000, router-20000, honest-30000, ...), without the baselines
    #[arg(long)]
    world: Option<String>,
    /// Measure on the world to calibrate on, for whoever works on the guard
    #[arg(long)]
    develop: bool,
    /// A card in place of the shipped one
    #[arg(long)]
    card: Option<PathBuf>,
}

impl EvaluateArgs {
    pub(crate) fn run(&self) -> Result<()> {
        let data = data_folder();
        let card = match &self.card {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("reading {}", path.display()))?;
                Some(guard::card::Card::decode(&text)?)
            }
        };
        let wanted = Wanted {
            card,
            data: data.as_deref(),
            scale: self.scale.unwrap_or(if self.quick { 0.2 } else { 1.0 }),
            seed: self.seed,
            guard_only: self.guard_only,
            long: self.long,
            develop: self.develop,
            world: self.world.as_deref(),
        };
        let began = Instant::now();
        let report = measure::evaluate(&wanted, &mut |what| {
            let seconds = began.elapsed().as_secs_f64();
            say(&format!("{seconds:6.0} s  {what}\n"));
        })?;
        let out = &self.out;
        std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
        let json = serde_json::to_string_pretty(&report)? + "\n";
        for (name, text) in [("table.md", report.markdown()), ("table.json", json)] {
            let path = out.join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}
