//! What is live, as server-sent events: a stream polls, ends when its caller may no more, when
//! the browser goes away or the server stops, and there is a bound on how many there are.

mod exchanges;
mod sse;
mod verify;

use axum::Router;
use axum::routing::get;

use crate::state::App;

pub(crate) use exchanges::schema as filters;
pub(crate) use verify::Verification;

/// Every route of what is live.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/exchanges/live", get(exchanges::live))
        .route(
            "/api/v1/ledger/verify",
            get(verify::state).post(verify::start),
        )
        .route("/api/v1/ledger/verify/live", get(verify::live))
}
