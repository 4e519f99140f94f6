//! A chat request as a value. What can't be understood is refused with its name; what a model in
//! process may not be able to do (tools, formats) is told, not judged.

use serde_json::value::RawValue;

use super::form::ResponseFormat;
use super::sampling::{Sampling, include_usage};
use crate::error::ApiError;
use crate::fields::{Fields, wrong_value};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `system`, and `developer`, its newer name.
    System,
    /// `user`
    User,
    /// `assistant`
    Assistant,
}

impl Role {
    /// The word that chat templates use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message. Parts of text are joined by line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who says it.
    pub role: Role,
    /// What it says.
    pub content: String,
}

impl ChatMessage {
    fn read(path: String, raw: &RawValue) -> Result<Self, ApiError> {
        let fields = Fields::of_object(path, raw)?;
        let role = match fields.need::<String>("role", "a string")?.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" | "function" => {
                return Err(ApiError::unsupported(
                    fields.name("role"),
                    "This model does not use tools.",
                ));
            }
            _ => {
                let expected = "one of system, developer, user, assistant";
                return Err(wrong_value(fields.name("role"), expected));
            }
        };
        fields.refuse(
            &["tool_calls", "function_call", "audio"],
            "This model does not do this.",
        )?;
        let content = match fields.raw("content") {
            Some(raw) if raw.get().starts_with('[') => parts(&fields)?,
            _ => fields.need("content", "a string or a list of text parts")?,
        };
        Ok(Self { role, content })
    }
}

fn parts(fields: &Fields<'_>) -> Result<String, ApiError> {
    let mut text = String::new();
    for (path, raw) in fields.list("content")? {
        let part = Fields::of_object(path, raw)?;
        if part.need::<String>("type", "a string")? != "text" {
            return Err(ApiError::unsupported(
                part.name("type"),
                "This model reads text only.",
            ));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&part.need::<String>("text", "a string")?);
    }
    Ok(text)
}

/// A request to `/v1/chat/completions`.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The model asked for.
    pub model: String,
    /// The conversation, not empty.
    pub messages: Vec<ChatMessage>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// `max_completion_tokens`, or else `max_tokens`; at least 1.
    pub max_tokens: Option<u32>,
    /// How many answers, at least 1.
    pub n: u32,
    /// Log-probabilities of the answer: how many alternatives a token.
    pub logprobs: Option<u32>,
    /// Log-probabilities of the prompt (vLLM's): how many alternatives a token.
    pub prompt_logprobs: Option<u32>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage chunk.
    pub include_usage: bool,
    /// Whether tools are offered and may be used.
    pub tools: bool,
    /// The form of the answer.
    pub response_format: ResponseFormat,
}

impl ChatRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 with the field at fault.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        let fields = Fields::of_body(body)?;
        let messages: Vec<ChatMessage> = fields
            .list("messages")?
            .into_iter()
            .map(|(path, raw)| ChatMessage::read(path, raw))
            .collect::<Result<_, _>>()?;
        if messages.is_empty() {
            return Err(wrong_value(
                "messages".into(),
                "a list of at least one message",
            ));
        }
        fields.refuse(
            &["audio", "prediction", "web_search_options"],
            "This model has no such.",
        )?;
        let max_tokens = match fields.integer("max_completion_tokens", 1, u32::MAX)? {
            None => fields.integer("max_tokens", 1, u32::MAX)?,
            some => some,
        };
        let top = fields.integer("top_logprobs", 0, 1000)?;
        let logprobs = fields.flag("logprobs")?;
        if top.is_some_and(|top| top > 0) && !logprobs {
            return Err(wrong_value(
                "top_logprobs".into(),
                "`logprobs` to be true beside it",
            ));
        }
        Ok(Self {
            model: fields.need("model", "a string")?,
            messages,
            sampling: Sampling::read(&fields)?,
            max_tokens,
            n: fields.integer("n", 1, 128)?.unwrap_or(1),
            logprobs: logprobs.then_some(top.unwrap_or(0)),
            prompt_logprobs: fields.integer("prompt_logprobs", 0, 1000)?,
            stream: fields.flag("stream")?,
            include_usage: include_usage(&fields)?,
            tools: tools(&fields)?,
            response_format: ResponseFormat::read(&fields)?,
        })
    }
}

fn tools(fields: &Fields<'_>) -> Result<bool, ApiError> {
    let offered = !fields.list("tools")?.is_empty() || !fields.list("functions")?.is_empty();
    let unused = fields
        .raw("tool_choice")
        .is_some_and(|choice| choice.get() == "\"none\"");
    Ok(offered && !unused)
}
