//! What is asked of a model, or of each item's own teacher, and what came of it. Plain data.

use trainer::protocol::{Answered, Sampling, Who};

use record::Stage;

use crate::quote::Speed;
use crate::state::Place;

/// Somebody's answers, with what they took.
pub(super) struct Answers {
    /// The answers, in the items' order.
    pub(super) answers: Vec<Answered>,
    /// Seconds.
    pub(super) seconds: f64,
    /// Of these, until the models were loaded.
    pub(super) loading: f64,
    /// Tokens of a teacher on this machine.
    pub(super) tokens: u64,
    /// Of several teachers what each took, where it answered now.
    pub(super) parts: Vec<Part>,
}

/// What one of several teachers took.
pub(super) struct Part {
    /// Its number.
    pub(super) teacher: usize,
    /// Seconds until it was loaded, and an answer's.
    pub(super) speed: Speed,
}

impl Answers {
    /// How quickly they came.
    pub(super) fn speed(&self) -> Speed {
        Speed {
            loading: self.loading,
            each: (self.seconds - self.loading) / self.answers.len().max(1) as f64,
        }
    }
}

/// Whose answers to what.
pub(super) struct Wanted<'a> {
    /// Who answers.
    pub(super) who: Who,
    /// The number of the teacher that answers; none where each item's own one does.
    pub(super) teacher: Option<usize>,
    /// For which stage they are bought, where they are.
    pub(super) stage: Stage,
    /// Which student.
    pub(super) place: Option<Place>,
    /// The file of items, in the run's folder.
    pub(super) items: &'a str,
    /// The answers that the items have are scored, and none is written.
    pub(super) given: bool,
    /// How.
    pub(super) sampling: Sampling,
    /// The file of answers, in the run's folder.
    pub(super) file: String,
}

impl Wanted<'_> {
    /// The number of the teacher that answers.
    pub(super) fn number(&self) -> usize {
        self.teacher.unwrap_or(0)
    }
}
