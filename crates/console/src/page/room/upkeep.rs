//! What keeps the ledger in order: verify, back up, export, prune. Each says what it did.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::verify;
use crate::page::act::{Act, act, form};
use crate::page::part::icon::{Icon, icon};
use crate::page::part::list::{card, facts};
use crate::page::part::note::{note, problem};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::text::{bytes, count, words};
use crate::page::part::tile::{Mood, state};
use crate::page::query::path;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// The verbs, and what each is for.
const CHORES: [(&str, &str, Icon, &str); 4] = [
    (
        "verify",
        "Verify",
        Icon::Good,
        "Checks every link, commitment, signed head and body, and names the first bad entry. Reads beside the traffic.",
    ),
    (
        "backup",
        "Back up",
        Icon::Upkeep,
        "Copies the ledger to a folder of this machine while it goes on. The copy opens and verifies by itself.",
    ),
    (
        "export",
        "Export",
        Icon::Import,
        "Writes entries as JSON lines, or traffic in the guard's interchange format, to files of this machine.",
    ),
    (
        "prune",
        "Prune",
        Icon::Warn,
        "Drops payloads of exchanges and refusals by age. Headers, changes and money stay.",
    ),
];

/// Upkeep.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(all(visit)),
        ["verify"] => Some(verify::respond(visit)),
        ["backup"] => Some(chore(
            visit,
            "ledger backup",
            "Back up the ledger",
            "Back up now",
            html! {},
        )),
        ["export"] => Some(chore(
            visit,
            "ledger export",
            "Export",
            "Export now",
            html! {},
        )),
        ["prune"] => {
            let hits = html! {
                p { strong { "Payloads older than this are dropped for ever." } }
                p { "Addresses, usage and digests of those exchanges can't be read again, also not as evidence. An open case keeps its own. A backup made before keeps them." }
            };
            Some(chore(
                visit,
                "ledger prune",
                "Prune",
                "Prune for ever",
                hits,
            ))
        }
        _ => None,
    }
}

fn all(visit: &Visit<'_>) -> Answer {
    let status = visit.verbs.call("server", "status", json!({}));
    let body = html! {
        @match &status {
            Err(error) => (problem(error)),
            Ok(status) => (ledger(status.at("ledger"))),
        }
        div class="columns" {
            @for (name, title, picture, says) in CHORES {
                section class="card" aria-label=(title) { div class="body" {
                    h2 { (title) }
                    p class="muted" { (says) }
                    p { a class="button" href=(path(&["upkeep", name])) { (icon(picture, 16)) (title) "…" } }
                } }
            }
        }
    };
    let page = Sheet {
        title: "Upkeep",
        lead: html! { "How the ledger is, and what keeps it in order." },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// How the ledger is.
fn ledger(said: &Value) -> Markup {
    let behind = said
        .number("appended")
        .saturating_sub(said.number("folded"));
    card(
        "Ledger",
        &state(said.text("state")),
        &facts(&[
            (
                "Last entry",
                html! { a href=(path(&["ledger", &said.number("appended").to_string()])) { (count(said.number("appended"))) } },
            ),
            (
                "On the device",
                html! { "up to " (count(said.number("synced"))) },
            ),
            (
                "In the store",
                html! { "up to " (count(said.number("folded"))) @if behind > 0 { span class="muted" { ", " (count(behind)) " behind (" (bytes(said.number("unfolded_bytes"))) ")" } } },
            ),
            (
                "Attested",
                html! { "up to " (count(said.number("attested"))) " by a signed head" },
            ),
            (
                "Error",
                html! { @match said.maybe("error") { Some(error) => span class="bad-text" { (error) }, None => span class="muted" { "none" } } },
            ),
        ]),
    )
}

fn chore(visit: &Visit<'_>, verb: &'static str, title: &str, button: &str, hits: Markup) -> Answer {
    let page = Act {
        verb,
        title: title.to_owned(),
        above: vec![("Upkeep", "/upkeep".to_owned())],
        form: form(verb),
        button,
        hits,
        back: "/upkeep".to_owned(),
        then: Box::new(|said| outcome(visit, title, said)),
    };
    act(visit, &page)
}

/// What a verb says it did, field by field.
pub(super) fn outcome(visit: &Visit<'_>, title: &str, said: &Value) -> Answer {
    let fields = said
        .as_object()
        .map(|object| object.iter().collect::<Vec<_>>())
        .unwrap_or_default();
    let names: Vec<String> = fields.iter().map(|(name, _)| words(name)).collect();
    let rows: Vec<(&str, Markup)> = names
        .iter()
        .zip(&fields)
        .map(|(name, (_, value))| (name.as_str(), plain(value)))
        .collect();
    let body = html! {
        (note(Mood::Ok, &html! { p { strong { "Done." } } }))
        (card("What was done", &html! {}, &facts(&rows)))
    };
    let page = Sheet {
        title,
        above: vec![("Upkeep", "/upkeep".to_owned())],
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// Any value, as a person reads it.
fn plain(value: &Value) -> Markup {
    match value {
        Value::Null => html! { span class="muted" { "none" } },
        Value::Bool(is) => html! { (if *is { "yes" } else { "no" }) },
        Value::Number(number) => {
            html! { (number.as_u64().map_or_else(|| number.to_string(), count)) }
        }
        Value::String(text) => html! { (text) },
        Value::Array(items) if items.is_empty() => html! { span class="muted" { "none" } },
        Value::Array(items) => html! { ul { @for item in items { li { (plain(item)) } } } },
        Value::Object(fields) => {
            html! { @for (name, value) in fields { div { span class="muted" { (words(name)) ": " } (plain(value)) } } }
        }
    }
}
