//! Organisations, and the plans that accounts are on.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::act::{Act, act, done, form};
use crate::page::listing::{Listing, listing};
use crate::page::part::code::id;
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts};
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{NONE, count, many, time};
use crate::page::part::tile::{label, money_meter};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Organisations.
pub(super) fn organizations(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(list(visit)),
        ["new"] => Some(create(visit)),
        [organization] => Some(one(visit, organization)),
        _ => None,
    }
}

fn list(visit: &Visit<'_>) -> Answer {
    let new = html! { a class="button main-act" href="/organizations/new" { "New organisation" } };
    let row = |row: &Value| {
        html! { tr {
            th scope="row" class="cut" { a href=(path(&["organizations", row.text("id")])) { (row.text("name")) } }
            td class="num" { a href=(Pairs::default().with("organization", row.text("id")).href("/accounts")) { (count(row.number("accounts"))) } }
            td class="time" { (time(row.text("created"))) }
        } }
    };
    listing(
        visit,
        &Listing {
            verb: "organization list",
            rows: "organizations",
            title: "Organisations",
            lead: "A customer each. Accounts belong to one, and may share what they own within it.",
            acts: new.clone(),
            columns: &[
                text("Name", "name"),
                figure("Accounts", "accounts"),
                text("Created", "created"),
            ],
            row: &row,
            empty: empty(
                Icon::Organization,
                "No organisation yet",
                "Begin with one: its accounts hold the keys that clients send.",
                &new,
            ),
        },
    )
}

fn create(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "organization create",
        title: "New organisation".to_owned(),
        above: vec![("Organisations", "/organizations".to_owned())],
        form: form("organization create"),
        button: "Create organisation",
        hits: html! {},
        back: "/organizations".to_owned(),
        then: Box::new(|said| {
            done(
                &path(&["organizations", said.text("id")]),
                "organization create",
            )
        }),
    };
    act(visit, &page)
}

fn one(visit: &Visit<'_>, organization: &str) -> Answer {
    let said = match visit.main("organization show", json!({ "organization": organization })) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let of = Pairs::default().with("organization", said.text("id"));
    let body = html! {
        (card("Organisation", &html! {}, &facts(&[
            ("Id", id(said.text("id"), "the organisation's id")),
            ("Created", time(said.text("created"))),
            ("Accounts", html! { a href=(of.href("/accounts")) { (many(said.number("accounts"), "account", "accounts")) } }),
            ("Keys", html! { a href=(of.href("/keys")) { "Its keys" } }),
            ("Grants", html! { a href=(of.href("/grants")) { "Its grants" } }),
            ("Traffic", html! { a href=(of.href("/live")) { "Its exchanges" } }),
        ])))
        (super::usage::section(visit, &[("organization", said.text("id"))]))
    };
    let page = Sheet {
        title: said.text("name"),
        above: vec![("Organisations", "/organizations".to_owned())],
        acts: html! { a class="button main-act" href=(of.href("/accounts/new")) { "New account" } },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// Plans.
pub(super) fn plans(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(every_plan(visit)),
        [plan] => Some(one_plan(visit, plan)),
        _ => None,
    }
}

fn every_plan(visit: &Visit<'_>) -> Answer {
    let said = match visit.main("plan list", json!({})) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let columns = [
        text("Plan", ""),
        figure("Requests / min", ""),
        figure("Tokens / min", ""),
        figure("At once", ""),
        text("Spend limit", ""),
        figure("Accounts", ""),
    ];
    let rows = html! {
        @for plan in said.list("plans") {
            @let limits = plan.at("limits");
            tr {
                th scope="row" { a href=(path(&["plans", plan.text("name")])) { (plan.text("name")) } }
                td class="num" { (bound(limits.maybe_number("requests_per_minute"))) }
                td class="num" { (bound(limits.maybe_number("tokens_per_minute"))) }
                td class="num" { (bound(limits.maybe_number("concurrency"))) }
                td { (spend(plan.at("spend"))) }
                td class="num" { a href=(Pairs::default().with("plan", plan.text("name")).href("/accounts")) { (count(plan.number("accounts"))) } }
            }
        }
    };
    let page = Sheet {
        title: "Plans",
        lead: html! { "What accounts get unless they have limits of their own. Plans are written in the settings file; a reload takes changes in." },
        acts: html! { a class="button" href="/settings/reload" { "Reload settings" } },
        body: html! { section class="card" aria-label="Plans" { (table("Plans", &head(&columns, "/plans", &visit.query), &rows)) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn one_plan(visit: &Visit<'_>, plan: &str) -> Answer {
    let said = match visit.main("plan show", json!({ "plan": plan })) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let can = said.at("capabilities");
    let yes = |is: bool| html! { (if is { "yes" } else { "no" }) };
    let models = said.at("models").as_array().map(|_| said.texts("models"));
    let body = html! {
        div class="columns" {
            (card("Limits", &html! {}, &limits(said.at("limits"), said.at("spend"), "no limit")))
            (card("What requests may ask for", &html! {}, &facts(&[
                ("Log-probabilities", match can.maybe_number("top_logprobs") {
                    Some(most) => html! { "up to " (count(most)) " a token" },
                    None => html! { "none" },
                }),
                ("Of the prompt too", yes(can.is("prompt_logprobs"))),
                ("Answers at most", html! { (count(can.number("max_n"))) }),
                ("Logit bias", yes(can.is("logit_bias"))),
                ("Reasoning shown", yes(can.is("reasoning"))),
                ("Models", match models { None => html! { "every model" }, Some(names) => html! { @for name in names { (label(name)) " " } } }),
                ("Accounts", html! { a href=(Pairs::default().with("plan", plan).href("/accounts")) { (many(said.number("accounts"), "account", "accounts")) } }),
            ])))
        }
    };
    let page = Sheet {
        title: said.text("name"),
        above: vec![("Plans", "/plans".to_owned())],
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// A bound, or that there is none.
fn bound(limit: Option<u64>) -> String {
    limit.map_or_else(|| NONE.to_owned(), count)
}

fn spend(spend: &Value) -> Markup {
    match spend.is_null() {
        true => html! { span class="muted" { (NONE) } },
        false => {
            html! { (super::super::part::text::dollars(spend.text("dollars"))) " " span class="muted" { (period(spend)) } }
        }
    }
}

/// The span of a spend limit.
pub(super) fn period(spend: &Value) -> &'static str {
    match spend.text("period") {
        "day" => "a day",
        "month" => "a month",
        _ => "in all",
    }
}

/// Limits of a plan, an account or a grant; `none` says what holds where nothing is said.
pub(super) fn limits(limits: &Value, limit: &Value, none: &str) -> Markup {
    let row = |name: &str, unit: &str| match limits.maybe_number(name) {
        Some(most) => html! { (count(most)) " " span class="muted" { (unit) } },
        None => html! { span class="muted" { (none) } },
    };
    facts(&[
        ("Requests", row("requests_per_minute", "a minute")),
        ("Tokens", row("tokens_per_minute", "a minute")),
        ("At the same time", row("concurrency", "requests")),
        (
            "Spend limit",
            if limit.is_null() {
                html! { span class="muted" { (none) } }
            } else {
                spend(limit)
            },
        ),
    ])
}

/// The bar of an account's or a key's spend limit.
pub(super) fn budget(said: &Value) -> Markup {
    let limit = said.at("spend");
    let reserved = said
        .get("reserved_dollars")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match limit.is_null() {
        true => html! { span class="muted" { "no limit" } },
        false => money_meter(
            said.text("spent_dollars"),
            reserved,
            limit.maybe("dollars"),
            period(limit),
        ),
    }
}
