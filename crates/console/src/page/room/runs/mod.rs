//! Distillation runs: the board, one in depth, its texts, and what stops one. A run that is driven
//! is shown as it goes: the page asks for itself again while it is open.

mod course;
mod data;
mod one;
mod text;

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::act::{Act, act, done, form};
use crate::page::fault;
use crate::page::part::icon::Icon;
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{bars, figure, head, table, text as column};
use crate::page::part::text::{NONE, ago, bytes, count, span, words};
use crate::page::part::tile::{Mood, badge, meter, money_meter};
use crate::page::query::{Pairs, path};
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Runs.
pub(super) fn respond(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(all(visit)),
        ["start"] => Some(start(visit)),
        ["clean"] => Some(clean(visit)),
        [run] => Some(with(visit, run, one::show)),
        [run, "text"] => Some(with(visit, run, text::look)),
        [run, "pause"] => Some(with(visit, run, pause)),
        [run, "cancel"] => Some(with(visit, run, cancel)),
        [run, "fork"] => Some(with(visit, run, fork)),
        [run, "export"] => Some(with(visit, run, export)),
        _ => None,
    }
}

fn with(visit: &Visit<'_>, run: &str, page: fn(&Visit<'_>, &Value) -> Answer) -> Answer {
    match visit.verbs.call("distill", "show", json!({ "run": run })) {
        Ok(said) => page(visit, &said),
        Err(error) => fault::failed(visit, &error),
    }
}

fn here(row: &Value) -> String {
    path(&["runs", row.text("id")])
}

/// Where it stands; a stage that nobody drives on waits for somebody.
fn stage(row: &Value) -> Markup {
    let name = row.text("stage");
    let mood = match name {
        "held" | "released" => Mood::Ok,
        "paused" => Mood::Warn,
        "rejected" | "failed" | "broken" => Mood::Bad,
        "cancelled" | "draft" => Mood::Calm,
        _ if row.is("driven") => Mood::Info,
        _ => Mood::Warn,
    };
    let is_left = mood == Mood::Warn && name != "paused";
    badge(
        mood,
        &format!(
            "{}{}",
            words(name),
            if is_left { ", not driven" } else { "" }
        ),
    )
}

/// Whether it goes on by itself: it is driven, or will be when its turn comes.
fn is_moving(row: &Value) -> bool {
    let stands = [
        "paused",
        "held",
        "released",
        "rejected",
        "cancelled",
        "failed",
        "broken",
    ];
    row.is("driven") || !stands.contains(&row.text("stage"))
}

/// Whether it ended, so that files of it may go.
fn is_over(row: &Value) -> bool {
    ["held", "rejected", "cancelled", "failed"].contains(&row.text("stage"))
}

/// A share as people read it: `0.925`; with its interval where that is known.
fn score(measured: &Value) -> Option<String> {
    let score = measured.get("score")?.as_f64()?;
    Some(format!("{score:.3}"))
}

fn interval(measured: &Value) -> Option<String> {
    let (low, high) = (
        measured.get("low")?.as_f64()?,
        measured.get("high")?.as_f64()?,
    );
    Some(format!("{low:.3} to {high:.3}"))
}

fn measured(row: &Value, name: &str) -> Markup {
    let found = row.at(name);
    html! {
        td class="num" {
            (score(found).unwrap_or_else(|| NONE.to_owned()))
            @if let Some(between) = interval(found) { span class="sub" { (between) } }
        }
    }
}

fn left(row: &Value) -> Option<String> {
    let seconds = row.maybe_number("seconds_left")?;
    Some(span(seconds.saturating_mul(1_000_000)))
}

fn steps(row: &Value) -> Markup {
    let (step, steps) = (row.number("step"), row.number("steps"));
    html! {
        @if steps == 0 { (NONE) } @else {
            (count(step)) " of " (count(steps))
            @if row.is("driven") && let Some(left) = left(row) { span class="sub" { (left) " left" } }
        }
    }
}

