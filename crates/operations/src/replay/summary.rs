//! `summary.json`: what was read, how fast, and under which settings. The one file that differs from
//! run to run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};

use super::sources::{SOURCES, Sources};
use crate::error::{Error, Result};

/// What was read and said, in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What was read and found.
    pub counts: Counts,
    /// How many exchanges, or accounts, have each source.
    #[serde(serialize_with = "by_name")]
    pub sources: Sources,
    /// Seconds that it took.
    pub seconds: f64,
    /// Exchanges folded a second.
    pub exchanges_per_second: f64,
    /// The most memory that the process held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// What it was done with.
    pub settings: Settings,
}

/// What was read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Whether it was stopped before the end of the input.
    pub stopped: bool,
    /// Lines of traffic or logs.
    pub lines: u64,
    /// Exchanges folded.
    pub exchanges: u64,
    /// Events: models that came out, accounts that were suspended.
    pub events: u64,
    /// Accounts.
    pub accounts: u64,
    /// Accounts of `accounts.jsonl`.
    pub accounts_described: u64,
    /// Findings written.
    pub findings: u64,
    /// Clusters at the end.
    pub clusters: u64,
    /// Exchanges that came too late to be put in order: they were folded as they came.
    pub late: u64,
    /// Lines of a log that are no request to a model.
    pub passed_over: u64,
    /// Lines that can't be read, by reason.
    pub bad: BTreeMap<String, u64>,
    /// The first hundred of them.
    pub bad_lines: Vec<BadLine>,
    /// The arrival of the first exchange, RFC 3339.
    pub from: Option<String>,
    /// The end of the last one.
    pub until: Option<String>,
}

impl Counts {
    /// Lines that can't be read.
    pub fn bad_count(&self) -> u64 {
        self.bad.values().sum()
    }
}

/// A line that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// The file's name.
    pub file: String,
    /// Its number, from 1; of a file that is one JSON document, the value's.
    pub line: u64,
    /// The reason, as it is counted.
    pub reason: String,
    /// What is wrong, in words that repeat nothing of the line.
    pub what: String,
}

/// What a replay was done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The program's version.
    pub version: String,
    /// What was read.
    pub input: String,
    /// Its kind.
    pub from: String,
    /// The files' names.
    pub files: Vec<String>,
    /// The field that tells accounts, where one was named.
    pub account: Option<String>,
    /// `default` or `given`; the key itself is not written.
    pub hash_key: String,
    /// The card that the guard judged by: its hash.
    pub card: String,
    /// The day when that card was fitted.
    pub card_date: String,
    /// Threads that read and digested.
    pub threads: usize,
}

impl Summary {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let failed = |error: std::io::Error| Error::file(path, &error);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        std::fs::write(path, text).map_err(failed)
    }
}

fn by_name<S: Serializer>(sources: &Sources, out: S) -> std::result::Result<S::Ok, S::Error> {
    out.collect_map(SOURCES.iter().map(|source| source.name).zip(sources.seen))
}
