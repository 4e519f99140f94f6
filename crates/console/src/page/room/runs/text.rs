//! Texts of a run, after a look that is recorded: what start, student and teacher answered to the
//! hold-out, and answers of learning token by token, coloured by what the teacher thinks of them.
//! Every number is the trainer's; nothing is shown where none was kept.

use maud::{Markup, html};
use serde_json::Value;

use super::here;
use crate::page::act::{Act, act, form};
use crate::page::part::list::{card, flush};
use crate::page::part::note::note;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::text::{NONE, count, many, words};
use crate::page::part::tile::{Mood, badge};
use crate::page::query::Pairs;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Tokens of all answers that a page shows one by one.
const TOKENS: usize = 360;
/// Bytes of a text that a page shows; the rest is in the API's answer.
const TEXT_BYTES: usize = 700;

/// Asks why, and shows.
pub(super) fn look(visit: &Visit<'_>, said: &Value) -> Answer {
    let row = said.at("row");
    let at = here(row);
    let page = Act {
        verb: "distill text",
        title: "Look at the texts".to_owned(),
        above: vec![("Runs", "/runs".to_owned()), (row.text("name"), at.clone())],
        form: form("distill text").fixed("run", row.text("id")),
        button: "Show the texts and record this look",
        hits: html! { p { strong { "This look is recorded for ever." } } p { "The ledger will say that " (visit.name) " looked at texts of the run " (row.text("name")) ", and why." } },
        back: at,
        then: Box::new(|texts| shown(visit, row, texts)),
    };
    act(visit, &page)
}

