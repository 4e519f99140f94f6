//! `replay`: old traffic, or another gateway's logs, through the guard, and what it would have said.
//!
//! Streams: lines are read and digested on every processor and folded in order on one. Memory is
//! bounded by the guard's own and by what waits to be put in order. The same input, guard and key
//! give the same bytes in all files but `summary.json`, whatever the number of threads. A line that
//! can't be read is told and skipped. Nothing here acts: no account is touched by a replay.

mod card;
mod fold;
mod ids;
mod input;
pub mod learn;
mod lines;
mod order;
mod pipe;
mod read;
mod report;
mod sources;
mod summary;
mod write;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use guard::digest::HashKey;
pub use guard::finding::{Action, Band};
use record::Time;
pub use wire::import::logs::{FORMATS, Format};

use crate::error::{Error, Result};
use fold::Fold;
use input::Input;
use pipe::Reading;
pub use report::{Account, Cluster, Evidence, Found, Report, Stream, Touched};
pub use sources::{SOURCES, Source, Sources};
pub use summary::{BadLine, Counts, Settings, Summary};

/// The key of a replay that names none: results of one site are then comparable from run to run.
/// It is no secret; a deployment that serves uses its own.
const DEFAULT_KEY: [u8; 32] = *b"stillhouse: replay, no secret!!!";
/// The files that a replay writes into its folder, beside the report.
const FILES: [&str; 5] = [
    "findings.jsonl",
    "accounts.jsonl",
    "clusters.jsonl",
    "summary.json",
    "report.html",
];

/// What `replay` takes.
#[derive(Debug, Clone)]
pub struct Replay {
    /// A traffic set's folder, a folder of logs, or one log.
    pub input: PathBuf,
    /// The folder to write to: not there yet, or empty.
    pub out: PathBuf,
    /// The kind of log; guessed from the first lines where it is not said.
    pub from: Option<Format>,
    /// The field that tells whose a log's request is.
    pub account: Option<String>,
    /// The key of the digests; needed where lines hold digests that were made under another.
    pub hash_key: Option<[u8; 32]>,
    /// A card in place of the shipped one.
    pub card: Option<PathBuf>,
    /// Whether to write into a folder that is not empty.
    pub force: bool,
    /// Threads that read and digest.
    pub threads: usize,
    /// The program's version.
    pub version: String,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of the files.
    pub read: u64,
    /// Bytes of all files.
    pub of: u64,
    /// Exchanges folded.
    pub exchanges: u64,
    /// Findings so far.
    pub findings: u64,
}

/// Who is told while it runs.
pub trait Observer {
    /// How far it is; often.
    fn progress(&mut self, _progress: &Progress) {}
    /// A line that is skipped: the first hundred of them.
    fn bad_line(&mut self, _line: &BadLine) {}
}

/// What is handed in: the clock, what the process holds, whether to stop, and who is told.
pub struct World<'w> {
    /// The clock: for speed only, no decision reads it.
    pub clock: &'w dyn Fn() -> Time,
    /// The most memory that the process held, in bytes, where the system tells.
    pub peak_memory: &'w dyn Fn() -> Option<u64>,
    /// Set to stop: what was read by then is folded and written.
    pub stop: &'w AtomicBool,
    /// Who is told.
    pub observer: &'w mut dyn Observer,
}

/// Replays and writes `findings.jsonl`, `accounts.jsonl`, `clusters.jsonl` and `summary.json`; gives
/// what a report is made of.
///
/// # Errors
/// No input, one whose kind is not known, a place that is taken or can't be written.
pub fn replay(replay: &Replay, world: &mut World<'_>) -> Result<Report> {
    let input = Input::find(&replay.input, replay.from)?;
    prepare(replay)?;
    let began = (world.clock)();
    let key = HashKey::new(replay.hash_key.unwrap_or(DEFAULT_KEY));
    let card = card::read(replay.card.as_deref())?;
    let mut fold = Fold::new(&key, &replay.out, card)?;
    let read = fold.read_accounts(&input);
    let reading = Reading {
        threads: replay.threads,
        account: replay.account.as_deref(),
        key: &key,
    };
    let piped = read.and_then(|()| pipe::run(&reading, &input, world, &mut fold));
    let done = piped.and_then(|()| fold.finish());
    fold.clean_up();
    let (mut counts, sources, found) = done?;
    counts.stopped = world.stop.load(Ordering::Relaxed);
    let seconds = (world.clock)().micros_since(began) as f64 / 1e6;
    let summary = Summary {
        settings: Settings {
            version: replay.version.clone(),
            input: replay.input.display().to_string(),
            from: input.format.name().to_owned(),
            files: input.names(),
            account: replay.account.clone(),
            hash_key: match replay.hash_key {
                Some(_) => "given",
                None => "default",
            }
            .to_owned(),
            card: fold.card().hash(),
            card_date: fold.card().made.date.clone(),
            threads: replay.threads,
        },
        seconds,
        exchanges_per_second: counts.exchanges as f64 / seconds.max(1e-6),
        peak_memory_bytes: (world.peak_memory)(),
        sources,
        counts,
    };
    summary.write(&replay.out.join("summary.json"))?;
    Ok(Report { summary, found })
}

/// Makes the folder, and takes away what an earlier replay wrote where that is allowed.
fn prepare(replay: &Replay) -> Result<()> {
    let out = &replay.out;
    let failed = |error: std::io::Error| Error::file(out, &error);
    let taken = match std::fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed(error)),
    };
    if taken && !replay.force {
        let error = Error::invalid("out", format!("{} is not empty", out.display()));
        return Err(error.with_hint("name a folder that is not there yet, or use --force"));
    }
    std::fs::create_dir_all(out).map_err(failed)?;
    if is_inside(out, &replay.input) {
        let error = Error::invalid("out", "it is the folder that is read");
        return Err(error.with_hint("name another folder: the input is never written to"));
    }
    for name in FILES {
        let path = out.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file(&path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the output would lie among the files that are read.
fn is_inside(out: &Path, input: &Path) -> bool {
    let folder = match input.is_dir() {
        true => Some(input),
        // A log's own folder may take the results, unless their names are taken there.
        false => return FILES.iter().any(|name| out.join(name) == input),
    };
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(out).is_some() && real(out) == folder.and_then(real)
}
