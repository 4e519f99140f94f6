//! A language model in process as one more upstream: template, tokens, a queue with a bound, and
//! answers as bytes or server-sent events; and scores of given texts. It has its own threads, at the lowest priority, and
//! never takes the gateway's; it knows no accounts, opens no socket and reads no environment.
//!
//! One thread (the desk) reads requests: bytes to tokens, and every mistake of a client. One
//! thread (the scheduler) owns the sequences and runs the model, all requests in one forward pass
//! after another. What it writes travels on a bounded line to the task that asked, which tells it
//! in the API's format: a slow client's sequences give their
//! slots up and rest, and one who leaves ends them.

mod bounds;
mod chat;
mod choice;
mod completion;
mod desk;
mod error;
mod forms;
mod job;
mod local_upstream;
mod options;
mod pace;
mod prefixes;
mod priority;
mod reader;
mod reply;
mod scheduler;
mod score;
mod sequence;
mod shared;
mod teller;
mod tokens;

pub use error::Error;
pub use lm::Path;
pub use local_upstream::{Load, LocalUpstream};
pub use options::{Clock, Options, Random, Source};
