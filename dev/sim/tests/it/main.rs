//! The simulator from outside: what it writes, read by a strict reader of the format.

mod behaviour;
mod drive;
mod format;
mod kit;
mod plain_fields;
