//! Distillation runs: made, looked at, driven, paused, resumed, cancelled, forked, compared.
//!
//! What is read is a fold over the ledger's entries, beside a running server too. A run that is
//! under way is asked to pause or end by a file in its folder, since who drives it holds the
//! ledger; one that nobody drives is moved by an entry.

mod control;
mod make;
mod view;

pub use control::{Control, cancel, drive, export, pause, resume};
pub use make::{Made, Place, fork, make};
pub use view::{Curve, Difference, Point, Row, Run, diff, list, show, why};
