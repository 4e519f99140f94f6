//! Stage one: a request has arrived. What it is for, where it comes from, and its body.
//! Nothing is known of its sender yet.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, Method, request};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use record::{Endpoint, Id, Origin, Reason, Time, id::kind};
use wire::ApiError;

use crate::network;
use crate::print::Print;
use crate::state::Gateway;
use crate::trace::{Answered, Trace};

/// What a path is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Is the process alive?
    Alive,
    /// Can it serve?
    Ready,
    /// The list of models, or one of them.
    Models(Option<String>),
    /// An endpoint that takes a body.
    Exchange(Endpoint),
    /// Nothing that there is.
    Unknown,
}

/// A request on its way in, without its body.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: Id<kind::Exchange>,
    pub(crate) arrived: Time,
    pub(crate) started: Instant,
    /// Microseconds until the body was here.
    pub(crate) read_us: u64,
    /// Its place in a trace, where it is traced.
    pub(crate) trace: Option<Box<(Trace, Answered)>>,
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// The path without a grant's prefix.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// The grant's token, where the path begins with one.
    pub(crate) token: Option<String>,
    pub(crate) headers: HeaderMap,
    /// Whether it says twice how long its body is: two readers could differ on where it ends.
    pub(crate) two_lengths: bool,
    pub(crate) origin: Origin,
}

/// What is known of a connection.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) print: std::sync::Arc<Print>,
}

impl Received {
    /// Reads the head of a request.
    pub(crate) fn new(gateway: &Gateway, peer: &Peer, parts: request::Parts) -> Self {
        let (token, path) = split_token(parts.uri.path());
        let target = target(&path, &gateway.options.listed_paths);
        let client = network::client(
            peer.address,
            &parts.headers,
            &gateway.options.trusted_proxies,
        );
        let origin = Origin {
            address: client.to_string(),
            header_order: peer.print.hash.load(Ordering::Relaxed),
            user_agent: text(&parts.headers, &USER_AGENT, 256),
            accept_language: text(&parts.headers, &ACCEPT_LANGUAGE, 64),
        };
        Self {
            id: gateway.new_id(),
            arrived: gateway.now(),
            started: Instant::now(),
            read_us: 0,
            trace: None,
            method: parts.method,
            target,
            path,
            query: parts.uri.query().map(str::to_owned),
            token,
            two_lengths: parts.headers.contains_key(TRANSFER_ENCODING)
                && (parts.headers.contains_key(CONTENT_LENGTH)
                    || peer.print.two_lengths.load(Ordering::Relaxed)),
            headers: parts.headers,
            origin,
        }
    }

    /// Whether the client expects Anthropic's shapes.
    pub(crate) fn dialect(&self) -> wire::Dialect {
        match &self.target {
            Target::Exchange(endpoint) => wire::Dialect::of(endpoint),
            _ if self.headers.contains_key("anthropic-version") => wire::Dialect::Anthropic,
            _ => wire::Dialect::OpenAi,
        }
    }

    /// Microseconds since the head was read.
    pub(crate) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A header's text, or nothing.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// `/g/<token>/v1/…` into the token and the rest.
fn split_token(path: &str) -> (Option<String>, String) {
    match path.strip_prefix("/g/") {
        Some(rest) => {
            let (token, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(token.to_owned()), path.to_owned())
        }
        None => (None, path.to_owned()),
    }
}

fn target(path: &str, listed: &[String]) -> Target {
    // Some clients' base URL lacks the version, some double the slash at the end.
    let path = match path.trim_end_matches('/') {
        "" => return Target::Unknown,
        path => path,
    };
    match path {
        "/health" | "/healthz" | "/v1/health" => Target::Alive,
        "/readyz" => Target::Ready,
        "/v1/models" => Target::Models(None),
        "/v1/chat/completions" => Target::Exchange(Endpoint::Chat),
        "/v1/completions" => Target::Exchange(Endpoint::Completions),
        "/v1/responses" => Target::Exchange(Endpoint::Responses),
        "/v1/embeddings" => Target::Exchange(Endpoint::Embeddings),
        "/v1/messages" => Target::Exchange(Endpoint::Messages),
        "/v1/messages/count_tokens" => Target::Exchange(Endpoint::CountTokens),
        "/v1/score" => Target::Exchange(Endpoint::Score),
        _ => match path.strip_prefix("/v1/models/") {
            Some(model) => Target::Models(Some(unescape(model))),
            None if listed.iter().any(|known| known == path) => {
                Target::Exchange(Endpoint::Listed(path.to_owned()))
            }
            None => Target::Unknown,
        },
    }
}

/// Percent-decoding of a path segment (RFC 3986); what can't be decoded stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn text(headers: &HeaderMap, name: &HeaderName, most: usize) -> String {
    let value = headers.get(name).map_or(&[][..], |value| value.as_bytes());
    String::from_utf8_lossy(&value[..value.len().min(most)]).into_owned()
}

