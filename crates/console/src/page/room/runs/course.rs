//! The curves of a run: hold-out with its interval, loss, distance, entropy, length, what was cut
//! or repeated, and what was spent of the budget. Each over all of the run's steps, so that they
//! can be read one above the other.

use maud::{Markup, html};
use serde_json::Value;

use crate::page::part::course::{Course, Level, Line, Mark, course};
use crate::page::part::list::card;
use crate::page::part::text::words;
use crate::page::said::Said;

/// A plot of one measurement.
struct Plotted {
    id: &'static str,
    title: &'static str,
    says: &'static str,
    unit: &'static str,
    /// What it is called in the ledger, on the plot, and its colour.
    metrics: &'static [(&'static str, &'static str, u8)],
    reach: f64,
}

const PLOTS: [Plotted; 8] = [
    Plotted {
        id: "kl",
        title: "Distance to the teacher",
        says: "reverse KL of the sampled tokens, nats a token",
        unit: "nats",
        metrics: &[("kl", "KL", 0)],
        reach: 0.0,
    },
    Plotted {
        id: "entropy",
        title: "Entropy",
        says: "of the student's answers, nats a token",
        unit: "nats",
        metrics: &[("entropy", "Entropy", 0)],
        reach: 0.0,
    },
    Plotted {
        id: "loss",
        title: "Loss",
        says: "nats a token",
        unit: "nats",
        metrics: &[("loss", "Loss", 0)],
        reach: 0.0,
    },
    Plotted {
        id: "length",
        title: "Length",
        says: "mean tokens of an answer",
        unit: "tokens",
        metrics: &[("length", "Tokens", 0)],
        reach: 0.0,
    },
    Plotted {
        id: "form",
        title: "Cut off and repeated",
        says: "share of answers cut at the most tokens, of 4-grams said before",
        unit: "%",
        metrics: &[("cut", "Cut off", 2), ("repetition", "Repeated", 1)],
        reach: 1.0,
    },
    Plotted {
        id: "overlap",
        title: "Overlap",
        says: "share of their likeliest tokens that student and teacher have in common",
        unit: "%",
        metrics: &[("overlap", "Overlap", 3)],
        reach: 1.0,
    },
    Plotted {
        id: "reward",
        title: "Reward",
        says: "mean of the judged answers; share of items whose answers are all worth the same",
        unit: "share",
        metrics: &[("reward", "Reward", 0), ("alike", "All the same", 1)],
        reach: 1.0,
    },
    Plotted {
        id: "margin",
        title: "Margin",
        says: "how much more than its start the student prefers the better answers",
        unit: "nats",
        metrics: &[("margin", "Margin", 0)],
        reach: 0.0,
    },
];

/// Every plot that there are numbers for.
pub(super) fn plots(said: &Value) -> Markup {
    html! {
        div class="columns" {
            (holdout(said))
            (spent(said))
            @for plotted in &PLOTS { (measured(said, plotted)) }
        }
    }
}

/// A step, counted over both stages.
fn at(said: &Value, stage: &str, step: u64) -> Mark {
    let before = match stage {
        "on_policy" => said.number("cold_steps"),
        _ => 0,
    };
    Mark {
        at: before + step,
        name: format!("{} {step}", words(stage)),
    }
}

/// Steps that were taken and stand, of both stages.
pub(super) fn taken(said: &Value) -> u64 {
    let taken = said.list("spent").iter().map(|spent| spent.number("steps"));
    taken.max().unwrap_or_default()
}

/// The way of a run in steps: what is foreseen, or what was taken where that is more.
fn steps(said: &Value) -> u64 {
    said.number("all_steps").max(taken(said))
}

fn turn(said: &Value) -> Option<u64> {
    Some(said.number("cold_steps")).filter(|at| *at > 0)
}

fn framed(title: &str, says: &str, mut drawn: Course<'_>) -> Markup {
    let every = drawn.thin();
    let beside = html! { p { (says) @if every > 1 { ", one step of " (every) } } };
    card(title, &beside, &course(&drawn))
}

