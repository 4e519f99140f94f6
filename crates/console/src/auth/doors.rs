//! The way in and out for browsers: sign-in, sign-out, the first admin, an invitation; and the
//! theme, which is a cookie too.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use operations::{Error, House};
use record::Operator;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::posted::{Posted, fields};
use super::{Theme, Viewer, cookie};
use crate::page;
use crate::refusal::Refusal;
use crate::state::App;

/// How long a password waits for its turn to be hashed.
const HASHING_WAIT: Duration = Duration::from_secs(5);

/// The routes of the doors; they belong to the pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(sign_in).post(signed_in))
        .route("/sign-out", post(sign_out))
        .route("/welcome", get(welcome).post(welcomed))
        .route("/invitation", get(invitation).post(invited))
        .route("/theme", post(theme))
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The page that a field names: one of ours, or the overview.
    fn page(&self, field: &str) -> &str {
        let next = self.get(field);
        // `//host` and `/\host` are other hosts to a browser.
        let is_ours = next.starts_with('/') && !next[1..].starts_with(['/', '\\']);
        match is_ours && !next.contains(|letter: char| letter.is_control()) {
            true => next,
            false => "/",
        }
    }
}

fn query(text: Option<&str>) -> Form {
    let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
    Form(pairs.into_owned().collect())
}

async fn sign_in(State(app): State<App>, RawQuery(text): RawQuery, headers: HeaderMap) -> Response {
    let query = query(text.as_deref());
    if Viewer::of(&app, &headers).is_some() {
        return Redirect::to(query.page("next")).into_response();
    }
    if app.welcome.lock().is_some() {
        return Redirect::to("/welcome").into_response();
    }
    page::sign_in("", query.page("next"), None).into_response()
}

async fn signed_in(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let old = request.headers().clone();
    let form = Form(fields(request, &app.public_url).await?);
    let (name, next) = (form.get("name").trim().to_owned(), form.page("next"));
    let again = |refusal: &Refusal| {
        let shown = page::sign_in(&name, next, Some(&refusal.to_string()));
        refused(refusal, shown)
    };
    if let Err(seconds) = app.throttle.enter(&name, (app.house.clock)()) {
        return Ok(again(&Refusal::Throttled(seconds)));
    }
    let (given, password) = (name.clone(), form.get("password").to_owned());
    let found = hashing(&app, move |house| {
        operations::operator::sign_in(house, &given, &password)
    });
    let found = match found.await {
        Err(refusal @ Refusal::Busy(_)) => return Ok(again(&refusal)),
        found => found?,
    };
    let Some(operator) = found else {
        tracing::info!("a sign-in was refused");
        return Ok(again(&Refusal::Credential(
            "the name or the password is wrong",
        )));
    };
    app.throttle.forgive(&name);
    Ok(begin(&app, &old, &operator, next))
}

async fn sign_out(State(app): State<App>, headers: HeaderMap, _: Posted) -> Response {
    if let Some(id) = cookie::session(&headers, app.is_https()) {
        app.sessions.end(id);
    }
    let gone = [(header::SET_COOKIE, cookie::clear_session(app.is_https()))];
    (gone, Redirect::to("/sign-in")).into_response()
}

async fn welcome(State(app): State<App>) -> Response {
    match *app.welcome.lock() {
        Some(_) => page::welcome("", None).into_response(),
        None => Redirect::to("/sign-in").into_response(),
    }
}

async fn welcomed(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let old = request.headers().clone();
    let form = Form(fields(request, &app.public_url).await?);
    let name = form.get("name").trim().to_owned();
    let secret = blake3::hash(form.get("secret").trim().as_bytes());
    if *app.welcome.lock() != Some(secret) {
        let refusal = Refusal::Credential("that is not the secret that the server printed");
        let shown = page::welcome(&name, Some(&refusal.to_string()));
        return Ok(refused(&refusal, shown));
    }
    let (given, password) = (name.clone(), form.get("password").to_owned());
    let made = hashing(&app, move |house| {
        operations::operator::first_admin(house, &given, &password)
    });
    match made.await {
        Ok(operator) => {
            *app.welcome.lock() = None;
            Ok(begin(&app, &old, &operator, "/"))
        }
        Err(refusal) => {
            if matches!(refusal, Refusal::Verb(Error::Conflict { .. })) {
                *app.welcome.lock() = None;
            }
            let shown = page::welcome(&name, Some(&refusal.to_string()));
            Ok(refused(&refusal, shown))
        }
    }
}

