//! Accounts: the list, one with its use, keys, grants and budget, and what can be done to it.

use maud::{Markup, html};
use operations::Error;
use serde_json::{Value, json};

use super::directory::{budget, limits, period};
use super::{grants, keys};
use crate::page::act::{Act, act, done, form};
use crate::page::fault;
use crate::page::form::{Choice, Form};
use crate::page::listing::{Listing, listing};
use crate::page::part::code::id;
use crate::page::part::icon::Icon;
use crate::page::part::list::{card, facts, flush};
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{bars, figure, text};
use crate::page::part::text::{count, dollars, many, time};
use crate::page::part::tile::state;
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Accounts.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(list(visit)),
        ["new"] => Some(create(visit)),
        [account] => Some(with(visit, account, one)),
        [account, "set"] => Some(with(visit, account, set)),
        [account, "close"] => Some(with(visit, account, close)),
        [account, "open"] => Some(with(visit, account, open)),
        [account, "erase"] => Some(with(visit, account, erase)),
        _ => None,
    }
}

fn with(visit: &Visit<'_>, account: &str, page: fn(&Visit<'_>, &Value) -> Answer) -> Answer {
    match visit
        .verbs
        .call("account", "show", json!({ "account": account }))
    {
        Ok(said) => page(visit, &said),
        Err(error) => fault::failed(visit, &error),
    }
}

fn list(visit: &Visit<'_>) -> Answer {
    let new = html! { a class="button main-act" href="/accounts/new" { "New account" } };
    let row = |row: &Value| {
        html! { tr {
            th scope="row" class="cut" { a href=(here(row)) { (row.text("name")) } }
            td class="cut" { a href=(path(&["organizations", row.text("organization")])) { (row.text("organization_name")) } }
            td { (row.text("plan")) }
            td { (state(row.text("state"))) }
            td { (budget(row)) }
            td class="num" { (count(row.number("keys"))) }
            td class="num" { (count(row.number("grants"))) }
            td class="time" { (time(row.text("created"))) }
        } }
    };
    let columns = [
        text("Name", "name"),
        text("Organisation", "organization"),
        text("Plan", "plan"),
        text("State", "state"),
        bars("Spent of its limit", "spent_percent"),
        figure("Keys", ""),
        figure("Grants", ""),
        text("Created", "created"),
    ];
    listing(
        visit,
        &Listing {
            verb: "account list",
            rows: "accounts",
            title: "Accounts",
            lead: "Who may ask models, how much, and what it has cost them.",
            acts: new.clone(),
            columns: &columns,
            row: &row,
            empty: empty(
                Icon::Account,
                "No account yet",
                "An account belongs to an organisation, has a plan, and holds keys.",
                &new,
            ),
        },
    )
}

fn here(account: &Value) -> String {
    path(&["accounts", account.text("id")])
}

fn above(account: &Value) -> Vec<(&str, String)> {
    vec![
        ("Accounts", "/accounts".to_owned()),
        (account.text("name"), here(account)),
    ]
}