/// The student's scores; the start model's is what it began with.
fn holdout(said: &Value) -> Markup {
    let row = said.at("row");
    let value = |of: &Value, name: &str| of.get(name).and_then(Value::as_f64);
    let start = row.at("start");
    let (mut marks, mut values, mut between) = (Vec::new(), Vec::new(), Vec::new());
    if let (Some(score), Some(low), Some(high)) = (
        value(start, "score"),
        value(start, "low"),
        value(start, "high"),
    ) {
        marks.push(Mark {
            at: 0,
            name: "Start".to_owned(),
        });
        values.push(score);
        between.push((low, high));
    }
    for point in said.list("scores") {
        if let (Some(score), Some(low), Some(high)) = (
            value(point, "score"),
            value(point, "low"),
            value(point, "high"),
        ) {
            marks.push(at(said, point.text("stage"), point.number("step")));
            values.push(score);
            between.push((low, high));
        }
    }
    let teacher = value(row.at("teacher_score"), "score").map(|value| Level {
        name: "Teacher",
        color: 3,
        value,
    });
    if values.is_empty() {
        let says = html! { p class="muted" { "Start and teacher are measured when the student is, for the first time." } };
        return card("Hold-out", &html! {}, &says);
    }
    let is_share = row.maybe("scorer") != Some("perplexity");
    let drawn = Course {
        id: "holdout",
        title: "Score on the hold-out",
        unit: if is_share { "share" } else { "perplexity" },
        marks,
        lines: vec![Line {
            name: "Student",
            color: 0,
            values,
            between,
        }],
        levels: teacher.into_iter().collect(),
        steps: steps(said),
        turn: turn(said),
        reach: if is_share { 1.0 } else { 0.0 },
    };
    let says = match row.maybe("scorer").unwrap_or_default() {
        "json_fields" => "share of answers whose JSON fields are right",
        "exact" => "share of answers that are exactly right",
        "perplexity" => "perplexity",
        _ => "share of answers that are right",
    };
    framed("Hold-out", &format!("{says}, with 95% intervals"), drawn)
}

fn measured(said: &Value, plotted: &Plotted) -> Markup {
    let mut marks: Vec<Mark> = Vec::new();
    let mut lines = Vec::new();
    for (metric, name, color) in plotted.metrics {
        let mut values = Vec::new();
        let mut own = Vec::new();
        let curves = said.list("curves").iter();
        for curve in curves.filter(|curve| curve.text("metric") == *metric) {
            let steps = curve.list("steps").iter().filter_map(Value::as_u64);
            let numbers = curve.list("values").iter().filter_map(Value::as_f64);
            for (step, number) in steps.zip(numbers) {
                own.push(at(said, curve.text("stage"), step));
                values.push(number);
            }
        }
        // Measurements of one plot are of the same steps.
        if marks.is_empty() {
            marks = own;
        } else if marks != own {
            continue;
        }
        if !values.is_empty() {
            lines.push(Line {
                name,
                color: *color,
                values,
                between: Vec::new(),
            });
        }
    }
    if lines.is_empty() {
        return html! {};
    }
    let drawn = Course {
        id: plotted.id,
        title: plotted.title,
        unit: plotted.unit,
        marks,
        lines,
        levels: Vec::new(),
        steps: steps(said),
        turn: turn(said),
        reach: plotted.reach,
    };
    framed(plotted.title, plotted.says, drawn)
}

/// Money and tokens as shares of what may be spent.
fn spent(said: &Value) -> Markup {
    let row = said.at("row");
    let number = |text: &str| text.parse::<f64>().unwrap_or_default();
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let (dollars, tokens) = (
        number(row.text("budget_dollars")),
        row.number("budget_tokens"),
    );
    let points = said.list("spent");
    if points.is_empty() {
        return html! {};
    }
    let mark = |point: &Value| Mark {
        at: point.number("steps"),
        name: match point.number("steps") {
            0 => "Before the first step".to_owned(),
            step => format!("Step {step}"),
        },
    };
    let line = |name, color, values| Line {
        name,
        color,
        values,
        between: Vec::new(),
    };
    let money = points.iter();
    let money = money.map(|point| share(number(point.text("dollars")), dollars));
    let read = points.iter();
    let read = read.map(|point| share(point.number("tokens") as f64, tokens as f64));
    let drawn = Course {
        id: "spent",
        title: "Spent of the budget",
        unit: "%",
        marks: points.iter().map(mark).collect(),
        lines: vec![
            line("Money", 0, money.collect()),
            line("Teacher's tokens", 2, read.collect()),
        ],
        levels: Vec::new(),
        steps: steps(said),
        turn: turn(said),
        reach: 1.0,
    };
    framed("Spent", "of the run's budget", drawn)
}
