//! What parent and child say to each other: one JSON document a line. The parent writes [`Order`]s to
//! the child's standard input, the child [`Report`]s to its standard output. Plain data and its
//! limits; nothing is computed here.
//!
//! ```text
//! parent                                   child
//! {"order":"job", ...}            ->
//!                                 <-       {"report":"ready", ...}
//!                                 <-       {"report":"score","question":1, ...}   served teacher only
//! {"order":"scores","question":1} ->
//!                                 <-       {"report":"grade","question":2, ...}   judged rewards only
//! {"order":"rewards","question":2} ->
//!                                 <-       {"report":"step", ...}
//!                                 <-       {"report":"checkpoint", ...}
//! {"order":"pause"}               ->
//!                                 <-       {"report":"checkpoint", ...}
//!                                 <-       {"report":"done","paused":true}
//! ```
//!
//! A job ends with one `done` or one `failed`, and the process with it. Where the parent's end of
//! standard input closes, the child ends at once.

mod grade;
mod item;
mod job;
mod line;
mod loss;
mod order;
mod report;
mod settings;

pub use grade::{Grade, Graded, Rewards};
pub use item::{Item, Message, Prompt, items};
pub use job::{
    Answer, Export, Format, Further, Job, Learn, Place, Probe, Stage, Student, Teacher, Who,
};
pub use line::{LineError, Lines, MOST_LINE, write_line};
pub use loss::{Divergence, Kind, Loss, Shared, Spread, Support, Tail};
pub use order::{Order, PositionScores, Scores, SequenceScores};
pub use report::{
    Answered, Answers, Checkpoint, Done, Ending, Exported, ExportedFile, Failed, Fault, Metrics,
    OfTeacher, Probed, Ready, Report, Sample, SampleToken, Score, Seconds, Sequence, Step,
    Tokenizers, Tokens,
};
pub use settings::{Decay, Learning, Rate, Sampling, Target, Tuning};

/// The version of all this. A child refuses a job of another one.
pub const VERSION: u32 = 1;

/// Most items of a file.
pub const MOST_ITEMS: usize = 1_000_000;
/// Most sequences of one question, and most answers of one step.
pub const MOST_SEQUENCES: usize = 65_536;
/// Most ids that are asked for at a position.
pub const MOST_IDS: usize = 1024;
/// Most steps of a stage.
pub const MOST_STEPS: u64 = 1_000_000;

#[cfg(test)]
mod tests;
