//! What can go wrong at the socket itself; what a verb says is [`operations::Error`].

use std::path::PathBuf;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator runs a server on this folder already.
    #[error("another server answers on {path}")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The operator's data folder has too long a path for a socket in it.
    #[error("the path {path} is too long for a socket (the system takes {limit} bytes)")]
    TooLong {
        /// The socket.
        path: PathBuf,
        /// The most bytes.
        limit: usize,
    },
    /// The system refused something at the socket.
    #[error("socket {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The server broke off or did not answer as it should: it is stopping, or another program.
    #[error("the server on {path} broke off: {what}")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What happened.
        what: String,
    },
    /// The verb was not done.
    #[error(transparent)]
    Refused(#[from] operations::Error),
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
