//! The pages: which addresses they have, and how a request becomes a visit and its answer a
//! response. The rooms themselves know nothing of HTTP, sessions or clocks.
//!
//! Pages are asked on a thread that may block, for verbs read the ledger.

mod act;
mod fault;
mod form;
mod listing;
mod part;
mod query;
mod report;
mod room;
mod said;
#[cfg(test)]
mod tests;
mod verbs;
mod visit;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use maud::Markup;
use operations::{Error, Verb};
use record::Actor;
use serde_json::Value;

use crate::auth::{Posted, Viewer};
use crate::live::Verification;
use crate::refusal::Refusal;
use crate::state::App;

use query::Pairs;
pub use report::replay_report;
pub(crate) use room::doors::{invitation, sign_in, welcome};
pub use verbs::page_of;
use visit::{Answer, Verbs, Visit};

/// The rooms; each has its own address and all below it.
const ROOMS: [&str; 18] = [
    "live",
    "exchanges",
    "organizations",
    "plans",
    "accounts",
    "keys",
    "grants",
    "runs",
    "models",
    "upstreams",
    "ledger",
    "cost",
    "usage",
    "upkeep",
    "operators",
    "tokens",
    "settings",
    "import",
];

/// Every page's route. Refusals become pages outside of these.
pub(crate) fn routes() -> Router<App> {
    let page = || -> MethodRouter<App> { get(shown).post(sent) };
    let mut routes = Router::new().route("/", page());
    for room in ROOMS {
        routes = routes
            .route(&format!("/{room}"), page())
            .route(&format!("/{room}/{{*rest}}"), page());
    }
    routes
}

async fn shown(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    viewer: Viewer,
) -> Result<Response, Refusal> {
    answered(app, uri, viewer, None).await
}

async fn sent(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    posted: Posted,
) -> Result<Response, Refusal> {
    let form = posted.fields.into_iter().collect();
    answered(app, uri, posted.viewer, Some(form)).await
}

async fn answered(
    app: App,
    uri: Uri,
    viewer: Viewer,
    form: Option<Pairs>,
) -> Result<Response, Refusal> {
    let asked = tokio::task::spawn_blocking(move || {
        let verbs = Called {
            app: &app,
            viewer: &viewer,
        };
        room::respond(&Visit {
            verbs: &verbs,
            name: &viewer.name,
            role: viewer.role,
            csrf: &viewer.csrf,
            theme: viewer.theme.name(),
            now: (app.house.clock)(),
            address: &app.public_url,
            path: uri.path(),
            query: Pairs::read(uri.query().unwrap_or_default()),
            form,
        })
    });
    asked.await.map(respond).map_err(|_| Refusal::broke_off())
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Page { status, html } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], html).into_response()
        }
        Answer::SeeOther { location } => Redirect::to(&location).into_response(),
        Answer::File {
            content_type,
            name,
            bytes,
        } => {
            let headers = [
                (header::CONTENT_TYPE, content_type.to_owned()),
                (
                    header::CONTENT_DISPOSITION,
                    format!("attachment; filename=\"{name}\""),
                ),
            ];
            (headers, bytes).into_response()
        }
    }
}

/// The verbs as somebody who is signed in may call them.
struct Called<'a> {
    app: &'a App,
    viewer: &'a Viewer,
}

impl Verbs for Called<'_> {
    fn call(&self, noun: &str, verb: &str, input: Value) -> Result<Value, Error> {
        let verb = operations::verb(noun, verb);
        let verb: &Verb = verb.ok_or_else(|| Error::missing("there is no such verb", None))?;
        if !verb.is_for(self.viewer.role) {
            // Pages ask before they call; this is what holds.
            return Err(Error::Conflict {
                message: "your role does not allow this".to_owned(),
                hint: None,
            });
        }
        verb.call(
            &self.app.house,
            &Actor::Operator(self.viewer.name.clone()),
            input,
        )
    }

    fn check(&self) -> Value {
        serde_json::to_value(self.app.verification.seen()).unwrap_or_default()
    }

    fn start_check(&self) -> Result<(), Error> {
        match Verification::start(self.app, self.viewer) {
            Ok(_) => Ok(()),
            Err(Refusal::Verb(error)) => Err(error),
            Err(other) => Err(Error::Conflict {
                message: other.to_string(),
                hint: None,
            }),
        }
    }
}

/// Why something was not done, as a page.
pub(crate) fn problem(viewer: Option<&Viewer>, refusal: &Refusal) -> Markup {
    let problem = refusal.problem();
    let hint = problem.hint.as_deref();
    let way = if viewer.is_some() {
        "To the overview"
    } else {
        "Sign in"
    };
    room::doors::fault(problem.title, &problem.detail, hint, way)
}
