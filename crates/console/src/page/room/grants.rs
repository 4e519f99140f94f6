//! Grants: the list with what each has used, one, a new one with its token shown once, narrower
//! terms, and the end of one.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::directory::limits;
use crate::page::act::{Act, act, done, form};
use crate::page::fault;
use crate::page::form::{Choice, Form};
use crate::page::listing::{Listing, listing};
use crate::page::part::code::{block, curl, id, line};
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts};
use crate::page::part::note::{empty, note};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{bars, head, table, text};
use crate::page::part::text::{ago, count, dollars, time, words};
use crate::page::part::tile::{Mood, label, meter, money_meter, state};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Grants.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(list(visit)),
        ["new"] => Some(issue(visit)),
        [grant] => Some(with(visit, grant, one)),
        [grant, "narrow"] => Some(with(visit, grant, narrow)),
        [grant, "revoke"] => Some(with(visit, grant, revoke)),
        _ => None,
    }
}

fn with(visit: &Visit<'_>, grant: &str, page: fn(&Visit<'_>, &Value) -> Answer) -> Answer {
    match visit.verbs.call("grant", "show", json!({ "grant": grant })) {
        Ok(said) => page(visit, &said),
        Err(error) => fault::failed(visit, &error),
    }
}

const COLUMNS: [crate::page::part::table::Column; 7] = [
    text("Purpose", "purpose"),
    text("Account", "account"),
    text("Tier", "tier"),
    text("State", "state"),
    bars("Used of its budget", "spent_percent"),
    text("Ends", "expires"),
    text("Issued", "created"),
];

fn row(visit: &Visit<'_>, grant: &Value) -> Markup {
    html! { tr {
        th scope="row" class="cut" { a href=(here(grant)) { (grant.text("purpose")) } span class="sub mono" { (grant.text("prefix")) "…" } }
        td class="cut" { a href=(path(&["accounts", grant.text("account")])) { (grant.text("account_name")) } }
        td { (words(grant.text("tier"))) }
        td { (state(grant.text("state"))) }
        td { (used(grant)) }
        td class="time" { (ago(grant.text("expires"), visit.now)) }
        td class="time" { (time(grant.text("created"))) }
    } }
}

fn list(visit: &Visit<'_>) -> Answer {
    let new = html! { a class="button main-act" href="/grants/new" { "Issue grant" } };
    listing(
        visit,
        &Listing {
            verb: "grant list",
            rows: "grants",
            title: "Grants",
            lead: "A leave with an end and a budget, for distilling and for what a plan does not give.",
            acts: new.clone(),
            columns: &COLUMNS,
            row: &|grant| row(visit, grant),
            empty: empty(
                Icon::Grant,
                "No grant yet",
                "Issue one to let an account distil a model, or ask for more than its plan gives.",
                &new,
            ),
        },
    )
}

/// The newest grants of an account.
pub(super) fn short(visit: &Visit<'_>, account: &str) -> Markup {
    let input = json!({ "account": account, "limit": 10, "sort": "-created" });
    match visit.verbs.call("grant", "list", input) {
        Ok(said) if said.list("grants").is_empty() => {
            let new = html! { a class="button" href=(Pairs::default().with("account", account).href("/grants/new")) { "Issue grant" } };
            empty(
                Icon::Grant,
                "No grant",
                "Its keys are bound by the plan alone.",
                &new,
            )
        }
        Ok(said) => {
            let plain =
                COLUMNS.map(|column| crate::page::part::table::Column { sort: "", ..column });
            let rows = html! { @for grant in said.list("grants") { (row(visit, grant)) } };
            table(
                "Grants",
                &head(&plain, visit.path, &Pairs::default()),
                &rows,
            )
        }
        Err(error) => crate::page::part::note::problem(&error),
    }
}

fn here(grant: &Value) -> String {
    path(&["grants", grant.text("id")])
}

/// What is used of either budget.
pub(super) fn used(grant: &Value) -> Markup {
    let tokens = grant.maybe_number("budget_tokens");
    let spent = grant.number("spent_tokens");
    html! {
        @if let Some(budget) = grant.maybe("budget_dollars") { (money_meter(grant.text("spent_dollars"), "", Some(budget), "")) }
        @if let Some(most) = tokens { (meter(spent as f64, 0.0, most as f64, &count(spent), &format!("of {} tokens", count(most)))) }
    }
}

