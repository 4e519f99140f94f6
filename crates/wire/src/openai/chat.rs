//! Chat answers, whole and as chunks, as bytes.

use bytes::Bytes;
use record::Usage;
use serde::Serialize;

use super::logprobs::{ChatLogprobs, PromptLogprobs, TokenLogprob};
use super::{Finish, Head, UsageObject};
use crate::json;

/// One answer to a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatChoice {
    /// Its number, from 0.
    pub index: u32,
    /// What the model says.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// The stop text that ended it, if one did: vLLM's `stop_reason`.
    pub stop_text: Option<String>,
    /// Its tokens' log-probabilities, if they were asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
}

/// A whole `chat.completion`.
#[derive(Debug, Clone, Copy)]
pub struct ChatAnswer<'a> {
    /// Id, time and model.
    pub head: Head<'a>,
    /// The answers, by index.
    pub choices: &'a [ChatChoice],
    /// Tokens used.
    pub usage: &'a Usage,
    /// vLLM's log-probabilities of the prompt, if they were asked for.
    pub prompt_logprobs: Option<&'a [TokenLogprob]>,
}

#[derive(Serialize)]
struct Whole<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<&'a str>,
    choices: Vec<WholeChoice<'a>>,
    usage: UsageObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_logprobs: Option<PromptLogprobs<'a>>,
}

#[derive(Serialize)]
struct WholeChoice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<ChatLogprobs<'a>>,
    finish_reason: Finish,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    refusal: Option<&'a str>,
}

impl ChatAnswer<'_> {
    /// The body.
    pub fn bytes(&self) -> Bytes {
        let choices = self.choices.iter().map(|choice| WholeChoice {
            index: choice.index,
            message: Message {
                role: "assistant",
                content: &choice.text,
                refusal: None,
            },
            logprobs: choice.logprobs.as_deref().map(ChatLogprobs::new),
            finish_reason: choice.finish,
            stop_reason: choice.stop_text.as_deref(),
        });
        json::bytes(&Whole {
            id: self.head.id,
            object: "chat.completion",
            created: self.head.created.seconds(),
            model: self.head.model,
            system_fingerprint: self.head.system_fingerprint,
            choices: choices.collect(),
            usage: self.usage.into(),
            prompt_logprobs: self.prompt_logprobs.map(PromptLogprobs),
        })
    }
}

/// Makes the events of a stream: for each answer `start`, any number of `text`, and `finish`;
/// then `usage` if it was asked for, and [`super::DONE`].
#[derive(Debug, Clone, Copy)]
pub struct ChatStream<'a> {
    /// Id, time and model.
    pub head: Head<'a>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<&'a str>,
    choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_logprobs: Option<PromptLogprobs<'a>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<ChatLogprobs<'a>>,
    finish_reason: Option<Finish>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl ChatStream<'_> {
    fn chunk(&self) -> Chunk<'_> {
        Chunk {
            id: self.head.id,
            object: "chat.completion.chunk",
            created: self.head.created.seconds(),
            model: self.head.model,
            system_fingerprint: self.head.system_fingerprint,
            choices: &[],
            usage: None,
            prompt_logprobs: None,
        }
    }

    /// An answer's first event, with the role, and with vLLM's log-probabilities of the prompt
    /// if they were asked for.
    pub fn start(&self, index: u32, prompt_logprobs: Option<&[TokenLogprob]>) -> Bytes {
        let delta = Delta {
            role: Some("assistant"),
            content: Some(""),
        };
        let choice = ChunkChoice {
            index,
            delta,
            logprobs: None,
            finish_reason: None,
            stop_reason: None,
        };
        let chunk = Chunk {
            choices: &[choice],
            prompt_logprobs: prompt_logprobs.map(PromptLogprobs),
            ..self.chunk()
        };
        json::event(None, &chunk)
    }

    /// A piece of an answer's text.
    pub fn text(&self, index: u32, text: &str, logprobs: Option<&[TokenLogprob]>) -> Bytes {
        let choice = ChunkChoice {
            index,
            delta: Delta {
                role: None,
                content: Some(text),
            },
            logprobs: logprobs.map(ChatLogprobs::new),
            finish_reason: None,
            stop_reason: None,
        };
        let chunk = Chunk {
            choices: &[choice],
            ..self.chunk()
        };
        json::event(None, &chunk)
    }

    /// An answer's last event, with the stop text that ended it, if one did.
    pub fn finish(&self, index: u32, finish: Finish, stop_text: Option<&str>) -> Bytes {
        let choice = ChunkChoice {
            index,
            delta: Delta::default(),
            logprobs: None,
            finish_reason: Some(finish),
            stop_reason: stop_text,
        };
        let chunk = Chunk {
            choices: &[choice],
            ..self.chunk()
        };
        json::event(None, &chunk)
    }

    /// The chunk that has the usage and nothing else.
    pub fn usage(&self, usage: &Usage) -> Bytes {
        let chunk = Chunk {
            usage: Some(usage.into()),
            ..self.chunk()
        };
        json::event(None, &chunk)
    }
}
