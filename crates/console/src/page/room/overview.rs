//! The first page: how much is asked, what fails, what it costs, how the house is, and what needs
//! a person. In a new house, what to do first.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::usage::{self, Span, Use};
use crate::page::part::code::{block, curl};
use crate::page::part::icon::{Icon, icon};
use crate::page::part::list::{card, facts, flush};
use crate::page::part::note::problem;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::text::{ago, bytes, count, dollars, many, parse, share, short};
use crate::page::part::tile::{Mood, Tile, badge, state, tiles};
use crate::page::query::path;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// The overview.
pub(super) fn show(visit: &Visit<'_>) -> Answer {
    let status = match visit.main("server status", json!({})) {
        Ok(status) => status,
        Err(answer) => return *answer,
    };
    let span = usage::span(visit, true);
    let known = status.at("known");
    let is_new = known.number("keys") == 0 && known.number("grants") == 0;
    let body = match is_new {
        true => first_steps(visit, &status),
        false => html! {
            (traffic(visit, &status, span))
            div class="columns wide-left" {
                (needs(visit, &status))
                (house(visit, &status))
            }
        },
    };
    let page = Sheet {
        title: "Overview",
        acts: html! { @if !is_new { (usage::choice(visit, span, true)) } },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn traffic(visit: &Visit<'_>, status: &Value, span: Span) -> Markup {
    let used = match usage::ask(visit, span, &[]) {
        Ok(used) => used,
        Err(error) => return problem(&error),
    };
    html! {
        (figures(&used, status, span))
        (card("Requests", &usage::each(span), &usage::requests(&used, span)))
        div class="columns" {
            (card("Spend", &usage::each(span), &usage::spend(&used, span)))
            (card("Tokens", &usage::each(span), &usage::tokens(&used, span)))
        }
    }
}

fn figures(used: &Use, status: &Value, span: Span) -> Markup {
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    // Sums of counts are whole numbers from 0 up.
    let whole = |values: &[f64]| sum(values) as u64;
    let (asked, failed, refused) = (
        whole(&used.requests),
        whole(&used.errors),
        whole(&used.refusals),
    );
    let unit = format!("/ {}", span.words);
    let bad = |part: u64| {
        if part * 100 > asked.max(1) {
            Some(Mood::Bad)
        } else {
            None
        }
    };
    tiles(&[
        Tile {
            name: "Requests",
            figure: short(sum(&used.requests)),
            unit: &unit,
            note: format!("{} in flight now", count(status.number("in_flight"))),
            spark: &used.requests,
            ..Tile::default()
        },
        Tile {
            name: "Failed",
            figure: share(failed, asked),
            unit: &unit,
            note: many(failed, "request", "requests"),
            mood: bad(failed),
            spark: &used.errors,
            series: 1,
        },
        Tile {
            name: "Refused",
            figure: share(refused, asked + refused),
            unit: &unit,
            note: many(refused, "request", "requests"),
            spark: &used.refusals,
            series: 2,
            ..Tile::default()
        },
        Tile {
            name: "Spend",
            figure: dollars(&format!("{:.9}", sum(&used.dollars))),
            unit: &unit,
            note: format!("{} tokens", short(sum(&used.input) + sum(&used.output))),
            spark: &used.dollars,
            ..Tile::default()
        },
    ])
}

/// Something that needs a person.
struct Need {
    mood: Mood,
    says: Markup,
    href: String,
    link: &'static str,
}

/// How many are shown: the worst come first.
const NEEDS: usize = 10;

fn needs(visit: &Visit<'_>, status: &Value) -> Markup {
    let mut needs = Vec::new();
    ledger_needs(status.at("ledger"), &mut needs);
    model_needs(status.list("models"), &mut needs);
    backup_needs(status.at("backup"), visit, &mut needs);
    budgets(visit, &mut needs);
    ending(visit, "key", "keys", "name", &mut needs);
    ending(visit, "grant", "grants", "purpose", &mut needs);
    needs.sort_by_key(|need| need.mood != Mood::Bad);
    let more = needs.len().saturating_sub(NEEDS);
    let body = html! {
        @if needs.is_empty() {
            div class="empty" { (icon(Icon::Good, 28)) h3 { "Nothing needs you" } p { "The ledger is good and was backed up of late, every model answers, and no key, grant or budget ends soon." } }
        } @else {
            ul class="needs" {
                @for need in needs.iter().take(NEEDS) {
                    li class=(need.mood.class()) {
                        (icon(if need.mood == Mood::Bad { Icon::Bad } else { Icon::Warn }, 16))
                        div { (need.says) }
                        a href=(need.href) { (need.link) }
                    }
                }
            }
            @if more > 0 { p class="pager" { "and " (count(more as u64)) " more" } }
        }
    };
    flush(
        "What needs a person",
        &html! { @if !needs.is_empty() { p { (count(needs.len() as u64)) } } },
        &body,
    )
}

fn ledger_needs(ledger: &Value, needs: &mut Vec<Need>) {
    let says = match ledger.text("state") {
        "good" | "" => None,
        "spooling" => Some((
            Mood::Warn,
            "The store can't be written. Entries wait in the journal; nothing is lost so far.",
        )),
        "full" => Some((
            Mood::Bad,
            "The journal is full: requests are refused until the store can be written.",
        )),
        "poisoned" => Some((
            Mood::Bad,
            "A write failed in a way that can't be trusted. Restart the server.",
        )),
        _ => Some((Mood::Bad, "The ledger is closed.")),
    };
    if let Some((mood, says)) = says {
        let error = ledger.maybe("error").map(ToOwned::to_owned);
        needs.push(Need {
            mood,
            says: html! { strong { "Ledger: " } (says) @if let Some(error) = error { " " span class="muted" { (error) } } },
            href: "/upkeep".to_owned(),
            link: "See",
        });
    }
}

fn backup_needs(backup: &Value, visit: &Visit<'_>, needs: &mut Vec<Need>) {
    let says = match backup.text("state") {
        "none" => html! { strong { "Backup: " } "none was made yet." },
        "old" => {
            html! { strong { "Backup: " } "the last one was made " (ago(backup.text("made"), visit.now)) "." }
        }
        _ => return,
    };
    needs.push(Need {
        mood: Mood::Warn,
        says,
        href: "/upkeep".to_owned(),
        link: "See",
    });
}

fn model_needs(models: &[Value], needs: &mut Vec<Need>) {
    for model in models {
        let health = model.at("health");
        if health.is_null() || health.number("ready") == health.number("servers") {
            continue;
        }
        let is_down = health.number("ready") == 0;
        let says = html! {
            strong { (model.text("name")) } ": " (health.number("ready")) " of " (many(health.number("servers"), "server", "servers")) " ready. "
            @if let Some(error) = health.maybe("last_error") { span class="muted" { (error) } }
        };
        needs.push(Need {
            mood: if is_down { Mood::Bad } else { Mood::Warn },
            says,
            href: path(&["models", model.text("name")]),
            link: "See",
        });
    }
}

const WEEK_US: u64 = 7 * 86_400_000_000;

/// Keys and grants that end within a week, the first five.
fn ending(visit: &Visit<'_>, noun: &'static str, rows: &str, name: &str, needs: &mut Vec<Need>) {
    let input = json!({ "state": "live", "sort": "expires", "limit": 5 });
    let said = visit.verbs.call(noun, "list", input).unwrap_or_default();
    for row in said.list(rows) {
        let Some(expires) = row.maybe("expires").and_then(parse) else {
            continue;
        };
        if expires > visit.now.plus_micros(WEEK_US) {
            continue;
        }
        let href = match noun {
            "grant" => path(&["grants", row.text("id")]),
            _ => path(&["accounts", row.text("account")]),
        };
        let says = html! { strong { (row.text(name)) } " of " (row.text("account_name")) ": this " (noun) " ends " (ago(row.text("expires"), visit.now)) "." };
        needs.push(Need {
            mood: Mood::Warn,
            says,
            href,
            link: "See",
        });
    }
}

/// From how many percent on a budget is near its end.
const NEAR: u64 = 80;

/// Grants and accounts whose budgets are nearest to their ends, the first five of each.
fn budgets(visit: &Visit<'_>, needs: &mut Vec<Need>) {
    let nearest = |noun: &'static str, rows: &str, state: &str| {
        let input = json!({ "state": state, "sort": "-spent_percent", "limit": 5 });
        let said = visit.verbs.call(noun, "list", input).unwrap_or_default();
        let mut rows = said.list(rows).to_vec();
        rows.retain(|row| row.number("spent_percent") >= NEAR);
        rows
    };
    let used = |row: &Value| format!("{}%", count(row.number("spent_percent")));
    for grant in nearest("grant", "grants", "live") {
        needs.push(Need {
            mood: Mood::Warn,
            says: html! { strong { (grant.text("purpose")) } " of " (grant.text("account_name")) ": " (used(&grant)) " of its budget is used." },
            href: path(&["grants", grant.text("id")]),
            link: "See",
        });
    }
    for account in nearest("account", "accounts", "active") {
        needs.push(Need {
            mood: Mood::Warn,
            says: html! { strong { (account.text("name")) } ": " (used(&account)) " of its spend limit is used." },
            href: path(&["accounts", account.text("id")]),
            link: "See",
        });
    }
}

fn house(visit: &Visit<'_>, status: &Value) -> Markup {
    let ledger = status.at("ledger");
    let known = status.at("known");
    let models = status.list("models");
    let ready = models
        .iter()
        .filter(|model| {
            model
                .at("health")
                .get("ready")
                .and_then(Value::as_u64)
                .unwrap_or_default()
                > 0
        })
        .count();
    let behind = ledger
        .number("appended")
        .saturating_sub(ledger.number("folded"));
    card(
        "House",
        &badge(Mood::Calm, status.text("version")),
        &facts(&[
            (
                "Running",
                html! { @match status.maybe("since") { Some(since) => { "since " (ago(since, visit.now)) }, None => "no" } },
            ),
            (
                "Clients reach it at",
                html! { code { (status.text("public_url")) } },
            ),
            ("Ledger", html! { (state(ledger.text("state"))) }),
            (
                "Entries",
                html! { a href="/ledger" { (count(ledger.number("appended"))) } @if behind > 0 { span class="muted" { ", " (count(behind)) " to fold (" (bytes(ledger.number("unfolded_bytes"))) ")" } } },
            ),
            (
                "Models ready",
                html! { a href="/models" { (ready) " of " (models.len()) } },
            ),
            (
                "Accounts",
                html! { a href="/accounts" { (count(known.number("accounts"))) } },
            ),
            (
                "Keys",
                html! { a href="/keys" { (count(known.number("keys"))) } },
            ),
            (
                "Grants",
                html! { a href="/grants" { (count(known.number("grants"))) } },
            ),
        ]),
    )
}

/// What to do in a new house, what is done already ticked off.
fn first_steps(visit: &Visit<'_>, status: &Value) -> Markup {
    let known = status.at("known");
    let models = status.list("models");
    let model = models.first().map_or("model", |model| model.text("name"));
    let done = |is: bool| is.then_some("done");
    let base = format!("{}/v1", status.text("public_url"));
    html! {
        div class="columns wide-left" {
            (card("Begin here", &html! { p { "four steps to the first request" } }, &html! {
                ol class="steps" {
                    li class=[done(!models.is_empty())] {
                        h3 { "Serve a model" }
                        @if models.is_empty() { p class="muted" { "Write an upstream and a model into the settings file, then reload." } a class="button" href="/settings/reload" { "Reload settings" } }
                        @else { p class="muted" { (many(models.len() as u64, "model is", "models are")) " served: " @for model in models.iter().take(5) { code { (model.text("name")) } " " } } }
                    }
                    li class=[done(known.number("organizations") > 0)] {
                        h3 { "Create an organisation" }
                        p class="muted" { "A customer or a team. Accounts belong to one." }
                        @if known.number("organizations") == 0 { a class="button main-act" href="/organizations/new" { "New organisation" } }
                    }
                    li class=[done(known.number("accounts") > 0)] {
                        h3 { "Create an account" }
                        p class="muted" { "It has a plan with limits, and a budget if you want one." }
                        @if known.number("accounts") == 0 && known.number("organizations") > 0 { a class="button main-act" href="/accounts/new" { "New account" } }
                    }
                    li {
                        h3 { "Create a key and ask" }
                        p class="muted" { "The secret is shown once. Clients use it as their API key, and this address as their base URL." }
                        @if known.number("accounts") > 0 { a class="button main-act" href="/keys/new" { "New key" } }
                        (block(&curl(&base, "sk-sh-…", model), "the command line"))
                    }
                }
            }))
            (house(visit, status))
        }
    }
}
