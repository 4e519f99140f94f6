//! Admission: the table of credentials, limits and budgets that the hot path looks up.
//!
//! It is a fold over the ledger's changes, held so that one request costs a hash look-up and a
//! few short locks. What it hands out are proofs: a [`Permit`] exists only if every check was
//! passed, and gives its place back when it is dropped.

mod bucket;
mod credential;
mod denied;
mod meter;
mod permit;
mod purse;
mod table;
mod terms;

pub use credential::{Credential, Holder, Opening};
pub use denied::Denied;
pub use meter::Rates;
pub use permit::{Permit, Want};
pub use purse::{Closed, Draw, Purse, Ticket};
pub use table::Table;
pub use terms::Terms;
