//! What `config check` prints: every settled value and where it came from. No secret gets here.

use std::fmt;

use serde::Serialize;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// Nobody said anything else.
    Default,
    /// The settings file.
    File {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One settled value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Its key, as the file would have it.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
    /// Where it came from.
    pub(crate) from: Origin,
}

/// All of them, in the order of the file's sections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Report {
    /// The lines.
    pub(crate) lines: Vec<Line>,
}

impl Report {
    /// The keys whose values differ between two reports, also those that only one has.
    pub(crate) fn differing(&self, other: &Self) -> Vec<String> {
        let value = |report: &Self, key: &str| {
            let line = report.lines.iter().find(|line| line.key == key);
            line.map(|line| line.value.clone())
        };
        let keys = self.lines.iter().chain(&other.lines).map(|line| &line.key);
        let unique: std::collections::BTreeSet<&String> = keys.collect();
        unique
            .into_iter()
            .filter(|key| value(self, key) != value(other, key))
            .cloned()
            .collect()
    }
}
