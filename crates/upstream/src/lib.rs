//! Asks a model: one trait, whoever answers, and its HTTP side.
//!
//! Bytes go in; bytes or server-sent events come out. What a client did wrong comes back as an
//! [`Answer`] with the API's own error body; an [`Error`] is a failure on our side of the client.
//! This room knows no accounts, and it is the only one that dials for traffic.

mod answer;
mod ask;
mod balance;
mod count;
mod dial;
mod health;
mod http_upstream;
mod latency;
mod link;
mod patience;
mod probe;
mod reading;
mod route;
mod score;
mod secret;
mod server;
mod settings;

pub use ask::{
    Answer, AnswerBody, Ask, BoxFuture, Chunks, EndpointSet, Error, Health, ScoreAsk, ScoreOutcome,
    ServerState, Upstream,
};
pub use http_upstream::HttpUpstream;
pub use latency::{Latency, Percentiles};
pub use probe::Probes;
pub use secret::Secret;
pub use settings::{InvalidSettings, Kind, Settings};
