//! The chain: entry after entry, each with what it says, its hash, and its neighbours.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::fault;
use crate::page::part::code::{block, id};
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts};
use crate::page::part::note::{empty, note};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{head, table, text};
use crate::page::part::text::{count, dollars, many, second, time, words};
use crate::page::part::tile::{Mood, label};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Entries on a page.
const ROWS: u64 = 50;

/// The chain, or one entry of it.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(walk(visit)),
        [seq] => Some(one(visit, seq.parse().ok()?)),
        _ => None,
    }
}

fn walk(visit: &Visit<'_>) -> Answer {
    let number = |name: &str| {
        visit
            .query
            .get(name)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let from = number("from");
    let limit = number("limit").unwrap_or(ROWS).clamp(1, 100);
    let said = match visit.main("ledger tail", json!({ "from": from, "limit": limit })) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let entries = said.list("entries");
    let body = html! {
        section class="card" aria-label="Entries" {
            (jump(from, limit))
            @if entries.is_empty() {
                (empty(Icon::Chain, "No entry here", "The chain ends before this position.", &html! { a class="button" href="/ledger" { "The newest entries" } }))
            } @else {
                (lines(visit, entries))
                (ways(entries, &said, limit, from.is_some()))
            }
        }
    };
    let page = Sheet {
        title: "Chain",
        lead: html! { "Every fact in the order in which it was written. Each entry's hash holds the one before." },
        acts: html! {
            a class="button main-act" href="/upkeep/verify" { "Verify" }
            a class="button" href="/upkeep/export" { "Export" }
        },
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn jump(from: Option<u64>, limit: u64) -> Markup {
    html! {
        form class="filters" method="get" action="/ledger" role="search" {
            label { "From entry" input type="text" inputmode="numeric" name="from" value=[from] placeholder="the newest"; }
            label { "Rows" select name="limit" { @for size in [25, 50, 100] { option selected[size == limit] { (size) } } } }
            button class="tight" { "Go" }
        }
    }
}

fn lines(visit: &Visit<'_>, entries: &[Value]) -> Markup {
    let columns = [
        text("Entry", ""),
        text("Time", ""),
        text("Kind", ""),
        text("What it says", ""),
        text("Hash", ""),
    ];
    let rows = html! {
        @for entry in entries.iter().rev() {
            tr {
                th scope="row" class="time" { a href=(here(entry.number("seq"))) { (count(entry.number("seq"))) } }
                td class="time" { (second(entry.text("time"))) }
                td { (label(&words(entry.text("kind")))) }
                td class="cut" { (gist(entry)) }
                td class="mono small" { (entry.text("hash").get(..12).unwrap_or_default()) "…" }
            }
        }
    };
    table(
        "Entries",
        &head(&columns, visit.path, &Pairs::default()),
        &rows,
    )
}

fn here(seq: u64) -> String {
    path(&["ledger", &seq.to_string()])
}

/// A line of what an entry says.
fn gist(entry: &Value) -> Markup {
    let fact = entry.at("fact");
    if entry.is("gone") {
        return html! { span class="muted" { "pruned or erased" } };
    }
    let get = |name: &str| fact.get(name).and_then(Value::as_str).unwrap_or_default();
    match entry.text("kind") {
        "changed" => {
            let change = fact.get("change").and_then(Value::as_object);
            let name = change
                .and_then(|change| change.keys().next())
                .map(|name| words(name));
            html! {
                (name.unwrap_or_else(|| "A change".to_owned()))
                " by " (actor(fact.get("by")))
                @if !get("why").is_empty() { span class="muted" { ": " (get("why")) } }
            }
        }
        "exchange" => html! { (get("model")) " " span class="muted" { (words(get("outcome"))) } },
        "slice_reserved" => html! { "Reserved " (amount(fact.get("reserved"))) },
        "slice_settled" => html! { "Spent " (amount(fact.get("spent"))) " of its slice" },
        "refusal" => html! { (words(get("reason"))) " " span class="muted" { (get("model")) } },
        _ => html! { span class="muted" { (get("version")) } },
    }
}

/// Money and tokens, as the ledger has them.
fn amount(said: Option<&Value>) -> String {
    let number = |name: &str| {
        said.and_then(|said| said.get(name)?.as_u64())
            .unwrap_or_default()
    };
    let money = record::Money::from_nanos(number("money")).to_string();
    format!(
        "{}, {}",
        dollars(&money),
        many(number("tokens"), "token", "tokens")
    )
}

/// Who did it.
fn actor(by: Option<&Value>) -> String {
    match by {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Object(one)) => one
            .values()
            .next()
            .and_then(Value::as_str)
            .unwrap_or("somebody")
            .to_owned(),
        _ => "somebody".to_owned(),
    }
}

fn ways(entries: &[Value], said: &Value, limit: u64, is_placed: bool) -> Markup {
    let first = entries.first().map_or(0, |entry| entry.number("seq"));
    let last = entries.last().map_or(0, |entry| entry.number("seq"));
    let at = |from: u64| {
        Pairs::default()
            .with("from", &from.to_string())
            .with("limit", &limit.to_string())
            .href("/ledger")
    };
    html! {
        nav class="pager" aria-label="Pages" {
            span { "Entries " (count(first)) " to " (count(last)) }
            span class="acts" {
                @if first > 1 { a class="button tight" href=(at(first.saturating_sub(limit).max(1))) { "Older" } }
                @if is_placed && entries.len() as u64 == limit { a class="button tight" href=(at(said.number("next"))) { "Newer" } }
                @if is_placed { a class="button tight" href="/ledger" { "Newest" } }
            }
        }
    }
}

fn one(visit: &Visit<'_>, seq: u64) -> Answer {
    let first = seq.saturating_sub(1).max(1);
    let said = match visit.main("ledger tail", json!({ "from": first, "limit": 3 })) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let find = |seq: u64| {
        said.list("entries")
            .iter()
            .find(|entry| entry.number("seq") == seq)
    };
    let Some(entry) = find(seq) else {
        return fault::missing(visit);
    };
    let neighbour = |seq: u64| match find(seq) {
        Some(entry) => {
            html! { a href=(here(seq)) { (count(seq)) } " " span class="mono small wrap muted" { (entry.text("hash")) } }
        }
        None => html! { span class="muted" { "none" } },
    };
    let is_exchange = matches!(entry.text("kind"), "exchange" | "refusal");
    let title = format!("Entry {}", count(seq));
    let body = html! {
        (card(&words(entry.text("kind")), &html! { p { "version " (entry.number("version")) } }, &facts(&[
            ("Written", time(entry.text("time"))),
            ("Says", gist(entry)),
            ("Hash", id(entry.text("hash"), "the hash")),
            ("Entry before", neighbour(seq - 1)),
            ("Entry after", neighbour(seq + 1)),
        ])))
        @if entry.is("gone") {
            (note(Mood::Info, &html! { p { "Its payload was pruned or erased. Its header stays, so that the chain still holds." } }))
        } @else if !entry.at("fact").is_null() {
            (card("Payload", &html! {}, &block(&pretty(entry.at("fact")), "the payload")))
        }
    };
    let page = Sheet {
        title: &title,
        above: vec![("Chain", "/ledger".to_owned())],
        acts: html! { @if is_exchange && !entry.is("gone") { a class="button" href=(path(&["exchanges", &seq.to_string()])) { "As an exchange" } } },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// The most bytes of a payload that a page shows.
const PAYLOAD_BYTES: usize = 40_000;

fn pretty(fact: &Value) -> String {
    let text = serde_json::to_string_pretty(fact).unwrap_or_default();
    let end = text.floor_char_boundary(PAYLOAD_BYTES);
    match end < text.len() {
        true => format!("{}\n… (the rest is in an export)", &text[..end]),
        false => text,
    }
}
