//! Log-probabilities in the three forms in which clients read them: chat's list, the older
//! completions' columns (as lm-evaluation-harness reads them) and vLLM's maps of the prompt.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// What stands for minus infinity, which JSON can't write; other servers use the same.
const LEAST: f64 = -9999.0;

/// A token that could have been at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its id.
    pub id: u32,
    /// Its text, as far as it is text.
    pub text: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its natural log-probability.
    pub logprob: f64,
}

/// A token of an answer or a prompt, and what else could have been there.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// Its id.
    pub id: u32,
    /// Its text, as far as it is text.
    pub text: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its natural log-probability; `None` for a prompt's first token, before which is nothing.
    pub logprob: Option<f64>,
    /// Its place among all tokens by probability, the likeliest is 1.
    pub rank: Option<u32>,
    /// The likeliest tokens, as many as were asked for, the likeliest first.
    pub top: Vec<Alternative>,
}

const fn finite(logprob: f64) -> f64 {
    if logprob.is_finite() { logprob } else { LEAST }
}

/// Chat's `logprobs`.
#[derive(Serialize)]
pub(super) struct ChatLogprobs<'a> {
    content: Vec<ChatToken<'a>>,
    refusal: Option<&'a str>,
}

#[derive(Serialize)]
struct ChatToken<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
    top_logprobs: Vec<ChatAlternative<'a>>,
}

#[derive(Serialize)]
struct ChatAlternative<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
}

impl<'a> ChatLogprobs<'a> {
    pub(super) fn new(tokens: &'a [TokenLogprob]) -> Self {
        let content = tokens.iter().map(|token| ChatToken {
            token: &token.text,
            logprob: finite(token.logprob.unwrap_or(LEAST)),
            bytes: &token.bytes,
            top_logprobs: token
                .top
                .iter()
                .map(|other| ChatAlternative {
                    token: &other.text,
                    logprob: finite(other.logprob),
                    bytes: &other.bytes,
                })
                .collect(),
        });
        Self {
            content: content.collect(),
            refusal: None,
        }
    }
}

/// The columns of completions.
#[derive(Serialize)]
pub(super) struct TextLogprobs<'a> {
    tokens: Vec<&'a str>,
    token_logprobs: Vec<Option<f64>>,
    top_logprobs: Vec<Option<TopMap<'a>>>,
    text_offset: Vec<u64>,
}

impl<'a> TextLogprobs<'a> {
    /// `offset`: characters of the choice's text before the first of these tokens.
    pub(super) fn new(tokens: &'a [TokenLogprob], mut offset: u64) -> Self {
        let mut columns = Self {
            tokens: Vec::with_capacity(tokens.len()),
            token_logprobs: Vec::with_capacity(tokens.len()),
            top_logprobs: Vec::with_capacity(tokens.len()),
            text_offset: Vec::with_capacity(tokens.len()),
        };
        for token in tokens {
            columns.tokens.push(&token.text);
            columns.token_logprobs.push(token.logprob.map(finite));
            columns
                .top_logprobs
                .push(token.logprob.map(|_| TopMap(token)));
            columns.text_offset.push(offset);
            offset += token.text.chars().count() as u64;
        }
        columns
    }
}

/// The likeliest tokens by their text, and the token itself where it is not among them. Of two
/// tokens with one text (parts of characters) the likelier stands: a key is never there twice.
struct TopMap<'a>(&'a TokenLogprob);

impl Serialize for TopMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let token = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (index, other) in token.top.iter().enumerate() {
            if token.top[..index]
                .iter()
                .all(|before| before.text != other.text)
            {
                map.serialize_entry(&other.text, &finite(other.logprob))?;
            }
        }
        if token.top.iter().all(|other| other.text != token.text) {
            map.serialize_entry(&token.text, &finite(token.logprob.unwrap_or(LEAST)))?;
        }
        map.end()
    }
}

/// vLLM's `prompt_logprobs`: a list with `null` for the first token and a map by id for others.
pub(super) struct PromptLogprobs<'a>(pub(super) &'a [TokenLogprob]);

impl Serialize for PromptLogprobs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .iter()
                .map(|token| token.logprob.map(|_| IdMap(token))),
        )
    }
}

struct IdMap<'a>(&'a TokenLogprob);

#[derive(Serialize)]
struct Ranked<'a> {
    logprob: f64,
    rank: Option<u32>,
    decoded_token: &'a str,
}

impl Serialize for IdMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let token = self.0;
        let mut map = serializer.serialize_map(None)?;
        let own = Ranked {
            logprob: finite(token.logprob.unwrap_or(LEAST)),
            rank: token.rank,
            decoded_token: &token.text,
        };
        map.serialize_entry(&token.id, &own)?;
        for (rank, other) in (1..).zip(&token.top) {
            if other.id != token.id {
                let ranked = Ranked {
                    logprob: finite(other.logprob),
                    rank: Some(rank),
                    decoded_token: &other.text,
                };
                map.serialize_entry(&other.id, &ranked)?;
            }
        }
        map.end()
    }
}
