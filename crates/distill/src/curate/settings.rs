//! What a curation looks for, as a run's file writes it.

use super::{Check, Private};
use serde::{Deserialize, Serialize};

/// All settings; each has a default that is safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Fields that hold what is asked. Empty: `prompt`, else `messages` but the system's.
    pub text: Vec<String>,
    /// A field whose equal values stay on one side of a split.
    pub group: Option<String>,
    /// How long rows may be.
    pub length: Length,
    /// What counts as a near duplicate.
    pub duplicates: Duplicates,
    /// What counts as known from the hold-out.
    pub leakage: Leakage,
    /// Personal data and secrets with which a row leaves.
    pub private: Vec<Private>,
    /// Whether rows leave whose answer declines or speaks of being a model.
    pub refusals: bool,
    /// More beginnings of answers with which a row leaves, beside the known ones; case does not matter.
    pub phrases: Vec<String>,
    /// What an answer must be.
    pub check: Option<Check>,
    /// How unequal classes may be.
    pub balance: Option<Balance>,
    /// Parts that rows are split into; shares are relative to their sum. Empty: one part, `train`.
    pub splits: Vec<Split>,
    /// Decides who stays where classes are balanced, and which cluster goes where.
    pub seed: u64,
    /// Rows that are taken in at most: what bounds the memory.
    pub most_rows: usize,
    /// Examples a reason in the funnel.
    pub examples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            group: None,
            length: Length::default(),
            duplicates: Duplicates::default(),
            leakage: Leakage::default(),
            private: Private::ALL.to_vec(),
            refusals: true,
            phrases: Vec::new(),
            check: None,
            balance: None,
            splits: Vec::new(),
            seed: 0,
            most_rows: 2_000_000,
            examples: 5,
        }
    }
}

/// How long rows may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Length {
    /// Bytes of a line; a longer one is not even parsed.
    pub most_bytes: usize,
    /// Fewest words of what is asked.
    pub least_asked: usize,
    /// Most words of what is asked.
    pub most_asked: usize,
    /// Fewest words of an answer, where there is one.
    pub least_answer: usize,
    /// Most words of an answer.
    pub most_answer: usize,
}

impl Default for Length {
    fn default() -> Self {
        Self {
            most_bytes: 1 << 20,
            least_asked: 1,
            most_asked: 20_000,
            least_answer: 1,
            most_answer: 20_000,
        }
    }
}

/// What counts as alike, from 0 to 1: the share of five-word runs that two texts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Duplicates {
    /// From here on one of two rows leaves; 1 for never: equal texts leave anyway.
    pub near: f64,
    /// From here on two rows stay on one side of a split; not under 0.5, below which pairs are
    /// missed; 1 for never: equal prompts do anyway.
    pub cluster: f64,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self {
            near: 0.8,
            cluster: 0.5,
        }
    }
}

/// What counts as known from the hold-out. A row leaves if any of them holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leakage {
    /// So many words on end that stand in a hold-out text.
    pub words: usize,
    /// So great a share of five-word runs in common with a hold-out text.
    pub likeness: f64,
    /// So great a share of a hold-out text's five-word runs, or so great a share of the row's in one
    /// hold-out text: wrapped, and split over rows.
    pub contained: f64,
    /// Runs that so great a share of the hold-out has (at least three texts) are the task's own
    /// wording and say nothing.
    pub wording: f64,
}

impl Default for Leakage {
    fn default() -> Self {
        Self {
            words: 13,
            likeness: 0.5,
            contained: 0.8,
            wording: 0.05,
        }
    }
}

/// How unequal classes may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The field that names the class. Rows without it are a class of their own.
    pub field: String,
    /// Rows of the largest class for each of the smallest's; at least 1.
    pub most: f64,
}

/// A part of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Its name.
    pub name: String,
    /// Its share of the rows.
    pub share: f64,
}
