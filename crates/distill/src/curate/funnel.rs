//! Where rows went: how many left at each step and why, with examples.

use serde::{Deserialize, Serialize};

/// Why a row left, in the order in which rows are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is no JSON object, or nothing is asked in it.
    Parse,
    /// It is too short or too long.
    Length,
    /// Its answer was cut or filtered (`finish_reason`).
    Finish,
    /// Another row has the same words.
    Duplicate,
    /// Another row has its id.
    Id,
    /// Another row has nearly the same words.
    NearDuplicate,
    /// Its words are in the hold-out.
    Leakage,
    /// Personal data or a secret is in it.
    Private,
    /// Its answer declines, or speaks of being a model.
    Refusal,
    /// Its answer is not what it must be.
    Check,
    /// Its class has enough rows.
    Balance,
}

impl Reason {
    /// All, in their order.
    pub const ALL: [Self; 11] = [
        Self::Parse,
        Self::Length,
        Self::Finish,
        Self::Duplicate,
        Self::Id,
        Self::NearDuplicate,
        Self::Leakage,
        Self::Private,
        Self::Refusal,
        Self::Check,
        Self::Balance,
    ];

    /// As files and reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Length => "length",
            Self::Finish => "finish",
            Self::Duplicate => "duplicate",
            Self::Id => "id",
            Self::NearDuplicate => "near_duplicate",
            Self::Leakage => "leakage",
            Self::Private => "private",
            Self::Refusal => "refusal",
            Self::Check => "check",
            Self::Balance => "balance",
        }
    }
}

/// One row that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Its line, from 0.
    pub line: u64,
    /// Its id; empty where it could not be parsed.
    pub id: String,
    /// What was found. Never the row's own text, which may be what it left for.
    pub detail: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What rows left for.
    pub reason: Reason,
    /// Rows that came to it.
    pub entered: u64,
    /// Rows that left at it.
    pub left: u64,
    /// Some of them, first by digest.
    pub examples: Vec<Example>,
}

/// All steps, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    /// Rows that came in.
    pub rows: u64,
    /// The steps.
    pub stages: Vec<Stage>,
    /// Rows that stayed.
    pub kept: u64,
}

impl Funnel {
    pub(super) fn new(rows: u64) -> Self {
        let stages = Reason::ALL.map(|reason| Stage {
            reason,
            entered: 0,
            left: 0,
            examples: Vec::new(),
        });
        Self {
            rows,
            stages: stages.into(),
            kept: 0,
        }
    }

    /// How many left for a reason.
    #[must_use]
    pub fn left(&self, reason: Reason) -> u64 {
        let stage = self.stages.iter().find(|stage| stage.reason == reason);
        stage.map_or(0, |stage| stage.left)
    }

    pub(super) fn leave(&mut self, reason: Reason, most: usize, example: impl FnOnce() -> Example) {
        let stage = self.stages.iter_mut().find(|stage| stage.reason == reason);
        if let Some(stage) = stage {
            stage.left += 1;
            if stage.examples.len() < most {
                stage.examples.push(example());
            }
        }
    }

    /// Fills in what each step was given, once all rows have left or stayed.
    pub(super) fn close(&mut self) {
        let mut left = self.rows;
        for stage in &mut self.stages {
            stage.entered = left;
            left -= stage.left;
        }
        self.kept = left;
    }
}
