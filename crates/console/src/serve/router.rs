//! Every route of the operator's port, and what goes around them.

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};

use crate::auth::{Viewer, known_host};
use crate::refusal::Refusal;
use crate::state::App;
use crate::{api, assets, auth, headers, page};

use super::health;

/// All routes over their state.
pub(crate) fn router(app: &App) -> Router {
    let pages = page::routes()
        .merge(auth::routes())
        .method_not_allowed_fallback(other_method)
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(app.clone(), around_pages));
    let api = api::routes()
        .method_not_allowed_fallback(other_method)
        .route("/api/{*path}", any(nothing));
    Router::new()
        .merge(pages)
        .merge(api)
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/assets/{file}", get(assets::get))
        .layer(middleware::from_fn(headers::put))
        .with_state(app.clone())
}

async fn nothing(OriginalUri(uri): OriginalUri) -> Refusal {
    Refusal::NoSuchPath(uri.path().to_owned())
}

/// The methods that the path takes are put into `Allow` by the router.
async fn other_method(method: Method, OriginalUri(uri): OriginalUri) -> Refusal {
    Refusal::Method {
        path: uri.path().to_owned(),
        method,
    }
}

/// A page is only for who asked for this host; a refusal is shown as a page, and who is signed
/// out is asked to sign in first.
async fn around_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let headers = request.headers().clone();
    let response = match known_host(&headers, &uri, &app.public_url) {
        Ok(()) => next.run(request).await,
        Err(host) => Refusal::Host(host).into_response(),
    };
    let Some(refusal) = response.extensions().get::<Refusal>() else {
        return response;
    };
    if *refusal == Refusal::SignedOut && method == Method::GET {
        let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
        let next: String = form_urlencoded::byte_serialize(asked.as_bytes()).collect();
        return Redirect::to(&format!("/sign-in?next={next}")).into_response();
    }
    let viewer = Viewer::of(&app, &headers);
    let shown = page::problem(viewer.as_ref(), refusal);
    let mut answer = (refusal.status(), shown).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.headers_mut().insert(name, HeaderValue::clone(value));
        }
    }
    answer
}