fn spent(row: &Value) -> Markup {
    let (spent, most) = (row.number("spent_tokens"), row.number("budget_tokens"));
    html! {
        (money_meter(row.text("spent_dollars"), "", row.maybe("budget_dollars"), ""))
        (meter(spent as f64, 0.0, most as f64, &count(spent), &format!("of {} tokens", count(most))))
    }
}

fn all(visit: &Visit<'_>) -> Answer {
    let said = match visit.main("distill list", json!({})) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let columns = [
        column("Run", ""),
        column("Stage", ""),
        figure("Step", ""),
        figure("Start", ""),
        figure("Student", ""),
        figure("Teacher", ""),
        figure("Gap recovered", ""),
        bars("Spent of its budget", ""),
    ];
    let rows = html! {
        @for row in said.list("runs") { tr {
            th scope="row" class="cut" { a href=(here(row)) { (row.text("name")) } span class="sub" { "from " (row.text("teacher")) ", " (ago(row.text("created"), visit.now)) } }
            td { (stage(row)) }
            td class="num" { (steps(row)) }
            (measured(row, "start")) (measured(row, "student")) (measured(row, "teacher_score"))
            td class="num" { (gap(row).unwrap_or_else(|| NONE.to_owned())) }
            td { (spent(row)) }
        } }
    };
    let is_moving = said.list("runs").iter().any(is_moving);
    let body = html! {
        section class="card" aria-label="Runs" data-moving[is_moving] {
            @if said.list("runs").is_empty() {
                (empty(Icon::Run, "No run yet", "A run is written in a file on this machine. It needs a grant of tier train.", &html! { a class="button main-act" href="/runs/start" { "Start run" } a class="button" href="/grants/new" { "Issue grant" } }))
            } @else { (table("Runs", &head(&columns, visit.path, &Pairs::default()), &rows)) }
        }
    };
    let page = Sheet {
        title: "Runs",
        lead: html! { "Models that learn from a teacher, each under a grant and within its budget." },
        acts: html! {
            a class="button main-act" href="/runs/start" { "Start run" }
            @if said.list("runs").iter().any(is_over) { a class="button" href="/runs/clean" { "Free space" } }
        },
        is_moving,
        body,
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

/// The share of the way from start to teacher.
fn gap(row: &Value) -> Option<String> {
    let gap = row.at("gap_recovered").as_f64()?;
    Some(format!("{:.0}%", gap * 100.0))
}

/// A new run of a file on the server's machine, or one that was stopped.
fn start(visit: &Visit<'_>) -> Answer {
    let resumed = visit
        .query
        .get("run")
        .is_some_and(|run| run.starts_with("run_"));
    let form = form("distill start");
    let page = Act {
        verb: "distill start",
        title: "Start a run".to_owned(),
        above: vec![("Runs", "/runs".to_owned())],
        form: match resumed {
            // A plan is made of a run file.
            true => form.only(&["run", "back_to", "why"]),
            false => form,
        },
        button: "Start run",
        hits: html! {},
        back: "/runs".to_owned(),
        then: Box::new(|said| done(&path(&["runs", said.text("run")]), "distill start")),
    };
    act(visit, &page)
}

/// Files of runs that are over: first what can go, then it goes.
fn clean(visit: &Visit<'_>) -> Answer {
    let said = match visit.main("distill clean", json!({})) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    if said.list("runs").is_empty() {
        let page = Sheet {
            title: "Free space",
            above: vec![("Runs", "/runs".to_owned())],
            body: empty(
                Icon::Run,
                "Nothing can go",
                "Of runs that are held, the newest and the best checkpoint stay, and what their students are served from.",
                &html! { a class="button" href="/runs" { "Back to the runs" } },
            ),
            ..Sheet::default()
        };
        return Answer::page(200, sheet(visit, &page));
    }
    let freed = |run: &Value| {
        html! { li {
            strong { (run.text("name")) } ", " (words(run.text("stage"))) ": " (bytes(run.number("bytes")))
            span class="sub" { (run.texts("files").join(", ")) }
        } }
    };
    let hits = html! {
        p { strong { (bytes(said.number("bytes"))) " can go." } " What a held student is served from stays, and so do its newest and its best checkpoint." }
        ul { @for run in said.list("runs") { (freed(run)) } }
    };
    let runs = said.list("runs").iter();
    let names = runs.map(|run| (run.text("run").to_owned(), run.text("name").to_owned()));
    let names = names.collect();
    let page = Act {
        verb: "distill clean",
        title: "Free space".to_owned(),
        above: vec![("Runs", "/runs".to_owned())],
        form: form("distill clean")
            .choices("run", names)
            .fixed("apply", true),
        button: "Remove the files",
        hits,
        back: "/runs".to_owned(),
        then: Box::new(|_| done("/runs", "distill clean")),
    };
    act(visit, &page)
}

struct Stop<'a> {
    verb: &'static str,
    title: &'a str,
    button: &'a str,
    says: &'a str,
}

fn stop(visit: &Visit<'_>, said: &Value, stop: &Stop<'_>) -> Answer {
    let row = said.at("row");
    let at = here(row);
    let form = form(stop.verb).fixed("run", row.text("id"));
    let page = Act {
        verb: stop.verb,
        title: format!("{} “{}”", stop.title, row.text("name")),
        above: vec![("Runs", "/runs".to_owned()), (row.text("name"), at.clone())],
        form: form.seen("revision", row.number("revision")),
        button: stop.button,
        hits: html! { @if !stop.says.is_empty() { p { strong { (stop.says) } } p { "It hits " strong { (row.text("name")) } ", which stands at " (words(row.text("stage"))) "." } } },
        back: at.clone(),
        then: Box::new(move |_| done(&at, stop.verb)),
    };
    act(visit, &page)
}

fn pause(visit: &Visit<'_>, said: &Value) -> Answer {
    let how = Stop {
        verb: "distill pause",
        title: "Pause",
        button: "Pause run",
        says: "",
    };
    stop(visit, said, &how)
}

fn cancel(visit: &Visit<'_>, said: &Value) -> Answer {
    let how = Stop {
        verb: "distill cancel",
        title: "Cancel",
        button: "Cancel run",
        says: "A cancelled run can't be taken up again. What it made stays in its folder.",
    };
    stop(visit, said, &how)
}

/// Checkpoints that a fork can begin with, newest first, each with its score where it was measured.
fn checkpoints(said: &Value) -> Vec<(String, String)> {
    let measured = |step: u64| {
        let mut scores = said.list("scores").iter().rev();
        let found = scores.find(|point| point.number("step") == step);
        found.and_then(score)
    };
    let steps = said.list("checkpoints").iter().rev();
    steps
        .filter_map(Value::as_u64)
        .map(|step| {
            let score = measured(step).map(|score| format!(", {score} on the hold-out"));
            let label = format!("After step {}{}", count(step), score.unwrap_or_default());
            (step.to_string(), label)
        })
        .collect()
}

fn fork(visit: &Visit<'_>, said: &Value) -> Answer {
    let mut choices = checkpoints(said);
    choices.push(("0".to_owned(), "The start model".to_owned()));
    let then = |made: &Value| done(&path(&["runs", made.text("run")]), "distill fork");
    of_checkpoint(
        visit,
        said,
        ("distill fork", "Fork", "Fork run"),
        choices,
        &then,
    )
}

fn export(visit: &Visit<'_>, said: &Value) -> Answer {
    let at = here(said.at("row"));
    let how = ("distill export", "Export", "Write the files");
    of_checkpoint(visit, said, how, checkpoints(said), &|_| {
        done(&at, "distill export")
    })
}

/// What is made of a checkpoint.
fn of_checkpoint(
    visit: &Visit<'_>,
    said: &Value,
    (verb, title, button): (&'static str, &str, &str),
    choices: Vec<(String, String)>,
    then: &dyn Fn(&Value) -> Answer,
) -> Answer {
    let row = said.at("row");
    let at = here(row);
    let page = Act {
        verb,
        title: format!("{title} “{}”", row.text("name")),
        above: vec![("Runs", "/runs".to_owned()), (row.text("name"), at.clone())],
        form: form(verb)
            .fixed("run", row.text("id"))
            .choices("at", choices),
        button,
        hits: html! {},
        back: at,
        then: Box::new(then),
    };
    act(visit, &page)
}
