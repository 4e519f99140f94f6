//! What of an answer's head goes on to the client, and what it says about trying elsewhere.
//! Bodies are not touched here.

use http::header::{
    ALT_SVC, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName,
    PROXY_AUTHENTICATE, RETRY_AFTER, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode};

/// Never handed on: the connection's own headers, what speaks for the server as an origin, and
/// what names the operator's account there.
const DROPPED: [HeaderName; 18] = [
    ALT_SVC,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    DATE,
    PROXY_AUTHENTICATE,
    SERVER,
    SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("anthropic-organization-id"),
];

/// The end-to-end headers of an answer, or why the answer can't be used.
pub(crate) fn end_to_end(status: StatusCode, mut headers: HeaderMap) -> Result<HeaderMap, String> {
    if status.is_redirection() {
        // A client that followed it would take its key elsewhere.
        return Err(format!(
            "it redirects ({status}): set the base URL to the real address"
        ));
    }
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(format!(
            "its answer is coded ({coding:?}) although identity was asked for"
        ));
    }
    if let Some(named) = headers.get(CONNECTION) {
        let named = named.to_str().unwrap_or_default().to_owned();
        for name in named.split(',') {
            headers.remove(name.trim());
        }
    }
    for name in &DROPPED {
        headers.remove(name);
    }
    Ok(headers)
}

/// Whether the body is a stream of server-sent events.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    const SSE: &[u8] = b"text/event-stream";
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.len() >= SSE.len()
            && value[..SSE.len()].eq_ignore_ascii_case(SSE)
            && matches!(value.get(SSE.len()), None | Some(b';' | b' ' | b'\t'))
    })
}

/// Whether the server refused because it is busy and says when to come back: nothing was
/// answered, so another server may be asked instead.
pub(crate) fn is_busy(status: StatusCode, headers: &HeaderMap) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) && headers.contains_key(RETRY_AFTER)
}

/// Whether a status counts against the server's health. 501 says that it lacks the endpoint.
pub(crate) fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_end_to_end_headers_are_left() {
        let headers = map(&[
            ("content-type", "application/json"),
            ("content-length", "3"),
            ("content-encoding", "Identity"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("set-cookie", "a=b"),
            ("server", "uvicorn"),
            ("date", "now"),
            ("openai-organization", "org-1"),
            ("retry-after", "3"),
            ("x-request-id", "req_1"),
            ("x-ratelimit-remaining-requests", "9"),
        ]);
        let left = end_to_end(StatusCode::OK, headers).expect("a usable answer");
        let mut names: Vec<&str> = left.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "content-type",
                "retry-after",
                "x-ratelimit-remaining-requests",
                "x-request-id"
            ]
        );
    }

    #[test]
    fn coded_answers_and_redirects_are_unusable() {
        let coded = map(&[("content-encoding", "gzip")]);
        assert!(end_to_end(StatusCode::OK, coded).is_err());
        assert!(end_to_end(StatusCode::TEMPORARY_REDIRECT, HeaderMap::new()).is_err());
    }

    #[test]
    fn a_stream_is_known_by_its_type() {
        for (value, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-streams", false),
            ("application/json", false),
        ] {
            assert_eq!(
                is_stream(&map(&[("content-type", value)])),
                expected,
                "{value}"
            );
        }
    }
}
