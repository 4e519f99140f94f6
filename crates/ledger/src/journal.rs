//! The journal: append-only segments that requests write to directly, and that double as the
//! spool while the store cannot be written. It links drafts into the chain under one short lock
//! and hands them to the operating system in one write; it never buffers, and never rewrites.

mod append;
mod cursor;
mod frame;
mod open;
mod pending;
mod recover;
mod segment;
mod segments;
mod spare;
mod sync;
mod take;
#[cfg(test)]
mod tests;
mod times;

pub(crate) use append::{Journal, JournalOptions};
pub(crate) use cursor::{Cursor, Next};
pub(crate) use frame::{Parsed, parse};
pub(crate) use recover::Known;
pub(crate) use segment::{SegmentHeader, SegmentReader, Start, Step, list as list_segments};
pub(crate) use spare::run_spares;
pub(crate) use sync::{SyncLine, run_sync};
pub(crate) use take::Batch;
pub use times::SyncTimes;
