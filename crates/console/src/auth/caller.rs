//! Who calls the API: a program by its token, or a page of ours by its session.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::posted::same;
use super::{Viewer, is_ours};
use crate::refusal::Refusal;
use crate::state::{App, Shared};

/// The header in which a page of ours sends its session's token with a change.
const CSRF: &str = "x-csrf-token";

/// Somebody who may call the API. As an extractor it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller(pub(crate) Viewer);

impl Caller {
    fn of(shared: &Shared, parts: &Parts) -> Result<Self, Refusal> {
        let headers = &parts.headers;
        if headers.contains_key(header::AUTHORIZATION) {
            // A token that is wrong is never made good by a cookie beside it.
            let token = bearer(headers).ok_or(Refusal::Credential(
                "`Authorization` has to be `Bearer` and a token",
            ))?;
            let viewer = Viewer::of_token(shared, token).ok_or(Refusal::Credential(
                "the token is not known, has expired or was revoked",
            ))?;
            return Ok(Self(viewer));
        }
        let viewer = Viewer::of(shared, headers).ok_or(Refusal::SignedOut)?;
        if !parts.method.is_safe() {
            let token = headers.get(CSRF).and_then(|token| token.to_str().ok());
            if !is_ours(headers, &shared.public_url)
                || !token.is_some_and(|token| same(token, &viewer.csrf))
            {
                let what = "a change by a session needs its token in `X-CSRF-Token`";
                return Err(Refusal::Forged(what));
            }
        }
        Ok(Self(viewer))
    }
}

/// The bearer token that came along.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Self::of(app, parts)
    }
}
