//! Curation: rows in, rows out, and a reason for every row that left. Nothing here does IO, reads
//! a clock or draws randomness: the seed is a setting.
//!
//! Rows are JSON lines. They are looked at in the order of [`Reason`], cheap and certain checks
//! first; a row leaves at the first check that it does not pass, and the others that it would not
//! have passed are told too. What stays is split by *cluster*: rows that share a prompt, a group or
//! half of their text are never on both sides of a split.
//!
//! Time grows with the words of all rows. Memory is bounded by [`Settings::most_rows`]: about half
//! a KiB a row, whatever its length; lines are not kept.
//!
//! **Order.** The outcome does not depend on the order of rows: who stays of two twins is decided
//! by their digests. Of byte-equal lines the first stays; line numbers, and the examples of them,
//! are those of the input.

mod balance;
mod curator;
mod funnel;
mod judge;
mod leakage;
mod minhash;
mod near;
mod private;
mod refusal;
mod row;
mod settings;
mod split;
mod text;
mod verify;

pub use curator::{CurateError, Curated, Curator, Fate, Progress};
pub use funnel::{Example, Funnel, Reason, Stage};
pub use judge::curate;
pub use private::Private;
pub use row::{Message, Row};
pub use settings::{Balance, Duplicates, Leakage, Length, Settings, Split};
pub use split::{Frozen, Part};
pub use verify::Check;

#[cfg(test)]
mod tests;
