//! The room's one error. Every message says whose fault it is: the file's, the caller's, or the
//! machine's. Only [`Error::Template`] may quote the caller's own messages.

use std::path::PathBuf;

/// What `lm` returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in `lm`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model file could not be opened or read.
    #[error("model file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The model file ends before what its header promises.
    #[error("model file is cut off: {what} needs {need} bytes, {have} are there")]
    Truncated {
        /// What was being read.
        what: String,
        /// Offset of the first byte after it.
        need: u64,
        /// Bytes in the file (or in the part handed in).
        have: u64,
    },
    /// The model file contradicts its own format.
    #[error("model file is malformed: {0}")]
    Malformed(String),
    /// The model file is well-formed but holds something this engine does not know.
    #[error("model file is not supported: {0}")]
    Unsupported(String),
    /// The weights do not fit into memory; nothing was loaded.
    #[error("model needs {need} bytes of memory, {available} are available")]
    Memory {
        /// Bytes that the weights need.
        need: u64,
        /// Bytes available, or the limit set.
        available: u64,
    },
    /// The caller's sequence is longer than the model's context.
    #[error("context overflow: {tokens} tokens are asked for, the context holds {context}")]
    ContextOverflow {
        /// The context's length in tokens.
        context: usize,
        /// Tokens that the sequence would have.
        tokens: usize,
    },
    /// The caller handed in a prompt without tokens.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// The caller handed in a token id that the vocabulary lacks.
    #[error("token {token} is not in the vocabulary of {vocabulary}")]
    UnknownToken {
        /// The id.
        token: u32,
        /// Number of tokens in the vocabulary.
        vocabulary: usize,
    },
    /// Another argument of the caller is out of its range.
    #[error("invalid argument: {0}")]
    Invalid(String),
    /// The file's chat template refused the caller's messages (its own `raise_exception`, a missing
    /// field, a wrong type), or the file has none.
    #[error("chat template: {0}")]
    Template(String),
    /// Training went out of bounds; the step was not taken.
    #[error(
        "training diverged at step {step}: loss {loss}, gradient norm {norm}; a lower learning rate, a \
         longer warm-up or clipping may help"
    )]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// Its loss.
        loss: f64,
        /// The norm of its gradient.
        norm: f64,
    },
    /// A file is no state that this training could go on from.
    #[error("training state {path}: {what}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The device that computes failed, not the caller.
    #[error("device: {0}")]
    Device(String),
    /// The form that an answer must have ran into its limits (or a fault of the library behind it):
    /// the answer can not go on.
    #[error("the answer's grammar failed: {0}")]
    Grammar(String),
    /// The thread pool could not be made.
    #[error("cannot start the model's threads: {0}")]
    Threads(String),
}

impl Error {
    /// True where the caller's request is at fault, not the file or the machine.
    #[must_use]
    pub fn is_callers_fault(&self) -> bool {
        matches!(
            self,
            Self::ContextOverflow { .. }
                | Self::EmptyPrompt
                | Self::UnknownToken { .. }
                | Self::Invalid(_)
                | Self::Template(_)
        )
    }
}
