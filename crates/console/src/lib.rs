//! The operator's ports. One is a local socket in the data folder, on which every verb of
//! [`operations`] is one JSON route, with the client for it. The other is TCP: the admin API with
//! its description, live streams, metrics, and the pages.
//!
//! No verb of its own, and nothing of the data plane: who may do what is said by the verbs' roles.
//! Clock and randomness are the house's.

mod api;
mod assets;
mod auth;
mod body;
mod client;
mod error;
mod headers;
mod input;
mod live;
mod page;
mod problem;
mod refusal;
mod route;
mod serve;
mod socket;
mod state;

pub use api::document as openapi;
pub use client::Client;
pub use error::{Error, Result};
pub use page::{page_of, replay_report};
pub use serve::Operator;
pub use socket::Socket;
pub use state::{Metrics, Parts};

/// The largest body of a request or an answer on the local socket, in bytes.
pub const MAX_BODY_BYTES: usize = 64 << 20;
