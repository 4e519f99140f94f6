//! Pages for what can't be shown: nothing there, not allowed, or the house can't now.

use maud::html;
use operations::{Error, Verb};

use super::part::note::{note, problem};
use super::part::sheet::{Sheet, sheet};
use super::part::tile::Mood;
use super::visit::{Answer, Visit};

/// There is no such page.
pub(crate) fn missing(visit: &Visit<'_>) -> Answer {
    let body = html! {
        p { "Nothing is at this address. The way around leads to every room; what you look for may have another name now." }
    };
    let page = Sheet {
        title: "There is no such page",
        body,
        ..Sheet::default()
    };
    Answer::page(404, sheet(visit, &page))
}

/// The operator's role does not allow it; says which does.
pub(crate) fn forbidden(visit: &Visit<'_>, verb: &Verb) -> Answer {
    let roles: Vec<&str> = verb.roles.iter().map(|role| role.name()).collect();
    let says = html! {
        p { strong { "`" (verb.noun) " " (verb.verb) "` needs the role " (roles.join(" or ")) ". Yours is " (visit.role.name()) "." } }
        p class="hint" { "An admin can give you another role under Operators." }
    };
    let page = Sheet {
        title: "Your role does not allow this",
        body: note(Mood::Warn, &says),
        ..Sheet::default()
    };
    Answer::page(403, sheet(visit, &page))
}

/// A verb could not be done where its answer is the whole page.
pub(crate) fn failed(visit: &Visit<'_>, error: &Error) -> Answer {
    let title = match error {
        Error::NotFound { .. } => "This is not here",
        Error::Invalid { .. } => "This can't be shown",
        _ => "The house can't do this now",
    };
    let page = Sheet {
        title,
        body: problem(error),
        ..Sheet::default()
    };
    Answer::page(crate::problem::status(error).as_u16(), sheet(visit, &page))
}
