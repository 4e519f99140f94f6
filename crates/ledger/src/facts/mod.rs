//! The typed half of the ledger: facts in and out, and the folds that the whole house reads,
//! [`Directory`] and [`Books`], and where the entries of runs are ([`RunEntries`]).
//!
//! [`Facts`] is the one front of all. A change is checked, written, made durable and only then
//! applied and told to the followers, so that what anybody acts on is in the ledger. Nothing here
//! decides what a fact ought to be.

mod books;
mod change;
mod codec;
mod directory;
mod front;
mod live;
mod older;
mod rollup;
mod runs;
mod start;
#[cfg(test)]
mod testing;
mod totals;
mod usage;

pub use books::{Books, OpenSlice, Spent};
pub use change::{ChangeError, Expected, Follower};
pub use codec::{DecodeError, VERSION, decode, encode, kind};
pub use directory::{Directory, Impossible, Thing, Touched};
pub use front::Facts;
pub use rollup::Tally;
pub use runs::RunEntries;
pub use totals::{IDEMPOTENCY, REFUSALS};
pub use usage::{Cost, Refused, Span};
