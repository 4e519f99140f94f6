//! The table of refusals: for each reason its status, type, code and message. Every match is
//! complete, so that a new reason can't be forgotten.

use record::Reason as R;

/// The HTTP status of a refusal.
pub(super) const fn status(reason: R) -> u16 {
    match reason {
        R::InvalidRequest | R::EndpointNotSupported | R::ContextLengthExceeded => 400,
        R::InvalidApiKey | R::CredentialExpired | R::CredentialRevoked => 401,
        R::AccountClosed | R::CapabilityNotAllowed => 403,
        R::UnknownEndpoint | R::ModelNotFound => 404,
        R::MethodNotAllowed => 405,
        R::BodyTimeout => 408,
        R::IdempotencyConflict => 409,
        R::BodyTooLarge => 413,
        R::RequestsPerMinute | R::TokensPerMinute | R::Concurrency => 429,
        R::BudgetExhausted | R::QueueFull => 429,
        R::UpstreamUnavailable | R::LedgerUnavailable | R::ShuttingDown => 503,
        R::ModelUnavailable => 503,
    }
}

/// OpenAI's `type`.
pub(super) const fn kind(reason: R) -> &'static str {
    match reason {
        R::AccountClosed | R::CapabilityNotAllowed => "permission_error",
        R::RequestsPerMinute => "requests",
        R::TokensPerMinute => "tokens",
        R::Concurrency => "concurrency",
        R::BudgetExhausted => "insufficient_quota",
        R::QueueFull => "overloaded",
        R::UpstreamUnavailable | R::LedgerUnavailable | R::ShuttingDown => "server_error",
        R::ModelUnavailable => "server_error",
        R::InvalidApiKey | R::CredentialExpired | R::CredentialRevoked => "invalid_request_error",
        R::UnknownEndpoint | R::MethodNotAllowed | R::InvalidRequest => "invalid_request_error",
        R::BodyTooLarge | R::BodyTimeout | R::ModelNotFound => "invalid_request_error",
        R::EndpointNotSupported | R::ContextLengthExceeded => "invalid_request_error",
        R::IdempotencyConflict => "invalid_request_error",
    }
}

/// OpenAI's `code`.
pub(super) const fn code(reason: R) -> &'static str {
    match reason {
        R::InvalidApiKey => "invalid_api_key",
        R::CredentialExpired => "credential_expired",
        R::CredentialRevoked => "credential_revoked",
        R::AccountClosed => "account_closed",
        R::UnknownEndpoint => "unknown_url",
        R::MethodNotAllowed => "method_not_allowed",
        R::InvalidRequest => "invalid_request",
        R::BodyTooLarge => "request_too_large",
        R::BodyTimeout => "request_timeout",
        R::ModelNotFound => "model_not_found",
        R::EndpointNotSupported => "endpoint_not_supported",
        R::ContextLengthExceeded => "context_length_exceeded",
        R::CapabilityNotAllowed => "capability_not_allowed",
        R::RequestsPerMinute | R::TokensPerMinute | R::Concurrency => "rate_limit_exceeded",
        R::BudgetExhausted => "budget_exhausted",
        R::IdempotencyConflict => "idempotency_conflict",
        R::QueueFull => "queue_full",
        R::UpstreamUnavailable => "upstream_unavailable",
        R::LedgerUnavailable => "ledger_unavailable",
        R::ShuttingDown => "shutting_down",
        R::ModelUnavailable => "model_unavailable",
    }
}

/// What a person reads, with a hint where there is one.
pub(super) const fn message(reason: R) -> &'static str {
    match reason {
        R::InvalidApiKey => {
            "No valid API key. Send yours as `Authorization: Bearer <key>` or `x-api-key: <key>`."
        }
        R::CredentialExpired => "This key or grant has expired. Ask the operator for a new one.",
        R::CredentialRevoked => "This key or grant was revoked. Ask the operator for a new one.",
        R::AccountClosed => "This account is closed. The operator can open it again.",
        R::UnknownEndpoint => "There is no such path here.",
        R::MethodNotAllowed => "This path does not take this method.",
        R::InvalidRequest => "The body can't be read as this endpoint's format.",
        R::BodyTooLarge => "The body is larger than this server takes.",
        R::BodyTimeout => "The body did not arrive in time.",
        R::ModelNotFound => {
            "The model does not exist or you do not have access to it. GET /v1/models lists yours."
        }
        R::EndpointNotSupported => "This model does not serve this endpoint.",
        R::ContextLengthExceeded => {
            "The prompt and the answer asked for do not fit the model's context. Shorten either."
        }
        R::CapabilityNotAllowed => "Your plan or grant does not include what this field asks for.",
        R::RequestsPerMinute => "Too many requests a minute. Wait as `Retry-After` says.",
        R::TokensPerMinute => "Too many tokens a minute. Wait as `Retry-After` says.",
        R::Concurrency => "Too many requests at the same time. Wait until one of yours has ended.",
        R::BudgetExhausted => {
            "What is left of the budget is less than this request may cost. Lower its token limit, or ask the operator for more."
        }
        R::IdempotencyConflict => {
            "A request with this `Idempotency-Key` is still running, or had another body."
        }
        R::QueueFull => "Every place in this model's queue is taken. Wait as `Retry-After` says.",
        R::UpstreamUnavailable => "No server of this model can be reached. Try again later.",
        R::LedgerUnavailable => "The server can't record requests now, so it takes none.",
        R::ShuttingDown => "This server is stopping. Try again.",
        R::ModelUnavailable => {
            "The operator has switched this model off for now. GET /v1/models lists those that answer."
        }
    }
}
