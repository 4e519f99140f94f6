//! Requests and answers of OpenAI's chat, completion and model endpoints as values, for who
//! answers itself (a model in process). What passes through to an upstream never comes here.

mod chat;
mod chat_request;
mod completion;
mod completion_request;
mod form;
mod logprobs;
mod models;
mod sampling;

use serde::Serialize;

pub use self::chat::{ChatAnswer, ChatChoice, ChatStream};
pub use self::chat_request::{ChatMessage, ChatRequest, Role};
pub use self::completion::{CompletionAnswer, CompletionChoice, CompletionStream};
pub use self::completion_request::{CompletionRequest, Prompt};
pub use self::form::ResponseFormat;
pub use self::logprobs::{Alternative, TokenLogprob};
pub use self::models::{Model, model, models};
pub use self::sampling::Sampling;

/// The end of a chat or completion stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// What every answer and every chunk of one request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The answer's id, such as `chatcmpl-…`.
    pub id: &'a str,
    /// When it was made.
    pub created: record::Time,
    /// The model's name as the client asked for it.
    pub model: &'a str,
    /// What changes with the model and the engine, so that a seed can be trusted.
    pub system_fingerprint: Option<&'a str>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended it, or a stop text came up.
    Stop,
    /// The token limit or the context's end.
    Length,
}

/// A usage in the words of chat and completions.
#[derive(Debug, Clone, Copy, Serialize)]
struct UsageObject {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl From<&record::Usage> for UsageObject {
    fn from(usage: &record::Usage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.input.saturating_add(usage.output),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached_input,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning,
            },
        }
    }
}

#[cfg(test)]
mod tests;
