//! The admin API below `/api/v1`: a route for each verb of [`operations::VERBS`], made from the
//! verb's own method, path and schemas. Every refusal is problem details.

mod ask;
mod openapi;
mod tag;

use axum::Router;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use operations::{VERBS, Verb};

pub use openapi::document;

use crate::live;
use crate::state::App;

/// Where the API is.
pub(crate) const BASE: &str = "/api/v1";

/// Every route of the API.
pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new()
        .route("/api/v1/openapi.json", get(openapi::get))
        .merge(live::routes());
    for verb in VERBS.iter().filter(|verb| !is_job(verb)) {
        router = router.route(&format!("{BASE}{}", verb.path), route(verb));
    }
    router
}

/// Whether the API starts the verb and answers before it is done: what reads a whole ledger is
/// too long for one answer.
fn is_job(verb: &Verb) -> bool {
    (verb.noun, verb.verb) == ("ledger", "verify")
}

fn route(verb: &'static Verb) -> MethodRouter<App> {
    let method = match verb.method {
        "GET" => MethodFilter::GET,
        "PATCH" => MethodFilter::PATCH,
        "PUT" => MethodFilter::PUT,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::POST,
    };
    on(method, move |app, caller, path, request| {
        ask::answer(verb, app, caller, path, request)
    })
}

/// Whether the fields that are not in the path are in the query.
fn asks_by_query(verb: &Verb) -> bool {
    matches!(verb.method, "GET" | "DELETE")
}
