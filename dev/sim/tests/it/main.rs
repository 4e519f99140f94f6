//! The simulator from outside: what it writes, read by a strict reader of the format.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails says so; figures are shown with --nocapture"
)]

mod behaviour;
mod drive;
mod format;
mod kit;
mod plain_fields;
