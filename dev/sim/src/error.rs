//! What can go wrong in the simulator, and whose fault it is. Nothing is retried here.

use std::path::PathBuf;

/// What stopped a world from being made.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The world file or an argument asks for something that does not exist or does not add up.
    #[error("the world is not well formed: {0}")]
    World(String),
    /// A text family or a trace that the world names is not in the data folder.
    #[error(
        "{} is missing: set STILLHOUSE_DATA to the folder of real texts and traces, or use \
         `families = [\"builtin\"]` and `traces = \"builtin\"`", .0.display()
    )]
    DataMissing(PathBuf),
    /// A file of the data folder is not what the manifest says.
    #[error("{}, line {line}: {why}", .file.display())]
    DataBroken {
        /// The file.
        file: PathBuf,
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Reading or writing failed: the disk's or the reader's fault, not the world's.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// `drive` was asked for something it never does, or the gateway did not answer.
    #[error("drive: {0}")]
    Drive(String),
}

impl SimError {
    /// Names what was tried when the system refused.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
