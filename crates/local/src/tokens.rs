//! The model's scores in the API's terms: a token's id becomes its text and bytes.

use lm::{Scored, Tokenizer};
use wire::openai::{Alternative, TokenLogprob};

/// A scored token, with up to `top` of its alternatives.
pub(crate) fn scored(tokenizer: &Tokenizer, token: &Scored, top: usize) -> TokenLogprob {
    let alternatives = token.top.iter().take(top).map(|other| Alternative {
        id: other.token,
        text: tokenizer.token_text(other.token),
        bytes: tokenizer.bytes(other.token).to_vec(),
        logprob: f64::from(other.logprob),
    });
    TokenLogprob {
        id: token.token,
        text: tokenizer.token_text(token.token),
        bytes: tokenizer.bytes(token.token).to_vec(),
        logprob: Some(f64::from(token.logprob)),
        rank: Some(token.rank),
        top: alternatives.collect(),
    }
}

/// A whole prompt: its first token, which nothing comes before, and the scores of the others.
pub(crate) fn prompt(
    tokenizer: &Tokenizer,
    tokens: &[u32],
    scores: &[Scored],
    top: usize,
) -> Vec<TokenLogprob> {
    let first = tokens.iter().take(1).map(|&id| TokenLogprob {
        id,
        text: tokenizer.token_text(id),
        bytes: tokenizer.bytes(id).to_vec(),
        logprob: None,
        rank: None,
        top: Vec::new(),
    });
    first
        .chain(scores.iter().map(|score| scored(tokenizer, score, top)))
        .collect()
}
