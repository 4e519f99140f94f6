//! Upstreams: the servers that answer, how each is, and the switch that takes one out of use
//! without a restart.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::serving::{find, flight, health};
use crate::page::act::{Act, act, done, form};
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts, flush};
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{NONE, ago, count, span};
use crate::page::part::tile::{Mood, badge, label};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Upstreams.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(all(visit)),
        [upstream] => Some(one(visit, upstream)),
        [upstream, "set"] => Some(switch(visit, upstream)),
        _ => None,
    }
}

fn here(name: &str) -> String {
    path(&["upstreams", name])
}

fn error(said: &Value) -> Option<&str> {
    said.at("health").get("last_error").and_then(Value::as_str)
}

/// Columns of how quick answers were; the verb says how far back that reaches: 5 minutes.
const QUICK: [&str; 4] = [
    "First byte, p50, 5 min",
    "First byte, p95, 5 min",
    "Answer, p50, 5 min",
    "Answer, p95, 5 min",
];

/// The cells of those columns.
fn quick(said: &Value) -> Markup {
    let latency = said.at("latency");
    let time = |of: &str, name: &str| {
        let micros = latency.at(of).maybe_number(name);
        micros.map_or_else(|| NONE.to_owned(), span)
    };
    html! {
        @for of in ["first_byte", "whole"] {
            td class="num" { (time(of, "p50_us")) }
            td class="num" { (time(of, "p95_us")) }
        }
    }
}

fn all(visit: &Visit<'_>) -> Answer {
    let said = match visit.main("upstream list", json!({})) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let columns = [
        text("Upstream", ""),
        text("Health", ""),
        figure("Servers", ""),
        figure("In flight", ""),
        figure(QUICK[0], ""),
        figure(QUICK[1], ""),
        figure(QUICK[2], ""),
        figure(QUICK[3], ""),
        text("Models", ""),
        text("Last error", ""),
    ];
    let rows = html! {
        @for upstream in said.list("upstreams") {
            tr {
                th scope="row" class="cut" { a href=(here(upstream.text("name"))) { (upstream.text("name")) } }
                td { (health(upstream)) }
                td class="num" { (count(upstream.list("servers").len() as u64)) }
                td class="num" { (flight(upstream)) }
                (quick(upstream))
                td class="cut" { (upstream.texts("models").join(", ")) }
                td class="cut" { (error(upstream).unwrap_or(NONE)) }
            }
        }
    };
    let body = html! {
        section class="card" aria-label="Upstreams" {
            @if said.list("upstreams").is_empty() {
                (empty(Icon::Upstream, "No upstream", "Upstreams are written in the settings file. Add one and reload.", &html! { a class="button" href="/settings/reload" { "Reload settings" } }))
            } @else { (table("Upstreams", &head(&columns, visit.path, &Pairs::default()), &rows)) }
        }
    };
    let page = Sheet {
        title: "Upstreams",
        lead: html! { "The servers that answer, or the model in this process." },
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn one(visit: &Visit<'_>, name: &str) -> Answer {
    let upstream = match find(visit, "upstream list", "upstreams", name) {
        Ok(upstream) => upstream,
        Err(answer) => return *answer,
    };
    let body = html! {
        (card("Upstream", &health(&upstream), &facts(&[
            ("Kind", html! { (upstream.text("kind")) }),
            ("Models", html! { @for model in upstream.texts("models") { a href=(path(&["models", model])) { (label(model)) } " " } }),
            ("In flight", html! { (flight(&upstream)) " requests now" }),
            ("Answers, last 5 min", html! { (upstream.at("latency").maybe_number("answers").map_or_else(|| NONE.to_owned(), count)) }),
            ("Last error", html! { @match error(&upstream) { Some(error) => (error), None => span class="muted" { "none" } } }),
        ])))
        @if !upstream.list("servers").is_empty() { (flush("Servers", &html! {}, &servers(visit, name, &upstream))) }
    };
    let is_on = upstream.is("on");
    let acts = html! { a class=(if is_on { "button danger" } else { "button main-act" }) href={ (here(name)) "/set" } { (if is_on { "Switch off" } else { "Switch on" }) } };
    let page = Sheet {
        title: name,
        above: vec![("Upstreams", "/upstreams".to_owned())],
        acts,
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn servers(visit: &Visit<'_>, name: &str, upstream: &Value) -> Markup {
    let columns = [
        text("Server", ""),
        text("Health", ""),
        figure("In flight", ""),
        figure(QUICK[0], ""),
        figure(QUICK[1], ""),
        figure(QUICK[2], ""),
        figure(QUICK[3], ""),
        text("", ""),
    ];
    let rows = html! {
        @for server in upstream.list("servers") {
            @let url = server.text("url");
            tr {
                th scope="row" class="wrap" { (url) }
                td { (server_health(server, visit)) }
                td class="num" { (server.maybe_number("in_flight").map_or_else(|| NONE.to_owned(), count)) }
                (quick(server))
                td { span class="row-acts" {
                    a href=(Pairs::default().with("server", url).href(&format!("{}/set", here(name)))) {
                        (if server.is("on") { "Switch off" } else { "Switch on" }) span class="hide" { " " (url) }
                    }
                } }
            }
        }
    };
    table(
        "Servers",
        &head(&columns, visit.path, &Pairs::default()),
        &rows,
    )
}

fn server_health(server: &Value, visit: &Visit<'_>) -> Markup {
    let since = server.maybe("unreachable_since");
    match server.at("ready").as_bool() {
        _ if !server.is("on") => badge(Mood::Calm, "Switched off"),
        _ if since.is_some() => html! {
            (badge(Mood::Bad, "Unreachable"))
            @if let Some(since) = since { span class="sub" { "since " (ago(since, visit.now)) } }
        },
        Some(true) => badge(Mood::Ok, "Ready"),
        Some(false) => badge(Mood::Bad, "Down"),
        None => badge(Mood::Calm, "Not running"),
    }
}

/// The switch of an upstream, or of the one server of it that the address names.
fn switch(visit: &Visit<'_>, name: &str) -> Answer {
    let upstream = match find(visit, "upstream list", "upstreams", name) {
        Ok(upstream) => upstream,
        Err(answer) => return *answer,
    };
    let url = visit.query.get("server").unwrap_or_default();
    let server = upstream
        .list("servers")
        .iter()
        .find(|server| server.text("url") == url);
    let thing = server.unwrap_or(&upstream);
    let is_on = thing.is("on");
    let word = if is_on { "off" } else { "on" };
    let named = if server.is_some() { url } else { name };
    let button = format!("Switch {word}");
    let form = form("upstream set")
        .fixed("upstream", name)
        .fixed("server", server.map_or("", |_| url))
        .fixed("on", !is_on);
    let page = Act {
        verb: "upstream set",
        title: format!("Switch {word} “{named}”"),
        above: vec![("Upstreams", "/upstreams".to_owned()), (name, here(name))],
        form: super::revised(form, thing),
        button: &button,
        hits: html! { @if is_on {
            p { strong { "It gets no new request from now on." } }
            p {
                "Requests that run on " strong { (name) } " now (" (flight(&upstream)) ") go on to their end. "
                "New ones for " (upstream.texts("models").join(", ")) " go to other servers, or are refused where none is left. It can be switched on again at any time."
            }
        } },
        back: here(name),
        then: Box::new(|_| done(&here(name), "upstream set")),
    };
    act(visit, &page)
}
