//! What an answer is worth while the student learns: the run's own rule, by which the same answer always
//! gets the same reward, so that a run that goes on after a stop comes to the same student. Pure.

use serde::{Deserialize, Serialize};

use crate::measure::{Rule, Scorer, ScorerError};

/// Who judges a stage's answers, as settings write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reward {
    /// A scorer, as the one that the hold-out is measured by.
    Scorer(Rule),
}

/// A judge that can be used.
#[derive(Debug, Clone)]
pub struct Judge {
    scorer: Scorer,
}

impl Reward {
    /// Makes it ready.
    ///
    /// # Errors
    /// As [`Scorer::new`].
    pub fn judge(&self) -> Result<Judge, ScorerError> {
        let Self::Scorer(rule) = self;
        let scorer = Scorer::new(rule)?;
        Ok(Judge { scorer })
    }

    /// Whether answers are compared with the expected one.
    #[must_use]
    pub fn compares(&self) -> bool {
        let Self::Scorer(rule) = self;
        matches!(rule, Rule::Exact | Rule::Contains | Rule::JsonFields { .. })
    }
}

impl Judge {
    /// What an answer is worth, 0 to 1: half of it for its being right as a whole, half for the share
    /// of its fields that are; without fields 0 or 1.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn reward(&self, answer: &str, expected: &str) -> Result<f64, ScorerError> {
        let score = self.scorer.score(answer, expected)?;
        let whole = f64::from(u8::from(score.right));
        Ok(f64::midpoint(whole, score.share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_right_is_worth_something_and_the_whole_more() {
        let json: Reward =
            serde_json::from_str(r#"{"scorer":{"kind":"json_fields"}}"#).expect("it is a reward");
        let judge = json.judge().expect("it can judge");
        let worth = |answer: &str| {
            let reward = judge.reward(answer, r#"{"a":1,"b":2}"#);
            reward.expect("the expected answer fits")
        };
        assert_eq!(worth(r#"{"a":1,"b":2}"#), 1.0);
        assert_eq!(worth(r#"{"a":1,"b":3}"#), 0.25);
        // A field that nobody asked for costs the half that is for the whole.
        assert_eq!(worth(r#"{"a":1,"b":2,"c":3}"#), 0.5);
        assert_eq!(worth("no"), 0.0);
        let exact = Reward::Scorer(Rule::Exact).judge().expect("it can judge");
        assert_eq!(exact.reward(" x", "x").expect("it fits"), 1.0);
        assert!(Reward::Scorer(Rule::Perplexity).judge().is_err());
    }
}