fn one(visit: &Visit<'_>, grant: &Value) -> Answer {
    let is_live = grant.text("state") == "live";
    let acts = html! {
        @if is_live {
            a class="button" href={ (here(grant)) "/narrow" } { "Narrow" }
            a class="button danger" href={ (here(grant)) "/revoke" } { "Revoke" }
        }
    };
    let body = html! {
        div class="columns" {
            (card("Grant", &state(grant.text("state")), &facts(&[
                ("Id", id(grant.text("id"), "the grant's id")),
                ("Token", html! { code { (grant.text("prefix")) "…" } }),
                ("Account", html! { a href=(path(&["accounts", grant.text("account")])) { (grant.text("account_name")) } }),
                ("Tier", html! { (words(grant.text("tier"))) }),
                ("Models", html! { @for name in grant.texts("teachers") { (label(name)) " " } }),
                ("Issued", time(grant.text("created"))),
                ("Ends", html! { (time(grant.text("expires"))) span class="muted" { ", " (ago(grant.text("expires"), visit.now)) } }),
                ("Revoked", html! { @match grant.maybe("revoked") { Some(revoked) => (time(revoked)), None => span class="muted" { "no" } } }),
            ])))
            div class="stack" {
                (card("Used of its budget", &html! { p { "over its whole life" } }, &used(grant)))
                (card("Rate", &html! { p { "in place of the plan's" } }, &limits(grant.at("limits"), &Value::Null, "as the plan has it")))
            }
        }
    };
    let page = Sheet {
        title: grant.text("purpose"),
        above: vec![("Grants", "/grants".to_owned())],
        acts,
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn models(visit: &Visit<'_>) -> Vec<Choice> {
    let said = visit
        .verbs
        .call("model", "list", json!({}))
        .unwrap_or_default();
    let names = said
        .list("models")
        .iter()
        .map(|model| model.text("name").to_owned());
    names.map(|name| (name.clone(), name)).collect()
}

fn issue(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "grant issue",
        title: "Issue a grant".to_owned(),
        above: vec![("Grants", "/grants".to_owned())],
        form: form("grant issue").choices("teachers", models(visit)),
        button: "Issue grant",
        hits: html! {},
        back: "/grants".to_owned(),
        then: Box::new(|said| issued(visit, said)),
    };
    act(visit, &page)
}

/// The token is in this one answer and nowhere else.
fn issued(visit: &Visit<'_>, said: &Value) -> Answer {
    let grant = said.at("grant");
    let model = grant
        .texts("teachers")
        .first()
        .copied()
        .unwrap_or("model")
        .to_owned();
    // The base URL with the token in it stands for the key; the plain one goes with a header.
    let plain = said
        .text("base_url")
        .replace(&format!("/g/{}", said.text("token")), "");
    let body = html! {
        (note(Mood::Warn, &html! { p { strong { "Copy the token now." } " It is shown this once; only its hash is kept." } }))
        (card("Token", &state("live"), &html! {
            (line(said.text("token"), "the token"))
            p class="muted small" { "It is sent as the API key. For trainers that send no credential, this base URL holds it:" }
            (line(said.text("base_url"), "the base URL"))
        }))
        (card("Try it", &html! {}, &block(&curl(&plain, said.text("token"), &model), "the command line")))
    };
    let page = Sheet {
        title: "Grant issued",
        above: vec![("Grants", "/grants".to_owned())],
        acts: html! { a class="button" href=(here(grant)) { "To the grant" } },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn change(grant: &Value, verb: &'static str) -> Form {
    super::revised(form(verb).fixed("grant", grant.text("id")), grant)
}

fn narrow(visit: &Visit<'_>, grant: &Value) -> Answer {
    let rate = grant.at("limits");
    let now = |name: &str| {
        rate.maybe_number(name)
            .map_or_else(|| "as the plan has it".to_owned(), count)
    };
    let teachers = grant.texts("teachers");
    let choices = teachers
        .iter()
        .map(|name| ((*name).to_owned(), (*name).to_owned()))
        .collect();
    let form = change(grant, "grant narrow")
        .choices("teachers", choices)
        .first("teachers", teachers.join("\n"))
        .now("tier", words(grant.text("tier")))
        .now(
            "budget_dollars",
            grant
                .maybe("budget_dollars")
                .map_or_else(|| "none".to_owned(), dollars),
        )
        .now(
            "budget_tokens",
            grant
                .maybe_number("budget_tokens")
                .map_or_else(|| "none".to_owned(), count),
        )
        .now("limits.requests_per_minute", now("requests_per_minute"))
        .now("limits.tokens_per_minute", now("tokens_per_minute"))
        .now("limits.concurrency", now("concurrency"))
        .now("expires", grant.text("expires"));
    let page = Act {
        verb: "grant narrow",
        title: format!("Narrow “{}”", grant.text("purpose")),
        above: vec![
            ("Grants", "/grants".to_owned()),
            (grant.text("purpose"), here(grant)),
        ],
        form,
        button: "Narrow grant",
        hits: html! {},
        back: here(grant),
        then: Box::new(|said| done(&here(said), "grant narrow")),
    };
    act(visit, &page)
}

fn revoke(visit: &Visit<'_>, grant: &Value) -> Answer {
    let page = Act {
        verb: "grant revoke",
        title: format!("Revoke “{}”", grant.text("purpose")),
        above: vec![
            ("Grants", "/grants".to_owned()),
            (grant.text("purpose"), here(grant)),
        ],
        form: change(grant, "grant revoke"),
        button: "Revoke grant",
        hits: html! {
            p { strong { "Requests with this grant are refused from now on, and its streams end." } }
            p {
                "It hits " strong { (grant.text("purpose")) } " of " strong { (grant.text("account_name")) } ", which has used "
                (dollars(grant.text("spent_dollars"))) " and " (count(grant.number("spent_tokens"))) " tokens. It can't be taken back."
            }
        },
        back: here(grant),
        then: Box::new(|said| done(&here(said), "grant revoke")),
    };
    act(visit, &page)
}
