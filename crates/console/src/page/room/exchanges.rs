//! Exchanges as they come, and one in depth, as far as the privacy rule lets the reader see. The
//! list is whole without script; with it, rows come by themselves.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::act::{Act, act, form, known};
use crate::page::fault;
use crate::page::listing::{ask, bounded, filters};
use crate::page::part::code::{block, id};
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts, link};
use crate::page::part::note::{empty, note, problem};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{Column, figure, head, table, text};
use crate::page::part::text::{NONE, bytes, count, dollars, second, span, time, words};
use crate::page::part::tile::{Mood, label, state, status};
use crate::page::query::path;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// One exchange, or the text of one.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(live(visit)),
        [seq] => Some(one(visit, seq.parse().ok()?)),
        [seq, "text"] => Some(look(visit, seq.parse().ok()?)),
        _ => None,
    }
}

const COLUMNS: [Column; 9] = [
    text("Time", ""),
    text("Account", ""),
    text("Model", ""),
    text("Status", ""),
    text("Outcome", ""),
    figure("First byte", ""),
    figure("Duration", ""),
    figure("Tokens", ""),
    figure("Cost", ""),
];

/// Exchanges and refusals, newest first.
pub(super) fn live(visit: &Visit<'_>) -> Answer {
    let Some(verb) = known("exchange list") else {
        return fault::missing(visit);
    };
    let said = ask(visit, verb, &bounded(&visit.query));
    let stream = visit
        .query
        .without(&["done", "limit", "after"])
        .href("/api/v1/exchanges/live");
    let status = said
        .as_ref()
        .map_or_else(|error| crate::problem::status(error).as_u16(), |_| 200);
    // What can't be read can't be followed either.
    let is_newest = visit.query.get("after").is_none() && said.is_ok();
    let body = html! {
        section class="card" aria-label="Exchanges" data-live=[is_newest.then_some(stream)] {
            (filters(visit, (verb.input)().as_value(), (verb.fields)()))
            @match &said {
                Err(error) => div class="body" { (problem(error)) },
                Ok(said) => (rows(visit, said)),
            }
        }
    };
    let acts = html! {
        @if is_newest {
            span class="live-dot only-js" data-live-state role="status" { "Connecting" }
            button type="button" class="only-js" data-live-pause aria-pressed="false" { "Pause" }
            a class="button no-js" href=(visit.query.href("/live")) { "Reload" }
        }
    };
    let page = Sheet {
        title: "Live traffic",
        lead: html! { "Every request that was let through, and every one that was refused. No text is here." },
        acts,
        body,
        ..Sheet::default()
    };
    Answer::page(status, sheet(visit, &page))
}

fn rows(visit: &Visit<'_>, said: &Value) -> Markup {
    let rows = said.list("exchanges");
    let query = visit.query.without(&["done"]);
    let lines = html! { @for row in rows { (line(row)) } };
    html! {
        (template())
        (table("Exchanges", &head(&COLUMNS, "/live", &query), &lines))
        @if rows.is_empty() {
            div data-live-empty { (empty(Icon::Live, "No exchange passes", "New ones appear here by themselves as they end.", &html! { a class="button" href="/live" { "Show all" } })) }
        }
        nav class="pager" aria-label="Pages" {
            span { (count(rows.len() as u64)) " shown, " (count(said.number("looked_at"))) " entries looked at" }
            span class="acts" {
                @if query.get("after").is_some() { a class="button tight" href=(query.without(&["after"]).href("/live")) { "Newest" } }
                @if let Some(next) = said.maybe("next") { a class="button tight" rel="next" href=(query.with("after", next).href("/live")) { "Older" } }
            }
        }
    }
}

fn line(row: &Value) -> Markup {
    let is_refused = row.text("kind") == "refusal";
    let name = row
        .maybe("account_name")
        .filter(|name| !name.is_empty())
        .unwrap_or(NONE);
    let account = row
        .maybe("account")
        .map(|account| path(&["accounts", account]));
    html! { tr {
        th scope="row" class="time" { a href=(here(row)) { (second(row.text("time"))) } }
        td class="cut" { (link(account.as_deref().unwrap_or_default(), name)) }
        td class="cut" { (row.text("model")) }
        td { (status(row.number("status"))) }
        td { (words(row.text(if is_refused { "reason" } else { "outcome" }))) }
        td class="num" { (row.maybe_number("first_byte_us").map_or_else(|| NONE.to_owned(), span)) }
        td class="num" { (row.maybe_number("duration_us").map_or_else(|| NONE.to_owned(), span)) }
        td class="num" { (tokens(row)) }
        td class="num" { (row.maybe("dollars").map_or_else(|| NONE.to_owned(), dollars)) }
    } }
}

