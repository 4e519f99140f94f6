//! Use over time: the span that somebody chose, the points of `usage show`, and plots of them. The
//! same section stands on the overview, on an account, an organisation and a model.

use maud::{Markup, html};
use operations::Error;
use record::Time;
use serde_json::{Map, Value};

use crate::page::act::known;
use crate::page::listing::{self, filters};
use crate::page::part::list::card;
use crate::page::part::note::problem;
use crate::page::part::plot::{Plot, Series, Step, Unit, plot};
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::switch;
use crate::page::part::text::parse;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

const DAY_US: u64 = 86_400_000_000;
const HOUR_US: u64 = DAY_US / 24;

/// A span up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Its name in the address.
    pub(super) name: &'static str,
    /// In words, after "in the last".
    pub(super) words: &'static str,
    micros: u64,
    /// The span of a point.
    pub(super) step: Step,
}

const SPANS: [Span; 4] = [
    Span {
        name: "24h",
        words: "24 hours",
        micros: DAY_US,
        step: Step::Hour,
    },
    Span {
        name: "7d",
        words: "7 days",
        micros: 7 * DAY_US,
        step: Step::Hour,
    },
    Span {
        name: "30d",
        words: "30 days",
        micros: 30 * DAY_US,
        step: Step::Day,
    },
    Span {
        name: "90d",
        words: "90 days",
        micros: 90 * DAY_US,
        step: Step::Day,
    },
];

/// The span that the address says. Only the whole house and a model have hours.
pub(super) fn span(visit: &Visit<'_>, has_hours: bool) -> Span {
    let asked = visit.query.get("span");
    let chosen = SPANS.iter().find(|span| Some(span.name) == asked).copied();
    let usual = if has_hours { SPANS[0] } else { SPANS[2] };
    let mut span = chosen.unwrap_or(usual);
    if !has_hours {
        span.step = Step::Day;
    }
    span
}

/// Points of use, oldest first.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) times: Vec<Time>,
    pub(super) requests: Vec<f64>,
    pub(super) refusals: Vec<f64>,
    pub(super) errors: Vec<f64>,
    pub(super) input: Vec<f64>,
    pub(super) output: Vec<f64>,
    pub(super) dollars: Vec<f64>,
}

impl Use {
    fn of(points: &[Value]) -> Self {
        let mut all = Self::default();
        for point in points {
            let figure = |name: &str| point.number(name) as f64;
            all.times
                .push(parse(point.text("from")).unwrap_or_default());
            all.requests.push(figure("requests"));
            // Only the whole house knows these.
            all.refusals
                .extend(point.maybe_number("refusals").map(|count| count as f64));
            all.errors
                .extend(point.maybe_number("errors").map(|count| count as f64));
            all.input.push(figure("input_tokens"));
            all.output.push(figure("output_tokens"));
            all.dollars
                .push(point.text("dollars").parse().unwrap_or_default());
        }
        all
    }
}

/// Asks for the use in a span; `of` names whose.
pub(super) fn ask(visit: &Visit<'_>, span: Span, of: &[(&str, &str)]) -> Result<Use, Error> {
    let from = visit.now.micros().saturating_sub(span.micros);
    // Whole steps, the running one with them.
    let from = match span.step {
        Step::Hour => from - from % HOUR_US + HOUR_US,
        Step::Day => from - from % DAY_US + DAY_US,
    };
    let mut input: Map<String, Value> = of
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    input.insert("from".to_owned(), Time::from_micros(from).rfc3339().into());
    input.insert("step".to_owned(), span.step.name().into());
    let said = visit.verbs.call("usage", "show", Value::Object(input))?;
    Ok(Use::of(said.list("points")))
}

/// The choice of a span.
pub(super) fn choice(visit: &Visit<'_>, chosen: Span, has_hours: bool) -> Markup {
    // A day is one point where there are no hours.
    let spans = SPANS.iter().skip(usize::from(!has_hours));
    let spans: Vec<(&str, &str)> = spans.map(|span| (span.name, span.name)).collect();
    switch(
        visit.path,
        &visit.query.without(&["done"]),
        "span",
        &spans,
        chosen.name,
    )
}

