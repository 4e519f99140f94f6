//! Why a verb was not done, in the form that every face shows and the socket carries.

use ::ledger::facts::{ChangeError, Impossible};
use serde::{Deserialize, Serialize};

/// Why a verb was not done. The kind says whose fault it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Error {
    /// The caller named something that is not there.
    #[error("{message}")]
    NotFound {
        /// What is not there.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The caller gave a value that can't be.
    #[error("`{field}`: {message}")]
    Invalid {
        /// The field of the input.
        field: String,
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// What is there already stands against it.
    #[error("{message}")]
    Conflict {
        /// What stands against it.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Somebody changed it since the caller looked at it.
    #[error("{message}")]
    Stale {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// Its revision now.
        current: u64,
    },
    /// The house can't do it now: a full disk, a store that is down, no server.
    #[error("{message}")]
    Unavailable {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The house is at fault, or what it keeps is damaged.
    #[error("{message}")]
    Internal {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A field that can't be.
    pub fn invalid(field: &str, message: impl ToString) -> Self {
        Self::Invalid {
            field: field.to_owned(),
            message: message.to_string(),
            hint: None,
        }
    }

    /// Something that is not there.
    pub fn missing(message: impl ToString, hint: Option<String>) -> Self {
        Self::NotFound {
            message: message.to_string(),
            hint,
        }
    }

    /// What can't be, of something that the house wrote itself.
    pub(crate) fn internal(message: impl ToString) -> Self {
        Self::Internal {
            message: message.to_string(),
            hint: None,
        }
    }

    /// A change of what is no longer as the caller saw it.
    pub(crate) fn stale(current: u64) -> Self {
        Self::Stale {
            message: format!("it was changed in the meantime, by entry {current}"),
            hint: Some("look at it again, then change it".into()),
            current,
        }
    }

    /// A file that can't be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("{}: {error}", path.display());
        Self::Unavailable {
            message,
            hint: None,
        }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        let (Self::NotFound { hint, .. }
        | Self::Invalid { hint, .. }
        | Self::Conflict { hint, .. }
        | Self::Stale { hint, .. }
        | Self::Unavailable { hint, .. }
        | Self::Internal { hint, .. }) = &mut self;
        *hint = Some(text.into());
        self
    }

    /// What to do, where that is known.
    pub fn hint(&self) -> Option<&str> {
        let (Self::NotFound { hint, .. }
        | Self::Invalid { hint, .. }
        | Self::Conflict { hint, .. }
        | Self::Stale { hint, .. }
        | Self::Unavailable { hint, .. }
        | Self::Internal { hint, .. }) = self;
        hint.as_deref()
    }
}

impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Impossible(impossible) => {
                let message = impossible.to_string();
                match impossible {
                    Impossible::Missing { .. } => Self::NotFound {
                        message,
                        hint: None,
                    },
                    Impossible::Exists { .. }
                    | Impossible::Revoked { .. }
                    | Impossible::LastAdmin { .. } => Self::Conflict {
                        message,
                        hint: None,
                    },
                    Impossible::NotFirst => Self::Conflict {
                        message,
                        hint: Some("sign in, or ask an admin for an invitation".into()),
                    },
                    Impossible::Name { .. } => Self::invalid("name", message),
                }
            }
            ChangeError::Stale { current } => Self::stale(current),
            ChangeError::Ledger(error) => error.into(),
        }
    }
}

impl From<::distill::Error> for Error {
    fn from(error: ::distill::Error) -> Self {
        use ::distill::Error as Run;
        let (message, hint) = (error.to_string(), error.hint().map(str::to_owned));
        match error {
            Run::Ledger(error) => error.into(),
            Run::Spec { .. } | Run::Row { .. } | Run::Route { .. } | Run::Curate(_) => {
                Self::Invalid {
                    field: "file".into(),
                    message,
                    hint,
                }
            }
            Run::NoRun(_) => Self::NotFound {
                message,
                hint: Some("`stillhouse distill list` shows what there is".into()),
            },
            Run::Driven | Run::Refused(_) => Self::Conflict { message, hint },
            Run::Io { .. } | Run::Failed { .. } => Self::Unavailable { message, hint },
            Run::Child(_) | Run::Illegal(_) => Self::Internal { message, hint },
        }
    }
}

impl From<::ledger::Error> for Error {
    fn from(error: ::ledger::Error) -> Self {
        use ::ledger::Error as Ledger;
        let message = error.to_string();
        let hint = |text: &str| Some(text.to_owned());
        match error {
            Ledger::Held { .. } => Self::Conflict {
                message,
                hint: hint("stop the other server, or name another data folder"),
            },
            Ledger::NoLedger { .. } => Self::NotFound {
                message,
                hint: hint("name the data folder, or make a ledger by `stillhouse serve`"),
            },
            Ledger::Damage { .. } | Ledger::Vault(_) => Self::Internal {
                message,
                hint: hint("run `stillhouse ledger verify`, and restore a backup if it fails"),
            },
            Ledger::Key { .. } | Ledger::Format { .. } => Self::Conflict {
                message,
                hint: None,
            },
            Ledger::Full { .. } | Ledger::StoreDown(_) => Self::Unavailable {
                message,
                hint: hint("see that the disk has room and can be written"),
            },
            Ledger::Poisoned(_) => Self::Unavailable {
                message,
                hint: hint("restart the server"),
            },
            Ledger::Argument(_) => Self::invalid("input", message),
            Ledger::ReservedKind(_) | Ledger::TooLarge { .. } => Self::Internal {
                message,
                hint: None,
            },
            Ledger::Closed | Ledger::Io { .. } | Ledger::Store { .. } => Self::Unavailable {
                message,
                hint: None,
            },
        }
    }
}
