//! The model in process as its callers meet it: bytes in, bytes or events out. Tiny random models
//! but for `real_model`, which has the small default one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper fails the test"
)]

mod answers;
mod chats;
mod completions;
mod crowd;
mod forms;
mod house;
mod mistakes;
mod paths;
mod real_model;
#[path = "../../../lm/tests/it/schema.rs"]
mod schema;
mod scores;
