//! The simulator's command line: `write`, `stream`, `list`, `drive`, `evaluate`. The only place that reads
//! the environment and the clock (for progress), and prints.

mod evaluate;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use guard::digest::HashKey;
use sim::feed::Feed;
use sim::measure;
use sim::measure::clusters::Measured;
use sim::{Counts, Drive, Engine, Folder, PRESETS, Recipe, Sink, WORKLOADS, World};

/// Labelled traffic that measures the guard.
#[derive(Debug, Parser)]
#[command(name = "sim", about)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Writes a world as a traffic folder
    Write {
        #[command(flatten)]
        world: WorldArgs,
        /// Folder to write
        dir: PathBuf,
        /// Compress every file
        #[arg(long)]
        zst: bool,
    },
    /// Writes a world's traffic to standard output, accounts and truth into a folder
    Stream {
        #[command(flatten)]
        world: WorldArgs,
        /// Folder of accounts.jsonl, truth.jsonl and truth-exchanges.jsonl
        #[arg(long)]
        beside: PathBuf,
    },
    /// Measures links, clusters and streams on a world
    Clusters {
        #[command(flatten)]
        world: WorldArgs,
        /// Attacker levels of every campaign, in place of the world's
        #[arg(long, value_delimiter = ',')]
        levels: Vec<u8>,
        /// Probability that a conversation hops, in place of the world's
        #[arg(long)]
        hop: Option<f64>,
    },
    /// Measures the guard and the baselines, and writes table.md and table.json
    Evaluate(evaluate::EvaluateArgs),
    /// Measures the window test on pairs of real prompt sets, and prints its tables
    Window {
        /// Splits of each benign set
        #[arg(long, default_value_t = 4)]
        splits: u64,
        /// Attack windows of each pair, length and share, in each split; 0 measures benign ones alone
        #[arg(long, default_value_t = 5)]
        windows: u64,
        /// Seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Makes the card that the guard ships with
    Card {
        /// File to write
        out: PathBuf,
        /// The day that it is made on, YYYY-MM-DD
        #[arg(long)]
        date: String,
        /// Part of the accounts, for a quick look
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
    /// Lists presets, honest workloads and recipes
    List,
    /// Sends a world's requests to a gateway on this machine, within bounds
    Drive {
        #[command(flatten)]
        world: WorldArgs,
        /// http://127.0.0.1:PORT
        #[arg(long)]
        url: String,
        /// File of keys, one a line
        #[arg(long)]
        keys: PathBuf,
        /// Model to ask for
        #[arg(long)]
        model: Option<String>,
        /// Stop after so many requests
        #[arg(long, default_value_t = 1_000)]
        most: u64,
        /// Stop after so many seconds
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Requests a second
        #[arg(long, default_value_t = 50.0)]
        rate: f64,
    },
}

#[derive(Debug, Args)]
struct WorldArgs {
    /// A preset (see `list`) or a TOML file
    world: String,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Recipes of every campaign, in place of the world's (names, or `all`)
    #[arg(long, value_delimiter = ',')]
    recipes: Vec<String>,
    /// Recipes to leave out
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Part of the accounts to make, for a quick look: 0.1 is a tenth
    #[arg(long)]
    scale: Option<f64>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

impl WorldArgs {
    fn read(&self) -> Result<World> {
        let mut world = match World::preset(&self.world) {
            Some(world) => world?,
            None => {
                let text = std::fs::read_to_string(&self.world)
                    .with_context(|| format!("{} is neither a preset nor a file", self.world))?;
                World::parse(&self.world, &text)?
            }
        };
        let all: Vec<String> = Recipe::ALL
            .iter()
            .map(|recipe| recipe.name().to_owned())
            .collect();
        let only = if self.recipes.iter().any(|name| name == "all") {
            &all
        } else {
            &self.recipes
        };
        world.choose(only, &self.without)?;
        if let Some(scale) = self.scale {
            if !(scale > 0.0 && scale <= 100.0) {
                bail!("--scale must be above 0 and at most 100");
            }
            world.scale(scale);
        }
        Ok(world)
    }

    /// Makes the world, of whichever generator.
    fn make(&self, sink: &mut dyn Sink) -> Result<Counts> {
        if self.world == "families" {
            let data = data_folder().context("STILLHOUSE_DATA names no folder")?;
            return Ok(sim::plain::run(
                self.seed,
                &data,
                self.scale.unwrap_or(1.0),
                sink,
            )?);
        }
        self.run(&self.read()?, sink)
    }

    fn run(&self, world: &World, sink: &mut dyn Sink) -> Result<Counts> {
        let data = data_folder();
        let engine = Engine::new(world, self.seed, data.as_deref(), sink)?;
        let (began, mut told) = (Instant::now(), Instant::now());
        let quiet = self.quiet;
        let counts = engine.run(sink, &mut |counts| {
            if !quiet && (told.elapsed() > Duration::from_secs(1) || counts.passed >= 1.0) {
                told = Instant::now();
                tell(counts, began.elapsed());
            }
        })?;
        if !quiet {
            say("\n");
        }
        Ok(counts)
    }
}

fn window(splits: u64, windows: u64, seed: u64) -> Result<()> {
    let data = data_folder().context("set STILLHOUSE_DATA to the folder of real texts")?;
    let wanted = measure::window::Wanted {
        data: &data,
        splits,
        windows,
        seed,
    };
    let tables = measure::window::measure(&wanted, &mut |what| say(&format!("{what}\n")))?;
    let mut out = std::io::stdout().lock();
    for table in tables {
        writeln!(out, "{}", table.markdown())?;
    }
    Ok(())
}

fn card(out: &Path, date: &str, scale: f64) -> Result<()> {
    let data = data_folder().context("STILLHOUSE_DATA names no folder")?;
    let mut told = |what: &str| say(&format!("{what}\n"));
    let card = measure::card::make(&data, date, scale, &mut told)?;
    say(&format!("{:?}\n", card.reference.from));
    std::fs::write(out, card.encode()?).with_context(|| format!("writing {}", out.display()))?;
    say(&format!("{}\n", card.hash()));
    Ok(())
}

/// Where the real texts are: `STILLHOUSE_DATA`, or beside the repository.
fn data_folder() -> Option<PathBuf> {
    match std::env::var_os("STILLHOUSE_DATA") {
        Some(folder) => Some(folder.into()),
        None => Some(Path::new("../shared/data").to_path_buf()).filter(|folder| folder.is_dir()),
    }
}

fn say(text: &str) {
    // Progress is worth nothing where standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn tell(counts: &Counts, took: Duration) {
    let rate = counts.exchanges as f64 / took.as_secs_f64().max(0.001);
    say(&format!(
        "\r{:5.1} %  {} exchanges ({} distilling, {} refused), {} accounts, {rate:.0}/s ",
        counts.passed * 100.0,
        counts.exchanges,
        counts.distilling,
        counts.refused,
        counts.accounts,
    ));
}

fn list() -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "presets")?;
    for (name, text) in PRESETS {
        let world = World::parse(name, text)?;
        writeln!(out, "  {name:22} {}", world.about)?;
    }
    writeln!(
        out,
        "  {:22} one family of real records an account, by another generator",
        "families"
    )?;
    writeln!(out, "honest workloads")?;
    for row in &WORKLOADS {
        writeln!(
            out,
            "  {:22} {:?}, {:?}, {:?}",
            row.name, row.class, row.beat, row.content
        )?;
    }
    writeln!(out, "recipes")?;
    for recipe in Recipe::ALL {
        let back = if recipe.feeds_back() {
            "feeds our answers back"
        } else {
            ""
        };
        writeln!(out, "  {:22} {back}", recipe.name())?;
    }
    Ok(())
}

