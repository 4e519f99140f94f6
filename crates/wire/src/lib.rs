//! The formats of OpenAI's and Anthropic's APIs, read and written as bytes.
//!
//! Policy fields of requests with their places, edits from a closed list, usage and ends of
//! answers and streams, error bodies, typed requests and answers for who answers itself, and
//! translation of the Responses and Messages APIs to chat completions and back; and what other
//! gateways keep in files, for who moves from there; and what bodies say, in pieces, for who
//! digests them.
//! Nothing here does IO, reads a clock, draws random numbers or is async; nothing here knows
//! accounts. Bytes of strangers never make it panic.

pub mod error;
mod fields;
pub mod import;
mod json;
pub mod openai;
pub mod policy;
pub mod score;
pub mod seen;
pub mod splice;
pub mod sse;
pub mod traffic;
pub mod translate;
pub mod usage;

pub use error::{ApiError, Dialect, Error};
pub use policy::Policy;
pub use splice::Splice;
pub use sse::{Ending, StreamKind, StreamTap};
pub use translate::{AnswerStream, Translation};
