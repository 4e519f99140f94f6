//! The log: structured lines on standard error. Bodies and secrets are never logged.

use tracing_subscriber::EnvFilter;

use crate::failure::{Failure, Result};
use crate::settings::{Error, LogFormat, Settings};

/// Starts the log.
///
/// # Errors
/// A filter that can't be.
pub(super) fn start(settings: &Settings) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.log_filter).map_err(|error| Error::Outside {
        name: "log.filter",
        what: error.to_string(),
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match settings.log_format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    started.map_err(|error| Failure::system("starting the log")(std::io::Error::other(error)))
}
