//! Models and upstreams: how they are, what they are asked, and the switch that takes one out of
//! use without a restart.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::act::{Act, act, done, form, known};
use crate::page::fault;
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts, flush};
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{NONE, count, dollars, span};
use crate::page::part::tile::{Mood, badge};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Models.
pub(super) fn models(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(every_model(visit)),
        [model] => Some(one_model(visit, model)),
        [model, "set"] => Some(switch_model(visit, model)),
        _ => None,
    }
}

/// How a model's or an upstream's servers are, in a word.
fn health(said: &Value) -> Markup {
    let is_on = said.get("on").and_then(Value::as_bool).unwrap_or(true);
    let health = said.get("health").filter(|health| !health.is_null());
    match health {
        _ if !is_on => badge(Mood::Calm, "Switched off"),
        None => badge(Mood::Calm, "Not running"),
        Some(health) => {
            let (ready, servers) = (health.number("ready"), health.number("servers"));
            match ready {
                0 => badge(Mood::Bad, "Down"),
                ready if ready < servers => {
                    badge(Mood::Warn, &format!("{ready} of {servers} ready"))
                }
                _ => badge(Mood::Ok, "Ready"),
            }
        }
    }
}

fn list(visit: &Visit<'_>, noun: &str) -> Result<Value, operations::Error> {
    visit.verbs.call(noun, "list", json!({}))
}

