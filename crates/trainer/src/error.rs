//! The room's one error: whose fault a failure is, and what helps.

use crate::protocol::{Failed, Fault, LineError};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

/// What this room returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What can end a job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The job's settings, paths or order.
    #[error("the job: {0}")]
    Job(String),
    /// A line of the parent.
    #[error("what the parent said: {0}")]
    Parent(#[source] LineError),
    /// The parent has gone.
    #[error("the parent has gone")]
    Orphaned,
    /// What can not be said to the parent.
    #[error("saying it to the parent: {0}")]
    Saying(#[source] LineError),
    /// The file of items.
    #[error("items {path}: {source}")]
    Items {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: LineError,
    },
    /// One item.
    #[error("item {id:?}: {what}")]
    Item {
        /// Its id.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// A model's files.
    #[error("model {path}: {source}")]
    Model {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        source: lm::Error,
    },
    /// Student and teacher have other tokens.
    #[error("student and teacher have other tokenizers: {0}")]
    Tokenizers(String),
    /// Several teachers do not fit beside the student.
    #[error(
        "{teachers} teachers beside the student need {} MB of memory, {} MB are available",
        need / 1_000_000,
        available / 1_000_000
    )]
    Memory {
        /// How many models.
        teachers: usize,
        /// Bytes that they need together.
        need: u64,
        /// Bytes that are there.
        available: u64,
    },
    /// A checkpoint that can not be gone on from.
    #[error("checkpoint {path}: {what}")]
    Checkpoint {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The teacher's answer.
    #[error("the teacher's scores: {0}")]
    Teacher(String),
    /// A file that is written or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] lm::Error),
}

impl Error {
    /// A file's error.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// As the parent is told.
    pub(crate) fn failed(&self) -> Failed {
        let (fault, code, hint) = self.class();
        Failed {
            fault,
            code: code.into(),
            message: self.to_string(),
            hint: hint.into(),
            details: BTreeMap::new(),
        }
    }

    fn class(&self) -> (Fault, &'static str, &'static str) {
        match self {
            Self::Job(_) => (Fault::Job, "job_invalid", "correct the run's settings"),
            Self::Parent(_) => (
                Fault::Job,
                "order_invalid",
                "parent and child must be the same version of the program",
            ),
            Self::Orphaned | Self::Saying(_) => (
                Fault::Machine,
                "parent_gone",
                "start the job again: it goes on from its last checkpoint",
            ),
            Self::Items { .. } => (
                Fault::Items,
                "items_invalid",
                "one JSON document a line: id, student, teacher, answer",
            ),
            Self::Item { .. } => (Fault::Items, "item_invalid", "shorten or remove the item"),
            Self::Model { source, .. } => class_of(source, Fault::Model),
            Self::Tokenizers(_) => (
                Fault::Job,
                "tokenizer_mismatch",
                "learn by `kind = \"uld\"`, which is between vocabularies, or by the teacher's texts in a cold start",
            ),
            Self::Memory { .. } => (
                Fault::Machine,
                "memory_short",
                "name smaller teachers, or serve some elsewhere",
            ),
            Self::Checkpoint { .. } => (
                Fault::Job,
                "checkpoint_unusable",
                "go on from another checkpoint, with the student's settings of the run",
            ),
            Self::Teacher(_) => (
                Fault::Teacher,
                "scores_invalid",
                "check the teacher: its log-probabilities are not those of a distribution",
            ),
            Self::File { source, .. } => class_of_file(source),
            Self::Engine(error) => class_of(error, Fault::Job),
        }
    }
}

/// Of the engine's errors; `files` is whose fault a bad file is.
fn class_of(error: &lm::Error, files: Fault) -> (Fault, &'static str, &'static str) {
    match error {
        lm::Error::File { source, .. } if source.kind() != ErrorKind::NotFound => {
            class_of_file(source)
        }
        lm::Error::File { .. } => (files, "model_missing", "check the path"),
        lm::Error::Truncated { .. } | lm::Error::Malformed(_) | lm::Error::Unsupported(_) => (
            files,
            "model_unreadable",
            "a GGUF file or a folder of transformers of a family that is known",
        ),
        lm::Error::Memory { .. } => (
            Fault::Machine,
            "memory_short",
            "fewer rows a pass, recomputed activations, an adapter in place of full training",
        ),
        lm::Error::ContextOverflow { .. } | lm::Error::EmptyPrompt | lm::Error::Template(_) => (
            Fault::Items,
            "prompt_invalid",
            "shorten or correct the prompts",
        ),
        lm::Error::Diverged { .. } => (
            Fault::Learning,
            "diverged",
            "go on from an earlier checkpoint with a lower rate",
        ),
        lm::Error::UnknownToken { .. } | lm::Error::Invalid(_) => {
            (Fault::Job, "job_invalid", "correct the run's settings")
        }
        lm::Error::State { .. } => (
            Fault::Job,
            "checkpoint_unusable",
            "go on from another checkpoint, with the student's settings of the run",
        ),
        lm::Error::Device(_) | lm::Error::Grammar(_) | lm::Error::Threads(_) => {
            (Fault::Machine, "machine", "start the job again")
        }
    }
}

fn class_of_file(error: &std::io::Error) -> (Fault, &'static str, &'static str) {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
            Fault::Machine,
            "disk_full",
            "make room: the last checkpoint stands, and the job goes on from it",
        ),
        _ => (
            Fault::Machine,
            "file",
            "check the folder and its permissions",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_whose_they_are() {
        let full = || std::io::Error::from(ErrorKind::StorageFull);
        let path = || PathBuf::from("x");
        let engine = lm::Error::File {
            path: path(),
            source: full(),
        };
        let diverged = lm::Error::Diverged {
            step: 3,
            loss: f64::NAN,
            norm: 1.0,
        };
        for (error, fault, code) in [
            (Error::file("x")(full()), Fault::Machine, "disk_full"),
            (Error::Engine(engine), Fault::Machine, "disk_full"),
            (Error::Engine(diverged), Fault::Learning, "diverged"),
            (Error::Job("x".into()), Fault::Job, "job_invalid"),
        ] {
            let failed = error.failed();
            assert_eq!((failed.fault, failed.code.as_str()), (fault, code));
            assert!(!failed.message.is_empty() && !failed.hint.is_empty());
        }
    }
}
