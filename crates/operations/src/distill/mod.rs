//! Distillation runs: made, looked at, driven, paused, resumed, cancelled, forked, compared.
//!
//! What is read is a fold over the ledger's entries ([`distill::runs::Runs`](::distill::runs::Runs)),
//! which the house keeps and a reader beside it makes anew, and what a run's folder keeps. Who drives a run holds the ledger and answers for the house meanwhile: a run that
//! is under way is asked to pause or end by a file in its folder, one that nobody drives is moved
//! by an entry.

mod clean;
mod control;
mod curve;
mod data;
mod export;
mod make;
mod one;
mod start;
mod teachers;
mod text;
mod view;

pub use ::distill::runs::Runs;
pub use clean::{Clean, Cleaned, Freed, clean};
pub use control::{Done, Steer, cancel, drive, go_on, pause, resume};
pub use curve::{Curve, Point, Spent};
pub use data::{Funnel, Reason};
pub use export::{Export, Exported, export, write};
pub use make::{How, Made, Place, fork, make};
pub use one::{Alarm, File, Move, Passed, Quoted, Run, Show, show, shown};
pub use start::{Fork, Start, Started, start, start_fork};
pub use text::{Answer, Item, Sample, Text, Texts, Token, text};
pub use view::{Board, Difference, Measured, Row, diff, list, why};
