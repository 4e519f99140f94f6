//! What a page is asked with, and what it answers. Plain values on both sides: no socket, no
//! cookie and no clock is touched here; the server that calls has checked the session and the
//! form's token before.

use maud::Markup;
use operations::Error;
use record::{Role, Time};
use serde_json::Value;

use super::query::Pairs;

/// The verbs as one operator may call them.
pub(crate) trait Verbs: Send + Sync {
    /// Calls a verb.
    ///
    /// # Errors
    /// The verb's.
    fn call(&self, noun: &str, verb: &str, input: Value) -> Result<Value, Error>;
    /// How the check of the whole ledger is: `never`, `running`, `done` or `failed`, how far it
    /// has come, and what it found.
    fn check(&self) -> Value;
    /// Starts that check.
    ///
    /// # Errors
    /// One runs already.
    fn start_check(&self) -> Result<(), Error>;
}

/// One request for a page, by somebody who is signed in.
pub(crate) struct Visit<'a> {
    /// The verbs.
    pub(crate) verbs: &'a dyn Verbs,
    /// The operator's name.
    pub(crate) name: &'a str,
    /// The operator's role.
    pub(crate) role: Role,
    /// The token that every form of this session carries in its field `csrf`.
    pub(crate) csrf: &'a str,
    /// The theme: `auto`, `light` or `dark`.
    pub(crate) theme: &'a str,
    /// Now.
    pub(crate) now: Time,
    /// How people reach this console, without a slash at the end.
    pub(crate) address: &'a str,
    /// The path, such as `/accounts`.
    pub(crate) path: &'a str,
    /// What follows `?`.
    pub(crate) query: Pairs,
    /// The form that was sent, already checked against forgery; `None` for a `GET`.
    pub(crate) form: Option<Pairs>,
}

impl Visit<'_> {
    /// What the verb says that a page is made of; where it can't, the page that says why.
    pub(crate) fn main(&self, name: &str, input: Value) -> Result<Value, Box<Answer>> {
        let Some(verb) = super::act::known(name) else {
            return Err(Box::new(super::fault::missing(self)));
        };
        if !verb.is_for(self.role) {
            return Err(Box::new(super::fault::forbidden(self, verb)));
        }
        let said = self.verbs.call(verb.noun, verb.verb, input);
        said.map_err(|error| Box::new(super::fault::failed(self, &error)))
    }
}

/// What a page answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A page.
    Page {
        /// The HTTP status.
        status: u16,
        /// The whole document.
        html: String,
    },
    /// Go on there (303).
    SeeOther {
        /// A path of this console with its query.
        location: String,
    },
    /// A file to save.
    File {
        /// Its media type.
        content_type: &'static str,
        /// The name to save it by.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
}

impl Answer {
    pub(crate) fn page(status: u16, html: Markup) -> Self {
        Self::Page {
            status,
            html: html.into_string(),
        }
    }

    pub(crate) fn see(location: impl Into<String>) -> Self {
        Self::SeeOther {
            location: location.into(),
        }
    }
}
