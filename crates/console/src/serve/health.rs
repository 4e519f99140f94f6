//! What machines ask of the operator's port without a session: whether it is well, and figures.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::auth::bearer;
use crate::refusal::Refusal;
use crate::state::App;

/// `GET /health`: 200 while the ledger takes entries, else 503; nothing more is said to strangers.
pub(super) async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    use operations::server::is_well;
    match is_well(&app.house) {
        true => (StatusCode::OK, "ok\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the ledger takes no entries\n",
        ),
    }
}

/// `GET /metrics`: for who has the scrape token; without one in the settings, or with metrics
/// off, there is none.
pub(super) async fn metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (Some(scrape), Some(metrics)) = (app.scrape, app.metrics.clone()) else {
        return Err(Refusal::NoSuchPath("/metrics".to_owned()));
    };
    let sent = bearer(&headers).map(|token| blake3::hash(token.as_bytes()));
    // Hashes are compared in a time that tells nothing.
    if sent != Some(scrape) {
        return Err(Refusal::Credential("the scrape token is wrong or missing"));
    }
    let text = app.block(move |_| Ok(metrics())).await?;
    let content = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content)], text).into_response())
}