async fn invitation() -> Response {
    page::invitation(None).into_response()
}

async fn invited(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let old = request.headers().clone();
    let form = Form(fields(request, &app.public_url).await?);
    let secret = form.get("secret").trim().to_owned();
    let password = form.get("password").to_owned();
    let accepted = hashing(&app, move |house| {
        operations::operator::accept_invitation(house, &secret, &password)
    });
    match accepted.await {
        Ok(operator) => {
            // Whoever was in by the old password is not any more.
            app.sessions.end_all_of(operator.id);
            Ok(begin(&app, &old, &operator, "/"))
        }
        Err(refusal) => {
            let shown = page::invitation(Some(&refusal.to_string()));
            Ok(refused(&refusal, shown))
        }
    }
}

async fn theme(posted: Posted) -> Response {
    let form = Form(posted.fields);
    let theme = Theme::named(form.get("theme"));
    let set = [(header::SET_COOKIE, cookie::set_theme(theme))];
    (set, Redirect::to(form.page("back"))).into_response()
}

/// Does what hashes a password, on a thread that may block; few at a time.
async fn hashing<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&House) -> operations::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let turn = turn(&app.hashing, HASHING_WAIT).await?;
    app.block(move |house| {
        let done = work(house);
        // Held by the work itself: a browser that goes away must not make room for more of it.
        drop(turn);
        done
    })
    .await
}

/// A turn at hashing, which is waited for a while only.
async fn turn(room: &Arc<Semaphore>, wait: Duration) -> Result<OwnedSemaphorePermit, Refusal> {
    let turn = Arc::clone(room).acquire_owned();
    match tokio::time::timeout(wait, turn).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Refusal::Busy(
            "too many passwords are being looked at; try again in a few seconds",
        )),
    }
}

/// A new session, in place of the one that the browser may have had.
fn begin(app: &App, old: &HeaderMap, operator: &Operator, next: &str) -> Response {
    if let Some(id) = cookie::session(old, app.is_https()) {
        app.sessions.end(id);
    }
    let id = app.sessions.begin(&app.house, operator.id);
    tracing::info!(operator = operator.name, "signed in");
    let set: HeaderValue = cookie::set_session(&id, app.is_https());
    ([(header::SET_COOKIE, set)], Redirect::to(next)).into_response()
}

/// The same form again, with what is wrong.
fn refused(refusal: &Refusal, shown: maud::Markup) -> Response {
    let status: StatusCode = refusal.status();
    let mut response = (status, shown).into_response();
    refusal.put_headers(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_waited_for_a_while_only() {
        let room = Arc::new(Semaphore::new(1));
        let first = turn(&room, Duration::from_millis(1)).await;
        let second = turn(&room, Duration::from_millis(1)).await;
        assert!(matches!(second, Err(Refusal::Busy(_))));
        drop(first);
        assert!(turn(&room, Duration::from_millis(1)).await.is_ok());
    }

    #[test]
    fn the_next_page_is_ours() {
        for (text, next) in [
            ("next=%2Faccounts%3Fsort%3Dname", "/accounts?sort=name"),
            ("next=https%3A%2F%2Fevil.test", "/"),
            ("next=%2F%2Fevil.test", "/"),
            ("next=%2F%5Cevil.test", "/"),
            ("next=%2F%09%2Fevil.test", "/"),
            ("", "/"),
        ] {
            assert_eq!(query(Some(text)).page("next"), next, "{text}");
        }
    }
}
