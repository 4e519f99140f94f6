//! The operator's port. So far it is one local socket in the data folder, on which every verb of
//! [`operations`] is one JSON route, `POST /v1/<noun>/<verb>`, and the client for it.
//!
//! No verb of its own, no TCP, no pages: who may open the socket (mode 0600) is the operator.

mod client;
mod error;
mod problem;
mod route;
mod socket;

pub use client::Client;
pub use error::{Error, Result};
pub use socket::Socket;

/// The largest body of a request or an answer, in bytes.
pub const MAX_BODY_BYTES: usize = 64 << 20;
