//! One run: how far it has come and what stopped it, its curves, its data, its money, its files.

use maud::{Markup, html};
use serde_json::Value;

use super::{course, data, gap, here, interval, is_moving, left, score, spent, stage};
use crate::page::act::known;
use crate::page::part::code::{block, id};
use crate::page::part::list::{card, facts, flush};
use crate::page::part::note::{note, sentence};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{NONE, count, dollars, second, span, time, words};
use crate::page::part::tile::{Mood, Tile, tiles};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// The most alarms and moves that are shown; the rest is in the ledger.
const ROWS: usize = 40;

/// The page.
pub(super) fn show(visit: &Visit<'_>, said: &Value) -> Answer {
    let row = said.at("row");
    let is_moving = is_moving(row);
    let can = said.texts("can");
    let again = Pairs::default().with("run", row.text("id"));
    let acts = html! {
        @if can.contains(&"resume") { a class="button main-act" href=(again.href("/runs/start")) { "Resume" } }
        @if can.contains(&"pause") { a class="button" href={ (here(row)) "/pause" } { "Pause" } }
        @if !said.list("checkpoints").is_empty() { a class="button" href={ (here(row)) "/fork" } { "Fork" } }
        @if can.contains(&"cancel") { a class="button danger" href={ (here(row)) "/cancel" } { "Cancel" } }
    };
    let body = html! {
        div class="stack" data-moving[is_moving] {
            (stopped(said))
            (card("Way", &stage(row), &way(said)))
            (figures(said))
            (course::plots(said))
            @if !said.list("alarms").is_empty() { (flush("Alarms", &html! { p { "what went out of bounds" } }, &alarms(said))) }
            div class="columns" {
                (data::funnel(said))
                div class="stack" {
                    (card("Budget", &html! {}, &spent(row)))
                    (card("Foreseen", &html! { p { "before anything was spent" } }, &quote(said)))
                }
            }
            (text_card(visit, row))
            (flush("Course", &html! { p { "every move, with its cause" } }, &moves(said)))
            div class="columns" {
                (card("Run", &html! {}, &about(said)))
                (card("Student", &html! { p { "files, each by the BLAKE3 of its bytes" } }, &files(said)))
            }
            (card("Settings", &html! { p { "as they were settled when the run was made" } }, &settings(said)))
        }
    };
    let page = Sheet {
        title: row.text("name"),
        above: vec![("Runs", "/runs".to_owned())],
        acts,
        is_moving,
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// Why it does not go on, and what to do.
fn stopped(said: &Value) -> Markup {
    let row = said.at("row");
    let (mood, hint) = match row.text("stage") {
        "paused" => (
            Mood::Warn,
            "it goes on where it was when it is resumed".to_owned(),
        ),
        "failed" | "cancelled" => (
            Mood::Bad,
            "it can't go on; another can be forked from its checkpoints".to_owned(),
        ),
        "rejected" => (
            Mood::Bad,
            "its student is not better than its start".to_owned(),
        ),
        _ => return html! {},
    };
    let why = row.text("why");
    note(
        mood,
        &html! {
            p { strong { (words(row.text("stage"))) @if !why.is_empty() { ": " (why) } "." } }
            p class="hint" { (sentence(&hint)) }
        },
    )
}

fn way(said: &Value) -> Markup {
    let in_words = |how: &str| match how {
        "done" => "done",
        "skipped" => "not part of it",
        "here" => "here",
        "paused" => "paused here",
        "stopped" => "stopped here",
        _ => "ahead",
    };
    html! {
        ol class="way" {
            @for part in said.list("way") {
                @let how = part.text("how");
                li class=(how) aria-current=[matches!(how, "here" | "paused" | "stopped").then_some("step")] {
                    span { (words(part.text("stage"))) }
                    span class="small" { (in_words(how)) }
                }
            }
        }
    }
}

fn figures(said: &Value) -> Markup {
    let row = said.at("row");
    let known = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let measured = |name| {
        (
            known(score(row.at(name))),
            interval(row.at(name)).unwrap_or_default(),
        )
    };
    let ((student, student_between), (teacher, teacher_between)) =
        (measured("student"), measured("teacher_score"));
    let (start, _) = measured("start");
    let alarms = said.list("alarms").len() as u64;
    let of = format!("of {}", count(said.number("all_steps")));
    tiles(&[
        Tile {
            name: "Student",
            figure: student,
            note: student_between,
            ..Tile::default()
        },
        Tile {
            name: "Teacher",
            figure: teacher,
            note: teacher_between,
            ..Tile::default()
        },
        Tile {
            name: "Gap recovered",
            figure: known(gap(row)),
            note: format!("from {start} at the start"),
            ..Tile::default()
        },
        Tile {
            name: "Steps",
            figure: count(course::taken(said)),
            unit: &of,
            note: match left(row).filter(|_| row.is("driven")) {
                Some(left) => format!("{left} left"),
                None => format!(
                    "{} of learning",
                    span((said.at("seconds").as_f64().unwrap_or_default() * 1e6) as u64)
                ),
            },
            ..Tile::default()
        },
        Tile {
            name: "Alarms",
            figure: count(alarms),
            note: match alarms {
                0 => "nothing went out of bounds".to_owned(),
                _ => "see below".to_owned(),
            },
            mood: (alarms > 0).then_some(Mood::Bad),
            ..Tile::default()
        },
    ])
}

/// What an alarm means.
fn cause(alarm: &str) -> &'static str {
    match alarm {
        "cut" => "More answers than before are cut at the most tokens.",
        "length" => "Answers grew much longer than they were at first.",
        "repetition" => "Answers repeat themselves more than at first.",
        "entropy" => "The student's entropy collapsed: it says always the same.",
        "gradient" => "A gradient was far larger than the run's usual one.",
        "kl" => "The distance to the teacher jumped.",
        "holdout" => "The score on the hold-out fell three times in a row.",
        "loss" => "The loss is no number any more.",
        "overlap" => "Student and teacher have far fewer of their likeliest tokens in common.",
        "saturated" => "Too many tokens no longer move anything.",
        "clamped" => "Too many log-probabilities or ratios were cut off.",
        _ => "A measurement went out of its bound.",
    }
}

fn alarms(said: &Value) -> Markup {
    let columns = [
        text("Alarm", ""),
        text("What it means", ""),
        text("Stage", ""),
        figure("Step", ""),
        figure("Measured", ""),
        figure("Bound", ""),
        text("Time", ""),
    ];
    let number = |alarm: &Value, name: &str| {
        let value = alarm.at(name).as_f64();
        value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.3}"))
    };
    let rows = html! {
        @for alarm in said.list("alarms").iter().rev().take(ROWS) { tr {
            th scope="row" { (words(alarm.text("alarm"))) }
            td { (cause(alarm.text("alarm"))) }
            td { (words(alarm.text("stage"))) }
            td class="num" { (count(alarm.number("step"))) }
            td class="num" { (number(alarm, "value")) }
            td class="num" { (number(alarm, "bound")) }
            td class="time" { (second(alarm.text("time"))) }
        } }
    };
    table("Alarms", &head(&columns, "", &Pairs::default()), &rows)
}

