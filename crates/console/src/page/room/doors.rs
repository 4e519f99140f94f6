//! The doors: pages for those who are not signed in. Names and passwords are checked elsewhere;
//! here are only the forms, and what went wrong in words that tell a guesser nothing.

use maud::{Markup, html};

use crate::page::part::note::{note, sentence};
use crate::page::part::sheet::door;
use crate::page::part::tile::Mood;

/// The least letters of a password.
pub(crate) const PASSWORD_LETTERS: u8 = 12;

/// Signing in. `name` is what was typed before, `next` the page that was asked for.
pub(crate) fn sign_in(name: &str, next: &str, fault: Option<&str>) -> Markup {
    door(
        "Sign in",
        &html! {
            (said(fault))
            form class="form" method="post" action="/sign-in" {
                input type="hidden" name="next" value=(next);
                (field("name", "Name", "text", "username", name, ""))
                (field("password", "Password", "password", "current-password", "", ""))
                div class="send" { button class="main-act" { "Sign in" } }
            }
            p class="muted small" { "Forgotten? An admin can make you a new invitation under Operators, or by " code { "stillhouse operator set" } "." }
        },
    )
}

/// The first start: the admin's name and password.
pub(crate) fn welcome(name: &str, fault: Option<&str>) -> Markup {
    door(
        "Welcome",
        &html! {
            p class="muted" { "This house has no operator yet. The link that the server printed makes you its first admin." }
            (said(fault))
            form class="form" method="post" action="/welcome" {
                (secret())
                (field("name", "Your name", "text", "username", name, "It stands in the ledger beside all that you do."))
                (password())
                div class="send" { button class="main-act" { "Begin" } }
            }
        },
    )
}

/// An invitation: the password of an operator who was named by an admin.
pub(crate) fn invitation(fault: Option<&str>) -> Markup {
    door(
        "Your invitation",
        &html! {
            p class="muted" { "Set the password that you will sign in with. The link works once." }
            (said(fault))
            form class="form" method="post" action="/invitation" {
                (secret())
                (password())
                div class="send" { button class="main-act" { "Set password" } }
            }
        },
    )
}

/// Why a request was turned away before it came to a room.
pub(crate) fn fault(title: &str, says: &str, hint: Option<&str>, way: &str) -> Markup {
    door(
        title,
        &html! {
            p { (sentence(says)) }
            @if let Some(hint) = hint { p class="muted" { (sentence(hint)) } }
            p { a class="button" href="/" { (way) } }
        },
    )
}

fn said(fault: Option<&str>) -> Markup {
    html! { @if let Some(fault) = fault { (note(Mood::Bad, &html! { p { (sentence(fault)) } })) } }
}

/// The secret is behind the link's `#`, where only script can read it; without, it is pasted.
fn secret() -> Markup {
    html! {
        div class="field" {
            label for="secret" { "Secret of the link" }
            input type="password" id="secret" name="secret" required autocomplete="off" data-from-hash aria-describedby="secret-h";
            p class="help" id="secret-h" { "What stands behind the # in the link." }
        }
    }
}

fn password() -> Markup {
    let help = format!("At least {PASSWORD_LETTERS} characters. Several words are good.");
    html! { (field("password", "Password", "password", "new-password", "", &help)) }
}

fn field(name: &str, label: &str, kind: &str, complete: &str, value: &str, help: &str) -> Markup {
    let described = (!help.is_empty()).then(|| format!("{name}-h"));
    let least = (complete == "new-password").then(|| PASSWORD_LETTERS.to_string());
    html! {
        div class="field" {
            label for=(name) { (label) }
            input type=(kind) id=(name) name=(name) value=(value) required autocomplete=(complete) minlength=[least] aria-describedby=[described.as_deref()];
            @if !help.is_empty() { p class="help" id={ (name) "-h" } { (help) } }
        }
    }
}
