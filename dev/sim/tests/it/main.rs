//! The simulator from outside: what it writes, read by a strict reader of the format.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says so"
)]

mod behaviour;
mod drive;
mod format;
mod kit;
mod plain_fields;
mod table;