fn moves(said: &Value) -> Markup {
    let columns = [
        text("Time", ""),
        text("From", ""),
        text("To", ""),
        text("Why", ""),
        text("By", ""),
    ];
    let rows = html! {
        @for moved in said.list("moves").iter().rev().take(ROWS) { tr {
            th scope="row" class="time" { (second(moved.text("time"))) }
            td { (words(moved.text("from"))) }
            td { (words(moved.text("to"))) @if let Some(step) = moved.maybe_number("back_to") { span class="sub" { "back to step " (count(step)) } } }
            td { (moved.text("why")) }
            td class="cut" { (moved.maybe("by").unwrap_or("the run itself")) }
        } }
    };
    table("Course", &head(&columns, "", &Pairs::default()), &rows)
}

/// What `plan` said that it would need.
fn quote(said: &Value) -> Markup {
    let quote = said.at("quote");
    if quote.is_null() {
        return html! { p class="muted" { "Nothing was measured yet." } };
    }
    let three = |of: Vec<String>| match of.as_slice() {
        [low, likely, high] => format!("{likely} ({low} to {high})"),
        _ => NONE.to_owned(),
    };
    let numbers = |name: &str, write: &dyn Fn(&Value) -> String| {
        three(quote.list(name).iter().map(write).collect())
    };
    let money = numbers("dollars", &|value| {
        dollars(value.as_str().unwrap_or_default())
    });
    let tokens = numbers("tokens", &|value| count(value.as_u64().unwrap_or_default()));
    let seconds = numbers("seconds", &|value| {
        span((value.as_f64().unwrap_or_default() * 1e6) as u64)
    });
    html! {
        p { strong { (words(quote.text("verdict"))) } ": " (quote.text("why")) }
        (facts(&[
            ("Money", html! { (money) }),
            ("Teacher's tokens", html! { (tokens) }),
            ("Time", html! { (seconds) }),
        ]))
    }
}

