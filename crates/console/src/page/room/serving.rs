//! Models: how they are, what they are asked, how quick they were of late, what they cost, and the
//! switch that takes one out of use without a restart.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::act::{Act, act, done, form, known};
use crate::page::fault;
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts};
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{NONE, count, dollars, many, span};
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
pub(super) fn health(said: &Value) -> Markup {
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

fn every_model(visit: &Visit<'_>) -> Answer {
    let said = match visit.main("model list", json!({})) {
        Ok(said) => said,
        Err(answer) => return *answer,
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

pub(super) fn flight(said: &Value) -> String {
    let health = said.get("health").filter(|health| !health.is_null());
    health.map_or_else(
        || NONE.to_owned(),
        |health| count(health.number("in_flight")),
    )
}

/// The one of this name in a list that is asked for whole.
pub(super) fn find(
    visit: &Visit<'_>,
    verb: &str,
    rows: &str,
    name: &str,
) -> Result<Value, Box<Answer>> {
    let said = visit.main(verb, json!({}))?;
    let found = said.list(rows).iter().find(|row| row.text("name") == name);
    found
        .cloned()
        .ok_or_else(|| Box::new(fault::missing(visit)))
}

fn one_model(visit: &Visit<'_>, name: &str) -> Answer {
    let model = match find(visit, "model list", "models", name) {
        Ok(model) => model,
        Err(answer) => return *answer,
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
        (latency(visit, name))
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

/// How many exchanges the latency is told of.
const RECENT: u64 = 100;

/// How quick the last exchanges were: half of them, and all but one in twenty.
fn latency(visit: &Visit<'_>, model: &str) -> Markup {
    let input = json!({ "model": model, "kind": "exchange", "limit": RECENT });
    let said = visit
        .verbs
        .call("exchange", "list", input)
        .unwrap_or_default();
    let rows = said.list("exchanges");
    let sorted = |name: &str| {
        let mut all: Vec<u64> = rows
            .iter()
            .filter_map(|row| row.maybe_number(name))
            .collect();
        all.sort_unstable();
        all
    };
    let at = |all: &[u64], percent: usize| {
        all.get(all.len().saturating_sub(1) * percent / 100)
            .copied()
    };
    let row = |name: &str| {
        let all = sorted(name);
        match (at(&all, 50), at(&all, 95)) {
            (Some(half), Some(most)) => {
                html! { (span(half)) " median, " (span(most)) " at the 95th percentile" }
            }
            _ => html! { span class="muted" { "nothing was asked of late" } },
        }
    };
    let note = html! { p { "of the last " (many(rows.len() as u64, "exchange", "exchanges")) } };
    card(
        "Latency",
        &note,
        &facts(&[
            ("First byte", row("first_byte_us")),
            ("Last byte", row("duration_us")),
        ]),
    )
}

fn switch_model(visit: &Visit<'_>, name: &str) -> Answer {
    let model = match find(visit, "model list", "models", name) {
        Ok(model) => model,
        Err(answer) => return *answer,
    };
    let is_on = model.is("on");
    let back = path(&["models", name]);
    let page = Act {
        verb: "model set",
        title: format!("Switch {} “{name}”", if is_on { "off" } else { "on" }),
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
