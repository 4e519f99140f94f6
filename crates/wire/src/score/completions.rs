//! Scores by way of `/v1/completions` and vLLM's `prompt_logprobs`, for servers that lack
//! `/v1/score`: they tell the likeliest tokens alone. What they can't tell is said, not guessed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ItemScores, Position, ScoreItem, ScoreRequest, Scores};
use crate::error::Error;
use crate::json;
use crate::openai::Prompt;

/// What such a server can't tell, and the field that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopkUnable {
    /// The field of an item.
    pub field: &'static str,
    /// Why, for the client.
    pub why: Cow<'static, str>,
}

fn unable(field: &'static str, why: &'static str) -> TopkUnable {
    TopkUnable {
        field,
        why: why.into(),
    }
}

/// The body of a completion that scores these items.
///
/// # Errors
/// What the items ask for beyond the likeliest tokens.
pub fn completions_body(request: &ScoreRequest) -> Result<Bytes, TopkUnable> {
    #[derive(Serialize)]
    struct Body<'a> {
        model: &'a str,
        prompt: Vec<&'a [u32]>,
        max_tokens: u32,
        temperature: f32,
        prompt_logprobs: u32,
    }
    let mut prompt = Vec::with_capacity(request.items.len());
    for item in &request.items {
        if item.ids_at.iter().any(|ids| !ids.is_empty()) {
            return Err(unable(
                "ids_at",
                "This model's server tells the likeliest tokens alone, not the log-probabilities \
                 at given ids: use `top_k`.",
            ));
        }
        if item.temperature.is_some() {
            return Err(unable(
                "temperature",
                "This model's server tells log-probabilities at temperature 1 alone.",
            ));
        }
        match &item.text {
            Prompt::Tokens(ids) => prompt.push(ids.as_slice()),
            Prompt::Text(_) => {
                return Err(unable(
                    "text",
                    "This model's server does not tell a text's token ids: send `ids`.",
                ));
            }
        }
    }
    Ok(json::bytes(&Body {
        model: &request.model,
        prompt,
        max_tokens: 1,
        temperature: 1.0,
        prompt_logprobs: request.items.iter().map(|i| i.top_k).max().unwrap_or(0),
    }))
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    prompt_logprobs: Option<Vec<Option<BTreeMap<u32, Ranked>>>>,
}

#[derive(Deserialize)]
struct Ranked {
    logprob: f32,
    #[serde(default)]
    rank: Option<u32>,
}

/// Reads the answer to [`completions_body`]. `None`: the server overlooked `prompt_logprobs`.
///
/// # Errors
/// `Error::Answer` if it has another shape, or not the tokens that were sent.
pub fn read_completions(body: &[u8], request: &ScoreRequest) -> Result<Option<Scores>, Error> {
    let wrong = |why: String| Error::Answer(format!("its prompt_logprobs: {why}"));
    let mut answer: Answer = serde_json::from_slice(body).map_err(|e| wrong(e.to_string()))?;
    answer.choices.sort_by_key(|choice| choice.index);
    if answer.choices.len() != request.items.len() {
        return Err(wrong("not one choice a prompt".into()));
    }
    let mut scores = Scores::default();
    for (choice, item) in answer.choices.iter().zip(&request.items) {
        let Some(told) = &choice.prompt_logprobs else {
            return Ok(None);
        };
        scores.items.push(item_scores(told, item).map_err(wrong)?);
    }
    Ok(Some(scores))
}

fn item_scores(
    told: &[Option<BTreeMap<u32, Ranked>>],
    item: &ScoreItem,
) -> Result<ItemScores, String> {
    let Prompt::Tokens(ids) = &item.text else {
        return Err("of a text".into());
    };
    if told.len() != ids.len() {
        return Err(format!("{} of {} tokens", told.len(), ids.len()));
    }
    let from = item.from as usize;
    let positions = ids.iter().zip(told).skip(from).map(|(&id, told)| {
        let told = told.as_ref().ok_or("null after the first token")?;
        let own = told.get(&id).ok_or("without the token itself")?;
        Ok(position(id, own, told, item))
    });
    Ok(ItemScores {
        tokens: u32::try_from(ids.len()).unwrap_or(u32::MAX),
        from: item.from,
        positions: positions.collect::<Result<_, &str>>()?,
    })
}

fn position(id: u32, own: &Ranked, told: &BTreeMap<u32, Ranked>, item: &ScoreItem) -> Position {
    let mut top: Vec<(u32, &Ranked)> = told.iter().map(|(id, ranked)| (*id, ranked)).collect();
    top.sort_by_key(|(_, ranked)| ranked.rank.unwrap_or(u32::MAX));
    top.truncate(item.top_k as usize);
    let named: f64 = top.iter().map(|t| f64::from(t.1.logprob).exp()).sum();
    Position {
        id,
        logprob: Some(own.logprob),
        rank: own.rank,
        top: top.into_iter().map(|(id, r)| (id, r.logprob)).collect(),
        at: Vec::new(),
        tail: item.tail.then(|| (1.0 - named).max(0.0).ln() as f32),
    }
}
