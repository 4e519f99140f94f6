//! Keys: the list, a new one with its secret shown once, and the end of one.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::directory::budget;
use crate::page::act::{Act, act, done, form};
use crate::page::fault;
use crate::page::listing::{Listing, listing};
use crate::page::part::code::{block, curl, id, line};
use crate::page::part::icon::Icon;
use crate::page::part::list::card;
use crate::page::part::note::{empty, note};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{bars, head, table, text};
use crate::page::part::text::{ago, time};
use crate::page::part::tile::{Mood, state};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Keys.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(list(visit)),
        ["new"] => Some(create(visit)),
        [key, "revoke"] => Some(revoke(visit, key)),
        _ => None,
    }
}

fn list(visit: &Visit<'_>) -> Answer {
    let new = html! { a class="button main-act" href="/keys/new" { "New key" } };
    let row = |key: &Value| {
        html! { tr {
            th scope="row" class="cut" { (key.text("name")) span class="sub mono" { (key.text("prefix")) "…" } }
            td class="cut" { a href=(path(&["accounts", key.text("account")])) { (key.text("account_name")) } }
            td { (state(key.text("state"))) }
            td { (budget(key)) }
            td class="time" { (end(visit, key)) }
            td class="time" { (time(key.text("created"))) }
            td { (acts(key)) }
        } }
    };
    let columns = [
        text("Name", "name"),
        text("Account", "account"),
        text("State", "state"),
        bars("Spent of its limit", ""),
        text("Ends", "expires"),
        text("Created", "created"),
        text("", ""),
    ];
    listing(
        visit,
        &Listing {
            verb: "key list",
            rows: "keys",
            title: "Keys",
            lead: "What clients send to be known. Only a hash of each secret is kept.",
            acts: new.clone(),
            columns: &columns,
            row: &row,
            empty: empty(
                Icon::Key,
                "No key yet",
                "A key belongs to an account. Its secret is shown once, when it is made.",
                &new,
            ),
        },
    )
}

fn end(visit: &Visit<'_>, key: &Value) -> Markup {
    html! {
        @match (key.maybe("revoked"), key.maybe("expires")) {
            (Some(revoked), _) => { "revoked " (ago(revoked, visit.now)) },
            (None, Some(expires)) => (ago(expires, visit.now)),
            (None, None) => span class="muted" { "never" },
        }
    }
}

fn acts(key: &Value) -> Markup {
    html! {
        span class="row-acts" {
            @if key.text("state") != "revoked" {
                a href={ (path(&["keys", key.text("id")])) "/revoke" } { "Revoke" span class="hide" { " " (key.text("name")) } }
            }
        }
    }
}

/// The newest keys of an account.
pub(super) fn short(visit: &Visit<'_>, account: &str) -> Markup {
    let input = json!({ "account": account, "limit": 10, "sort": "-created" });
    let said = match visit.verbs.call("key", "list", input) {
        Ok(said) => said,
        Err(error) => return crate::page::part::note::problem(&error),
    };
    let rows = said.list("keys");
    if rows.is_empty() {
        let new = html! { a class="button" href=(Pairs::default().with("account", account).href("/keys/new")) { "New key" } };
        return empty(
            Icon::Key,
            "No key",
            "Without a key this account can't ask anything.",
            &new,
        );
    }
    let columns = [
        text("Name", ""),
        text("State", ""),
        text("Spent of its limit", ""),
        text("Ends", ""),
        text("Created", ""),
        text("", ""),
    ];
    let lines = html! {
        @for key in rows {
            tr {
                th scope="row" class="cut" { (key.text("name")) span class="sub mono" { (key.text("prefix")) "…" } }
                td { (state(key.text("state"))) }
                td { (budget(key)) }
                td class="time" { (end(visit, key)) }
                td class="time" { (time(key.text("created"))) }
                td { (acts(key)) }
            }
        }
    };
    table(
        "Keys",
        &head(&columns, visit.path, &Pairs::default()),
        &lines,
    )
}

fn create(visit: &Visit<'_>) -> Answer {
    let account = visit.query.get("account").unwrap_or_default();
    let back = if account.is_empty() {
        "/keys".to_owned()
    } else {
        path(&["accounts", account])
    };
    let page = Act {
        verb: "key create",
        title: "New key".to_owned(),
        above: vec![("Keys", "/keys".to_owned())],
        form: form("key create"),
        button: "Create key",
        hits: html! {},
        back,
        then: Box::new(|said| created(visit, said)),
    };
    act(visit, &page)
}

/// The secret is in this one answer and nowhere else.
fn created(visit: &Visit<'_>, said: &Value) -> Answer {
    let key = said.at("key");
    let models = visit
        .verbs
        .call("model", "list", json!({}))
        .unwrap_or_default();
    let model = models
        .list("models")
        .first()
        .map_or("model", |model| model.text("name"))
        .to_owned();
    let body = html! {
        (note(Mood::Warn, &html! { p { strong { "Copy the secret now." } " It is shown this once; only its hash is kept." } }))
        (card("Secret", &state("live"), &html! {
            (line(said.text("secret"), "the secret"))
            p class="muted small" { "Key " (id(key.text("id"), "the key's id")) " of " a href=(path(&["accounts", key.text("account")])) { (key.text("account_name")) } }
        }))
        (card("Try it", &html! { p { "base URL " code { (said.text("base_url")) } } }, &block(&curl(said.text("base_url"), said.text("secret"), &model), "the command line")))
    };
    let page = Sheet {
        title: "Key created",
        above: vec![("Keys", "/keys".to_owned())],
        acts: html! { a class="button" href=(path(&["accounts", key.text("account")])) { "To the account" } },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn revoke(visit: &Visit<'_>, key: &str) -> Answer {
    let found = visit
        .verbs
        .call("key", "list", json!({ "search": key, "limit": 1 }));
    let found = match &found {
        Ok(said) => said.list("keys").iter().find(|row| row.text("id") == key),
        Err(error) => return fault::failed(visit, error),
    };
    let Some(row) = found else {
        return fault::missing(visit);
    };
    let account = path(&["accounts", row.text("account")]);
    let page = Act {
        verb: "key revoke",
        title: format!("Revoke “{}”", row.text("name")),
        above: vec![("Keys", "/keys".to_owned())],
        form: super::revised(form("key revoke").fixed("key", key), row),
        button: "Revoke key",
        hits: html! {
            p { strong { "Requests with this key are refused from now on, and its streams end." } }
            p { "It hits " strong { (row.text("name")) } " (" code { (row.text("prefix")) "…" } ") of " strong { (row.text("account_name")) } ". It can't be taken back; a new key is quickly made." }
        },
        back: account.clone(),
        then: Box::new(move |_| done(&account, "key revoke")),
    };
    act(visit, &page)
}
