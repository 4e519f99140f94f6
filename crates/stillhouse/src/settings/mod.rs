//! Settings in two stages: *written*, as the file has them, and *settled*, as the program uses
//! them, each value with the place that it came from.
//!
//! The order of sources is: defaults, file, environment, flags; the later wins. Secrets are named
//! here, never read: who uses one resolves it. Nothing here opens a port, a database or a socket.

mod error;
mod place;
mod report;
mod secret;
mod settle;
mod settled;
mod written;

pub(crate) use error::Error;
pub(crate) use report::{Line, Origin, Report};
pub(crate) use secret::SecretPlace;
pub(crate) use settle::{DEFAULT_MODEL, Outside, settle};
pub(crate) use settled::{
    Local, LocalFile, LogFormat, Model, Servers, Settings, Traces, Upstream, UpstreamKind,
};
