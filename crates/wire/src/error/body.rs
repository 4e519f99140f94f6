//! Error bodies and error events, in the shapes for which the official SDKs raise `APIError`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use super::{ApiError, Dialect};
use crate::json;
use crate::sse::StreamKind;

/// OpenAI's error object.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Object<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct OpenAi<'a> {
    error: Object<'a>,
}

#[derive(Serialize)]
struct Anthropic<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    error: AnthropicObject<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct AnthropicObject<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: Cow<'a, str>,
}

/// The typed event of the Responses API, and the object for which the SDK raises.
#[derive(Serialize)]
struct ResponsesEvent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    sequence_number: u64,
    error: Object<'a>,
}

impl ApiError {
    /// The body of a whole answer. `request_id` is in Anthropic's shape; OpenAI's clients find
    /// it in a header.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Bytes {
        match dialect {
            Dialect::OpenAi => json::bytes(&OpenAi {
                error: self.object(),
            }),
            Dialect::Anthropic => json::bytes(&self.anthropic(request_id)),
        }
    }

    /// The last event of a stream that fails. `sequence` is the event's number in a stream of
    /// the Responses API, where every event has one.
    pub fn event(&self, kind: StreamKind, request_id: &str, sequence: u64) -> Bytes {
        match kind {
            StreamKind::Chat | StreamKind::Completions => json::event(
                None,
                &OpenAi {
                    error: self.object(),
                },
            ),
            StreamKind::Responses => json::event(
                Some("error"),
                &ResponsesEvent {
                    kind: "error",
                    code: self.code.as_deref(),
                    message: &self.message,
                    param: self.param.as_deref(),
                    sequence_number: sequence,
                    error: self.object(),
                },
            ),
            StreamKind::Messages => json::event(Some("error"), &self.anthropic(request_id)),
        }
    }

    /// OpenAI's error object.
    pub(crate) fn object(&self) -> Object<'_> {
        Object {
            message: &self.message,
            kind: &self.kind,
            param: self.param.as_deref(),
            code: self.code.as_deref(),
        }
    }

    fn anthropic<'a>(&'a self, request_id: &'a str) -> Anthropic<'a> {
        let message = match &self.param {
            Some(param) => format!("{param}: {}", self.message).into(),
            None => Cow::Borrowed(&*self.message),
        };
        Anthropic {
            kind: "error",
            error: AnthropicObject {
                kind: self.anthropic_kind(),
                message,
            },
            request_id,
        }
    }
}
