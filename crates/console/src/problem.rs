//! Errors on the socket: problem details (RFC 9457) with the error itself beside.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use operations::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of an error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: String,
    pub(crate) error: Error,
}

/// The HTTP status of an error.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Invalid { .. } => StatusCode::BAD_REQUEST,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Stale { .. } => StatusCode::PRECONDITION_FAILED,
        Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to what was done, or to why not.
pub(crate) fn answer(result: Result<Value, Error>) -> Response<Full<Bytes>> {
    match result {
        Ok(value) => json(StatusCode::OK, "application/json", &value),
        Err(error) => refuse(status(&error), error),
    }
}

/// An error with a status of its own.
pub(crate) fn refuse(status: StatusCode, error: Error) -> Response<Full<Bytes>> {
    let problem = Problem {
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        detail: error.to_string(),
        error,
    };
    json(status, "application/problem+json", &problem)
}

fn json(
    status: StatusCode,
    content: &'static str,
    value: &impl Serialize,
) -> Response<Full<Bytes>> {
    // Plain data with text keys: writing it to memory can't fail; an empty body says so if it did.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content = header::HeaderValue::from_static(content);
    response.headers_mut().insert(header::CONTENT_TYPE, content);
    response
}
