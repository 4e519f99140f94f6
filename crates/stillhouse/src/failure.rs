//! Everything that can end a command, with what to do about it and the exit status.

use std::path::PathBuf;

use crate::settings;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The operator's settings.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// A verb was not done.
    #[error(transparent)]
    Verb(#[from] operations::Error),
    /// The local socket.
    #[error(transparent)]
    Console(console::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// An upstream's settings.
    #[error("upstream `{name}`: {source}")]
    Upstream {
        /// Its name.
        name: String,
        /// What is wrong.
        source: upstream::InvalidSettings,
    },
    /// A model in process that can't be used.
    #[error(transparent)]
    Local(#[from] local::Error),
    /// A model that was not pulled yet.
    #[error("the model `{name}` is not in {folder}")]
    NotPulled {
        /// Its name.
        name: String,
        /// Where it would be.
        folder: PathBuf,
    },
    /// A model that can't be fetched.
    #[error("{0}")]
    Pull(String),
    /// An address that can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's own error.
        source: std::io::Error,
    },
    /// An address that the operator's port can't listen on.
    #[error("can't listen on {address} for the operator: {source}")]
    ListenOperator {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's own error.
        source: std::io::Error,
    },
    /// Something of the system, with what was tried.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The ledger is not as it was written.
    #[error("the ledger is not sound")]
    Unsound,
    /// A backup that can't be restored as it is.
    #[error("the backup {0} is not sound; nothing was restored")]
    BackupUnsound(PathBuf),
    /// A replay was stopped before the end of its input.
    #[error("the replay was stopped; {0} tells what was read by then")]
    Stopped(PathBuf),
    /// A run did not end well: how, and with which status the process ends.
    #[error("the run is {stage}: {why}")]
    Run {
        /// Where it stands.
        stage: String,
        /// Why.
        why: String,
        /// What to do.
        hint: Option<String>,
        /// 3 held back by a person's wish or an alarm, 4 rejected, 5 budget, 6 grant.
        code: u8,
    },
    /// `doctor` found something.
    #[error("{faults} faults, {warnings} warnings")]
    Unwell {
        /// What does not work or is not safe.
        faults: usize,
        /// What may not work for long.
        warnings: usize,
    },
}

/// Shorthand for results of this crate.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The system's error, with what was tried.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Verb(error) => error.hint().map(str::to_owned),
            Self::Console(error) => hint_of_console(error),
            Self::Ledger(ledger::Error::Held { .. }) => {
                Some("a server runs (or starts, or stops) on this data folder".into())
            }
            Self::Ledger(_) | Self::System { .. } | Self::Pull(_) => None,
            Self::NotPulled { name, .. } => {
                Some(format!("fetch it by `stillhouse model pull {name}`"))
            }
            Self::Upstream { .. } => Some("see [upstreams] in the settings file".into()),
            Self::Local(_) => Some("see `file` and `pulled` in the settings file".into()),
            Self::Listen { .. } => Some("name another address by --listen".into()),
            Self::ListenOperator { .. } => {
                Some("name another address by `operator.listen`, or none: []".into())
            }
            Self::Stopped(_) => None,
            Self::Run { hint, .. } => hint.clone(),
            Self::BackupUnsound(_) => Some("take an older backup".into()),
            Self::Unwell { .. } => Some("each line above says what to do".into()),
            Self::Unsound => Some("restore a backup; the findings above name what is bad".into()),
        }
    }

    /// 2 for what the caller wrote wrong, and for faults that `doctor` found; 130 for what was
    /// interrupted; 1 for all else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Upstream { .. } => 2,
            Self::Unwell { faults, .. } if *faults > 0 => 2,
            // As a shell has it for a program that an interrupt ended.
            Self::Stopped(_) => 130,
            Self::Run { code, .. } => *code,
            Self::Verb(operations::Error::Invalid { .. }) => 2,
            _ => 1,
        }
    }
}

impl From<console::Error> for Failure {
    fn from(error: console::Error) -> Self {
        match error {
            console::Error::Refused(error) => Self::Verb(error),
            other => Self::Console(other),
        }
    }
}

fn hint_of_console(error: &console::Error) -> Option<String> {
    let hint = match error {
        console::Error::InUse { .. } => "stop the other server, or name another data folder",
        console::Error::TooLong { .. } => "name a data folder with a shorter path",
        console::Error::Broken { .. } => "the server may be stopping; try again",
        console::Error::Io { .. } => "run the command as the user that the server runs as",
        console::Error::Refused(_) => return None,
    };
    Some(hint.to_owned())
}
