//! Why a request at the operator's port was not done: one enum for the API and the pages.
//!
//! As an answer it is problem details (RFC 9457); the pages show the same as HTML.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use operations::Error;
use record::Role;
use serde::Serialize;

/// Why not. The variants are the caller's faults, but for those of [`Refusal::Verb`] that say so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// What a verb says.
    #[error(transparent)]
    Verb(#[from] Error),
    /// Nothing is at this path.
    #[error("there is nothing at {0}")]
    NoSuchPath(String),
    /// The path is there, the method is not.
    #[error("{path} does not take {method}")]
    Method {
        /// The path.
        path: String,
        /// The method.
        method: Method,
    },
    /// Nobody is signed in, and no good credential came along.
    #[error("sign in first, or send a token")]
    SignedOut,
    /// A name or a password, a token, a link's secret is wrong.
    #[error("{0}")]
    Credential(&'static str),
    /// The role does not do this.
    #[error("this needs the role {}; you are {}", any_of(.needs), .has.name())]
    Role {
        /// Those that may.
        needs: Vec<Role>,
        /// What the caller is.
        has: Role,
    },
    /// A change that did not come from our own pages, or from an old one.
    #[error("{0}")]
    Forged(&'static str),
    /// The request was meant for another host.
    #[error("this server is not {0}")]
    Host(String),
    /// Too many wrong passwords.
    #[error("too many wrong tries; try again in {0} s")]
    Throttled(u64),
    /// More streams or looks at a time than the server has room for.
    #[error("{0}")]
    Busy(&'static str),
    /// The body is larger than is taken.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The body is of another kind.
    #[error("the body has to be {0}")]
    Media(&'static str),
    /// The body did not arrive in time, or broke off.
    #[error("{0}")]
    Broken(&'static str),
}

fn any_of(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    names.join(" or ")
}

/// Problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// What kind it is: `urn:stillhouse:problem:<kind>`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind in words.
    pub(crate) title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened.
    pub(crate) detail: String,
    /// What to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// The field of the input that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
}

impl Refusal {
    /// A field that can't be.
    pub(crate) fn invalid(field: &str, message: impl ToString) -> Self {
        Self::Verb(Error::invalid(field, message))
    }

    /// The house is at fault; its log says more.
    pub(crate) fn broke_off() -> Self {
        Self::Verb(Error::Internal {
            message: "the server broke off; see its log".to_owned(),
            hint: None,
        })
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Verb(error) => crate::problem::status(error),
            Self::NoSuchPath(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignedOut | Self::Credential(_) => StatusCode::UNAUTHORIZED,
            Self::Role { .. } | Self::Forged(_) => StatusCode::FORBIDDEN,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Media(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Broken(_) => StatusCode::REQUEST_TIMEOUT,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Verb(Error::NotFound { .. }) => "not_found",
            Self::Verb(Error::Invalid { .. }) => "invalid",
            Self::Verb(Error::Conflict { .. }) => "conflict",
            Self::Verb(Error::Stale { .. }) => "stale",
            Self::Verb(Error::Unavailable { .. }) => "unavailable",
            Self::Verb(Error::Internal { .. }) => "internal",
            Self::NoSuchPath(_) => "no_such_path",
            Self::Method { .. } => "method",
            Self::SignedOut => "signed_out",
            Self::Credential(_) => "credential",
            Self::Role { .. } => "role",
            Self::Forged(_) => "forged",
            Self::Host(_) => "host",
            Self::Throttled(_) => "throttled",
            Self::Busy(_) => "busy",
            Self::TooLarge(_) => "too_large",
            Self::Media(_) => "media_type",
            Self::Broken(_) => "broken_body",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Verb(error) => return error.hint().map(str::to_owned),
            Self::SignedOut => "pages: /sign-in; programs: `Authorization: Bearer ot-sh-…`",
            Self::Role { .. } => "ask an admin for the role, or to do it",
            Self::Forged(_) => "load the page again and send it from there",
            Self::Host(_) => "set `operator.public_url` to the address that you use",
            Self::Throttled(_) => "an admin can send a new invitation, which sets a new password",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// As problem details.
    pub(crate) fn problem(&self) -> Problem {
        let status = self.status();
        let field = match self {
            Self::Verb(Error::Invalid { field, .. }) => Some(field.clone()),
            _ => None,
        };
        Problem {
            kind: format!("urn:stillhouse:problem:{}", self.kind()),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.to_string(),
            hint: self.hint(),
            field,
        }
    }

    /// The headers that go with the status, whatever the body.
    pub(crate) fn put_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self {
            Self::SignedOut | Self::Credential(_) => {
                let scheme = HeaderValue::from_static("Bearer realm=\"stillhouse\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Self::Throttled(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Self::Busy(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Plain data: writing it to memory can't fail; an empty body says so if it did.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status(), content, body).into_response();
        self.put_headers(&mut response);
        // The pages find it there, to show it as a page.
        response.extensions_mut().insert(self);
        response
    }
}
