//! Where a request came from, as far as its browser says: our own pages, or somebody else's.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

/// Whether a post came from one of our own pages. A browser says so by `Sec-Fetch-Site`, an
/// older one by `Origin`; a program says neither, and has no cookies that could be misused.
pub(crate) fn is_ours(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    match text("origin") {
        None => true,
        Some(origin) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            origin == public_url || (authority.is_some() && authority == text("host"))
        }
    }
}

/// Whether the host that a browser asked for is this server: an address, `localhost`, or the host
/// of the public URL. Any other name may be a stranger's that was made to point here.
pub(crate) fn known_host(headers: &HeaderMap, uri: &Uri, public_url: &str) -> Result<(), String> {
    let host = headers.get(header::HOST);
    let text = match host {
        Some(host) => host.to_str().unwrap_or("?"),
        None => uri.authority().map_or("", Authority::as_str),
    };
    let authority: Authority = text.parse().map_err(|_| text.to_owned())?;
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ours = public_url.parse::<Uri>();
    let ours = ours.as_ref().ok().and_then(|uri| uri.host());
    let is_known = bare.parse::<std::net::IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || ours.is_some_and(|ours| ours.eq_ignore_ascii_case(host));
    is_known.then_some(()).ok_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const OURS: &str = "https://house.example";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_our_own_pages_are_ours() {
        for (pairs, ours) in [
            (&[("host", "127.0.0.1:1")][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", OURS), ("host", "10.0.0.1:8181")], true),
            (&[("origin", "http://a:1"), ("host", "a:1")], true),
            (&[("origin", "http://a:2"), ("host", "a:1")], false),
            (&[("origin", "null"), ("host", "a:1")], false),
            (&[("origin", "https://house.example.evil.test")], false),
        ] {
            assert_eq!(is_ours(&headers(pairs), OURS), ours, "{pairs:?}");
        }
    }

    #[test]
    fn a_strangers_name_for_this_server_is_not_known() {
        let uri = Uri::from_static("/");
        for (host, known) in [
            ("127.0.0.1:8181", true),
            ("[::1]:8181", true),
            ("localhost:8181", true),
            ("house.example", true),
            ("HOUSE.example:443", true),
            ("evil.test:8181", false),
            ("house.example.evil.test", false),
            ("", false),
        ] {
            let headers = headers(&[("host", host)]);
            assert_eq!(known_host(&headers, &uri, OURS).is_ok(), known, "{host}");
        }
    }
}
