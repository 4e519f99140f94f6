//! Reads an upstream's error body, whatever server it is, so that its code, field and message
//! reach the client in the client's own shape.

use std::borrow::Cow;

use serde_json::Value;

use super::ApiError;

/// The most bytes of an upstream's message that are passed on in a translated error.
const MAX_MESSAGE: usize = 4096;

impl ApiError {
    /// An upstream's error of this status. Known shapes: OpenAI's and Anthropic's
    /// `{"error":{…}}`, `{"error":"…"}`, the older vLLM's `{"object":"error",…}`, FastAPI's
    /// `{"detail":…}` and llama.cpp's numeric codes. What can't be read becomes an error of the
    /// same status with a message of ours.
    pub fn from_upstream(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(Some(status), &value),
            Err(_) => Self::of_upstream(Some(status)),
        }
    }

    /// Likewise, from a parsed body or stream event; without a status it follows from the type.
    pub(crate) fn from_value(status: Option<u16>, value: &Value) -> Self {
        let object = match value.get("error") {
            Some(Value::Object(object)) => Some(object),
            Some(Value::String(message)) => return Self::said(status, message),
            _ => value.as_object(),
        };
        let Some(object) = object else {
            return Self::of_upstream(status);
        };
        if let Some(detail) = value.get("detail") {
            return Self::detail(status, detail);
        }
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let kind = text("type").filter(|kind| *kind != "error");
        let status = status.or_else(|| implied_status(kind, object.get("code")));
        let mut error = Self::of_upstream(status);
        if let Some(message) = text("message").filter(|message| !message.is_empty()) {
            error.message = clipped(message);
        }
        if let Some(kind) = kind {
            error.kind = openai_kind(kind);
        }
        error.code = text("code").map(|code| Cow::Owned(code.to_owned()));
        if error.code.is_none() && is_too_long(kind, &error.message) {
            error.code = Some("context_length_exceeded".into());
        }
        error.param = text("param").map(|param| Cow::Owned(param.to_owned()));
        error
    }

    fn of_upstream(status: Option<u16>) -> Self {
        let status = status.filter(|status| *status >= 400).unwrap_or(500);
        Self {
            status,
            kind: match status {
                500.. => "server_error",
                429 => "rate_limit_exceeded",
                _ => "invalid_request_error",
            }
            .into(),
            code: None,
            param: None,
            message: "The model's server answered with an error and gave no readable reason."
                .into(),
            reason: None,
        }
    }

    fn said(status: Option<u16>, message: &str) -> Self {
        Self::of_upstream(status).with_message(clipped(message))
    }

    /// FastAPI: a text, or a list of `{"loc":["body","field"],"msg":"…"}`.
    fn detail(status: Option<u16>, detail: &Value) -> Self {
        if let Some(message) = detail.as_str() {
            return Self::said(status, message);
        }
        let first = detail.get(0);
        let message = first
            .and_then(|item| item.get("msg"))
            .and_then(Value::as_str);
        let mut error = Self::of_upstream(status);
        if let Some(message) = message {
            error.message = clipped(message);
        }
        let place = first
            .and_then(|item| item.get("loc"))
            .and_then(Value::as_array);
        let field = place.and_then(|place| place.last()).and_then(Value::as_str);
        error.param = field.map(|field| Cow::Owned(field.to_owned()));
        error
    }
}

/// Servers that give no code for a prompt that is too long: llama.cpp, vLLM, Anthropic.
fn is_too_long(kind: Option<&str>, message: &str) -> bool {
    kind == Some("exceed_context_size_error")
        || message.contains("maximum context length")
        || message.starts_with("prompt is too long")
}

fn clipped(message: &str) -> Cow<'static, str> {
    let end = message.floor_char_boundary(MAX_MESSAGE);
    Cow::Owned(message[..end].to_owned())
}

/// An error event has no HTTP status of its own.
fn implied_status(kind: Option<&str>, code: Option<&Value>) -> Option<u16> {
    let number = code
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    let number = number.filter(|code| (400..600).contains(code));
    number.or(match kind.unwrap_or_default() {
        "invalid_request_error" | "BadRequestError" => Some(400),
        "authentication_error" => Some(401),
        "permission_error" => Some(403),
        "not_found_error" | "NotFoundError" => Some(404),
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => Some(429),
        "overloaded_error" => Some(529),
        _ => None,
    })
}

/// Anthropic's and vLLM's types in OpenAI's words; others as they are.
fn openai_kind(kind: &str) -> Cow<'static, str> {
    match kind {
        "BadRequestError"
        | "NotFoundError"
        | "not_found_error"
        | "request_too_large"
        | "exceed_context_size_error" => "invalid_request_error".into(),
        "rate_limit_error" => "rate_limit_exceeded".into(),
        "api_error" | "overloaded_error" | "timeout_error" | "InternalServerError" => {
            "server_error".into()
        }
        other => Cow::Owned(other.to_owned()),
    }
}
