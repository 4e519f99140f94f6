//! The data plane: an OpenAI- and Anthropic-compatible door in front of models.
//!
//! The way of one exchange, each stage owning the one before so that none can be skipped:
//! [`received`] → [`identify`] → [`admit`] → [`answer`] → [`record`]. A refusal is a value with
//! a reason, and is recorded too.
//!
//! What never happens here: reading history (but for one look-up by idempotency key), changing a
//! body beyond the closed list of edits, dialling, deciding about accounts, knowing what runs a
//! model. The clock and randomness come from outside.

mod admit;
mod answer;
mod budget;
mod course;
mod detached;
mod door;
mod draw;
mod failure;
mod flood;
mod handle;
mod identify;
mod keep;
mod live;
mod models;
mod network;
mod observer;
mod options;
mod patient;
mod print;
mod received;
mod record;
mod replay;
mod reply;
mod running;
mod score;
mod state;
mod stream;
mod sweep;
mod trace;

pub use models::{Models, Route};
pub use network::Network;
pub use observer::{Ended, ModelNumber, Observer, Timings, TurnedAway, Unobserved, Verified};
pub use options::{ClientGone, Clock, Options, Random};
pub use state::{Gateway, Parts, Status};
pub use trace::{Answered, Trace, TraceParent};