/// Reads the body, bounded in size and time.
///
/// # Errors
/// Why it is refused.
pub(crate) async fn body(
    gateway: &Gateway,
    received: &Received,
    mut incoming: Incoming,
) -> Result<Bytes, ApiError> {
    let read = read(gateway, received, &mut incoming).await;
    if read.is_err() {
        linger(gateway, incoming);
    }
    read
}

async fn read(
    gateway: &Gateway,
    received: &Received,
    incoming: &mut Incoming,
) -> Result<Bytes, ApiError> {
    let headers = &received.headers;
    if received.two_lengths {
        let message = "Both `Content-Length` and `Transfer-Encoding` are there: send one.";
        let error = ApiError::of(Reason::InvalidRequest).with_message(message);
        return Err(error.with_param("content-length"));
    }
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let message = "Bodies are taken uncompressed: leave `Content-Encoding` out.";
        let error = ApiError::of(Reason::InvalidRequest).with_message(message);
        return Err(error.with_param("content-encoding"));
    }
    let most = gateway.options.max_body_bytes;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > most as u64) {
        return Err(too_large(most));
    }
    // Most bodies are here already: no timer is set for those.
    let mut first = None;
    if let Some(frame) = now(incoming).await {
        let frame = frame.map_err(|error| broken(&error))?;
        if let Ok(data) = frame.into_data() {
            if incoming.is_end_stream() {
                return if data.len() > most {
                    Err(too_large(most))
                } else {
                    Ok(data)
                };
            }
            first = Some(data);
        }
    } else if incoming.is_end_stream() {
        return Ok(Bytes::new());
    }
    let rest = collect(incoming, first, most);
    match tokio::time::timeout(gateway.options.body_timeout, rest).await {
        Ok(body) => body,
        Err(_) => Err(ApiError::of(Reason::BodyTimeout)),
    }
}

/// Reads on for a moment after a refusal and throws away what comes. Most clients read the
/// answer only when they have sent all, and a connection that is closed meanwhile loses it.
pub(crate) fn linger(gateway: &Gateway, mut incoming: Incoming) {
    const MOMENT: Duration = Duration::from_secs(5);
    if incoming.is_end_stream() {
        return;
    }
    let mut left = gateway.options.max_body_bytes.saturating_mul(2);
    tokio::spawn(tokio::time::timeout(MOMENT, async move {
        while let Some(Ok(frame)) = incoming.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(bytes);
            if left == 0 {
                return;
            }
        }
    }));
}

type FrameResult = Result<hyper::body::Frame<Bytes>, hyper::Error>;

/// The next frame if it is there without waiting.
async fn now(incoming: &mut Incoming) -> Option<FrameResult> {
    let mut frame = std::pin::pin!(incoming.frame());
    std::future::poll_fn(|cx| match frame.as_mut().poll(cx) {
        std::task::Poll::Ready(frame) => std::task::Poll::Ready(frame),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

async fn collect(
    incoming: &mut Incoming,
    first: Option<Bytes>,
    most: usize,
) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::from(first.unwrap_or_default());
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
            continue;
        };
        if body.len() + data.len() > most {
            return Err(too_large(most));
        }
        body.extend_from_slice(&data);
    }
    Ok(body.freeze())
}

fn broken(error: &hyper::Error) -> ApiError {
    ApiError::of(Reason::InvalidRequest)
        .with_message(format!("The body can't be read to its end: {error}."))
}

fn too_large(most: usize) -> ApiError {
    ApiError::of(Reason::BodyTooLarge).with_message(format!(
        "The body is larger than the {most} bytes that this server takes."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_they_should() {
        let listed = ["/v1/rerank".to_owned()];
        let cases = [
            ("/v1/chat/completions", Target::Exchange(Endpoint::Chat)),
            ("/v1/chat/completions/", Target::Exchange(Endpoint::Chat)),
            ("/v1/models/a%2Fb", Target::Models(Some("a/b".into()))),
            (
                "/v1/rerank",
                Target::Exchange(Endpoint::Listed("/v1/rerank".into())),
            ),
            ("/v1/audio/speech", Target::Unknown),
            ("/", Target::Unknown),
            ("/v1/chat/completions/..", Target::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(target(path, &listed), expected, "{path}");
        }
    }

    #[test]
    fn a_grants_prefix_is_taken_off() {
        let (token, path) = split_token("/g/gt-sh-x/v1/completions");
        assert_eq!(
            (token.as_deref(), path.as_str()),
            (Some("gt-sh-x"), "/v1/completions")
        );
        // Never a part of the path, which is recorded.
        assert_eq!(
            split_token("/g/alone"),
            (Some("alone".into()), String::new())
        );
    }
}
