//! Who works in the house: operators with their roles, and the tokens of programs.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::act::{Act, act, done, form};
use crate::page::fault;
use crate::page::listing::{Listing, listing};
use crate::page::part::code::{block, line};
use crate::page::part::icon::Icon;
use crate::page::part::list::card;
use crate::page::part::note::{empty, note};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::text;
use crate::page::part::text::{ago, time, words};
use crate::page::part::tile::{Mood, state};
use crate::page::query::path;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Operators.
pub(super) fn operators(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(every_operator(visit)),
        ["new"] => Some(new_operator(visit)),
        [operator, "set"] => Some(with(visit, "operator", operator, set_operator)),
        [operator, "revoke"] => Some(with(visit, "operator", operator, revoke_operator)),
        _ => None,
    }
}

/// The one of this id, found in its list.
fn with(
    visit: &Visit<'_>,
    noun: &str,
    wanted: &str,
    page: fn(&Visit<'_>, &Value) -> Answer,
) -> Answer {
    let said = match visit
        .verbs
        .call(noun, "list", json!({ "search": wanted, "limit": 1 }))
    {
        Ok(said) => said,
        Err(error) => return fault::failed(visit, &error),
    };
    match said
        .list(&format!("{noun}s"))
        .iter()
        .find(|row| row.text("id") == wanted)
    {
        Some(row) => page(visit, row),
        None => fault::missing(visit),
    }
}

fn every_operator(visit: &Visit<'_>) -> Answer {
    let new = html! { a class="button main-act" href="/operators/new" { "Invite operator" } };
    let row = |row: &Value| {
        let here = path(&["operators", row.text("id")]);
        html! { tr {
            th scope="row" class="cut" { (row.text("name")) }
            td { (words(row.text("role"))) }
            td { (state(row.text("state"))) }
            td class="time" { (time(row.text("created"))) }
            td { span class="row-acts" { @if row.text("state") != "revoked" {
                a href={ (here) "/set" } { "Change" span class="hide" { " " (row.text("name")) } }
                a href={ (here) "/revoke" } { "Revoke" span class="hide" { " " (row.text("name")) } }
            } } }
        } }
    };
    listing(
        visit,
        &Listing {
            verb: "operator list",
            rows: "operators",
            title: "Operators",
            lead: "Who works in this house. A viewer reads, an operator changes, a reviewer may look at text, an admin may do all.",
            acts: new.clone(),
            columns: &[
                text("Name", "name"),
                text("Role", "role"),
                text("State", "state"),
                text("Since", "created"),
                text("", ""),
            ],
            row: &row,
            empty: empty(Icon::Operator, "No operator yet", "Invite the first.", &new),
        },
    )
}

fn new_operator(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "operator create",
        title: "Invite an operator".to_owned(),
        above: vec![("Operators", "/operators".to_owned())],
        form: form("operator create"),
        button: "Make invitation",
        hits: html! {},
        back: "/operators".to_owned(),
        then: Box::new(|said| invited(visit, said)),
    };
    act(visit, &page)
}

