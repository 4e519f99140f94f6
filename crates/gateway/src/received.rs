//! Stage one: a request has arrived. What it is for, where it comes from, and its body.
//! Nothing is known of its sender yet.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderName, Method, request};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use record::{Endpoint, Id, Origin, Reason, Time, id::kind};
use wire::ApiError;

use crate::door::Gateway;
use crate::network;

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
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// The path without a grant's prefix.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// The grant's token, where the path begins with one.
    pub(crate) token: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) origin: Origin,
}

/// What is known of a connection.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) print: std::sync::Arc<AtomicU64>,
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
            header_order: peer.print.load(Ordering::Relaxed),
            user_agent: text(&parts.headers, &USER_AGENT, 256),
            accept_language: text(&parts.headers, &ACCEPT_LANGUAGE, 64),
        };
        Self {
            id: gateway.new_id(),
            arrived: gateway.now(),
            started: Instant::now(),
            method: parts.method,
            target,
            path,
            query: parts.uri.query().map(str::to_owned),
            token,
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

    /// A header's text, or nothing.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// `/g/<token>/v1/…` into the token and the rest.
fn split_token(path: &str) -> (Option<String>, String) {
    let with_token = path.strip_prefix("/g/").and_then(|rest| {
        let (token, _) = rest.split_once('/')?;
        Some((Some(token.to_owned()), rest[token.len()..].to_owned()))
    });
    with_token.unwrap_or_else(|| (None, path.to_owned()))
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
/// A refusal, or `None` where the client left.
pub(crate) async fn body(
    gateway: &Gateway,
    headers: &HeaderMap,
    incoming: Incoming,
) -> Result<Bytes, Option<ApiError>> {
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let message = "Bodies are taken uncompressed: leave `Content-Encoding` out.";
        let error = ApiError::of(Reason::InvalidRequest).with_message(message);
        return Err(Some(error.with_param("content-encoding")));
    }
    let most = gateway.options.max_body_bytes;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > most as u64) {
        return Err(Some(too_large(most)));
    }
    // Most bodies are here already: no timer is set for those.
    let mut incoming = incoming;
    let mut first = None;
    if let Some(frame) = now(&mut incoming).await {
        let frame = frame.map_err(|_| None)?;
        if let Ok(data) = frame.into_data() {
            if incoming.is_end_stream() {
                return if data.len() > most {
                    Err(Some(too_large(most)))
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
        Err(_) => Err(Some(ApiError::of(Reason::BodyTimeout))),
    }
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
    mut incoming: Incoming,
    first: Option<Bytes>,
    most: usize,
) -> Result<Bytes, Option<ApiError>> {
    let mut body = BytesMut::from(first.unwrap_or_default());
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|_| None)?.into_data() else {
            continue;
        };
        if body.len() + data.len() > most {
            return Err(Some(too_large(most)));
        }
        body.extend_from_slice(&data);
    }
    Ok(body.freeze())
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
        assert_eq!(split_token("/g/alone").0, None);
    }
}
