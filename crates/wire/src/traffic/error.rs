//! Why a line can't be read. No error repeats a text of the line: what is wrong may be told to
//! anybody.

/// Why a line is skipped. It is the fault of who wrote the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Longer than any exchange; the number is the most that is read.
    #[error("it is longer than {0} MiB")]
    TooLong(u32),
    /// Not JSON, or not an object.
    #[error("it is not a JSON object (column {0}); was it cut off?")]
    NotJson(usize),
    /// A field that must be there is not, or is empty.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field of another type, or with a value that can't be.
    #[error("`{field}` is not {expected}")]
    Wrong {
        /// Its name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An event that the format does not have.
    #[error("`event` is neither model_released nor account_suspended")]
    Event,
    /// A digest that can't be read.
    #[error("`digest` can't be read: {0}")]
    Digest(String),
    /// A log's line that is no request to a model; it is passed over and is no fault.
    #[error("it is no request to a model")]
    Other,
}

impl LineError {
    /// A short name, for counting.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::TooLong(_) => "too_long",
            Self::NotJson(_) => "not_json",
            Self::Missing("account") => "no_account",
            Self::Missing("time") => "no_time",
            Self::Missing(_) => "missing_field",
            Self::Wrong { .. } => "wrong_value",
            Self::Event => "unknown_event",
            Self::Digest(_) => "bad_digest",
            Self::Other => "no_model_request",
        }
    }

    pub(crate) const fn wrong(field: &'static str, expected: &'static str) -> Self {
        Self::Wrong { field, expected }
    }

    pub(crate) fn json(error: &serde_json::Error) -> Self {
        Self::NotJson(error.column())
    }
}
