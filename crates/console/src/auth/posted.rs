//! A form that somebody who is signed in sent from one of our own pages.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};

use super::{Viewer, is_ours};
use crate::body;
use crate::refusal::Refusal;
use crate::state::App;

/// The field that holds the session's token.
const CSRF: &str = "csrf";
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields, in order, without the token; and who sent them.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) viewer: Viewer,
    pub(crate) fields: Vec<(String, String)>,
}

impl FromRequest<App> for Posted {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let viewer = Viewer::of(app, request.headers());
        let mut fields = fields(request, &app.public_url).await?;
        let viewer = viewer.ok_or(Refusal::SignedOut)?;
        let sent = fields.iter().find(|(name, _)| name == CSRF);
        let is_good = sent.is_some_and(|(_, token)| same(token, &viewer.csrf));
        if !is_good {
            return Err(Refusal::Forged("the form is not from your session"));
        }
        fields.retain(|(name, _)| name != CSRF);
        Ok(Self { viewer, fields })
    }
}

/// The fields of a form from one of our own pages, whoever sent it.
///
/// # Errors
/// It came from elsewhere, is no form, or is too large.
pub(crate) async fn fields(
    request: Request,
    public_url: &str,
) -> Result<Vec<(String, String)>, Refusal> {
    if !is_ours(request.headers(), public_url) {
        return Err(Refusal::Forged("the form was sent from another site"));
    }
    if !is_form(request.headers()) {
        return Err(Refusal::Media(FORM));
    }
    let body = body::whole(request.into_body()).await?;
    Ok(form_urlencoded::parse(&body).into_owned().collect())
}

fn is_form(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE);
    let content = content.and_then(|content| content.to_str().ok());
    content.is_some_and(|content| content.split(';').next() == Some(FORM))
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    blake3::hash(left.as_bytes()) == blake3::hash(right.as_bytes())
}
