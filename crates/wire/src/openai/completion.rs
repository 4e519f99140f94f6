//! Completions, whole and as chunks, as bytes.

use bytes::Bytes;
use record::Usage;
use serde::Serialize;

use super::logprobs::{PromptLogprobs, TextLogprobs, TokenLogprob};
use super::{Finish, Head, UsageObject};
use crate::json;

/// One answer to a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionChoice {
    /// Its number: the prompt's times `n`, and its own.
    pub index: u32,
    /// What the model says; with `echo` the prompt's text before it.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Log-probabilities of the tokens of `text` (with `echo` the prompt's first), if they were
    /// asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// vLLM's log-probabilities of the prompt, if they were asked for.
    pub prompt_logprobs: Option<Vec<TokenLogprob>>,
}

/// A whole `text_completion`.
#[derive(Debug, Clone, Copy)]
pub struct CompletionAnswer<'a> {
    /// Id, time and model.
    pub head: Head<'a>,
    /// The answers, by index.
    pub choices: &'a [CompletionChoice],
    /// Tokens used.
    pub usage: &'a Usage,
}

#[derive(Serialize)]
struct Whole<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<&'a str>,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageObject>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    text: &'a str,
    logprobs: Option<TextLogprobs<'a>>,
    finish_reason: Option<Finish>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_logprobs: Option<PromptLogprobs<'a>>,
}

fn whole<'a>(head: Head<'a>, choices: &'a [Choice<'a>], usage: Option<&Usage>) -> Whole<'a> {
    Whole {
        id: head.id,
        object: "text_completion",
        created: head.created.seconds(),
        model: head.model,
        system_fingerprint: head.system_fingerprint,
        choices,
        usage: usage.map(Into::into),
    }
}

impl CompletionAnswer<'_> {
    /// The body.
    pub fn bytes(&self) -> Bytes {
        let choices = self.choices.iter().map(|choice| Choice {
            index: choice.index,
            text: &choice.text,
            logprobs: choice
                .logprobs
                .as_deref()
                .map(|tokens| TextLogprobs::new(tokens, 0)),
            finish_reason: Some(choice.finish),
            prompt_logprobs: choice.prompt_logprobs.as_deref().map(PromptLogprobs),
        });
        let choices: Vec<Choice<'_>> = choices.collect();
        json::bytes(&whole(self.head, &choices, Some(self.usage)))
    }
}

/// Makes the events of a stream: any number of `text` and one `finish` for each answer; then
/// `usage` if it was asked for, and [`super::DONE`].
#[derive(Debug, Clone, Copy)]
pub struct CompletionStream<'a> {
    /// Id, time and model.
    pub head: Head<'a>,
}

impl CompletionStream<'_> {
    fn event(&self, choice: Choice<'_>) -> Bytes {
        json::event(None, &whole(self.head, &[choice], None))
    }

    /// A piece of an answer's text; `offset`: its characters before this piece.
    pub fn text(
        &self,
        index: u32,
        text: &str,
        logprobs: Option<&[TokenLogprob]>,
        offset: u64,
    ) -> Bytes {
        self.event(Choice {
            index,
            text,
            logprobs: logprobs.map(|tokens| TextLogprobs::new(tokens, offset)),
            finish_reason: None,
            prompt_logprobs: None,
        })
    }

    /// vLLM's log-probabilities of an answer's prompt, before its first text.
    pub fn prompt(&self, index: u32, prompt_logprobs: &[TokenLogprob]) -> Bytes {
        self.event(Choice {
            index,
            text: "",
            logprobs: None,
            finish_reason: None,
            prompt_logprobs: Some(PromptLogprobs(prompt_logprobs)),
        })
    }

    /// An answer's last event.
    pub fn finish(&self, index: u32, finish: Finish) -> Bytes {
        self.event(Choice {
            index,
            text: "",
            logprobs: None,
            finish_reason: Some(finish),
            prompt_logprobs: None,
        })
    }

    /// The chunk that has the usage and nothing else.
    pub fn usage(&self, usage: &Usage) -> Bytes {
        json::event(None, &whole(self.head, &[], Some(usage)))
    }
}
