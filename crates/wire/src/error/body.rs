//! Error bodies and error events, in the shapes for which the official SDKs raise `APIError`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{ApiError, Dialect};
use crate::sse::StreamKind;

impl ApiError {
    /// The body of a whole answer. `request_id` is in Anthropic's shape; OpenAI's clients find
    /// it in a header.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Bytes {
        let value = match dialect {
            Dialect::OpenAi => json!({ "error": self.object() }),
            Dialect::Anthropic => self.anthropic(request_id),
        };
        value.to_string().into()
    }

    /// The last event of a stream that fails. `sequence` is the event's number in a stream of
    /// the Responses API, where every event has one.
    pub fn event(&self, kind: StreamKind, request_id: &str, sequence: u64) -> Bytes {
        match kind {
            StreamKind::Chat | StreamKind::Completions => {
                format!("data: {}\n\n", json!({ "error": self.object() }))
            }
            // The typed event of the API, and the object for which the SDK raises.
            StreamKind::Responses => {
                let data = json!({
                    "type": "error",
                    "code": self.code,
                    "message": self.message,
                    "param": self.param,
                    "sequence_number": sequence,
                    "error": self.object(),
                });
                format!("event: error\ndata: {data}\n\n")
            }
            StreamKind::Messages => {
                format!("event: error\ndata: {}\n\n", self.anthropic(request_id))
            }
        }
        .into()
    }

    /// OpenAI's error object.
    pub(crate) fn object(&self) -> Value {
        json!({
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        })
    }

    fn anthropic(&self, request_id: &str) -> Value {
        let message = match &self.param {
            Some(param) => format!("{param}: {}", self.message),
            None => self.message.to_string(),
        };
        json!({
            "type": "error",
            "error": { "type": self.anthropic_kind(), "message": message },
            "request_id": request_id,
        })
    }
}
