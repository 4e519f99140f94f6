//! Reads a request's body within bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::refusal::Refusal;

/// The largest body that the operator's port takes, in bytes: the settings of another gateway,
/// to import, are the largest there is.
pub(crate) const LIMIT: usize = 8 << 20;
/// How long a caller may take to send it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole body.
///
/// # Errors
/// It is too large, too slow, or broke off.
pub(crate) async fn whole(body: Body) -> Result<Bytes, Refusal> {
    let collected = tokio::time::timeout(TIMEOUT, Limited::new(body, LIMIT).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge(LIMIT)),
        Ok(Err(_)) => Err(Refusal::Broken("the body broke off")),
        Err(_) => Err(Refusal::Broken("the body did not arrive in time")),
    }
}