/// Who teaches; of several each with its share of the rows.
fn teachers(said: &Value) -> Markup {
    let several = said.list("teachers");
    html! {
        @if several.is_empty() { (said.at("row").text("teacher")) }
        @for taught in several {
            div {
                (taught.text("teacher"))
                span class="sub" {
                    (count(taught.number("items"))) " rows (" (format!("{:.0}", taught.at("share").as_f64().unwrap_or(0.0) * 100.0)) " %), "
                    (count(taught.number("holdout"))) " of the hold-out"
                    @if let Some(rows) = taught.maybe("rows") { ", " (rows) }
                }
            }
        }
    }
}

fn about(said: &Value) -> Markup {
    let row = said.at("row");
    facts(&[
        ("Id", id(row.text("id"), "the run's id")),
        (
            "Grant",
            html! { a href=(path(&["grants", row.text("grant")])) { span class="mono small" { (row.text("grant")) } } },
        ),
        ("Teacher", teachers(said)),
        ("Seed", html! { (said.number("seed")) }),
        (
            "Forked from",
            html! { @match said.maybe("parent") { Some(parent) => a href=(path(&["runs", parent])) { span class="mono small" { (parent) } }, None => span class="muted" { "none" } } },
        ),
        (
            "Paid calls",
            html! { (count(said.number("bought"))) " answered, " (count(said.number("lost"))) " lost" },
        ),
        ("Made", time(row.text("created"))),
        (
            "Ledger",
            html! { a href=(path(&["ledger", &said.number("entry").to_string()])) { "Entry " (count(said.number("entry"))) } },
        ),
    ])
}

fn files(said: &Value) -> Markup {
    html! {
        @if said.list("files").is_empty() { p class="muted" { "None yet: they are written when the run ends held." } }
        @else {
            ul class="files" {
                @for file in said.list("files") { li { strong { (file.text("path")) } span class="mono small muted wrap" { (file.text("digest")) } } }
            }
        }
        @if !said.list("checkpoints").is_empty() { p { a class="button" href={ (here(said.at("row"))) "/export" } { "Export a checkpoint…" } } }
    }
}

fn settings(said: &Value) -> Markup {
    let text = serde_json::to_string_pretty(said.at("spec")).unwrap_or_default();
    html! { details { summary { "Show" } (block(&text, "the settings")) } }
}

/// Text is shown only by a look, which is recorded.
fn text_card(visit: &Visit<'_>, row: &Value) -> Markup {
    let may = known("distill text").is_some_and(|verb| verb.is_for(visit.role));
    card(
        "Text",
        &html! {},
        &html! {
            @if may {
                p { "What start, student and teacher answered, side by side, and answers of learning token by token. A look is an entry in the ledger, with your name and your reason." }
                p { a class="button" href={ (here(row)) "/text" } { "Look at the texts…" } }
            }
            @else { p class="muted" { "Only a reviewer or an admin may look at what was answered, with a reason." } }
        },
    )
}