/// The link is in this one answer and nowhere else.
fn invited(visit: &Visit<'_>, said: &Value) -> Answer {
    let operator = said.at("operator");
    let Some(secret) = said.maybe("invitation") else {
        return done("/operators", "operator set");
    };
    // Behind the # it is in no server's log.
    let link = format!("{}/invitation#{secret}", visit.address);
    let body = html! {
        (note(Mood::Warn, &html! { p { strong { "Send this now." } " It is shown this once, works once, and ends after 24 hours." } }))
        (card("Invitation", &html! {}, &html! {
            (line(&link, "the link"))
            p class="muted small" { "With it " strong { (operator.text("name")) } " sets a password and may then work as " (words(operator.text("role")).to_lowercase()) "." }
        }))
    };
    let page = Sheet {
        title: "Invitation",
        above: vec![("Operators", "/operators".to_owned())],
        body: html! { div class="stack narrow" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn set_operator(visit: &Visit<'_>, row: &Value) -> Answer {
    let page = Act {
        verb: "operator set",
        title: format!("Change “{}”", row.text("name")),
        above: vec![("Operators", "/operators".to_owned())],
        form: super::revised(form("operator set").fixed("operator", row.text("id")), row)
            .now("role", words(row.text("role"))),
        button: "Save changes",
        hits: html! {},
        back: "/operators".to_owned(),
        then: Box::new(|said| invited(visit, said)),
    };
    act(visit, &page)
}

fn revoke_operator(visit: &Visit<'_>, row: &Value) -> Answer {
    let page = Act {
        verb: "operator revoke",
        title: format!("Revoke “{}”", row.text("name")),
        above: vec![("Operators", "/operators".to_owned())],
        form: super::revised(
            form("operator revoke").fixed("operator", row.text("id")),
            row,
        ),
        button: "Revoke operator",
        hits: html! {
            p { strong { (row.text("name")) " can't sign in any more." } }
            p { "Their sessions end at once, and so do their API tokens. What they did stays in the ledger under their name." }
        },
        back: "/operators".to_owned(),
        then: Box::new(|_| done("/operators", "operator revoke")),
    };
    act(visit, &page)
}

/// Tokens.
pub(super) fn tokens(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(every_token(visit)),
        ["new"] => Some(new_token(visit)),
        [token, "revoke"] => Some(with(visit, "token", token, revoke_token)),
        _ => None,
    }
}

fn every_token(visit: &Visit<'_>) -> Answer {
    let new = html! { a class="button main-act" href="/tokens/new" { "New token" } };
    let row = |row: &Value| {
        html! { tr {
            th scope="row" class="cut" { (row.text("name")) span class="sub mono" { (row.text("prefix")) "…" } }
            td class="cut" { (row.text("operator_name")) }
            td { (state(row.text("state"))) }
            td class="time" { (ends(visit, row)) }
            td class="time" { (time(row.text("created"))) }
            td { span class="row-acts" { @if row.text("state") != "revoked" {
                a href={ (path(&["tokens", row.text("id")])) "/revoke" } { "Revoke" span class="hide" { " " (row.text("name")) } }
            } } }
        } }
    };
    listing(
        visit,
        &Listing {
            verb: "token list",
            rows: "tokens",
            title: "API tokens",
            lead: "Credentials of programs for the admin API. A token may do what its operator may.",
            acts: new.clone(),
            columns: &[
                text("Name", "name"),
                text("Operator", "operator"),
                text("State", "state"),
                text("Ends", "expires"),
                text("Created", "created"),
                text("", ""),
            ],
            row: &row,
            empty: empty(
                Icon::Token,
                "No token yet",
                "A program that calls the admin API needs one.",
                &new,
            ),
        },
    )
}

fn ends(visit: &Visit<'_>, row: &Value) -> Markup {
    html! { @match row.maybe("expires") { Some(expires) => (ago(expires, visit.now)), None => span class="muted" { "never" } } }
}

fn new_token(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "token create",
        title: "New API token".to_owned(),
        above: vec![("API tokens", "/tokens".to_owned())],
        form: form("token create").first("operator", visit.name),
        button: "Create token",
        hits: html! {},
        back: "/tokens".to_owned(),
        then: Box::new(|said| token_made(visit, said)),
    };
    act(visit, &page)
}

fn token_made(visit: &Visit<'_>, said: &Value) -> Answer {
    let secret = said.text("secret");
    let command = format!(
        "curl -H 'Authorization: Bearer {secret}' \
  {}/api/v1/server",
        visit.address
    );
    let body = html! {
        (note(Mood::Warn, &html! { p { strong { "Copy the secret now." } " It is shown this once; only its hash is kept." } }))
        (card("Secret", &state("live"), &line(secret, "the secret")))
        (card("Try it", &html! {}, &block(&command, "the command line")))
    };
    let page = Sheet {
        title: "Token created",
        above: vec![("API tokens", "/tokens".to_owned())],
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn revoke_token(visit: &Visit<'_>, row: &Value) -> Answer {
    let page = Act {
        verb: "token revoke",
        title: format!("Revoke “{}”", row.text("name")),
        above: vec![("API tokens", "/tokens".to_owned())],
        form: super::revised(form("token revoke").fixed("token", row.text("id")), row),
        button: "Revoke token",
        hits: html! { p { strong { "Calls with this token are refused from now on." } } p { "It hits every program that uses " strong { (row.text("name")) } " (" code { (row.text("prefix")) "…" } ")." } },
        back: "/tokens".to_owned(),
        then: Box::new(|_| done("/tokens", "token revoke")),
    };
    act(visit, &page)
}
