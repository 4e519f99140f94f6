//! What of an answer's head goes on to the client, and what it says about trying elsewhere.
//! Bodies are not touched here.

use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use smallvec::SmallVec;

/// Never handed on: the connection's own headers, what speaks for the server as an origin, and
/// what names the operator's account there. (By text: one pass over the few headers of an answer
/// is cheaper than looking for each of these.)
fn is_dropped(name: &str) -> bool {
    matches!(
        name,
        "alt-svc"
            | "anthropic-organization-id"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "date"
            | "keep-alive"
            | "openai-organization"
            | "openai-project"
            | "proxy-authenticate"
            | "proxy-connection"
            | "server"
            | "set-cookie"
            | "strict-transport-security"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The end-to-end headers of an answer, or why the answer can't be used.
pub(crate) fn end_to_end(status: StatusCode, mut headers: HeaderMap) -> Result<HeaderMap, String> {
    if status.is_redirection() {
        // A client that followed it would take its key elsewhere.
        return Err(format!(
            "it redirects ({status}): set the base URL to the real address"
        ));
    }
    let mut dropped = SmallVec::<[HeaderName; 8]>::new();
    for (name, value) in &headers {
        if *name == CONTENT_ENCODING && !value.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Err(format!(
                "its answer is coded ({value:?}) although identity was asked for"
            ));
        }
        if *name == CONNECTION {
            let names = value.as_bytes().split(|byte| *byte == b',');
            let names = names.map(<[u8]>::trim_ascii);
            dropped.extend(names.filter_map(|name| HeaderName::from_bytes(name).ok()));
        }
        if is_dropped(name.as_str()) {
            dropped.push(name.clone());
        }
    }
    for name in dropped {
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