fn tokens(row: &Value) -> String {
    match (
        row.maybe_number("input_tokens"),
        row.maybe_number("output_tokens"),
    ) {
        (None, None) => NONE.to_owned(),
        (input, output) => count(input.unwrap_or_default() + output.unwrap_or_default()),
    }
}

fn here(row: &Value) -> String {
    path(&["exchanges", &row.number("seq").to_string()])
}

/// What script makes a new row of.
fn template() -> Markup {
    html! {
        template { tr {
            th scope="row" class="time" { a data-href="/exchanges/" data-key="seq" data-field="clock" {} }
            td class="cut" { a data-href="/accounts/" data-key="account" data-field="account_name" {} }
            td class="cut" data-field="model" {}
            td { span data-field="status" data-mood {} }
            td data-field="ended" {}
            td class="num" data-field="first" {}
            td class="num" data-field="duration" {}
            td class="num" data-field="tokens" {}
            td class="num" data-field="cost" {}
        } }
    }
}

fn one(visit: &Visit<'_>, seq: u64) -> Answer {
    let said = match visit.main("exchange show", json!({ "seq": seq })) {
        Ok(said) => flat(said),
        Err(answer) => return *answer,
    };
    let title = format!("Exchange {}", count(seq));
    let is_refused = said.text("kind") == "refusal";
    let body = html! {
        @if is_refused { (note(Mood::Warn, &html! { p { "It was refused: " strong { (words(said.text("reason"))) } "." } })) }
        div class="columns" {
            (card("Exchange", &status(said.number("status")), &what(&said)))
            (card("Course", &html! {}, &course(&said)))
            (card("Use and money", &html! {}, &used(&said)))
            (card("Origin", &html! { p { "as far as this house sees" } }, &origin(&said)))
        }
        (card("Ledger entry", &html! {}, &facts(&[
            ("Entry", html! { a href=(path(&["ledger", &seq.to_string()])) { (count(seq)) } }),
            ("Written", time(said.text("time"))),
            ("Hash", id(said.text("hash"), "the hash")),
            ("Neighbours", html! {
                @if seq > 1 { a href=(path(&["ledger", &(seq - 1).to_string()])) { "Entry before" } " · " }
                a href=(path(&["ledger", &(seq + 1).to_string()])) { "Entry after" }
            }),
        ])))
        (text_card(visit, &said, seq))
    };
    let page = Sheet {
        title: &title,
        above: vec![("Live traffic", "/live".to_owned())],
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// What a list has of it, and the rest, side by side.
fn flat(mut said: Value) -> Value {
    let Some(whole) = said.as_object_mut() else {
        return said;
    };
    if let Some(Value::Object(summary)) = whole.remove("summary") {
        whole.extend(summary);
    }
    said
}

fn what(said: &Value) -> Markup {
    let to = |room: &str, name: &str| match said.maybe(name) {
        Some(known) => html! { a href=(path(&[room, known])) { (known) } },
        None => html! { span class="muted" { "none" } },
    };
    let account = said
        .maybe("account")
        .map(|account| path(&["accounts", account]))
        .unwrap_or_default();
    let name = said.maybe("account_name").filter(|name| !name.is_empty());
    facts(&[
        ("Request id", id(said.text("id"), "the request id")),
        (
            "Account",
            link(
                &account,
                name.or(said.maybe("account")).unwrap_or("not known"),
            ),
        ),
        (
            "Key",
            html! { @match said.maybe("key") { Some(key) => span class="mono small" { (key) }, None => span class="muted" { "none" } } },
        ),
        ("Grant", to("grants", "grant")),
        ("Endpoint", html! { code { (said.text("endpoint")) } }),
        ("Model", to("models", "model")),
        ("Upstream", to("upstreams", "upstream")),
    ])
}

fn course(said: &Value) -> Markup {
    let micros =
        |name: &str| html! { (said.maybe_number(name).map_or_else(|| NONE.to_owned(), span)) };
    let edits = said.texts("edits");
    facts(&[
        ("Arrived", time(said.text("arrived"))),
        ("First byte", micros("first_byte_us")),
        ("Last byte", micros("duration_us")),
        (
            "Ended",
            match said.maybe("outcome") {
                Some(outcome) => state(outcome),
                None => state("refused"),
            },
        ),
        (
            "Streamed",
            html! { (if said.is("streamed") { "yes" } else { "no" }) },
        ),
        ("Request", html! { (bytes(said.number("request_bytes"))) }),
        ("Answer", html! { (bytes(said.number("response_bytes"))) }),
        (
            "Changed in the body",
            html! { @if edits.is_empty() { span class="muted" { "nothing" } } @else { @for edit in edits { (label(&words(edit))) " " } } },
        ),
    ])
}

fn used(said: &Value) -> Markup {
    let row = |name: &str| match said.maybe_number(name) {
        None => html! { span class="muted" { "none" } },
        Some(tokens) => html! { (count(tokens)) " tokens" },
    };
    facts(&[
        ("Input", row("input_tokens")),
        ("of this cached", row("cached_tokens")),
        ("Output", row("output_tokens")),
        ("of this reasoning", row("reasoning_tokens")),
        (
            "Counted by",
            html! { (words(said.maybe("counted_by").unwrap_or("nobody"))) },
        ),
        (
            "Cost",
            html! { (said.maybe("dollars").map_or_else(|| NONE.to_owned(), dollars)) },
        ),
    ])
}

fn origin(said: &Value) -> Markup {
    let row = |name: &str| {
        let known = said.maybe(name).filter(|text| !text.is_empty());
        html! { @match known { Some(text) => (text), None => span class="muted" { "not seen" } } }
    };
    facts(&[
        ("Address", row("address")),
        ("User agent", row("user_agent")),
        ("Languages", row("accept_language")),
    ])
}

/// Text is shown only by a look, which is recorded.
fn text_card(visit: &Visit<'_>, said: &Value, seq: u64) -> Markup {
    let Some(verb) = known("exchange text") else {
        return html! {};
    };
    let has_text = said.is("has_text");
    card(
        "Text",
        &html! {},
        &html! {
            @if !has_text { p class="muted" { "No text of it is kept. It is kept only where the client asked for it, under a grant, or while a case is open." } }
            @else if verb.is_for(visit.role) {
                p { "Its text is kept, encrypted. A look is an entry in the ledger, with your name and your reason." }
                p { a class="button" href={ (path(&["exchanges", &seq.to_string()])) "/text" } { "Look at the text…" } }
            }
            @else { p class="muted" { "Its text is kept, encrypted. Only a reviewer or an admin may look, with a reason." } }
        },
    )
}

fn look(visit: &Visit<'_>, seq: u64) -> Answer {
    let here = path(&["exchanges", &seq.to_string()]);
    let name = format!("Exchange {}", count(seq));
    let page = Act {
        verb: "exchange text",
        title: "Look at the text".to_owned(),
        above: vec![("Live traffic", "/live".to_owned()), (&name, here.clone())],
        form: form("exchange text").fixed("seq", seq),
        button: "Show the text and record this look",
        hits: html! { p { strong { "This look is recorded for ever." } } p { "The ledger will say that " (visit.name) " looked at exchange " (count(seq)) ", and why." } },
        back: here.clone(),
        then: Box::new(|said| shown(visit, seq, said)),
    };
    act(visit, &page)
}

/// The most bytes of a body that a page shows; the rest is in the API's answer.
const TEXT_BYTES: usize = 30_000;

fn shown(visit: &Visit<'_>, seq: u64, said: &Value) -> Answer {
    let body = |name: &str| {
        let body = said.at(name);
        let note = html! { p { (bytes(body.number("bytes"))) @if !body.is("is_text") { ", not all of it text" } } };
        (note, block(&cut(body.text("text")), name))
    };
    let (request, response) = (body("request"), body("response"));
    let title = format!("Text of exchange {}", count(seq));
    let page = Sheet {
        title: &title,
        above: vec![("Live traffic", "/live".to_owned())],
        acts: html! { a class="button" href=(path(&["exchanges", &seq.to_string()])) { "To the exchange" } },
        body: html! { div class="stack" {
            (note(Mood::Info, &html! { p { "This look is recorded." } }))
            (card("Request", &request.0, &request.1))
            (card("Answer", &response.0, &response.1))
        } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES);
    match end < text.len() {
        true => format!(
            "{}\n… ({} more)",
            &text[..end],
            bytes((text.len() - end) as u64)
        ),
        false => text.to_owned(),
    }
}
