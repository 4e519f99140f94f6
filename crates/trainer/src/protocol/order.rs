//! What the parent says.

use super::grade::Rewards;
use super::job::Job;
use serde::{Deserialize, Serialize};

/// A line of the parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// The first line.
    Job {
        /// [`super::VERSION`].
        version: u32,
        /// What is to be done.
        #[serde(flatten)]
        job: Job,
    },
    /// The answer to a question.
    Scores(Scores),
    /// The answer to a question for rewards.
    Rewards(Rewards),
    /// Finish this step, write a checkpoint, end.
    Pause,
}

/// A teacher's scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Which question they answer.
    pub question: u64,
    /// One a sequence, in the question's order. `null` for one that the teacher would not or could
    /// not score: it is not learnt from.
    pub sequences: Vec<Option<SequenceScores>>,
}

/// The scores of a sequence: one a position from `from` on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceScores {
    /// One a scored token.
    pub positions: Vec<PositionScores>,
}

/// The teacher's distribution at a position, at the question's temperature.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionScores {
    /// Natural logarithms at the ids asked for, in their order; `null` where the teacher did not tell.
    pub at: Vec<Option<f32>>,
    /// Its likeliest tokens, where some were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(u32, f32)>,
    /// Mass of all tokens that neither tells, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<f64>,
}
