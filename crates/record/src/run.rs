//! Distillation runs: what the ledger says of one, event by event. The state of a run is a fold
//! over these and nothing else.
//!
//! *Binding* events (created, approved, moved, asked, bought) are durable before they take
//! effect. A step is *recomputed*: its entry says what was done and what came out, so that the
//! same step done again from the last checkpoint can be checked against it.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::{Id, kind};

mod event;

pub use event::{Export, RunCreated, RunEvent};

/// A number that is neither infinite nor "not a number", so that it equals itself.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Real(f64);

impl Eq for Real {}

impl Real {
    /// `None` for infinities and for what is no number. Minus zero becomes zero.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Real {
    type Error = &'static str;
    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value).ok_or("a measured number must be finite")
    }
}

impl From<Real> for f64 {
    fn from(real: Real) -> Self {
        real.0
    }
}

/// Where a run stands. This list only grows, at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Written down; nothing is allowed yet.
    Draft,
    /// Waits for a grant, a licence and a budget that cover it.
    Approval,
    /// Measures before it spends.
    Plan,
    /// A few items all the way through.
    Smoke,
    /// Answers of the teacher are collected.
    Collect,
    /// Collected rows are sorted out.
    Curate,
    /// Learns from texts.
    ColdStart,
    /// Learns from its own answers, graded by the teacher.
    OnPolicy,
    /// The student is measured on the hold-out.
    Evaluate,
    /// The release gate.
    Gate,
    /// Released. The end.
    Released,
    /// Waits for a person; its student can be asked as a candidate. The end for now.
    Held,
    /// Measured and not good enough. The end.
    Rejected,
    /// Stopped; goes on where it was when it is resumed.
    Paused,
    /// Stopped for good by a person. The end.
    Cancelled,
    /// Cannot go on. The end.
    Failed,
}

/// Why a run went from one stage to another. This list only grows, at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The stage has done its work.
    Done,
    /// The stage is not part of this run.
    Skipped,
    /// Somebody asked for it, in their words.
    Asked(String),
    /// The budget is used up.
    Budget,
    /// The grant was revoked, has expired or does not cover the run; in words.
    Grant(String),
    /// Too little disk is free.
    Disk {
        /// Bytes that were free.
        free: u64,
    },
    /// A measurement went out of bounds.
    Alarm(Alarm),
    /// Something failed; in words, with whose fault it was.
    Failed(String),
    /// What was measured speaks against going on; in words.
    Advice(String),
}

/// What went out of bounds. This list only grows, at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Too many answers were cut at the most tokens.
    Cut,
    /// Answers grew much longer than the start model's.
    Length,
    /// Answers repeat themselves.
    Repetition,
    /// The student's entropy collapsed.
    Entropy,
    /// A gradient far larger than the run's usual one.
    Gradient,
    /// The distance to the teacher jumped.
    Kl,
    /// The hold-out's score fell three times in a row.
    Holdout,
    /// The loss is no number any more.
    Loss,
    /// Student and teacher have far fewer of their likeliest tokens in common than at the start.
    Overlap,
    /// Too many tokens no longer move anything.
    Saturated,
    /// Too many log-probabilities or ratios were cut off.
    Clamped,
}

/// What was measured. This list only grows, at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The loss, in nats a token.
    Loss,
    /// The distance from teacher to student, in nats a token.
    Kl,
    /// The student's entropy, in nats a token.
    Entropy,
    /// Mean tokens of an answer.
    Length,
    /// Share of answers cut at the most tokens.
    Cut,
    /// Share of 4-grams that were there before in the same answer.
    Repetition,
    /// Share of the likeliest tokens that teacher and student have in common.
    Overlap,
    /// The gradient's norm before clipping.
    GradientNorm,
    /// Share of tokens whose log-ratio was clamped.
    Clamped,
    /// Share of tokens whose gradient is saturated.
    Saturated,
    /// Tokens that were learnt from.
    Tokens,
    /// Seconds of sampling.
    SampleSeconds,
    /// Seconds of the teacher's scoring.
    ScoreSeconds,
    /// Seconds of learning.
    LearnSeconds,
    /// Steps between sampling and learning.
    Staleness,
    /// Mean of the judged rewards.
    Reward,
    /// Share of the items whose answers were all judged alike.
    Alike,
    /// Mean of how much more than its start the student prefers the better answers of pairs.
    Margin,
}

/// One measured number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// What.
    pub metric: Metric,
    /// How much.
    pub value: Real,
}

/// What a bought call was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallRole {
    /// An answer of the teacher.
    Answer,
    /// Log-probabilities of given tokens.
    Score,
    /// A judgement of an answer.
    Judge,
}

/// Which call of a run: bought at most once for each of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    /// In which stage.
    pub stage: Stage,
    /// In which step of the stage; 0 where it has none.
    pub step: u64,
    /// Which item, or which part of the step's batch.
    pub item: String,
    /// 0, and one more each time the answer before was lost or no use.
    pub attempt: u32,
    /// What for.
    pub role: CallRole,
}

/// What work on this machine cost: its time at the operator's rate, and the tokens that a teacher
/// in process scored or wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The slice that paid for it.
    pub slice: Id<kind::Slice>,
    /// How much.
    pub amount: Amount,
}

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: Real,
    /// The estimate.
    pub value: Real,
    /// Upper bound.
    pub high: Real,
}

/// Who was measured on the hold-out. This list only grows, at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scored {
    /// The model that the student started from.
    Start,
    /// The teacher.
    Teacher,
    /// The student.
    Student,
}

/// One measured score of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Who was measured.
    pub of: Scored,
    /// By what: `json_fields`, `exact` or `perplexity`.
    pub scorer: String,
    /// Over how many items.
    pub items: u64,
    /// How many of them were right; `None` where the scorer does not count.
    pub right: Option<u64>,
    /// The score.
    pub score: Interval,
}

/// What a run is expected to need. Amounts are low, expected, high.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// `go`, `cold_start_first` or `do_not`.
    pub verdict: String,
    /// Why, in words.
    pub why: String,
    /// Money and tokens, paid teachers and machine together.
    pub amount: [Amount; 3],
    /// Seconds on this machine.
    pub seconds: [Real; 3],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_number_is_finite() {
        assert_eq!(Real::new(f64::NAN), None);
        assert_eq!(Real::new(f64::INFINITY), None);
        assert_eq!(
            Real::new(-0.0).map(|r| r.get().to_bits()),
            Some(0.0f64.to_bits())
        );
        assert!(serde_json::from_str::<Real>("null").is_err());
        let bytes = postcard::to_allocvec(&f64::NAN).unwrap();
        assert!(postcard::from_bytes::<Real>(&bytes).is_err());
        let bytes = postcard::to_allocvec(&Real::new(1.5).unwrap()).unwrap();
        assert_eq!(postcard::from_bytes(&bytes), Ok(Real(1.5)));
    }
}