fn one(visit: &Visit<'_>, account: &Value) -> Answer {
    let known = account.text("id");
    let of = Pairs::default().with("account", known);
    let is_open = account.text("state") == "active";
    let acts = html! {
        a class="button main-act" href=(of.href("/keys/new")) { "New key" }
        a class="button" href=(of.href("/grants/new")) { "Issue grant" }
        a class="button" href={ (here(account)) "/set" } { "Change" }
        @if is_open { a class="button danger" href={ (here(account)) "/close" } { "Close" } }
        @else { a class="button" href={ (here(account)) "/open" } { "Open again" } }
        a class="button danger" href={ (here(account)) "/erase" } { "Erase" }
    };
    let body = html! {
        div class="columns" {
            (card("Account", &state(account.text("state")), &about(account)))
            (card("Limits of its own", &html! { p { "what is not set here is the plan's" } }, &limits(account.at("limits"), &Value::Null, "as the plan has it")))
        }
        (super::usage::section(visit, &[("account", known)]))
        (flush("Keys", &html! { a href=(of.href("/keys")) { "All keys of this account" } }, &keys::short(visit, known)))
        (flush("Grants", &html! { a href=(of.href("/grants")) { "All grants of this account" } }, &grants::short(visit, known)))
    };
    let page = Sheet {
        title: account.text("name"),
        above: vec![("Accounts", "/accounts".to_owned())],
        acts,
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn about(account: &Value) -> Markup {
    facts(&[
        ("Id", id(account.text("id"), "the account's id")),
        (
            "Organisation",
            html! { a href=(path(&["organizations", account.text("organization")])) { (account.text("organization_name")) } },
        ),
        (
            "Plan",
            html! { a href=(path(&["plans", account.text("plan")])) { (account.text("plan")) } },
        ),
        ("Spend", budget(account)),
        ("Created", time(account.text("created"))),
        (
            "Traffic",
            html! { a href=(Pairs::default().with("account", account.text("id")).href("/live")) { "Its exchanges" } },
        ),
        (
            "Cost",
            html! { a href=(Pairs::default().with("account", account.text("id")).href("/cost")) { "By model and day" } },
        ),
    ])
}

fn create(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "account create",
        title: "New account".to_owned(),
        above: vec![("Accounts", "/accounts".to_owned())],
        form: form("account create")
            .choices("plan", plans(visit))
            .choices("organization", organizations(visit)),
        button: "Create account",
        hits: html! {},
        back: "/accounts".to_owned(),
        then: Box::new(|said| done(&here(said), "account create")),
    };
    act(visit, &page)
}

/// The plans to choose from.
fn plans(visit: &Visit<'_>) -> Vec<Choice> {
    let said = visit
        .verbs
        .call("plan", "list", json!({}))
        .unwrap_or_default();
    let names = said
        .list("plans")
        .iter()
        .map(|plan| plan.text("name").to_owned());
    names.map(|name| (name.clone(), name)).collect()
}

/// The organisations to choose from, where they are few.
fn organizations(visit: &Visit<'_>) -> Vec<Choice> {
    const FEW: u64 = 100;
    let input = json!({ "limit": FEW, "sort": "name" });
    let said = visit
        .verbs
        .call("organization", "list", input)
        .unwrap_or_default();
    if said.number("total") > FEW {
        return Vec::new();
    }
    let one = |row: &Value| (row.text("id").to_owned(), row.text("name").to_owned());
    said.list("organizations").iter().map(one).collect()
}

/// The form for changes, with the account and its revision settled.
fn change(account: &Value, verb: &'static str) -> Form {
    super::revised(form(verb).fixed("account", account.text("id")), account)
}

fn set(visit: &Visit<'_>, account: &Value) -> Answer {
    let own = account.at("limits");
    let now = |name: &str| {
        own.maybe_number(name)
            .map_or_else(|| "as the plan has it".to_owned(), count)
    };
    let spend = account.at("spend");
    let limit = match spend.is_null() {
        true => "no limit".to_owned(),
        false => format!("{} {}", dollars(spend.text("dollars")), period(spend)),
    };
    let form = change(account, "account set")
        .choices("plan", plans(visit))
        .now("plan", account.text("plan"))
        .now("state", account.text("state"))
        .now("limits.requests_per_minute", now("requests_per_minute"))
        .now("limits.tokens_per_minute", now("tokens_per_minute"))
        .now("limits.concurrency", now("concurrency"))
        .now("spend.dollars", limit);
    let page = Act {
        verb: "account set",
        title: format!("Change “{}”", account.text("name")),
        above: above(account),
        form,
        button: "Save changes",
        hits: html! {},
        back: here(account),
        then: Box::new(|said| done(&here(said), "account set")),
    };
    act(visit, &page)
}

/// What an account holds, for those who are about to end it.
fn hits(visit: &Visit<'_>, account: &Value, first: &str) -> Markup {
    let held = |noun: &str, rows: &str| -> Result<u64, Error> {
        let input = json!({ "account": account.text("id"), "state": "live", "limit": 1 });
        visit
            .verbs
            .call(noun, "list", input)
            .map(|said| match said.maybe_number("total") {
                Some(total) => total,
                None => said.list(rows).len() as u64,
            })
    };
    let many = |held: Result<u64, Error>, one: &str, more: &str| {
        held.map_or_else(|_| format!("its {more}"), |held| many(held, one, more))
    };
    html! {
        p { strong { (first) } }
        p {
            "It hits " strong { (account.text("name")) } ": "
            (many(held("key", "keys"), "live key", "live keys")) ", "
            (many(held("grant", "grants"), "live grant", "live grants"))
            ", and every request of theirs that runs now."
            @if let Some(spent) = account.maybe("spent_dollars") { " Spent in this period: " (dollars(spent)) "." }
        }
    }
}

fn close(visit: &Visit<'_>, account: &Value) -> Answer {
    let page = Act {
        verb: "account set",
        title: format!("Close “{}”", account.text("name")),
        above: above(account),
        form: change(account, "account set")
            .only(&["account", "state", "why", "revision"])
            .fixed("state", "closed"),
        button: "Close account",
        hits: hits(
            visit,
            account,
            "Requests with its keys and grants are refused from now on.",
        ),
        back: here(account),
        then: Box::new(|said| done(&here(said), "account set")),
    };
    act(visit, &page)
}

fn open(visit: &Visit<'_>, account: &Value) -> Answer {
    let page = Act {
        verb: "account set",
        title: format!("Open “{}” again", account.text("name")),
        above: above(account),
        form: change(account, "account set")
            .only(&["account", "state", "why", "revision"])
            .fixed("state", "active"),
        button: "Open account",
        hits: html! {},
        back: here(account),
        then: Box::new(|said| done(&here(said), "account set")),
    };
    act(visit, &page)
}

fn erase(visit: &Visit<'_>, account: &Value) -> Answer {
    let page = Act {
        verb: "ledger erase",
        title: format!("Erase “{}”", account.text("name")),
        above: above(account),
        form: change(account, "ledger erase"),
        button: "Erase for ever",
        hits: hits(
            visit,
            account,
            "It is closed, and every name, address and body of its exchanges is erased for ever. Hashes and money stay.",
        ),
        back: here(account),
        then: Box::new(|_| done("/accounts", "ledger erase")),
    };
    act(visit, &page)
}