/// Plots of requests, tokens and money of one account, organisation or model.
pub(super) fn section(visit: &Visit<'_>, of: &[(&str, &str)]) -> Markup {
    let has_hours = of.iter().any(|(name, _)| *name == "model");
    let span = span(visit, has_hours);
    let used = match ask(visit, span, of) {
        Ok(used) => used,
        Err(error) => return card("Use", &choice(visit, span, has_hours), &problem(&error)),
    };
    html! {
        (card("Requests", &choice(visit, span, has_hours), &requests(&used, span)))
        div class="columns" {
            (card("Tokens", &each(span), &tokens(&used, span)))
            (card("Spend", &each(span), &spend(&used, span)))
        }
    }
}

/// What one point stands for.
pub(super) fn each(span: Span) -> Markup {
    html! { p { "per " (span.step.name()) ", last " (span.words) } }
}

/// Requests, and those that were refused or failed.
pub(super) fn requests(used: &Use, span: Span) -> Markup {
    let all = [
        ("Requests", 0, &used.requests),
        ("Refused", 2, &used.refusals),
        ("Failed", 1, &used.errors),
    ];
    let known = all
        .into_iter()
        .filter(|(name, _, values)| *name == "Requests" || !values.is_empty());
    let series = known.map(|(name, color, values)| Series {
        name,
        color,
        values: values.clone(),
    });
    plot(&Plot {
        id: "requests",
        title: "Requests",
        unit: Unit::Count("requests"),
        step: span.step,
        times: &used.times,
        series: series.collect(),
        is_bars: false,
    })
}

/// Tokens in and out.
pub(super) fn tokens(used: &Use, span: Span) -> Markup {
    plot(&Plot {
        id: "tokens",
        title: "Tokens of input and output",
        unit: Unit::Count("tokens"),
        step: span.step,
        times: &used.times,
        series: vec![
            Series {
                name: "Input",
                color: 0,
                values: used.input.clone(),
            },
            Series {
                name: "Output",
                color: 3,
                values: used.output.clone(),
            },
        ],
        is_bars: false,
    })
}

/// Money.
pub(super) fn spend(used: &Use, span: Span) -> Markup {
    plot(&Plot {
        id: "spend",
        title: "Spend",
        unit: Unit::Dollars,
        step: span.step,
        times: &used.times,
        series: vec![Series {
            name: "Spend",
            color: 0,
            values: used.dollars.clone(),
        }],
        is_bars: true,
    })
}

/// The verb by itself: every filter it has.
pub(super) fn show(visit: &Visit<'_>) -> Answer {
    let Some(verb) = known("usage show") else {
        return crate::page::fault::missing(visit);
    };
    let asked = visit.query.without(&["span", "done"]);
    let said = listing::ask(visit, verb, &asked);
    let status = said
        .as_ref()
        .map_or_else(|error| crate::problem::status(error).as_u16(), |_| 200);
    let step = if asked.get("step") == Some("hour") {
        Step::Hour
    } else {
        Step::Day
    };
    let span = Span {
        name: "",
        words: "days asked for",
        micros: 0,
        step,
    };
    let body = html! {
        section class="card" aria-label="Filters" { (filters(visit, (verb.input)().as_value(), (verb.fields)())) }
        @match &said {
            Err(error) => (problem(error)),
            Ok(said) => {
                @let used = Use::of(said.list("points"));
                (card("Requests", &html! {}, &requests(&used, span)))
                div class="columns" {
                    (card("Tokens", &html! {}, &tokens(&used, span)))
                    (card("Spend", &html! {}, &spend(&used, span)))
                }
            },
        }
    };
    let page = Sheet {
        title: "Use over time",
        above: vec![("Cost", "/cost".to_owned())],
        lead: html! { "Requests, tokens and money of the house, an organisation, an account or a model." },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(status, sheet(visit, &page))
}
