//! `stillhouse replay`: runs it with progress on a terminal, stops it on an interrupt, writes the
//! report, and sums it up in a few lines.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use guard::finding::Action;
use operations::Error;
use operations::replay::{BadLine, FORMATS, Observer, Progress, Report, World, replay};

use super::arguments::Replay;
use super::page::Page;
use super::{pretty, print};
use crate::failure::{Failure, Result};
use crate::{wiring, world};

/// How often progress is shown.
const EVERY: Duration = Duration::from_millis(200);
/// Bad lines that are shown one by one; `summary.json` has more.
const SHOWN: usize = 5;

/// Replays, writes the report and prints a summary.
///
/// # Errors
/// As [`replay`]; a report that can't be written; an interrupt.
pub(super) fn run(given: &Replay, json: bool) -> Result<()> {
    let asked = operations::replay::Replay {
        input: given.input.clone(),
        out: given.out.clone(),
        from: given.from.as_deref().and_then(|name| {
            let formats = FORMATS.iter().copied();
            formats.into_iter().find(|format| format.name() == name)
        }),
        account: given.account.clone(),
        hash_key: given.hash_key.as_deref().map(key).transpose()?,
        card: given.card.clone(),
        force: given.force,
        threads: given.threads.map_or_else(world::processors, usize::from),
        version: wiring::VERSION.to_owned(),
    };
    let report = watched(|world| replay(&asked, world))?;
    let path = given.out.join("report.html");
    std::fs::write(&path, console::replay_report(&report))
        .map_err(Failure::system(format!("writing {}", path.display())))?;
    print(&match json {
        true => pretty(&report.summary),
        false => show(&report, &path).to_string(),
    })?;
    match report.summary.counts.stopped {
        true => Err(Failure::Stopped(path)),
        false => Ok(()),
    }
}

/// Does long work with progress on a terminal, which an interrupt ends.
pub(super) fn watched<T>(work: impl FnOnce(&mut World<'_>) -> operations::Result<T>) -> Result<T> {
    let mut teller = Teller::new();
    let stop = interrupts("stopping: what was read is written")?;
    let done = work(&mut World {
        clock: &world::now,
        peak_memory: &world::peak_memory,
        stop: &stop,
        observer: &mut teller,
    });
    teller.wipe();
    Ok(done?)
}

fn key(text: &str) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
        let error = Error::invalid("hash_key", "it is not 64 hexadecimal digits");
        Failure::Verb(error.with_hint("make one by: openssl rand -hex 32"))
    })?;
    Ok(key)
}

/// A flag that an interrupt sets, whereupon `said` is told; a second one ends the process at once.
pub(super) fn interrupts(said: &'static str) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let failed = |error| Failure::system("listening to signals")(error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    let mut interrupt = {
        let _inside = runtime.enter();
        let kind = tokio::signal::unix::SignalKind::interrupt();
        tokio::signal::unix::signal(kind).map_err(failed)?
    };
    std::thread::spawn(move || {
        runtime.block_on(interrupt.recv());
        set.store(true, Ordering::Relaxed);
        tell(&format!("\n{said}; interrupt again to end at once\n"));
        runtime.block_on(interrupt.recv());
        std::process::exit(130);
    });
    Ok(stop)
}

/// Says something on standard error.
pub(super) fn tell(text: &str) {
    // Progress that nobody reads is no failure.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

struct Teller {
    watched: bool,
    began: Instant,
    shown: Instant,
    bad: usize,
}

impl Teller {
    fn new() -> Self {
        Self {
            watched: std::io::stderr().is_terminal(),
            began: Instant::now(),
            shown: Instant::now(),
            bad: 0,
        }
    }

    fn wipe(&self) {
        if self.watched {
            tell("\r\x1b[K");
        }
    }
}

impl Observer for Teller {
    fn progress(&mut self, progress: &Progress) {
        if !self.watched || self.shown.elapsed() < EVERY {
            return;
        }
        self.shown = Instant::now();
        let part = progress.read as f64 / progress.of.max(1) as f64;
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = progress.exchanges as f64 / seconds.max(1e-3);
        let left = (seconds / part.max(1e-6) * (1.0 - part)).max(0.0);
        let left = match part > 0.01 {
            true => format!(", {left:.0} s left"),
            false => String::new(),
        };
        tell(&format!(
            "\r\x1b[K{:3.0}%  {} exchanges, {rate:.0}/s, {} findings{left}",
            part * 100.0,
            progress.exchanges,
            progress.findings,
        ));
    }

    fn bad_line(&mut self, line: &BadLine) {
        self.bad += 1;
        if self.bad > SHOWN {
            return;
        }
        self.wipe();
        tell(&format!(
            "{}:{}: skipped: {}\n",
            line.file, line.line, line.what
        ));
        if self.bad == SHOWN {
            tell("further lines that can't be read are counted only\n");
        }
    }
}

fn show(report: &Report, path: &Path) -> Page {
    let (counts, found) = (&report.summary.counts, &report.found);
    let mut page = Page::fields(vec![
        ("exchanges", Some(counts.exchanges.to_string())),
        ("accounts", Some(counts.accounts.to_string())),
        ("stand out", Some(found.remarkable().to_string())),
        ("clusters", Some(counts.clusters.to_string())),
        ("skipped lines", Some(counts.bad_count().to_string())),
        (
            "speed",
            Some(format!(
                "{:.0} exchanges/s",
                report.summary.exchanges_per_second
            )),
        ),
    ]);
    let hurt = found
        .touched
        .iter()
        .filter(|one| one.action > Action::Observe);
    for touched in hurt.filter(|one| one.accounts > 0) {
        page = page.line(format!(
            "{:18} would have been proposed for {} accounts",
            touched.action.name(),
            touched.accounts
        ));
    }
    if counts.exchanges == 0 {
        page = page.line("No exchange was read: see `skipped lines`, or name the log by --from.");
    }
    if counts.bad.contains_key("no_account") {
        page = page.line("Lines name no account: say which field does by --account FIELD.");
    }
    if counts.late > 0 {
        page = page.line(format!(
            "{} exchanges stood too far out of order: sort the log by time for the best result.",
            counts.late
        ));
    }
    page.line(format!("report: {}", path.display()))
}
