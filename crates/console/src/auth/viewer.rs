//! Who is signed in, and what they may do now: an operator who is revoked or gets another role
//! feels it with the next request, and in a running stream with its next look.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use operations::Verb;
use record::id::kind;
use record::{Id, Role};

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
    /// The token that each form of theirs carries, in the field `csrf`; empty for a program.
    pub(crate) csrf: String,
    /// The theme that they chose.
    pub(crate) theme: Theme,
    proof: Proof,
}

/// What showed who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// The id of a session.
    Session(String),
    /// The secret of a token.
    Token(String),
}

impl Viewer {
    /// Who the request's cookie says it is. Their session counts as used.
    pub(crate) fn of(shared: &Shared, headers: &HeaderMap) -> Option<Self> {
        let id = cookie::session(headers, shared.is_https())?;
        shared.sessions.touch(&shared.house, id);
        Self::of_session(shared, id, Theme::of(headers))
    }

    /// Whose a token is.
    pub(crate) fn of_token(shared: &Shared, secret: &str) -> Option<Self> {
        let (operator, _) = operations::operator::by_token(&shared.house, secret)?;
        Some(Self {
            name: operator.name.clone(),
            role: operator.role,
            csrf: String::new(),
            theme: Theme::Auto,
            proof: Proof::Token(secret.to_owned()),
        })
    }

    fn of_session(shared: &Shared, id: &str, theme: Theme) -> Option<Self> {
        let session = shared.sessions.find(&shared.house, id)?;
        let (name, role) = standing(shared, session.operator)?;
        Some(Self {
            name,
            role,
            csrf: session.csrf,
            theme,
            proof: Proof::Session(id.to_owned()),
        })
    }

    /// The same person as they are now; `None` where they are no longer signed in.
    pub(crate) fn now(&self, shared: &Shared) -> Option<Self> {
        match &self.proof {
            Proof::Session(id) => Self::of_session(shared, id, self.theme),
            Proof::Token(secret) => Self::of_token(shared, secret),
        }
    }

    /// Whether they may call a verb.
    ///
    /// # Errors
    /// Their role does not: says which does.
    pub(crate) fn may(&self, verb: &Verb) -> Result<(), Refusal> {
        match verb.is_for(self.role) {
            true => Ok(()),
            false => Err(Refusal::Role {
                needs: verb.roles.to_vec(),
                has: self.role,
            }),
        }
    }
}

/// The name and the role of an operator who is not revoked.
fn standing(shared: &Shared, id: Id<kind::Operator>) -> Option<(String, Role)> {
    let directory = shared.house.facts.directory();
    let operator = directory.operator(id)?;
    let is_in = operator.revoked.is_none();
    is_in.then(|| (operator.name.clone(), operator.role))
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Self::of(app, &parts.headers).ok_or(Refusal::SignedOut)
    }
}
