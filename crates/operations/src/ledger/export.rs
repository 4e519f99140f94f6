//! `export`: entries as JSON lines, or exchanges in the interchange format of the guard.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use ::ledger::Reader;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{tail, traffic};
use crate::error::{Error, Result};

/// What `export` takes: one of the two places.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Export {
    /// A new file for JSON lines, one entry a line.
    #[schemars(extend("format" = "path"))]
    pub to: Option<PathBuf>,
    /// A folder for `accounts.jsonl` and `traffic.jsonl`.
    #[schemars(extend("format" = "path"))]
    pub traffic: Option<PathBuf>,
    /// The first entry.
    pub from: Option<u64>,
    /// The last entry.
    pub until: Option<u64>,
}

/// What `export` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// Lines written: entries, or exchanges and refusals.
    pub lines: u64,
    /// Accounts written.
    pub accounts: u64,
    /// Refusals left out because no account could be told.
    pub without_account: u64,
    /// Entries left out because their payload is gone.
    pub gone: u64,
}

/// Writes entries to the place that the input names.
///
/// # Errors
/// No place or two, a file that is there already or can't be written; the ledger's.
pub fn export(reader: &Reader, input: &Export) -> Result<Exported> {
    match (&input.to, &input.traffic) {
        (Some(path), None) => {
            let file = File::create_new(path).map_err(|error| Error::file(path, &error))?;
            let mut out = BufWriter::new(file);
            let exported = export_to(reader, input, &mut out)?;
            out.flush().map_err(|error| Error::file(path, &error))?;
            Ok(exported)
        }
        (None, Some(folder)) => traffic::export(reader, input, folder),
        _ => Err(Error::invalid(
            "to",
            "name either a file or a folder for traffic",
        )),
    }
}

/// Writes entries as JSON lines to `out`.
///
/// # Errors
/// What can't be written; the ledger's.
pub fn export_to(reader: &Reader, input: &Export, out: &mut dyn Write) -> Result<Exported> {
    let mut exported = Exported::default();
    let until = input.until.unwrap_or(u64::MAX);
    for entry in reader.read(input.from.unwrap_or(1)..=until) {
        let entry = tail::view(&entry?)?;
        exported.gone += u64::from(entry.gone);
        exported.lines += 1;
        write_line(out, &entry)?;
    }
    Ok(exported)
}

pub(super) fn write_line(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    let failed = |error: std::io::Error| Error::Unavailable {
        message: format!("the export can't be written: {error}"),
        hint: None,
    };
    let mut line = serde_json::to_vec(value).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    out.write_all(&line).map_err(failed)
}
