//! A server's base URL, taken apart once: addresses ready to be cloned for each request.
//! Nothing is parsed on the way of a request but an operator's listed path or a query.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use record::Endpoint;

use crate::settings::{InvalidSettings, Kind};

/// One address in the two forms that HTTP/1.1 and HTTP/2 want.
#[derive(Debug, Clone)]
struct Address {
    /// Path and query alone, beside a `host` header.
    origin: Uri,
    /// With scheme and authority.
    absolute: Uri,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// An endpoint of the API.
    Endpoint(&'a Endpoint),
    /// vLLM's `/tokenize`, beside `/v1`.
    Tokenize,
    /// vLLM's `/health`, beside `/v1`.
    Health,
}

/// All addresses of one server.
#[derive(Debug)]
pub(crate) struct Routes {
    scheme: Scheme,
    authority: Authority,
    /// Scheme and authority, to dial.
    pub(crate) root: Uri,
    /// The value of `host`.
    pub(crate) host: HeaderValue,
    chat: Address,
    completions: Address,
    responses: Address,
    embeddings: Address,
    messages: Address,
    count_tokens: Address,
    models: Address,
    score: Address,
    tokenize: Address,
    health: Address,
}

impl Routes {
    /// Takes a base URL apart.
    pub(crate) fn new(base: &str, kind: Kind) -> Result<Self, InvalidSettings> {
        let invalid = |why: &str| InvalidSettings::new("servers", format!("`{base}` {why}"));
        if base.contains('@') {
            // The URL itself is left out: it may hold a password.
            return Err(InvalidSettings::new(
                "servers",
                "a URL with `@`: give credentials as a secret",
            ));
        }
        if base.contains(['?', '#']) {
            return Err(invalid("has a query or a fragment"));
        }
        let url: Uri = base
            .parse()
            .map_err(|e| invalid(&format!("is no URL: {e}")))?;
        let scheme = match url.scheme_str() {
            Some("http") => Scheme::HTTP,
            Some("https") => Scheme::HTTPS,
            _ => return Err(invalid("is neither http:// nor https://")),
        };
        let authority = url
            .authority()
            .ok_or_else(|| invalid("names no host"))?
            .clone();
        let host = HeaderValue::from_str(authority.as_str())
            .map_err(|_| invalid("has a host that no header can hold"))?;
        let path = url.path().trim_end_matches('/');
        let (prefix, version) = match (path.strip_suffix("/v1"), kind) {
            (Some(prefix), _) => (prefix, "/v1"),
            (None, Kind::OpenAi) if !path.is_empty() => (path, ""),
            (None, _) => (path, "/v1"),
        };
        let address = |rest: &str| {
            address(&scheme, &authority, &format!("{prefix}{rest}")).map_err(|why| invalid(&why))
        };
        let endpoint = |endpoint: Endpoint| {
            let rest = endpoint
                .path()
                .strip_prefix("/v1")
                .unwrap_or(endpoint.path());
            address(&format!("{version}{rest}"))
        };
        Ok(Self {
            chat: endpoint(Endpoint::Chat)?,
            completions: endpoint(Endpoint::Completions)?,
            responses: endpoint(Endpoint::Responses)?,
            embeddings: endpoint(Endpoint::Embeddings)?,
            messages: endpoint(Endpoint::Messages)?,
            count_tokens: endpoint(Endpoint::CountTokens)?,
            models: endpoint(Endpoint::Models)?,
            score: endpoint(Endpoint::Score)?,
            tokenize: address("/tokenize")?,
            health: address("/health")?,
            root: Uri::builder()
                .scheme(scheme.clone())
                .authority(authority.clone())
                .path_and_query("/")
                .build()
                .map_err(|e| invalid(&e.to_string()))?,
            host,
            scheme,
            authority,
        })
    }

    /// The address of a target: path and query alone, or (for HTTP/2) absolute. A listed path is
    /// relative to the server's root, not to the base URL.
    pub(crate) fn uri(
        &self,
        target: Target<'_>,
        query: Option<&str>,
        absolute: bool,
    ) -> Result<Uri, String> {
        let address = match target {
            Target::Tokenize => &self.tokenize,
            Target::Health => &self.health,
            Target::Endpoint(Endpoint::Chat) => &self.chat,
            Target::Endpoint(Endpoint::Completions) => &self.completions,
            Target::Endpoint(Endpoint::Responses) => &self.responses,
            Target::Endpoint(Endpoint::Embeddings) => &self.embeddings,
            Target::Endpoint(Endpoint::Messages) => &self.messages,
            Target::Endpoint(Endpoint::CountTokens) => &self.count_tokens,
            Target::Endpoint(Endpoint::Models) => &self.models,
            Target::Endpoint(Endpoint::Score) => &self.score,
            Target::Endpoint(Endpoint::Listed(path)) => {
                return self.built(path, query, absolute);
            }
        };
        match query {
            Some(query) => self.built(address.origin.path(), Some(query), absolute),
            None if absolute => Ok(address.absolute.clone()),
            None => Ok(address.origin.clone()),
        }
    }

