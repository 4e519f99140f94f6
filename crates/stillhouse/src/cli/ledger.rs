//! What of `stillhouse ledger` no one answer holds: a check with its progress, a tail that goes
//! on, an export to standard output.

use std::io::{BufWriter, IsTerminal, Write};
use std::time::{Duration, Instant};

use operations::ledger::{Export, Tail, export_to, tail, verify_with};
use serde_json::Value;

use super::call::read;
use super::show::{entry_line, verdict};
use super::{door, pretty, print};
use crate::failure::{Failure, Result};
use crate::settings::Settings;

/// Checks the ledger, telling where it is.
///
/// # Errors
/// The ledger is not as it was written, or can't be read.
pub(super) fn verify(settings: &Settings, json: bool) -> Result<()> {
    let reader = door::reader(settings)?;
    let watched = std::io::stderr().is_terminal();
    let mut shown = Instant::now();
    let verified = verify_with(&reader, &mut |seq| {
        if watched && shown.elapsed() > Duration::from_millis(200) {
            shown = Instant::now();
            let _ = write!(std::io::stderr(), "\rentry {seq}");
        }
    })?;
    if watched {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let sound = verified.sound;
    print(&match json {
        true => pretty(&verified),
        false => verdict(verified).to_string(),
    })?;
    match sound {
        true => Ok(()),
        false => Err(Failure::Unsound),
    }
}

/// Reads on, until it is interrupted or nobody reads any more.
///
/// # Errors
/// The ledger's.
pub(super) fn follow(settings: &Settings, input: Value, json: bool) -> Result<()> {
    const EVERY: Duration = Duration::from_millis(200);
    let reader = door::reader(settings)?;
    let mut input: Tail = read(input)?;
    loop {
        let some = tail(&reader, &input)?;
        let next = some.next;
        let quiet = some.entries.is_empty();
        let mut out = std::io::stdout().lock();
        for entry in some.entries {
            let line = match json {
                true => serde_json::to_string(&entry).unwrap_or_default(),
                false => entry_line(&entry),
            };
            if writeln!(out, "{line}").is_err() {
                return Ok(());
            }
        }
        input = Tail {
            from: Some(next),
            limit: Some(1000),
        };
        if quiet {
            std::thread::sleep(EVERY);
        }
    }
}

/// Writes entries to standard output.
///
/// # Errors
/// The ledger's, or the output's.
pub(super) fn stream(settings: &Settings, input: Value) -> Result<()> {
    let reader = door::reader(settings)?;
    let input: Export = read(input)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    export_to(&reader, &input, &mut out)?;
    out.flush()
        .map_err(Failure::system("writing to standard output"))
}
