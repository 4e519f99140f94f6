//! Stage two: who asks. A secret is hashed and looked up; the secret itself goes no further.

use std::sync::Arc;

use guard::admission::Credential;
use http::HeaderName;
use http::header::AUTHORIZATION;
use record::Reason;
use sha2::{Digest, Sha256};

use crate::received::Received;
use crate::state::Gateway;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The credential of a request.
///
/// # Errors
/// No secret, one that nobody has, or one that can't be used any more.
pub(crate) fn identify(
    gateway: &Gateway,
    received: &Received,
) -> Result<Arc<Credential>, (Option<Arc<Credential>>, Reason)> {
    let secret = secret(received).ok_or((None, Reason::InvalidApiKey))?;
    let hash = blake3::hash(secret.as_bytes());
    let found = gateway.table.find(hash.as_bytes());
    // A key that was brought from a gateway that kept its SHA-256. Only a miss costs more.
    let found = found.or_else(|| gateway.table.find(&Sha256::digest(secret).into()));
    let credential = found.ok_or((None, Reason::InvalidApiKey))?;
    match credential.ended(received.arrived) {
        Some(denied) => Err((Some(credential), denied.reason)),
        None => Ok(credential),
    }
}

/// The secret as it was sent: a grant's prefix in the path stands before any header, since
/// trainers that use it may send a header of no meaning.
pub(crate) fn secret(received: &Received) -> Option<&str> {
    if let Some(token) = &received.token {
        return Some(token);
    }
    let bearer = received.header(&AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    bearer
        .or_else(|| received.header(&API_KEY))
        .filter(|secret| !secret.is_empty())
}