fn clusters(args: &WorldArgs, levels: &[u8], hop: Option<f64>) -> Result<()> {
    let mut world = args.read()?;
    for campaign in &mut world.campaigns {
        if !levels.is_empty() {
            levels.clone_into(&mut campaign.levels);
        }
        campaign.hop = hop.unwrap_or(campaign.hop);
    }
    let key = HashKey::new([7; 32]);
    let mut feed = Feed::new(&key, Measured::new(&key));
    args.run(&world, &mut feed)?;
    let report = feed.watcher.report();
    std::io::stdout().lock().write_all(report.as_bytes())?;
    Ok(())
}

fn main() -> Result<()> {
    match Cli::parse().verb {
        Verb::Write {
            world: args,
            dir,
            zst,
        } => {
            let mut folder = Folder::create(&dir, zst)?;
            args.make(&mut folder)?;
            folder.finish()?;
        }
        Verb::Stream {
            world: args,
            beside,
        } => {
            let mut folder = Folder::beside(Box::new(std::io::stdout()), &beside)?;
            args.make(&mut folder)?;
            folder.finish()?;
        }
        Verb::Clusters {
            world: args,
            levels,
            hop,
        } => clusters(&args, &levels, hop)?,
        Verb::List => list()?,
        Verb::Window {
            splits,
            windows,
            seed,
        } => window(splits, windows, seed)?,
        Verb::Evaluate(args) => args.run()?,
        Verb::Card { out, date, scale } => card(&out, &date, scale)?,
        Verb::Drive {
            world: args,
            url,
            keys,
            model,
            most,
            seconds,
            rate,
        } => {
            let world = args.read()?;
            let text = std::fs::read_to_string(&keys)
                .with_context(|| format!("reading {}", keys.display()))?;
            let keys = text.split_whitespace().map(str::to_owned).collect();
            let time = Duration::from_secs(seconds);
            let bounds = Drive {
                url,
                keys,
                model,
                most,
                time,
                rate,
            };
            let mut failed = None;
            let driven = sim::drive(bounds, |sink| {
                failed = args.run(&world, sink).err();
                Ok(())
            })?;
            if let Some(err) = failed {
                return Err(err);
            }
            say(&format!(
                "{:?}, {} without an answer\n",
                driven.statuses, driven.failed
            ));
        }
    }
    Ok(())
}
