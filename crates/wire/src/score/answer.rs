//! The answer of `/v1/score`, written and read. Log-probabilities are natural logarithms in `f32`,
//! written with as few digits as bring the same bits back.

use bytes::Bytes;
use record::{Time, Usage, UsageSource};
use serde::{Deserialize, Serialize, Serializer};

use super::LEAST;
use crate::error::Error;
use crate::json;

/// What a model says of one token of an item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The token.
    pub id: u32,
    /// Its log-probability, given those before it; `None` where it may not be told.
    #[serde(serialize_with = "one", default)]
    pub logprob: Option<f32>,
    /// Its place among all tokens, 1 for the likeliest; `None` where it may not be told or is not
    /// known.
    #[serde(default)]
    pub rank: Option<u32>,
    /// The likeliest tokens with their log-probabilities, the likeliest first.
    #[serde(serialize_with = "pairs", default)]
    pub top: Vec<(u32, f32)>,
    /// Log-probabilities at the ids asked for, in their order.
    #[serde(serialize_with = "many", default)]
    pub at: Vec<f32>,
    /// Natural logarithm of the mass of all tokens that neither `top` nor the ids asked for name;
    /// `None` where it was not asked for.
    #[serde(
        serialize_with = "one",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub tail: Option<f32>,
}

/// The scores of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemScores {
    /// Its tokens.
    pub tokens: u32,
    /// The first token that was scored.
    pub from: u32,
    /// One a token from `from` on.
    pub positions: Vec<Position>,
}

/// What a model says of a request's items.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// A digest of the weights that said so, such as `blake3:…`; `None` where it is not known.
    pub revision: Option<String>,
    /// One an item, in their order.
    pub items: Vec<ItemScores>,
}

impl Scores {
    /// Tokens that the model read.
    pub fn tokens(&self) -> u64 {
        self.items.iter().map(|item| u64::from(item.tokens)).sum()
    }

    /// Tokens that were scored.
    pub fn scored(&self) -> u64 {
        let scored = self.items.iter().map(|item| item.positions.len() as u64);
        scored.sum()
    }

    /// What it comes to: every token was read, none was written.
    pub fn usage(&self) -> Usage {
        Usage {
            input: self.tokens(),
            cached_input: 0,
            output: 0,
            reasoning: 0,
            source: UsageSource::Upstream,
        }
    }

    /// Takes out what may be told of given tokens only, for who may see the likeliest alone.
    pub fn keep_likeliest(&mut self) {
        let positions = self.items.iter_mut().flat_map(|item| &mut item.positions);
        for position in positions {
            if position.top.iter().all(|(id, _)| *id != position.id) {
                position.logprob = None;
                position.rank = None;
            }
        }
    }

    /// Reads the answer of a server that has this endpoint.
    ///
    /// # Errors
    /// `Error::Answer` if it has another shape.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Told {
            #[serde(default)]
            revision: Option<String>,
            items: Vec<ItemScores>,
        }
        let told: Told = serde_json::from_slice(body)
            .map_err(|error| Error::Answer(format!("its scores: {error}")))?;
        let mut scores = Self {
            revision: told.revision,
            items: told.items,
        };
        scores.items.iter_mut().for_each(ItemScores::restore);
        Ok(scores)
    }
}

impl ItemScores {
    /// What stood for minus infinity is it again.
    fn restore(&mut self) {
        let restore = |value: &mut f32| {
            if *value <= LEAST {
                *value = f32::NEG_INFINITY;
            }
        };
        for position in &mut self.positions {
            position.logprob.iter_mut().for_each(restore);
            position.tail.iter_mut().for_each(restore);
            position.at.iter_mut().for_each(restore);
            position
                .top
                .iter_mut()
                .for_each(|(_, value)| restore(value));
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone, Copy)]
pub struct ScoreAnswer<'a> {
    /// The answer's id.
    pub id: &'a str,
    /// When it was made.
    pub created: Time,
    /// The model's name as the client asked for it.
    pub model: &'a str,
    /// What the model says.
    pub scores: &'a Scores,
}

impl ScoreAnswer<'_> {
    /// The body.
    pub fn bytes(&self) -> Bytes {
        #[derive(Serialize)]
        struct Whole<'a> {
            id: &'a str,
            object: &'static str,
            created: u64,
            model: &'a str,
            revision: Option<&'a str>,
            items: &'a [ItemScores],
            usage: Used,
        }
        #[derive(Serialize)]
        struct Used {
            prompt_tokens: u64,
            completion_tokens: u64,
            total_tokens: u64,
            scored_tokens: u64,
        }
        let tokens = self.scores.tokens();
        json::bytes(&Whole {
            id: self.id,
            object: "score",
            created: self.created.seconds(),
            model: self.model,
            revision: self.scores.revision.as_deref(),
            items: &self.scores.items,
            usage: Used {
                prompt_tokens: tokens,
                completion_tokens: 0,
                total_tokens: tokens,
                scored_tokens: self.scores.scored(),
            },
        })
    }
}

const fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { LEAST }
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn one<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(finite).serialize(serializer)
}

fn many<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().copied().map(finite))
}

fn pairs<S: Serializer>(pairs: &[(u32, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pairs.iter().map(|&(id, value)| (id, finite(value))))
}
