//! Errors as clients see them, in OpenAI's and in Anthropic's shape, and this crate's own error.
//! No message here quotes what a client or an upstream wrote, but for names of fields and what
//! an upstream itself said to be its message.

mod body;
mod reason;
mod upstream;

use std::borrow::Cow;

use record::{Endpoint, Reason};

/// What an upstream did wrong: its answer can't be read. To ask again may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The answer is not JSON, or not of the endpoint's shape.
    #[error("the upstream's answer can't be read: {0}")]
    Answer(String),
    /// One event of a stream is larger than the limit.
    #[error("the upstream sent a stream event of more than {limit} bytes")]
    EventTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The stream went on for too long after its own end.
    #[error("the upstream went on after the end of its stream")]
    AfterEnd,
}

/// The family of shapes that a client expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"},"request_id"}`
    Anthropic,
}

impl Dialect {
    /// The dialect of an endpoint's clients.
    pub const fn of(endpoint: &Endpoint) -> Self {
        if endpoint.is_anthropic() {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }
}

/// An error as a client is told it. `body` and `event` write it in the client's shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// OpenAI's `type`; Anthropic's follows from the status.
    pub kind: Cow<'static, str>,
    /// OpenAI's `code`.
    pub code: Option<Cow<'static, str>>,
    /// The field at fault.
    pub param: Option<Cow<'static, str>>,
    /// What a person reads.
    pub message: Cow<'static, str>,
    /// Why the request was refused; `None` for an upstream's own error.
    pub reason: Option<Reason>,
}

impl ApiError {
    /// The refusal for this reason, with its usual message and a hint.
    pub fn of(reason: Reason) -> Self {
        Self {
            status: reason::status(reason),
            kind: reason::kind(reason).into(),
            code: Some(reason::code(reason).into()),
            param: None,
            message: reason::message(reason).into(),
            reason: Some(reason),
        }
    }

    /// A mistake in the request: 400 `invalid_request_error`.
    pub fn invalid(
        param: impl Into<Cow<'static, str>>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code: Some(code.into()),
            ..Self::of(Reason::InvalidRequest)
        }
        .with_param(param)
        .with_message(message)
    }

    /// Something of the API that this server does not do: 400 `unsupported_parameter`.
    pub fn unsupported(
        param: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::invalid(param, "unsupported_parameter", message)
    }

    /// The same error with another message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// The same error, naming the field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// What a client is told when an upstream's answer can't be used: 502.
    pub fn bad_answer(error: &Error) -> Self {
        Self {
            status: 502,
            kind: "server_error".into(),
            code: Some("upstream_broken".into()),
            param: None,
            message: error.to_string().into(),
            reason: None,
        }
    }

    /// Anthropic's `type` for this error.
    pub fn anthropic_kind(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            504 => "timeout_error",
            status if status >= 500 => "api_error",
            _ => "invalid_request_error",
        }
    }
}

#[cfg(test)]
mod tests;