    fn built(&self, path: &str, query: Option<&str>, absolute: bool) -> Result<Uri, String> {
        let address = match query {
            Some(query) => address(&self.scheme, &self.authority, &format!("{path}?{query}")),
            None => address(&self.scheme, &self.authority, path),
        }?;
        Ok(if absolute {
            address.absolute
        } else {
            address.origin
        })
    }
}

fn address(scheme: &Scheme, authority: &Authority, path: &str) -> Result<Address, String> {
    let told = |e: &dyn std::fmt::Display| format!("has a path that no URL can hold: {e}");
    if !path.starts_with('/') {
        return Err(told(&"it does not start with `/`"));
    }
    let path: PathAndQuery = path.parse().map_err(|e| told(&e))?;
    Ok(Address {
        origin: Uri::from(path.clone()),
        absolute: Uri::builder()
            .scheme(scheme.clone())
            .authority(authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|e| told(&e))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(base: &str, kind: Kind, endpoint: Endpoint, query: Option<&str>) -> String {
        let routes = Routes::new(base, kind).expect("a good base");
        let target = Target::Endpoint(&endpoint);
        let origin = routes.uri(target, query, false).expect("a good path");
        let absolute = routes
            .uri(target, query, true)
            .expect("a good path")
            .to_string();
        assert!(origin.scheme().is_none() && origin.authority().is_none());
        assert!(absolute.ends_with(&origin.to_string()));
        absolute
    }

    #[test]
    fn v1_is_never_doubled_nor_lost() {
        use Endpoint::{Chat, CountTokens, Listed, Messages};
        use Kind::{Anthropic, OpenAi};
        let listed = || Listed("/v1/audio/speech".into());
        for (base, kind, endpoint, query, expected) in [
            (
                "http://h:8000/v1",
                OpenAi,
                Chat,
                None,
                "http://h:8000/v1/chat/completions",
            ),
            (
                "http://h:8000/v1/",
                OpenAi,
                Chat,
                None,
                "http://h:8000/v1/chat/completions",
            ),
            (
                "http://h:8000",
                OpenAi,
                Chat,
                None,
                "http://h:8000/v1/chat/completions",
            ),
            (
                "http://h/v1beta/openai/",
                OpenAi,
                Chat,
                None,
                "http://h/v1beta/openai/chat/completions",
            ),
            (
                "https://h/openai/v1",
                OpenAi,
                Chat,
                Some("a=b"),
                "https://h/openai/v1/chat/completions?a=b",
            ),
            (
                "https://h",
                Anthropic,
                Messages,
                None,
                "https://h/v1/messages",
            ),
            (
                "https://h/v1",
                Anthropic,
                CountTokens,
                None,
                "https://h/v1/messages/count_tokens",
            ),
            (
                "https://h/anthropic",
                Anthropic,
                Messages,
                None,
                "https://h/anthropic/v1/messages",
            ),
            (
                "https://h/p/v1",
                OpenAi,
                listed(),
                Some("x"),
                "https://h/v1/audio/speech?x",
            ),
        ] {
            assert_eq!(uri(base, kind, endpoint, query), expected, "{base}");
        }
    }

    #[test]
    fn what_vllm_has_of_its_own_stands_beside_v1() {
        let routes = Routes::new("http://h/p/v1", Kind::OpenAi).expect("a good base");
        for (target, expected) in [
            (Target::Tokenize, "http://h/p/tokenize"),
            (Target::Health, "http://h/p/health"),
        ] {
            let uri = routes.uri(target, None, true).expect("a good path");
            assert_eq!(uri.to_string(), expected);
        }
    }

    #[test]
    fn bad_bases_are_refused_without_showing_a_password() {
        for base in [
            "",
            "h",
            "ftp://h",
            "/v1",
            "http://h/v1?a",
            "http://h/#f",
            "http://h/a b",
        ] {
            assert!(Routes::new(base, Kind::OpenAi).is_err(), "{base}");
        }
        let error = Routes::new("http://me:hunter2@h/v1", Kind::OpenAi).expect_err("credentials");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_listed_path_cannot_break_out() {
        let routes = Routes::new("http://h", Kind::OpenAi).expect("a good base");
        for path in ["//evil/x", "evil", "/a\r\nb: c", "/a b"] {
            let listed = Endpoint::Listed(path.into());
            if let Ok(uri) = routes.uri(Target::Endpoint(&listed), None, true) {
                assert_eq!(uri.host(), Some("h"), "{path}");
            }
        }
    }
}
