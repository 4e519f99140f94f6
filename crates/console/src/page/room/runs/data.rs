//! How rows became what a run learns from: how many were left after each part of the way, and why
//! the others went.

use maud::{Markup, html};
use serde_json::Value;

use crate::page::part::list::card;
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{count, words};
use crate::page::part::tile::portion;
use crate::page::query::Pairs;
use crate::page::said::Said;

/// The funnel; nothing where the run's folder is elsewhere.
pub(super) fn funnel(said: &Value) -> Markup {
    let data = said.at("data");
    let body = html! {
        @if data.is_null() { p class="muted" { "The run's folder is not on this machine." } }
        @else { (ways(data)) (reasons(data)) }
    };
    card(
        "Data",
        &html! { p { "rows on their way into the student" } },
        &body,
    )
}

fn ways(data: &Value) -> Markup {
    let ways = [
        ("Given", data.maybe_number("given")),
        ("To learn from", data.maybe_number("items")),
        ("Answered by the teacher", data.maybe_number("collected")),
        ("Kept for the cold start", data.maybe_number("kept")),
    ];
    let known: Vec<(&str, u64)> = ways
        .into_iter()
        .filter_map(|(name, rows)| Some((name, rows?)))
        .collect();
    let most = known
        .iter()
        .map(|(_, rows)| *rows)
        .max()
        .unwrap_or_default();
    html! {
        div class="funnel" {
            @for (name, rows) in &known { (portion(*rows as f64, most as f64, name, &count(*rows))) }
        }
        p class="muted small" { (count(data.number("holdout"))) " rows are held out: none is learnt from." }
    }
}

fn reasons(data: &Value) -> Markup {
    let columns = [
        text("Why rows were left out", ""),
        figure("Rows", ""),
        text("Such as", ""),
    ];
    let rows = html! {
        @for reason in data.list("reasons") { tr {
            th scope="row" { (meaning(reason.text("reason"))) }
            td class="num" { (count(reason.number("rows"))) }
            td class="cut" { (examples(reason)) }
        } }
    };
    html! {
        @if data.list("reasons").is_empty() { p class="muted" { "No row was left out." } }
        @else { (table("Why rows were left out", &head(&columns, "", &Pairs::default()), &rows)) }
    }
}

/// A reason in a few more words.
fn meaning(reason: &str) -> String {
    let said = match reason {
        "parse" => "Can't be read",
        "length" => "Too short or too long",
        "finish" => "Cut off or empty",
        "duplicate" => "Twice there",
        "id" => "An id twice",
        "near_duplicate" => "Nearly twice there",
        "leakage" => "Known from the hold-out",
        "private" => "Personal data",
        "refusal" => "A refusal",
        "check" => "Fails the check",
        "balance" => "Too many of its kind",
        other => return words(other),
    };
    said.to_owned()
}

/// Ids of a few of them.
fn examples(reason: &Value) -> String {
    let ids = reason.texts("examples");
    ids.into_iter().take(5).collect::<Vec<_>>().join(", ")
}
