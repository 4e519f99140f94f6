//! Answers to the client: bodies, headers, errors in the API's own shape.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use guard::admission::{Denied, Rates};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use wire::ApiError;

use crate::received::Received;
use crate::stream::StreamBody;

/// The header that names a request, on every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer's body.
pub(crate) enum ReplyBody {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// A stream of events.
    Stream(StreamBody),
}

/// An answer on its way out.
pub(crate) type Reply = Response<ReplyBody>;

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A whole answer with these headers.
pub(crate) fn whole(status: StatusCode, headers: HeaderMap, body: Bytes) -> Reply {
    let body = if body.is_empty() { None } else { Some(body) };
    let mut reply = Response::new(ReplyBody::Whole(body));
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, JSON);
    whole(status, headers, body.into())
}

/// An error in the client's shape.
pub(crate) fn error(received: &Received, error: &ApiError, retry_after_us: Option<u64>) -> Reply {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = json(
        status,
        error.body(received.dialect(), &received.id.to_string()),
    );
    if let Some(wait) = retry_after_us {
        let seconds = wait.div_ceil(1_000_000).max(1);
        reply
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
        let millis = HeaderName::from_static("retry-after-ms");
        reply
            .headers_mut()
            .insert(millis, HeaderValue::from(wait.div_ceil(1000).max(1)));
    }
    if matches!(
        error.code.as_deref(),
        Some("budget_exhausted" | "idempotency_conflict")
    ) {
        // The SDKs send every 429 and 409 again; time alone heals neither of these.
        let again = HeaderName::from_static("x-should-retry");
        reply
            .headers_mut()
            .insert(again, HeaderValue::from_static("false"));
    }
    signed(received, reply)
}

/// The error for a denial by a limit or a budget.
pub(crate) fn denied(denied: &Denied) -> ApiError {
    let error = ApiError::of(denied.reason);
    match denied.param {
        Some(param) => error.with_param(param),
        None => error,
    }
}

/// Puts the request's name on an answer.
pub(crate) fn signed(received: &Received, mut reply: Reply) -> Reply {
    if let Ok(id) = HeaderValue::try_from(received.id.to_string()) {
        if received.dialect() == wire::Dialect::Anthropic {
            reply.headers_mut().insert(ANTHROPIC_REQUEST_ID, id.clone());
        }
        reply.headers_mut().insert(REQUEST_ID, id);
    }
    reply
}

/// Says what is left of the limits, as OpenAI's API does.
pub(crate) fn rates(rates: &Rates, headers: &mut HeaderMap) {
    const NAMES: [[&str; 3]; 2] = [
        [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        [
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
        ],
    ];
    for (names, rate) in NAMES.into_iter().zip([rates.requests, rates.tokens]) {
        let Some((limit, left, reset_us)) = rate else {
            continue;
        };
        headers.insert(HeaderName::from_static(names[0]), HeaderValue::from(limit));
        headers.insert(HeaderName::from_static(names[1]), HeaderValue::from(left));
        if let Ok(reset) = HeaderValue::try_from(format!("{}ms", reset_us.div_ceil(1000))) {
            headers.insert(HeaderName::from_static(names[2]), reset);
        }
    }
}

/// A service's result, which never fails: every failure is an answer.
pub(crate) type Served = Result<Reply, Infallible>;
