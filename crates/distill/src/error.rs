//! What can go wrong with a run, and whose fault it was.

use std::path::{Path, PathBuf};

use crate::state::Illegal;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run file is wrong: its writer's fault.
    #[error("{file}:{line}: {what}")]
    Spec {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with which key.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A row is wrong: its writer's fault.
    #[error("{file}:{line}: {what}")]
    Row {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A teacher would teach nothing: the run file's writer's fault.
    #[error("{what}")]
    Route {
        /// Which, and why.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Rows can't be curated: the settings or the hold-out are at fault.
    #[error("curation: {0}")]
    Curate(#[from] crate::curate::CurateError),
    /// A file or folder: the machine's.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The ledger could not take or give something.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// An entry that cannot be: a bug, or a ledger of another version.
    #[error("the run's entries do not fit together: {0}")]
    Illegal(#[from] Illegal),
    /// There is no such run.
    #[error("there is no run {0}")]
    NoRun(String),
    /// The run is driven by somebody else now.
    #[error("the run is under way already, in another process")]
    Driven,
    /// The child said what it must not.
    #[error("the trainer broke off: {0}")]
    Child(String),
    /// The trainer says why its job failed.
    #[error("{message}")]
    Failed {
        /// What, with whose fault it was.
        message: String,
        /// What to do.
        hint: String,
    },
    /// What was asked for is not possible now.
    #[error("{0}")]
    Refused(String),
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A file's error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// What to do, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Spec { hint, .. } | Self::Route { hint, .. } => hint.as_deref(),
            Self::Failed { hint, .. } if !hint.is_empty() => Some(hint),
            Self::Driven => Some("pause it first: stillhouse distill pause RUN"),
            _ => None,
        }
    }
}
