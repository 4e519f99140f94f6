//! What a client is told when an upstream fails.

use record::Reason;
use wire::ApiError;

/// The error for a failure on our side of the client, and when to try again.
pub(crate) fn upstream_error(error: &upstream::Error) -> (ApiError, Option<u64>) {
    use upstream::Error as E;
    let broken = |status: u16, code: &'static str| ApiError {
        status,
        kind: "server_error".into(),
        code: Some(code.into()),
        param: None,
        message: error.to_string().into(),
        reason: None,
    };
    match error {
        E::Unreachable { .. } => (ApiError::of(Reason::UpstreamUnavailable), Some(1_000_000)),
        E::QueueFull { retry_after, .. } => {
            let wait = u64::try_from(retry_after.as_micros()).unwrap_or(1_000_000);
            (ApiError::of(Reason::QueueFull), Some(wait))
        }
        E::TimedOut { .. } => (broken(504, "upstream_timeout"), None),
        E::Broken { .. } => (broken(502, "upstream_broken"), None),
        E::TooLarge { .. } => (broken(502, "upstream_answer_too_large"), None),
    }
}

/// The error for a server that refused our own credential.
pub(crate) fn unauthorized() -> ApiError {
    ApiError {
        status: 502,
        code: Some("upstream_unauthorized".into()),
        message: "The upstream refused this server's own credential. Tell the operator.".into(),
        ..ApiError::of(Reason::UpstreamUnavailable)
    }
}