fn shown(visit: &Visit<'_>, row: &Value, texts: &Value) -> Answer {
    let at = here(row);
    let title = format!("Texts of “{}”", row.text("name"));
    let next = texts.number("from") + texts.list("items").len() as u64;
    let more = Pairs::default().with("from", &next.to_string());
    let acts = html! {
        @if next <= texts.number("total") { a class="button" href=(more.href(&format!("{at}/text"))) { "Next items…" } }
        a class="button" href=(at) { "To the run" }
    };
    let page = Sheet {
        title: &title,
        above: vec![("Runs", "/runs".to_owned()), (row.text("name"), at.clone())],
        acts,
        body: html! { div class="stack" {
            (note(Mood::Info, &html! { p { "This look is recorded." } }))
            (samples(texts))
            (holdout(texts))
        } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn holdout(texts: &Value) -> Markup {
    let items = texts.list("items");
    let now = match texts.maybe("stage") {
        Some(stage) => format!(
            "Now ({} {})",
            words(stage).to_lowercase(),
            texts.number("step")
        ),
        None => "Now".to_owned(),
    };
    let last = texts.number("from") + items.len() as u64;
    let says = format!(
        "items {} to {} of {}",
        count(texts.number("from")),
        count(last.saturating_sub(1)),
        count(texts.number("total"))
    );
    html! {
        (card("Hold-out", &html! { p { (says) } }, &html! {
            @if items.is_empty() { p class="muted" { "There is no item." } }
            @for item in items {
                section class="item" aria-label=(item.text("item")) {
                    h3 class="mono" { (item.text("item")) }
                    pre class="asked" { (cut(item.text("prompt").trim())) }
                    @if !item.text("expected").is_empty() { p class="small" { span class="muted" { "Expected " } code { (cut(item.text("expected"))) } } }
                    div class="three" {
                        (answer("Start", item.at("start")))
                        (answer(&now, item.at("student")))
                        (answer("Teacher", item.at("teacher")))
                    }
                }
            }
        }))
    }
}

fn answer(who: &str, answer: &Value) -> Markup {
    html! {
        div class="answer" {
            p class="by" {
                span { (who) }
                @match answer.get("right").and_then(Value::as_bool) {
                    Some(true) => (badge(Mood::Ok, "Right")),
                    Some(false) => (badge(Mood::Bad, "Wrong")),
                    None => {},
                }
            }
            @if answer.is_null() { p class="muted small" { "not answered yet" } }
            @else {
                pre { (cut(answer.text("text"))) }
                p class="muted small" { (many(answer.number("tokens"), "token", "tokens")) }
            }
        }
    }
}

/// Bounds of the difference between both log-probabilities, in nats: beyond each the colour is
/// another.
const BOUNDS: [f64; 3] = [0.1, 0.5, 2.0];

/// How far the teacher's opinion is from the student's: `u1` to `u3` where it likes the token
/// better, `d1` to `d3` where less; nothing where they are near.
fn shade(difference: f64) -> &'static str {
    let size = BOUNDS.iter().filter(|bound| difference.abs() >= **bound);
    match (difference > 0.0, size.count()) {
        (_, 0) => "",
        (true, 1) => "u1",
        (true, 2) => "u2",
        (true, _) => "u3",
        (false, 1) => "d1",
        (false, 2) => "d2",
        (false, _) => "d3",
    }
}

fn samples(texts: &Value) -> Markup {
    let mut left = TOKENS;
    // Answers of a cold start are the teacher's own: nobody's opinion of them is kept.
    let told = texts.list("samples").iter();
    let told = told.filter(|sample| !sample.list("tokens").is_empty());
    let shown: Vec<&Value> = told
        .take_while(|sample| {
            let tokens = sample.list("tokens").len();
            let fits = tokens <= left || left == TOKENS;
            left = left.saturating_sub(tokens);
            fits
        })
        .collect();
    flush(
        "Answers of learning",
        &html! { p { "token by token, newest first" } },
        &html! {
            @if shown.is_empty() { div class="body" { p class="muted" { "No answer is kept token by token: they are once the student learns from its own." } } }
            @else { (scale()) }
            @for sample in shown {
                section class="sample" aria-label={ (sample.text("item")) ", " (words(sample.text("stage"))) " " (sample.number("step")) } {
                    p class="small muted" { span class="mono" { (sample.text("item")) } ", " (words(sample.text("stage")).to_lowercase()) " " (count(sample.number("step"))) (mean(sample)) }
                    (tokens(sample))
                    (numbers(sample))
                }
            }
        },
    )
}

/// The mean of student's minus teacher's over an answer: what it adds to the distance.
fn mean(sample: &Value) -> String {
    let both = sample.list("tokens").iter().filter_map(difference);
    let (sum, count) = both.fold((0.0, 0u32), |(sum, count), one| (sum - one, count + 1));
    match count {
        0 => String::new(),
        count => format!(
            ", log-ratio to the teacher {:+.2} nats a token",
            sum / f64::from(count)
        ),
    }
}

fn difference(token: &Value) -> Option<f64> {
    Some(token.at("teacher").as_f64()? - token.at("student").as_f64()?)
}

fn tokens(sample: &Value) -> Markup {
    html! {
        p class="tokens" {
            @for token in sample.list("tokens").iter().take(TOKENS) {
                @match difference(token) {
                    Some(difference) => span class={ "tok " (shade(difference)) } title=(format!("{difference:+.2} nats")) { (visible(token.text("text"))) },
                    None => span class="tok" { (visible(token.text("text"))) },
                }
            }
        }
    }
}

/// A token whose text is all blank would not be seen.
fn visible(text: &str) -> String {
    text.replace('\n', "⏎").replace('\t', "⇥")
}

fn numbers(sample: &Value) -> Markup {
    let number = |value: &Value| {
        value
            .as_f64()
            .map_or_else(|| NONE.to_owned(), |v| format!("{v:.2}"))
    };
    html! {
        details class="small" {
            summary { "As a table" }
            div class="scroll" tabindex="0" role="group" aria-label={ "Tokens of " (sample.text("item")) ", as a table" } {
                table class="dense" {
                    thead { tr { th scope="col" { "Token" } th scope="col" class="num" { "Student" } th scope="col" class="num" { "Teacher" } } }
                    tbody { @for token in sample.list("tokens").iter().take(TOKENS) {
                        tr { td { code { (visible(token.text("text"))) } } td class="num" { (number(token.at("student"))) } td class="num" { (number(token.at("teacher"))) } }
                    } }
                }
            }
        }
    }
}

/// What the colours mean.
fn scale() -> Markup {
    let steps = [
        ("d3", "less by 2"),
        ("d2", "0.5"),
        ("d1", "0.1"),
        ("", "alike"),
        ("u1", "0.1"),
        ("u2", "0.5"),
        ("u3", "more by 2"),
    ];
    html! {
        p class="shades small muted" {
            "The teacher likes the token, in nats: "
            @for (class, name) in steps { span class={ "tok " (class) } { (name) } " " }
        }
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES);
    match end < text.len() {
        true => format!("{}…", &text[..end]),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_by_the_difference_and_its_side() {
        let shades = [0.0, 0.05, -0.1, -0.7, -9.0, 0.2, 0.5, 3.0].map(shade);
        assert_eq!(shades, ["", "", "d1", "d2", "d3", "u1", "u2", "u3"]);
    }
}