fn every_model(visit: &Visit<'_>) -> Answer {
    let said = match list(visit, "model") {
        Ok(said) => said,
        Err(error) => return fault::failed(visit, &error),
    };
    let columns = [
        text("Model", ""),
        text("Upstream", ""),
        text("Health", ""),
        figure("In flight", ""),
        figure("Context", ""),
        figure("Input $ / M tokens", ""),
        figure("Output $ / M tokens", ""),
    ];
    let rows = html! {
        @for model in said.list("models") {
            @let price = model.at("dollars_per_million_tokens");
            tr {
                th scope="row" class="cut" { a href=(path(&["models", model.text("name")])) { (model.text("name")) } }
                td class="cut" { a href=(path(&["upstreams", model.text("upstream")])) { (model.text("upstream")) } }
                td { (health(model)) }
                td class="num" { (flight(model)) }
                td class="num" { (model.maybe_number("context_tokens").map_or_else(|| NONE.to_owned(), count)) }
                td class="num" { (dollars(price.text("input"))) }
                td class="num" { (dollars(price.text("output"))) }
            }
        }
    };
    let body = html! {
        section class="card" aria-label="Models" {
            @if said.list("models").is_empty() {
                (empty(Icon::Model, "No model is served", "Models are written in the settings file. Add one and reload.", &html! { a class="button" href="/settings/reload" { "Reload settings" } }))
            } @else { (table("Models", &head(&columns, visit.path, &Pairs::default()), &rows)) }
        }
    };
    let page = Sheet {
        title: "Models",
        lead: html! { "What clients may ask, where it is answered, and what it costs." },
        acts: html! { a class="button" href="/settings/reload" { "Reload settings" } },
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn flight(said: &Value) -> String {
    let health = said.get("health").filter(|health| !health.is_null());
    health.map_or_else(
        || NONE.to_owned(),
        |health| count(health.number("in_flight")),
    )
}

fn find(visit: &Visit<'_>, noun: &str, rows: &str, name: &str) -> Result<Value, Answer> {
    let said = list(visit, noun).map_err(|error| fault::failed(visit, &error))?;
    let found = said.list(rows).iter().find(|row| row.text("name") == name);
    found.cloned().ok_or_else(|| fault::missing(visit))
}

fn one_model(visit: &Visit<'_>, name: &str) -> Answer {
    let model = match find(visit, "model", "models", name) {
        Ok(model) => model,
        Err(answer) => return answer,
    };
    let price = model.at("dollars_per_million_tokens");
    let tokens = |name: &str| match model.maybe_number(name) {
        Some(most) => html! { (count(most)) " tokens" },
        None => html! { span class="muted" { "not bounded here" } },
    };
    let body = html! {
        div class="columns" {
            (card("Model", &health(&model), &facts(&[
                ("Upstream", html! { a href=(path(&["upstreams", model.text("upstream")])) { (model.text("upstream")) } }),
                ("Its name there", html! { (model.maybe("upstream_model").unwrap_or(name)) }),
                ("Context", tokens("context_tokens")),
                ("Longest answer", tokens("max_output_tokens")),
                ("In flight", html! { (flight(&model)) " requests now" }),
                ("Last error", html! { @match model.at("health").get("last_error").and_then(Value::as_str) { Some(error) => (error), None => span class="muted" { "none" } } }),
            ])))
            (card("Prices", &html! { p { "dollars a million tokens" } }, &facts(&[
                ("Input", html! { (dollars(price.text("input"))) }),
                ("Cached input", html! { (dollars(price.text("cached_input"))) }),
                ("Output", html! { (dollars(price.text("output"))) }),
                ("Hidden reasoning", html! { (dollars(price.text("reasoning"))) }),
            ])))
        }
        (super::usage::section(visit, &[("model", name)]))
    };
    let acts = html! { @if known("model set").is_some() { a class="button" href={ (path(&["models", name])) "/set" } { "Switch" } } };
    let page = Sheet {
        title: name,
        above: vec![("Models", "/models".to_owned())],
        acts,
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn switch_model(visit: &Visit<'_>, name: &str) -> Answer {
    let model = match find(visit, "model", "models", name) {
        Ok(model) => model,
        Err(answer) => return answer,
    };
    let is_on = model.get("on").and_then(Value::as_bool).unwrap_or(true);
    let back = path(&["models", name]);
    let page = Act {
        verb: "model set",
        title: format!("Switch {name} {}", if is_on { "off" } else { "on" }),
        above: vec![("Models", "/models".to_owned()), (name, back.clone())],
        form: super::revised(
            form("model set").fixed("model", name).fixed("on", !is_on),
            &model,
        ),
        button: if is_on { "Switch off" } else { "Switch on" },
        hits: html! { @if is_on {
            p { strong { "Requests for this model are refused from now on." } }
            p { "Those that run now (" (flight(&model)) ") go on to their end. It can be switched on again at any time." }
        } },
        back: back.clone(),
        then: Box::new(move |_| done(&back, "model set")),
    };
    act(visit, &page)
}

/// Upstreams.
pub(super) fn upstreams(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(every_upstream(visit)),
        [upstream] => Some(one_upstream(visit, upstream)),
        [upstream, "set"] => Some(switch_upstream(visit, upstream)),
        _ => None,
    }
}

fn every_upstream(visit: &Visit<'_>) -> Answer {
    let said = match list(visit, "upstream") {
        Ok(said) => said,
        Err(error) => return fault::failed(visit, &error),
    };
    let columns = [
        text("Upstream", ""),
        text("Health", ""),
        figure("Servers", ""),
        figure("In flight", ""),
        text("Models", ""),
        text("Last error", ""),
    ];
    let rows = html! {
        @for upstream in said.list("upstreams") {
            tr {
                th scope="row" class="cut" { a href=(path(&["upstreams", upstream.text("name")])) { (upstream.text("name")) } }
                td { (health(upstream)) }
                td class="num" { (count(upstream.list("servers").len() as u64)) }
                td class="num" { (flight(upstream)) }
                td class="cut" { (upstream.texts("models").join(", ")) }
                td class="cut" { (upstream.at("health").get("last_error").and_then(Value::as_str).unwrap_or(NONE)) }
            }
        }
    };
    let body = html! {
        section class="card" aria-label="Upstreams" {
            @if said.list("upstreams").is_empty() {
                (empty(Icon::Upstream, "No upstream", "Upstreams are written in the settings file.", &html! {}))
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

fn one_upstream(visit: &Visit<'_>, name: &str) -> Answer {
    let upstream = match find(visit, "upstream", "upstreams", name) {
        Ok(upstream) => upstream,
        Err(answer) => return answer,
    };
    let columns = [
        text("Server", ""),
        text("State", ""),
        figure("In flight", ""),
        figure("Latency", ""),
        text("Last error", ""),
        text("", ""),
    ];
    let rows = html! {
        @for server in upstream.list("servers") {
            tr {
                th scope="row" class="cut" { (server.text("url")) }
                td { (crate::page::part::tile::state(server.text("state"))) }
                td class="num" { (count(server.number("in_flight"))) }
                td class="num" { (server.maybe_number("latency_us").map_or_else(|| NONE.to_owned(), span)) }
                td class="cut" { (server.maybe("last_error").unwrap_or(NONE)) }
                td { span class="row-acts" { a href=(Pairs::default().with("server", server.text("url")).href(&format!("{}/set", path(&["upstreams", name])))) { "Switch" } } }
            }
        }
    };
    let body = html! {
        (card("Upstream", &health(&upstream), &facts(&[
            ("Models", html! { @for model in upstream.texts("models") { a href=(path(&["models", model])) { (model) } " " } }),
            ("In flight", html! { (flight(&upstream)) " requests now" }),
        ])))
        (flush("Servers", &html! {}, &table("Servers", &head(&columns, visit.path, &Pairs::default()), &rows)))
    };
    let acts = html! { a class="button" href={ (path(&["upstreams", name])) "/set" } { "Switch" } };
    let page = Sheet {
        title: name,
        above: vec![("Upstreams", "/upstreams".to_owned())],
        acts,
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn switch_upstream(visit: &Visit<'_>, name: &str) -> Answer {
    let upstream = match find(visit, "upstream", "upstreams", name) {
        Ok(upstream) => upstream,
        Err(answer) => return answer,
    };
    let servers = upstream
        .list("servers")
        .iter()
        .map(|server| server.text("url").to_owned());
    let servers = servers.map(|url| (url.clone(), url)).collect();
    let back = path(&["upstreams", name]);
    let page = Act {
        verb: "upstream set",
        title: format!("Switch {name}"),
        above: vec![("Upstreams", "/upstreams".to_owned()), (name, back.clone())],
        form: super::revised(
            form("upstream set")
                .fixed("upstream", name)
                .choices("server", servers),
            &upstream,
        ),
        button: "Switch",
        hits: html! {
            p { strong { "An upstream or server that is switched off gets no new request." } }
            p { "Requests that run there now (" (flight(&upstream)) ") go on to their end. Its models are refused where no other server is left." }
        },
        back: back.clone(),
        then: Box::new(move |_| done(&back, "upstream set")),
    };
    act(visit, &page)
}
