//! The typed half of the ledger: facts in and out, and the two folds that the whole house reads,
//! [`Directory`] and [`Books`].
//!
//! [`Facts`] is the one front of both. A change is checked, written, made durable and only then
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
pub use totals::{IDEMPOTENCY, REFUSALS};
pub use usage::{Cost, Refused, Span};
