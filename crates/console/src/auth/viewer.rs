//! Who is signed in, as the pages know them.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use record::Role;

use super::cookie::{self, Theme};
use crate::refusal::Refusal;
use crate::state::{App, Shared};

/// Somebody who is signed in. As an extractor it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Viewer {
    /// The operator's name, which is unique.
    pub(crate) name: String,
    /// What they may do, now.
    pub(crate) role: Role,
    /// The token that each form of theirs carries, in the field `csrf`.
    pub(crate) csrf: String,
    /// The theme that they chose.
    pub(crate) theme: Theme,
}

impl Viewer {
    /// Who the request's cookie says it is.
    pub(crate) fn of(shared: &Shared, headers: &HeaderMap) -> Option<Self> {
        let id = cookie::session(headers, shared.is_https())?;
        let session = shared.sessions.find(&shared.house, id)?;
        Some(Self {
            name: session.operator,
            role: Role::Viewer,
            csrf: session.csrf,
            theme: Theme::of(headers),
        })
    }
}

impl Viewer {
    /// Whether they may call a verb.
    ///
    /// # Errors
    /// Their role does not: says which does.
    pub(crate) fn may(&self, verb: &operations::Verb) -> Result<(), Refusal> {
        match verb.is_for(self.role) {
            true => Ok(()),
            false => Err(Refusal::Role {
                needs: verb.roles.to_vec(),
                has: self.role,
            }),
        }
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Self::of(app, &parts.headers).ok_or(Refusal::SignedOut)
    }
}
