//! The ledger: whether a server has it, its clock, its heads, its end, and its last backup.

use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ledger::{Error, Reader, Tail, check_tail};
use operations::ledger::{BackupState, LastBackup};
use record::Time;

use super::Findings;
use crate::cli::SOCKET;
use crate::settings::Settings;
use crate::world;

const SECOND: u64 = 1_000_000;
/// A clock that stands before this (2026-01-01) is wrong: the program is younger.
const YOUNGEST: u64 = 1_767_225_600 * SECOND;
/// Entries before the newest head that are looked at.
const BEFORE: u64 = 1000;
const RESTORE: &str = "run `stillhouse ledger verify`; restore a backup by `stillhouse restore`";

/// Says whether a server runs.
pub(super) fn look(settings: &Settings, found: &mut Findings) -> bool {
    let written = &settings.ledger;
    let now = world::now().micros();
    if now < YOUNGEST {
        let what = format!("the clock stands at {}", Time::from_micros(now).rfc3339());
        found.fault("clock", what, "set the clock, and keep it by NTP");
    }
    let reader = match Reader::open(&written.folder, written.heads_file.as_deref()) {
        Ok(reader) => reader,
        Err(Error::NoLedger { .. }) => {
            let what = format!("there is none in {}", written.folder.display());
            found.advice("ledger", what, "`stillhouse serve` makes it");
            return false;
        }
        Err(error) => {
            found.fault("ledger", error.to_string(), RESTORE);
            return false;
        }
    };
    let served = lease(settings, &reader, found);
    keys(&written.folder, found);
    heads_place(settings, found);
    match check_tail(&reader, BEFORE) {
        Ok(tail) => {
            clock(&tail, now, found);
            end(&tail, served, now, found);
        }
        Err(error) => found.fault("ledger", error.to_string(), RESTORE),
    }
    backup(&reader, now, found);
    served
}

/// Whether a server has the lease, and answers.
fn lease(settings: &Settings, reader: &Reader, found: &mut Findings) -> bool {
    let socket = settings.data_dir.join(SOCKET);
    let holder = reader
        .holder()
        .map_or(String::new(), |pid| format!(" (process {pid})"));
    let answers = answers(&socket);
    match (reader.is_served(), answers) {
        (true, true) => found.good(
            "ledger",
            format!("a server has the lease and answers{holder}"),
        ),
        (true, false) => {
            let what = format!(
                "a process has the lease{holder}, but does not answer on {}",
                socket.display()
            );
            let hint = "it may be starting or stopping; if this lasts, look at its log";
            found.warning("ledger", what, hint);
        }
        (false, _) => found.good("ledger", "no server runs; the lease is free"),
    }
    reader.is_served()
}

/// Whether somebody speaks HTTP on the local socket.
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: stillhouse\r\nconnection: close\r\n\r\n")?;
        let mut start = [0; 4];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP")
    };
    ask().unwrap_or(false)
}

fn keys(folder: &Path, found: &mut Findings) {
    let missing = ["signing.key", "vault.key"];
    let missing = missing
        .into_iter()
        .find(|name| !folder.join("keys").join(name).exists());
    if let Some(name) = missing {
        let what = format!("keys/{name} is missing in {}", folder.display());
        let hint = "without it this ledger can be read and verified, but not written to; put the key back from where you keep it";
        found.fault("ledger", what, hint);
    }
}

fn heads_place(settings: &Settings, found: &mut Findings) {
    let folder = &settings.ledger.folder;
    let Some(file) = &settings.ledger.heads_file else {
        let what = "the heads file lies beside the ledger: who rewrites one can rewrite both";
        let hint = "set ledger.heads_file to a place on another device or machine";
        return found.advice("ledger", what, hint);
    };
    let device = |path: &Path| std::fs::metadata(path).map(|known| known.dev()).ok();
    match device(file).or_else(|| device(file.parent()?)) {
        None => {
            let what = format!("the heads file's folder is not there: {}", file.display());
            found.fault("ledger", what, "make the folder, or mend ledger.heads_file");
        }
        known if known == device(folder) => {
            let what = "the heads file lies on the same device as the ledger";
            found.advice(
                "ledger",
                what,
                "set ledger.heads_file to a place on another device",
            );
        }
        Some(_) => found.good("ledger", format!("heads go to {}", file.display())),
    }
}

fn clock(tail: &Tail, now: u64, found: &mut Findings) {
    let ahead = tail.tip_us.saturating_sub(now);
    if ahead > 10 * SECOND {
        let what = format!(
            "the last entry was written at {}, {} s ahead of the clock",
            Time::from_micros(tail.tip_us).rfc3339(),
            ahead / SECOND
        );
        let hint = "set the clock, and keep it by NTP; until it has caught up, entries bear the time of the last one";
        found.fault("clock", what, hint);
    } else {
        found.good("clock", Time::from_micros(now).rfc3339());
    }
}

fn end(tail: &Tail, served: bool, now: u64, found: &mut Findings) {
    for one in &tail.findings {
        let what = format!("entry {}, {}: {}", one.seq, one.place, one.what);
        found.fault("ledger", what, RESTORE);
    }
    let unattested = tail.tip.saturating_sub(tail.attested);
    // Without any head yet, since the first entry.
    let since = match tail.attested {
        0 => tail.from_us,
        _ => tail.attested_us,
    };
    let age = now.saturating_sub(since) / SECOND;
    if !tail.has_heads && tail.tip > 0 {
        let what = "there is no heads file: a cut or rewrite would not be found";
        let hint = "put the heads file back, or mend ledger.heads_file; a server starts a new one";
        found.fault("ledger", what, hint);
    } else if served && unattested > 0 && age > 60 {
        let what = format!("{unattested} entries are not attested; the last head is {age} s old");
        let hint = "see in the server's log why heads can't be signed or written";
        found.warning("ledger", what, hint);
    } else if tail.findings.is_empty() {
        let (from, tip, attested) = (tail.from, tail.tip, tail.attested);
        let what = format!("entries {from} to {tip} are sound; attested up to {attested}");
        found.good("ledger", what);
    }
}

fn backup(reader: &Reader, now: u64, found: &mut Findings) {
    let hint = "`stillhouse ledger backup FOLDER`, from a timer; see docs/guides/backups.md";
    let last = LastBackup::of(reader, Time::from_micros(now));
    let place = last.to.unwrap_or_default();
    let (days, place) = (last.days.unwrap_or_default(), place.display());
    match last.state {
        BackupState::None => found.advice("backup", "no backup was made yet", hint),
        BackupState::Old => {
            let what = format!("the last one is {days} days old, in {place}");
            found.warning("backup", what, hint);
        }
        BackupState::Moved => {
            let what = format!("the last one, made {days} days ago in {place}, is not there");
            found.advice("backup", what, "well, if it was moved to where it is safe");
        }
        BackupState::Good => {
            let entries = last.entries.unwrap_or_default();
            let what = format!("made {days} days ago in {place}, up to entry {entries}");
            found.good("backup", what);
        }
    }
}
