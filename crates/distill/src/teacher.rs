//! A teacher elsewhere, as the driver asks it: one question, one answer, or why there was none.
//! Whoever implements the trait dials; what came back is checked here before it is believed.

use record::Usage;
use serde::{Deserialize, Serialize};
use trainer::protocol::{
    Answered, Ending, PositionScores, Prompt, Sampling, Score, SequenceScores,
};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It was not asked, or refused before anything was computed: nothing is owed.
    Refused(String),
    /// Nobody knows whether it was computed: it may be owed.
    Lost(String),
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the teacher calls its version, where it tells.
    pub revision: Option<String>,
    /// One a sequence, in order.
    pub sequences: Vec<SequenceScores>,
    /// What is owed for.
    pub usage: Usage,
}

/// A text that is to be written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Text {
    /// After what.
    pub prompt: Prompt,
    /// How.
    pub sampling: Sampling,
    /// For a teacher that takes one.
    pub seed: u64,
}

/// A text that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Why it ended.
    pub ending: Ending,
    /// Tokens of the prompt.
    pub read: u64,
    /// Tokens of the text.
    pub tokens: u64,
}

/// The answer to a text that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the teacher calls its version, where it tells.
    pub revision: Option<String>,
    /// The text.
    pub written: Written,
    /// What is owed for.
    pub usage: Usage,
}

/// Bytes of a token at most, as far as is believed.
const TOKEN: usize = 256;

impl Written {
    /// Looks for what cannot have been written.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self, asked: &Text) -> Result<(), String> {
        let most = asked.sampling.max_tokens;
        if self.tokens > most as u64 || self.text.len() > most.saturating_mul(TOKEN) {
            return Err(format!(
                "{} tokens of {} bytes, and {most} tokens were asked for at most",
                self.tokens,
                self.text.len()
            ));
        }
        Ok(())
    }

    /// As an item's answer. Its log-probability was not told.
    pub(crate) fn answered(self, item: &str) -> Answered {
        Answered {
            item: item.to_owned(),
            sample: 0,
            text: self.text,
            ending: Some(self.ending),
            prompt_tokens: self.read,
            tokens: self.tokens,
            logprob: 0.0,
        }
    }
}

/// Somebody who scores given tokens, and writes texts.
pub trait Teacher {
    /// Asks. `key` is the request's `Idempotency-Key`.
    ///
    /// # Errors
    /// Why there is no answer.
    fn score(&self, question: &Score, key: &str) -> Result<Answer, Unanswered>;

    /// Has texts written, as many at a time as these, each under its own key; one answer each, in
    /// order, or why there is none.
    fn write(&self, texts: &[(&Text, &str)]) -> Vec<Result<Reply, Unanswered>>;
}

/// Room for rounding, in probability and in nats.
const SLACK: f64 = 2e-3;

/// Looks for what no model can have said.
///
/// # Errors
/// The first such thing, in words.
pub fn check(question: &Score, sequences: &[SequenceScores]) -> Result<(), String> {
    if sequences.len() != question.sequences.len() {
        return Err(format!(
            "{} sequences were asked for, {} were answered",
            question.sequences.len(),
            sequences.len()
        ));
    }
    for (asked, told) in question.sequences.iter().zip(sequences) {
        let scored = asked.tokens.len().saturating_sub(asked.from);
        if told.positions.len() != scored {
            return Err(format!(
                "item {}: {scored} tokens were asked for, {} were answered",
                asked.item,
                told.positions.len()
            ));
        }
        for (index, position) in told.positions.iter().enumerate() {
            let ids = asked.ids.get(index).map_or(&[][..], Vec::as_slice);
            possible(ids, position)
                .map_err(|why| format!("item {}, token {index}: {why}", asked.item))?;
        }
    }
    Ok(())
}

fn possible(ids: &[u32], position: &PositionScores) -> Result<(), String> {
    if position.at.len() != ids.len() {
        return Err("not all ids that were asked for were answered".into());
    }
    let at = ids.iter().copied().zip(position.at.iter().copied());
    let named = at.filter_map(|(id, value)| Some((id, value?)));
    let mut seen = std::collections::BTreeMap::new();
    for (id, value) in named.chain(position.top.iter().copied()) {
        if value.is_nan() || f64::from(value) > SLACK {
            return Err(format!(
                "the log-probability {value} of token {id} is impossible"
            ));
        }
        seen.insert(id, f64::from(value));
    }
    let mass: f64 = seen.values().map(|value| value.exp()).sum();
    let tail = position.tail.unwrap_or(0.0);
    if !(-SLACK..=1.0 + SLACK).contains(&tail) {
        return Err(format!("the mass {tail} of all other tokens is impossible"));
    }
    if mass + tail > 1.0 + SLACK {
        return Err(format!("the probabilities are {:.4} together", mass + tail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_model_can_say_is_found() {
        let position = |at: &[f32], tail| PositionScores {
            at: at.iter().copied().map(Some).collect(),
            top: Vec::new(),
            tail,
        };
        let good = position(&[-0.1, -3.0], Some(0.04));
        assert_eq!(possible(&[1, 2], &good), Ok(()));
        for (bad, says) in [
            (position(&[0.5, -3.0], None), "impossible"),
            (position(&[f32::NAN, -3.0], None), "impossible"),
            (position(&[-0.1, -0.1], None), "together"),
            (position(&[-0.1, -3.0], Some(f64::NAN)), "impossible"),
            (position(&[-0.1, -3.0], Some(0.5)), "together"),
            (position(&[-0.1], None), "not all ids"),
        ] {
            let why = possible(&[1, 2], &bad).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
