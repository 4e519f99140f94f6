//! What no true answer can say, and how far two answers to one question are apart. Servers have
//! told other requests' values (vLLM, issue 42019), so that a teacher's word is looked at.

use std::collections::BTreeMap;
use std::fmt;

use super::{ItemScores, Position, ScoreItem, ScoreRequest, Scores};
use crate::openai::Prompt;

/// Room for rounding, in nats and in probability.
const SLACK: f32 = 2e-3;
/// Less likely than this is nothing: below, servers differ by their number formats alone.
const FLOOR: f32 = -16.0;

/// Something that no model can have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// The item.
    pub item: usize,
    /// The token, counted from the item's first; `None` where it is of the item as a whole.
    pub token: Option<usize>,
    /// What is wrong, in words.
    pub why: &'static str,
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}", self.item)?;
        if let Some(token) = self.token {
            write!(f, ", token {token}")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// How far two answers are apart.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    /// Positions that were compared.
    pub positions: u64,
    /// Of these, those with a value that differs by more than 0.05 nats.
    pub differing: u64,
    /// The largest difference, in nats; infinite where one tells what the other does not.
    pub most: f32,
}

impl Difference {
    /// A difference that is noted, in nats.
    pub const NOTED: f32 = 0.05;
    /// A difference beyond which an answer is worth nothing, in nats.
    pub const TOO_FAR: f32 = 0.5;

    /// Takes another item's in.
    pub fn add(&mut self, other: Self) {
        self.positions += other.positions;
        self.differing += other.differing;
        self.most = self.most.max(other.most);
    }
}

impl Scores {
    /// Looks for what no model can have said.
    ///
    /// # Errors
    /// The first such thing.
    pub fn check(&self, request: &ScoreRequest) -> Result<(), Impossible> {
        if self.items.len() != request.items.len() {
            return Err(Impossible {
                item: self.items.len().min(request.items.len()),
                token: None,
                why: "there are not as many items as were asked for",
            });
        }
        for (item, (told, asked)) in self.items.iter().zip(&request.items).enumerate() {
            told.check(asked)
                .map_err(|(token, why)| Impossible { item, token, why })?;
        }
        Ok(())
    }
}

type Checked = Result<(), (Option<usize>, &'static str)>;

impl ItemScores {
    fn check(&self, asked: &ScoreItem) -> Checked {
        let from = asked.from as usize;
        let tokens = self.tokens as usize;
        if self.from != asked.from || self.positions.len() != tokens.saturating_sub(from) {
            return Err((None, "there are not as many positions as tokens"));
        }
        if !asked.ids_at.is_empty() && asked.ids_at.len() != self.positions.len() {
            return Err((None, "its tokens are not as many as ids were asked for"));
        }
        let ids = match &asked.text {
            Prompt::Tokens(ids) if ids.len() != tokens => {
                return Err((None, "it has other tokens than were sent"));
            }
            Prompt::Tokens(ids) => ids.get(from..).unwrap_or_default(),
            Prompt::Text(_) => &[],
        };
        for (index, position) in self.positions.iter().enumerate() {
            let at = asked.ids_at.get(index).map_or(&[][..], Vec::as_slice);
            let same = ids.get(index).is_none_or(|id| *id == position.id);
            let checked = if same {
                position.check(asked, at)
            } else {
                Err("it is another token than was sent")
            };
            checked.map_err(|why| (Some(from + index), why))?;
        }
        Ok(())
    }

    /// How far another answer to the same item is from this one.
    pub fn difference(&self, other: &Self) -> Difference {
        let mut out = Difference::default();
        if self.positions.len() != other.positions.len() {
            out.most = f32::INFINITY;
        }
        for (one, two) in self.positions.iter().zip(&other.positions) {
            let most = one.difference(two);
            out.positions += 1;
            out.differing += u64::from(most > Difference::NOTED);
            out.most = out.most.max(most);
        }
        out
    }
}

impl Position {
    fn check(&self, asked: &ScoreItem, at: &[u32]) -> Result<(), &'static str> {
        if self.at.len() != at.len() {
            return Err("there are not as many values as ids were asked for");
        }
        if self.top.len() > asked.top_k as usize || (asked.top_k > 0 && self.top.is_empty()) {
            return Err("there are not as many likeliest tokens as were asked for");
        }
        if asked.tail != self.tail.is_some() {
            return Err("the tail was not asked for, or is missing");
        }
        let own = self.logprob.map(|logprob| (self.id, logprob));
        let asked_for = at.iter().copied().zip(self.at.iter().copied());
        // A NaN is not at most anything.
        let possible = |value: f32| value <= SLACK;
        let mut all = self.top.iter().copied().chain(asked_for.clone()).chain(own);
        if !all.all(|(_, value)| possible(value)) || !self.tail.is_none_or(possible) {
            return Err("a probability is above 1, or is no number");
        }
        if !self.top.is_sorted_by(|a, b| a.1 >= b.1) {
            return Err("the likeliest tokens are out of order");
        }
        let least = self.top.last().map_or(f32::INFINITY, |last| last.1);
        let mut values: BTreeMap<u32, f32> = self.top.iter().copied().collect();
        if values.len() != self.top.len() {
            return Err("one token is twice among the likeliest");
        }
        for (id, value) in asked_for.chain(own) {
            match values.get(&id) {
                Some(known) if apart(*known, value) > SLACK => {
                    return Err("one token has two probabilities");
                }
                Some(_) => {}
                None if value > least + SLACK => {
                    return Err("a token is likelier than the likeliest");
                }
                None => {
                    values.insert(id, value);
                }
            }
        }
        let mass: f32 = values.values().map(|value| value.exp()).sum();
        if mass > 1.0 + SLACK {
            return Err("the probabilities are more than 1 together");
        }
        if let Some(tail) = self.tail {
            let is_named = |id: &u32| at.contains(id) || self.top.iter().any(|top| top.0 == *id);
            let own = own.filter(|(id, _)| !is_named(id));
            let named = mass - own.map_or(0.0, |(_, value)| value.exp());
            if (named + tail.exp() - 1.0).abs() > SLACK {
                return Err("the probabilities and the tail are not 1 together");
            }
        }
        Ok(())
    }

    fn difference(&self, other: &Self) -> f32 {
        let mut most = either(self.logprob, other.logprob);
        most = most.max(either(self.tail, other.tail));
        if self.at.len() != other.at.len() || self.id != other.id {
            return f32::INFINITY;
        }
        for (one, two) in self.at.iter().zip(&other.at) {
            most = most.max(apart(*one, *two));
        }
        // Which of two nearly equal tokens is the last among the likeliest may differ.
        let theirs: BTreeMap<u32, f32> = other.top.iter().copied().collect();
        let last = other.top.last().map(|(_, value)| *value);
        for (id, value) in &self.top {
            most = most.max(either(Some(*value), theirs.get(id).copied().or(last)));
        }
        most
    }
}

fn either(one: Option<f32>, two: Option<f32>) -> f32 {
    match (one, two) {
        (Some(one), Some(two)) => apart(one, two),
        (None, None) => 0.0,
        _ => f32::INFINITY,
    }
}

/// How far two log-probabilities are apart, where one of them is of any weight.
fn apart(one: f32, two: f32) -> f32 {
    (one.max(FLOOR) - two.max(FLOOR)).abs()
}
