//! What can be wrong with the settings; always the operator's to mend, so each error names the
//! place and, where one can be guessed, the remedy.

use std::path::PathBuf;

use super::place::Place;

/// Why settings can't be settled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The settings file can't be read.
    #[error("the settings file {path} can't be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// Something in the file is wrong.
    #[error("{place}: {what}")]
    File {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
    /// An environment variable or a flag is wrong.
    #[error("{name}: {what}")]
    Outside {
        /// The variable or the flag.
        name: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A secret that is named can't be read.
    #[error("the secret of upstream `{upstream}` can't be read: {what}")]
    Secret {
        /// The upstream.
        upstream: String,
        /// What is wrong; never holds the secret.
        what: String,
    },
}

impl Error {
    /// What to do about it, where that can be told.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::File { hint, .. } => hint.clone(),
            Self::Read { .. } => Some("name another file with --config, or leave it out".into()),
            Self::Secret { .. } => {
                Some("a secret is `{ env = \"NAME\" }` or `{ file = \"/path\" }`".into())
            }
            Self::Outside { .. } => None,
        }
    }
}

/// The known name that is likest to `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
