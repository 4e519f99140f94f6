//! `/v1/score`: log-probabilities of the tokens of given texts, at the ids that are asked for.
//! Requests and answers as values, read and written; and what no true answer can say.
//! Nothing here knows a model: that ids are in a vocabulary is found by who has it.

mod answer;
mod check;
mod completions;
mod request;

pub use self::answer::{ItemScores, Position, ScoreAnswer, Scores};
pub use self::check::{Difference, Impossible};
pub use self::completions::{TopkUnable, completions_body, read_completions};
pub use self::request::{
    LEAST_TEMPERATURE, MOST_ITEMS, MOST_NAMED, MOST_TEMPERATURE, MOST_TOKENS, MOST_VALUES,
    ScoreItem, ScoreRequest,
};

/// What stands for minus infinity, which JSON can't write; other servers use the same.
const LEAST: f32 = -9999.0;

#[cfg(test)]
mod tests;
