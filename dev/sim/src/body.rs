//! Requests and answers as the three endpoints shape them, and the parameters that an account
//! sends. What is asked and answered is decided elsewhere.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::draw::Draw;
use crate::identity::Habits;
use crate::scribe::Scribe;
use crate::talk::{Ask, Call, Message};

/// A request body.
#[derive(Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the members of the endpoints' own bodies")]
pub struct Request<'a> {
    pub model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<&'a [Message]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<&'a [Arc<str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<std::collections::BTreeMap<String, i32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Format>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

impl Request<'_> {
    /// The text that it newly brings: its last message, or its inputs.
    pub fn newest(&self) -> std::borrow::Cow<'_, str> {
        if let Some(inputs) = self.input {
            return inputs.join("\n").into();
        }
        let last = self.messages.and_then(|messages| messages.last());
        let text = last.and_then(|message| message.content.as_deref());
        text.unwrap_or_default().into()
    }
}

/// `response_format`.
#[derive(Debug, Serialize)]
pub struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
}

/// An answer body, of one of three endpoints.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the members of the endpoints' own bodies")]
pub enum Response<'a> {
    Chat {
        id: &'a str,
        object: &'static str,
        created: i64,
        model: &'a str,
        choices: Vec<Choice<'a>>,
        usage: Usage,
    },
    Message {
        id: &'a str,
        #[serde(rename = "type")]
        kind: &'static str,
        role: &'static str,
        model: &'a str,
        content: [Block<'a>; 1],
        stop_reason: &'static str,
        usage: MessageUsage,
    },
    Embeddings {
        object: &'static str,
        model: &'a str,
        data: Vec<Embedding>,
        usage: Usage,
    },
}

/// A choice of a chat answer.
#[derive(Debug, Serialize)]
pub struct Choice<'a> {
    index: usize,
    message: Reply<'a>,
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Logprobs>,
}

#[derive(Debug, Serialize)]
struct Reply<'a> {
    role: &'static str,
    content: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[&'a Call; 1]>,
}

#[derive(Debug, Serialize)]
struct Logprobs {
    content: Vec<Token>,
}

#[derive(Debug, Serialize)]
struct Token {
    token: String,
    logprob: f32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_logprobs: Vec<Token>,
}

/// A text block of a message answer.
#[derive(Debug, Serialize)]
pub struct Block<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

/// One vector; short ones, since the guard never looks inside.
#[derive(Debug, Serialize)]
pub struct Embedding {
    object: &'static str,
    index: usize,
    embedding: [f32; 4],
}

/// Tokens of a chat or embedding answer.
#[derive(Debug, Serialize)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub completion_tokens: usize,
    pub total_tokens: usize,
}

/// Tokens of a message answer.
#[derive(Debug, Serialize)]
pub struct MessageUsage {
    pub input_tokens: usize,
    pub output_tokens: usize,
}

/// What an answer is marked with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// The exchange.
    pub(crate) id: &'a str,
    /// The model.
    pub(crate) model: &'a str,
    /// When, in milliseconds since 1970.
    pub(crate) ms: i64,
}

/// Parameters of one request, drawn from an account's habits and what the request needs.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    /// Path.
    pub endpoint: &'static str,
    /// Cap of the answer, where sent.
    pub max_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    several: Option<u8>,
    logprobs: Option<u8>,
    bias: bool,
    seed: Option<u32>,
    json: bool,
    stream: bool,
}

impl Params {
    /// Draws them.
    pub(crate) fn draw(habits: &Habits, ask: &Ask, draw: &mut Draw) -> Self {
        let needs = &ask.needs;
        let embeds = ask.messages.is_empty();
        let several = draw.chance(habits.several.0).then_some(habits.several.1);
        let logprobs = draw.chance(habits.logprobs.0).then_some(habits.logprobs.1);
        let chat_only = ask.tools.is_some()
            || needs.logprobs.is_some()
            || needs.bias
            || needs.several.is_some();
        let messages_api = habits.messages_api && !chat_only;
        let bias = needs.bias || draw.chance(habits.bias);
        let seed = draw.chance(habits.seed).then(|| draw.below(10_000) as u32);
        let json = draw.chance(habits.json);
        let temperature = match habits.sweeps {
            true => Some(*draw.pick(&[0.0, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2])),
            false => habits.temperature,
        };
        let max_tokens = needs
            .max_tokens
            .or(habits.max_tokens)
            .or(messages_api.then_some(4_096));
        Self {
            endpoint: match (embeds, messages_api) {
                (true, _) => "/v1/embeddings",
                (_, true) => "/v1/messages",
                _ => "/v1/chat/completions",
            },
            max_tokens,
            temperature,
            top_p: habits.top_p,
            several: needs
                .several
                .or(several)
                .filter(|_| !messages_api && ask.call.is_none()),
            logprobs: needs.logprobs.or(logprobs).filter(|_| !messages_api),
            bias: bias && !messages_api,
            seed: seed.filter(|_| !messages_api),
            json: json && !messages_api,
            stream: habits.stream,
        }
    }

