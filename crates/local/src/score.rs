//! Scores of given texts: from a request's items to prompts that are read and scored, and from the
//! model's scores to the API's. All of it on the exact path, where a text's scores are the same to
//! the bit alone and in any batch.

use lm::{Model, Scored, Specials, Step};
use record::Reason;
use wire::ApiError;
use wire::openai;
use wire::score::{ItemScores, Position, ScoreItem, ScoreRequest};

use crate::job::{Prompt, Score};
use crate::reader::Reader;

/// Rows of one forward pass of a text that is scored alone.
const ROWS: usize = 512;

/// What of an item is needed to tell its scores.
pub(crate) struct Told {
    tokens: usize,
    from: u32,
    tail: bool,
}

/// The prompts of a request's items.
///
/// # Errors
/// The client's mistake, with the field at fault.
pub(crate) fn read(
    reader: &Reader,
    request: &ScoreRequest,
) -> Result<(Vec<Prompt>, Vec<Told>), ApiError> {
    let mut prompts = Vec::with_capacity(request.items.len());
    let mut told = Vec::with_capacity(request.items.len());
    for (index, item) in request.items.iter().enumerate() {
        let tokens = tokens(reader, index, item)?;
        told.push(Told {
            tokens: tokens.len(),
            from: item.from,
            tail: item.tail,
        });
        prompts.push(Prompt {
            index,
            tokens,
            score: Some(Score {
                from: item.from as usize,
                top: item.top_k as usize,
                at: item.ids_at.clone(),
                temperature: item.temperature,
            }),
            path: lm::Path::Exact,
            account: None,
            answers: Vec::new(),
        });
    }
    Ok((prompts, told))
}

/// An item's tokens, which fit the context and are all in the vocabulary.
fn tokens(reader: &Reader, index: usize, item: &ScoreItem) -> Result<Vec<u32>, ApiError> {
    let path = format!("items[{index}]");
    let name = |field: &str| format!("{path}.{field}");
    let tokenizer = reader.model().tokenizer();
    let (field, tokens) = match &item.text {
        openai::Prompt::Tokens(ids) => ("ids", ids.clone()),
        openai::Prompt::Text(text) => {
            let within = reader.bounds().check_text("items", text.len());
            within.map_err(|error| error.with_param(name("text")))?;
            ("text", tokenizer.encode(text, Specials::Text))
        }
    };
    if tokens.is_empty() {
        let message = format!(
            "'{}' has no tokens: there is nothing to score.",
            name(field)
        );
        return Err(ApiError::invalid(name(field), "empty_item", message));
    }
    let context = reader.model().context();
    if tokens.len() > context {
        let message = format!(
            "This model's maximum context length is {context} tokens. However, '{}' has {}. \
             Shorten it.",
            name(field),
            tokens.len()
        );
        let error = ApiError::of(Reason::ContextLengthExceeded);
        return Err(error.with_param(name(field)).with_message(message));
    }
    item.check_length(&path, tokens.len())?;
    let known = |field: &str, ids: &[u32]| {
        tokenizer.check(ids).map_err(|error| {
            let message = format!("Invalid value for '{}': {error}.", name(field));
            ApiError::invalid(name(field), "unknown_token", message)
        })
    };
    known(field, &tokens)?;
    item.ids_at
        .iter()
        .try_for_each(|ids| known("ids_at", ids))?;
    Ok(tokens)
}

/// The scores of one prompt, read by itself and not by the scheduler.
///
/// # Errors
/// The model refused: a mistake of ours, as the prompt was checked.
pub(crate) fn alone(model: &Model, prompt: &Prompt) -> lm::Result<Vec<Scored>> {
    let score = prompt.score.clone().unwrap_or_default();
    let (mut cache, mut scores) = (model.cache_on(prompt.path), Vec::new());
    let all = prompt.tokens.len();
    while cache.len() < all {
        let start = cache.len();
        let end = start + score.reach(start, all).min(ROWS);
        let step = Step {
            cache: &mut cache,
            tokens: &prompt.tokens[start..end],
            want: score.want(&prompt.tokens, start, end),
        };
        let outputs = model.forward(&mut [step])?;
        scores.extend(outputs.into_iter().flat_map(|output| output.scores));
    }
    Ok(scores)
}

impl Told {
    /// The scores as the API has them.
    pub(crate) fn item(&self, scores: Vec<Scored>) -> ItemScores {
        let position = |score: Scored| Position {
            id: score.token,
            logprob: Some(score.logprob),
            rank: Some(score.rank),
            top: score.top.iter().map(|t| (t.token, t.logprob)).collect(),
            at: score.at,
            tail: self.tail.then_some(score.tail),
        };
        ItemScores {
            tokens: u32::try_from(self.tokens).unwrap_or(u32::MAX),
            from: self.from,
            positions: scores.into_iter().map(position).collect(),
        }
    }
}
