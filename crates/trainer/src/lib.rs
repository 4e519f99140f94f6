//! `trainer`: the learning of a run, in a child process of its own. It takes one job over standard
//! input, samples, asks its parent (or a model beside it) for scores, learns, writes checkpoints
//! and says on standard output what it did. It opens no connection and no database, and writes only
//! under the folder of its job.
//!
//! [`protocol`] is what parent and child say to each other, [`serve`] is the child's life. A job's
//! bytes depend on the job, its files and the type of processor alone: a child that is killed and
//! started again goes on from its last checkpoint to the same student.

mod answer;
mod asked;
mod checkpoint;
mod draws;
mod error;
mod export;
pub mod fits;
mod learn;
mod load;
mod metrics;
mod pairs;
mod parent;
mod place;
mod probe;
pub mod protocol;
mod random;
mod reward;
mod sampled;
mod serve;
mod student;
mod targets;
mod teacher;
mod uld;

pub use serve::serve;

use std::time::Duration;

/// What comes from outside the process, handed in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// A clock that never goes back. Nothing but `seconds` in reports depends on it.
    pub clock: &'a dyn Fn() -> Duration,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}