    /// The body of the request.
    pub(crate) fn request<'a>(
        &self,
        ask: &'a Ask,
        model: &'a str,
        tools: &'a [Box<RawValue>],
    ) -> Request<'a> {
        if ask.messages.is_empty() {
            return Request {
                model,
                input: Some(&ask.input),
                ..Request::default()
            };
        }
        let mut messages = ask.messages.as_slice();
        let mut system = None;
        if self.endpoint == "/v1/messages"
            && let Some((first, rest)) = messages
                .split_first()
                .filter(|(first, _)| first.role == "system")
        {
            (system, messages) = (first.content.as_deref(), rest);
        }
        Request {
            model,
            system,
            messages: Some(messages),
            tools: ask.tools.and_then(|set| tools.get(set)).map(AsRef::as_ref),
            temperature: self.temperature,
            top_p: self.top_p,
            max_tokens: self.max_tokens,
            n: self.several,
            logprobs: self.logprobs.map(|_| true),
            top_logprobs: self.logprobs,
            logit_bias: self
                .bias
                .then(|| [("1734".to_owned(), 20), ("502".to_owned(), -30)].into()),
            seed: self.seed,
            response_format: self.json.then_some(Format {
                kind: "json_object",
            }),
            stream: self.stream.then_some(true),
            ..Request::default()
        }
    }

    /// The body of the answer.
    pub(crate) fn response<'a>(
        &self,
        ask: &'a Ask,
        said: Said<'a>,
        scribe: &Scribe,
        draw: &mut Draw,
    ) -> Response<'a> {
        let Said { id, model, ms } = said;
        let asked: usize = ask
            .messages
            .iter()
            .filter_map(|m| m.content.as_ref())
            .map(|text| text.len())
            .sum();
        let asked = (asked + ask.input.iter().map(|text| text.len()).sum::<usize>()) / 4 + 3;
        if ask.messages.is_empty() {
            return embeddings(ask.input.len(), asked, model, draw);
        }
        let said = ask.answer.len() / 4 + 1;
        let long = self.max_tokens.is_some_and(|most| said >= most as usize);
        if self.endpoint == "/v1/messages" {
            return Response::Message {
                id,
                kind: "message",
                role: "assistant",
                model,
                content: [Block {
                    kind: "text",
                    text: &ask.answer,
                }],
                stop_reason: if long { "max_tokens" } else { "end_turn" },
                usage: MessageUsage {
                    input_tokens: asked,
                    output_tokens: said,
                },
            };
        }
        let count = usize::from(self.several.unwrap_or(1));
        let choices = (0..count)
            .map(|index| Choice {
                index,
                message: Reply {
                    role: "assistant",
                    content: ask.call.is_none().then(|| match index {
                        0 => std::borrow::Cow::Borrowed(&*ask.answer),
                        _ => scribe.weaker(&ask.answer, 0.5, draw).into(),
                    }),
                    tool_calls: ask.call.as_ref().map(|call| [call]),
                },
                finish_reason: match (&ask.call, long) {
                    (Some(_), _) => "tool_calls",
                    (None, true) => "length",
                    (None, false) => "stop",
                },
                logprobs: self.logprobs.map(|top| logprobs(&ask.answer, top, draw)),
            })
            .collect();
        let usage = Usage {
            prompt_tokens: asked,
            completion_tokens: said * count,
            total_tokens: asked + said * count,
        };
        Response::Chat {
            id,
            object: "chat.completion",
            created: ms / 1_000,
            model,
            choices,
            usage,
        }
    }
}

fn embeddings<'a>(count: usize, asked: usize, model: &'a str, draw: &mut Draw) -> Response<'a> {
    let data = (0..count)
        .map(|index| Embedding {
            object: "embedding",
            index,
            embedding: std::array::from_fn(|_| (draw.unit() * 2.0 - 1.0) as f32),
        })
        .collect();
    let usage = Usage {
        prompt_tokens: asked,
        completion_tokens: 0,
        total_tokens: asked,
    };
    Response::Embeddings {
        object: "list",
        model,
        data,
        usage,
    }
}

/// Log-probabilities of the first tokens (a word each, 24 at most: the guard counts, not reads).
fn logprobs(answer: &str, top: u8, draw: &mut Draw) -> Logprobs {
    let mut token = |text: String| Token {
        token: text,
        logprob: -(draw.exponential() as f32),
        top_logprobs: Vec::new(),
    };
    let content = answer
        .split_inclusive(' ')
        .take(24)
        .map(|word| {
            let top_logprobs = (0..top.min(3))
                .map(|place| token(format!("{word}{place}")))
                .collect();
            Token {
                top_logprobs,
                ..token(word.to_owned())
            }
        })
        .collect();
    Logprobs { content }
}
