//! What can keep a model in process from starting. Failures of a single request are
//! [`upstream::Error`]s or answers with an error body; none of them is here.

/// Why a model was not started: the operator's fault, or the machine's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be used as a model.
    #[error("the model `{name}` can't be loaded: {source}")]
    Model {
        /// The upstream's name in the settings.
        name: String,
        /// Why.
        source: lm::Error,
    },
    /// The file can't be read for its digest.
    #[error("the model `{name}` can't be read: {source}")]
    File {
        /// The upstream's name in the settings.
        name: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A setting is out of its range.
    #[error("the settings of the model `{name}`: {what}")]
    Settings {
        /// The upstream's name in the settings.
        name: String,
        /// What is wrong, in words.
        what: &'static str,
    },
    /// A thread could not be started, or ended before it was ready.
    #[error("the threads of the model `{name}` can't be started: {why}")]
    Threads {
        /// The upstream's name in the settings.
        name: String,
        /// What went wrong, in words.
        why: String,
    },
}
