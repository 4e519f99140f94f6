//! Access logs in JSON: nginx with `log_format … escape=json` (names of its variables:
//! nginx.org/en/docs/http/ngx_http_log_module.html and ngx_http_core_module.html), Caddy's
//! (caddyserver.com/docs/caddyfile/directives/log), and what proxies before vLLM write alike.
//!
//! Such a log is written when an answer ends, so the request arrived `request_time` earlier. The
//! account is the user, or else the credential (as a hash), or else the address. `X-Forwarded-For`
//! is not used: anybody can send it; log `$realip_remote_addr` or set `real_ip_header` instead.

use std::borrow::Cow;

use record::Endpoint;

use super::Options;
use super::fields::{self, Object};
use crate::seen::raw::Raw;
use crate::traffic::{Exchange, LineError, Said, Source};

/// Fields that hold the path.
pub(super) const PATHS: &[&str] = &["request_uri", "uri", "path", "url", "request"];
/// Fields that hold the time when the line was written.
pub(super) const TIMES: &[&str] = &[
    "time_iso8601",
    "time_local",
    "msec",
    "timestamp",
    "@timestamp",
    "time",
    "ts",
];
const ADDRESSES: &[&str] = &[
    "client_ip",
    "real_ip",
    "remote_addr",
    "remote_ip",
    "request.client_ip",
    "request.remote_ip",
];
const SECRETS: &[&str] = &[
    "http_authorization",
    "authorization",
    "http_x_api_key",
    "x_api_key",
    "api_key",
];

pub(super) fn read<'a>(
    object: &Object<'a>,
    options: Options<'_>,
) -> Result<Exchange<'a>, LineError> {
    let (method, path) = asked(object)?;
    let endpoint = fields::endpoint(&path);
    // Health checks, pages and lists of models are no business of the guard's.
    if method.is_some_and(|method| method != "POST") || path.is_empty() {
        return Err(LineError::Other);
    }
    if matches!(endpoint, Endpoint::Models) {
        return Err(LineError::Other);
    }
    let written = object.time(TIMES).ok_or(LineError::Missing("time"))?;
    let seconds = object.number(&["request_time", "duration", "upstream_response_time"]);
    let duration_us = (seconds.unwrap_or(0.0).max(0.0) * 1e6) as u64;
    let address = object.named(ADDRESSES);
    let account = fields::account(object, options.account, || {
        let user = object.name(&["user", "remote_user", "consumer", "account"]);
        let secret = || Some(fields::credential(&object.name(SECRETS)?).into());
        let address = || (!address.is_empty()).then(|| address.clone());
        user.or_else(secret).or_else(address)
    })?;
    let status = object.count(&["status"]);
    let request = object.body(&["request_body", "req_body", "body"]);
    Ok(Exchange {
        id: object.named(&["request_id", "id"]),
        time: record::Time::from_micros(written.micros().saturating_sub(duration_us)),
        duration_us,
        account,
        organization: "".into(),
        seq: None,
        // nginx's own status for a client that left.
        cut: status == Some(499),
        endpoint,
        model: object.named(&["model"]),
        status: status
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(0),
        request_bytes: object.count(&["request_length", "bytes_read"]).unwrap_or(0),
        response_bytes: object
            .count(&["body_bytes_sent", "bytes_sent", "size"])
            .unwrap_or(0),
        usage: object.usage("prompt_tokens", "completion_tokens"),
        source: Source {
            address,
            user_agent: header(object, "http_user_agent", "User-Agent"),
            ja4: object.name(&["ja4", "ssl_ja4", "tls_ja4"]),
            accept_language: header(object, "http_accept_language", "Accept-Language"),
            ..Source::default()
        },
        said: Said::Bodies {
            request: request.unwrap_or_default(),
            response: object.body(&["response_body", "resp_body"]),
        },
    })
}

/// Method, where it is known, and path.
fn asked<'a>(object: &Object<'a>) -> Result<(Option<Cow<'a, str>>, Cow<'a, str>), LineError> {
    let method = object.name(&["request_method", "method", "request.method"]);
    if let Some(path) = object.name(&["request_uri", "uri", "path", "url", "request.uri"]) {
        return Ok((method, path));
    }
    // The first line of the request as it came: `POST /v1/… HTTP/1.1`.
    let line = object
        .name(&["request"])
        .ok_or(LineError::Missing("request_uri"))?;
    let mut words = line.split(' ').map(str::to_owned);
    let (first, path) = (words.next(), words.next().unwrap_or_default());
    Ok((method.or(first.map(Cow::Owned)), Cow::Owned(path)))
}

/// A header, as nginx's variable or as Caddy's list.
fn header<'a>(object: &Object<'a>, variable: &str, name: &str) -> Cow<'a, str> {
    if let Some(found) = object.name(&[variable]) {
        return found;
    }
    let mut first = None;
    let list: Option<Raw<'a>> = object.at(&format!("request.headers.{name}"));
    if let Some(list) = list {
        list.items(|item| {
            first.get_or_insert(item);
        });
    }
    first.and_then(Raw::text).unwrap_or_default()
}
