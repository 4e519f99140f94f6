//! A question for rewards, and its answer.

use super::job::Stage;
use serde::{Deserialize, Serialize};

/// A question: rewards of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// Its number within this process, from 1.
    pub question: u64,
    /// The stage.
    pub stage: Stage,
    /// The step that needs it.
    pub step: u64,
    /// The answers.
    pub answers: Vec<Graded>,
}

/// An answer to grade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graded {
    /// The item's id.
    pub item: String,
    /// Which of its answers, from 0.
    pub sample: u32,
    /// Its text.
    pub text: String,
}

/// A judge's rewards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewards {
    /// Which question they answer.
    pub question: u64,
    /// One an answer, in the question's order; more is better.
    pub rewards: Vec<f64>,
}
