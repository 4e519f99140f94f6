//! What was used and what it cost, by account, model and day, to look at and to take along.

use maud::{Markup, html};
use operations::Verb;
use serde_json::Value;

use crate::page::act::known;
use crate::page::fault;
use crate::page::listing::{ask, filters};
use crate::page::part::icon::Icon;
use crate::page::part::note::{empty, note, problem};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{Column, figure, head, pager, text};
use crate::page::part::text::{count, dollars};
use crate::page::part::tile::Mood;
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Rows of a page, and of a file.
const PAGE: &str = "100";
const FILE: u64 = 1000;
/// The most rows that go into one file.
const MOST: u64 = 100_000;

/// The cost, or a file of it where the address asks for one.
pub(super) fn show(visit: &Visit<'_>) -> Answer {
    let Some(verb) = known("ledger cost") else {
        return fault::missing(visit);
    };
    let asked = visit.query.without(&["as", "done"]);
    if visit.query.get("as") == Some("csv") {
        return file(visit, verb, &asked);
    }
    let said = ask(
        visit,
        verb,
        &asked.with("limit", asked.get("limit").unwrap_or(PAGE)),
    );
    let status = said
        .as_ref()
        .map_or_else(|error| crate::problem::status(error).as_u16(), |_| 200);
    let body = html! {
        section class="card" aria-label="Cost" {
            (filters(visit, (verb.input)().as_value(), (verb.fields)()))
            @match &said {
                Err(error) => div class="body" { (problem(error)) },
                Ok(said) => (rows(visit, said)),
            }
        }
    };
    let page = Sheet {
        title: "Cost",
        lead: html! { "Sums by account, model and day (UTC). They stay when payloads are pruned. A CSV file holds up to " (count(MOST)) " rows." },
        acts: html! {
            a class="button" href="/usage" { "Over time" }
            a class="button" href=(visit.query.without(&["after", "limit", "done"]).with("as", "csv").href("/cost")) download { "Download CSV" }
        },
        body,
        ..Sheet::default()
    };
    Answer::page(status, sheet(visit, &page))
}

const FIGURES: [(&str, &str); 6] = [
    ("Requests", "requests"),
    ("Input tokens", "input_tokens"),
    ("of these cached", "cached_tokens"),
    ("Output tokens", "output_tokens"),
    ("of these reasoning", "reasoning_tokens"),
    ("Estimated", "estimated"),
];

fn columns(rows: &[Value]) -> Vec<Column> {
    let mut columns = Vec::new();
    let has = |name: &str| rows.iter().any(|row| !row.at(name).is_null());
    for (title, name) in [("Account", "account"), ("Model", "model"), ("Day", "day")] {
        if has(name) {
            columns.push(text(title, name));
        }
    }
    columns.push(figure("Cost", "dollars"));
    columns.extend(FIGURES.map(|(title, name)| figure(title, name)));
    columns
}

fn rows(visit: &Visit<'_>, said: &Value) -> Markup {
    let rows = said.list("rows");
    if rows.is_empty() {
        return empty(
            Icon::Cost,
            "Nothing was used",
            "No exchange passes these filters.",
            &html! {},
        );
    }
    let columns = columns(rows);
    let query = visit.query.without(&["done"]);
    html! {
        @if said.is("behind") { div class="body" { (note(Mood::Info, &html! { p { "The newest entries are still missing in these sums." } })) } }
        div class="scroll" tabindex="0" role="group" aria-label="Cost" {
            table {
                (head(&columns, "/cost", &query))
                tbody { @for row in rows { tr { (names(row)) (figures(row)) } } }
                tfoot { tr {
                    th scope="row" colspan=(columns.len() - FIGURES.len() - 1) { "Together" }
                    (figures(said.at("sum")))
                } }
            }
        }
        (pager("/cost", &query, rows.len(), said.number("total"), said.get("next").and_then(Value::as_str)))
    }
}

fn names(row: &Value) -> Markup {
    html! {
        @if let Some(account) = row.maybe("account") {
            @let name = row.maybe("account_name").filter(|name| !name.is_empty()).unwrap_or(account);
            td class="cut" { a href=(path(&["accounts", account])) { (name) } }
        }
        @if let Some(model) = row.maybe("model") { td class="cut" { a href=(path(&["models", model])) { (model) } } }
        @if let Some(day) = row.maybe("day") { td class="time" { (day) } }
    }
}

fn figures(row: &Value) -> Markup {
    html! {
        td class="num" { (dollars(row.text("dollars"))) }
        @for (_, name) in FIGURES { td class="num" { (count(row.number(name))) } }
    }
}

/// Every row that passes the filters. More than a file may hold are refused, never cut: a sum over
/// a file that lacks rows would be wrong and look right.
fn file(visit: &Visit<'_>, verb: &Verb, asked: &Pairs) -> Answer {
    let mut asked = asked.with("limit", &FILE.to_string());
    let mut out = String::from(
        "account,account_name,model,day,requests,estimated,input_tokens,cached_tokens,output_tokens,reasoning_tokens,bytes,dollars\r\n",
    );
    for _ in 0..MOST / FILE {
        let said = match ask(visit, verb, &asked) {
            Ok(said) => said,
            Err(error) => return fault::failed(visit, &error),
        };
        if said.number("total") > MOST {
            break;
        }
        said.list("rows").iter().for_each(|row| line(&mut out, row));
        match said.get("next").and_then(Value::as_str) {
            Some(next) => asked = asked.with("after", next),
            None => {
                let name = "stillhouse-cost.csv".to_owned();
                return Answer::File {
                    content_type: "text/csv; charset=utf-8",
                    name,
                    bytes: out.into_bytes(),
                };
            }
        }
    }
    let message = format!("these are more than {MOST} rows, the most that a file holds");
    let error = operations::Error::invalid("by", message)
        .with_hint("choose fewer days, or take it by `stillhouse ledger cost`");
    fault::failed(visit, &error)
}

fn line(out: &mut String, row: &Value) {
    let texts = ["account", "account_name", "model", "day"].map(|name| cell(row.text(name)));
    let figures = [
        "requests",
        "estimated",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "reasoning_tokens",
        "bytes",
    ];
    let figures = figures.map(|name| row.number(name).to_string());
    let cells = [
        texts.as_slice(),
        figures.as_slice(),
        &[row.text("dollars").to_owned()],
    ]
    .concat();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

/// A text in quotes. One that a spreadsheet would run as a formula is kept a text.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    match text.is_empty() {
        true => String::new(),
        false => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(cell(r#"=cmd|" /C calc"!A0"#), r#""'=cmd|"" /C calc""!A0""#);
        assert_eq!(cell("a,b"), r#""a,b""#);
        assert_eq!(cell(""), "");
    }
}
