//! Numbers over the steps of a run as plots: lines, the interval of a point, levels to hold them
//! against. Drawn by the server as [`plot`](super::plot) is, with the same numbers in a table
//! below; what lies ahead of a run that goes on is left free.

use maud::{Markup, html};

use super::scale;
use super::text::count;

/// A point on the way of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    /// Its step, counted over all stages.
    pub(crate) at: u64,
    /// What people call it, such as `Cold start 3`.
    pub(crate) name: String,
}

/// One course of values.
pub(crate) struct Line<'a> {
    /// What it is.
    pub(crate) name: &'a str,
    /// Its colour, 0 to 3.
    pub(crate) color: u8,
    /// A value for each mark.
    pub(crate) values: Vec<f64>,
    /// Low and high of each value, where they are known.
    pub(crate) between: Vec<(f64, f64)>,
}

/// A value that holds for the whole way.
pub(crate) struct Level<'a> {
    /// What it is.
    pub(crate) name: &'a str,
    /// Its colour, 0 to 3.
    pub(crate) color: u8,
    /// It.
    pub(crate) value: f64,
}

/// A plot over steps.
pub(crate) struct Course<'a> {
    /// Unique on its page.
    pub(crate) id: &'a str,
    /// What it shows, in words.
    pub(crate) title: &'a str,
    /// What the values are: `nats`, `tokens`; `%` for shares of one.
    pub(crate) unit: &'a str,
    /// The points.
    pub(crate) marks: Vec<Mark>,
    /// Its courses.
    pub(crate) lines: Vec<Line<'a>>,
    /// What they are held against.
    pub(crate) levels: Vec<Level<'a>>,
    /// The last step that is foreseen.
    pub(crate) steps: u64,
    /// Where a stage ends and another begins, if it does so within the plot.
    pub(crate) turn: Option<u64>,
    /// What the axis reaches at least.
    pub(crate) reach: f64,
}

const HEIGHT: f64 = 160.0;
/// Where the labels of the steps stand.
const FOOT: f64 = 178.0;
/// Dots are drawn for so few points.
const DOTS: usize = 24;

/// The most points of a plot: a page with several of them stays small.
const MOST: usize = 40;

impl Course<'_> {
    /// Keeps every so manieth point, the last one among them, and says which.
    pub(crate) fn thin(&mut self) -> usize {
        let points = self.marks.len();
        let every = points.div_ceil(MOST).max(1);
        let stays = |index: usize| (points - 1 - index).is_multiple_of(every);
        keep(&mut self.marks, stays);
        for line in &mut self.lines {
            keep(&mut line.values, stays);
            keep(&mut line.between, stays);
        }
        every
    }
}

fn keep<T>(all: &mut Vec<T>, stays: impl Fn(usize) -> bool) {
    let mut index = 0;
    all.retain(|_| {
        index += 1;
        stays(index - 1)
    });
}

/// A number as it stands in a plot: three significant digits, shares as percent.
pub(crate) fn number(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{}%", super::text::short(value * 100.0)),
        _ if value != 0.0 && value.abs() < 0.1 => {
            let places = (2.0 - value.abs().log10().floor()).clamp(0.0, 9.0);
            let text = format!("{value:.*}", places as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => super::text::short(value),
    }
}

/// Draws a plot.
pub(crate) fn course(course: &Course<'_>) -> Markup {
    let lines = course.lines.iter();
    let values = lines.clone().flat_map(|line| &line.values).copied();
    let bounds = lines.flat_map(|line| line.between.iter().flat_map(|(low, high)| [*low, *high]));
    let levels = course.levels.iter().map(|level| level.value);
    let all = values.chain(bounds).chain(levels);
    let (low, high) = all.fold((0.0, course.reach), |(low, high), value| {
        (f64::min(low, value), f64::max(high, value))
    });
    let axis = scale::between(low, high);
    let (title_id, says_id) = (format!("{}-t", course.id), format!("{}-d", course.id));
    html! {
        figure class="plot" data-plot data-steps {
            div class="area" {
                div class="y" aria-hidden="true" {
                    @for tick in (0..=axis.ticks).rev() { span { (number(axis.at(tick), course.unit)) } }
                }
                svg class="shape" role="img" aria-labelledby={ (title_id) " " (says_id) } height="184" {
                    title id=(title_id) { (course.title) }
                    desc id=(says_id) { (description(course)) }
                    @for tick in 0..=axis.ticks {
                        @let y = axis.y(axis.at(tick), HEIGHT) + 0.5;
                        line class=(if tick == 0 { "grid base" } else { "grid" }) x1="0" x2="100%" y1=(place(y)) y2=(place(y)) {}
                    }
                    (turn(course))
                    @for level in &course.levels {
                        @let y = place(axis.y(level.value, HEIGHT));
                        line class={ "level s" (level.color) } x1="0" x2="100%" y1=(y) y2=(y) {}
                    }
                    @for line in &course.lines { (intervals(course, line, &axis)) }
                    svg class="curves" width="100%" height="160" viewBox="0 0 1000 160" preserveAspectRatio="none" {
                        @for line in &course.lines {
                            path class={ "line s" (line.color) } vector-effect="non-scaling-stroke" data-of=(line.name) d=(path(course, line, &axis)) {}
                        }
                    }
                    @for line in &course.lines { (dots(course, line, &axis)) }
                    (ticks(course))
                }
            }
            div class="under" { (table(course)) (legend(course)) }
        }
    }
}

/// How far along the way a mark is, from 0 to 1.
fn share(course: &Course<'_>, at: u64) -> f64 {
    at as f64 / course.steps.max(1) as f64
}

fn percent(course: &Course<'_>, at: u64) -> String {
    format!("{}%", place(share(course, at) * 100.0))
}

fn place(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), ToOwned::to_owned)
}

fn path(course: &Course<'_>, line: &Line<'_>, axis: &scale::Axis) -> String {
    let points = course.marks.iter().zip(&line.values);
    let mut path = String::new();
    for (mark, value) in points {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        let x = place(share(course, mark.at) * 1000.0);
        path.push_str(&format!("{x} {}", place(axis.y(*value, HEIGHT))));
    }
    path
}

fn intervals(course: &Course<'_>, line: &Line<'_>, axis: &scale::Axis) -> Markup {
    html! {
        @for (mark, (low, high)) in course.marks.iter().zip(&line.between) {
            @let x = percent(course, mark.at);
            line class={ "whisker s" (line.color) } x1=(x) x2=(x) y1=(place(axis.y(*low, HEIGHT))) y2=(place(axis.y(*high, HEIGHT))) {}
        }
    }
}

fn dots(course: &Course<'_>, line: &Line<'_>, axis: &scale::Axis) -> Markup {
    html! {
        @if course.marks.len() <= DOTS {
            @for (mark, value) in course.marks.iter().zip(&line.values) {
                circle class={ "point b" (line.color) } cx=(percent(course, mark.at)) cy=(place(axis.y(*value, HEIGHT))) r="2.5" {}
            }
        }
    }
}

/// Where learning from given answers ends and learning from its own begins.
fn turn(course: &Course<'_>) -> Markup {
    let at = course.turn.filter(|at| (1..course.steps).contains(at));
    html! {
        @if let Some(at) = at {
            @let x = percent(course, at);
            line class="turn" x1=(x) x2=(x) y1="0" y2="160" {}
        }
    }
}

/// Labels on round steps.
fn ticks(course: &Course<'_>) -> Markup {
    let every = scale::whole_step(course.steps, 6);
    let last = course.steps - course.steps % every;
    html! {
        @for at in (0..=last).step_by(usize::try_from(every).unwrap_or(1)) {
            @let part = share(course, at);
            @let anchor = match part { part if part < 0.03 => "start", part if part > 0.97 => "end", _ => "middle" };
            text x=(percent(course, at)) y=(FOOT) text-anchor=(anchor) { (count(at)) }
        }
    }
}

fn legend(course: &Course<'_>) -> Markup {
    let line = |name: &str, color: u8, class: &str| {
        html! { li { svg viewBox="0 0 14 4" aria-hidden="true" { path class={ (class) " s" (color) } d="M1 2H13" stroke-width="3" {} } (name) } }
    };
    html! {
        @if course.lines.len() + course.levels.len() > 1 {
            ul class="key" {
                @for one in &course.lines { (line(one.name, one.color, "line")) }
                @for one in &course.levels { (line(&format!("{} {}", one.name, number(one.value, course.unit)), one.color, "level")) }
            }
        }
    }
}

/// What somebody who can't see it should know first.
fn description(course: &Course<'_>) -> String {
    let of = |line: &Line<'_>| {
        let value =
            |value: Option<&f64>| value.map_or_else(String::new, |v| number(*v, course.unit));
        let (first, last) = (value(line.values.first()), value(line.values.last()));
        format!("{}: {first} at first, {last} now.", line.name)
    };
    let lines: Vec<String> = course.lines.iter().map(of).collect();
    let level =
        |level: &Level<'_>| format!("{}: {}.", level.name, number(level.value, course.unit));
    let levels: Vec<String> = course.levels.iter().map(level).collect();
    let unit = if course.unit == "%" {
        "percent"
    } else {
        course.unit
    };
    format!(
        "{unit}, {} points over {} steps. {} {}",
        course.marks.len(),
        count(course.steps),
        lines.join(" "),
        levels.join(" ")
    )
}

fn table(course: &Course<'_>) -> Markup {
    let cell = |line: &Line<'_>, index: usize| {
        let value = line.values.get(index).copied().unwrap_or_default();
        let value = number(value, course.unit);
        match line.between.get(index) {
            Some((low, high)) => {
                let (low, high) = (number(*low, course.unit), number(*high, course.unit));
                format!("{value} ({low} to {high})")
            }
            None => value,
        }
    };
    html! {
        details {
            summary { "As a table" }
            div class="scroll" tabindex="0" role="group" aria-label={ (course.title) ", as a table" } {
                table class="dense" {
                    caption class="hide" { (course.title) " (" (course.unit) ")" }
                    thead { tr { th scope="col" { "Step" } @for line in &course.lines { th scope="col" class="num" { (line.name) } } } }
                    tbody {
                        @for (index, mark) in course.marks.iter().enumerate() {
                            tr data-x=(format!("{:.4}", share(course, mark.at))) {
                                td { (mark.name) }
                                @for line in &course.lines { td class="num" { (cell(line, index)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(values: Vec<f64>) -> Course<'static> {
        let mark = |at: u64| Mark {
            at,
            name: format!("On policy {at}"),
        };
        Course {
            id: "c",
            title: "Distance <b>",
            unit: "nats",
            marks: (0..values.len() as u64).map(|at| mark(at * 10)).collect(),
            lines: vec![Line {
                name: "KL",
                color: 0,
                between: values.iter().map(|v| (v - 0.5, v + 0.5)).collect(),
                values,
            }],
            levels: vec![Level {
                name: "Teacher",
                color: 3,
                value: 2.0,
            }],
            steps: 40,
            turn: Some(20),
            reach: 0.0,
        }
    }

    #[test]
    fn what_lies_ahead_is_left_free_and_numbers_stand_below() {
        let html = course(&two(vec![1.0, -0.25])).into_string();
        // Ten of forty steps are a quarter of the way.
        assert!(html.contains("L250 "), "{html}");
        assert!(html.contains("data-x=\"0.2500\""), "{html}");
        assert!(html.contains("-0.25 (-0.75 to 0.25)"), "{html}");
        assert!(html.contains("KL: 1 at first, -0.25 now."), "{html}");
        assert!(!html.contains("<b>") && html.contains("Teacher 2"));
        assert!(html.contains("class=\"turn\" x1=\"50%\""), "{html}");
    }

    #[test]
    fn a_long_way_is_thinned_and_keeps_its_end() {
        let mut long = two((0..150).map(f64::from).collect());
        assert_eq!(long.thin(), 4);
        assert_eq!((long.marks.len(), long.lines[0].between.len()), (38, 38));
        assert_eq!(long.lines[0].values.last(), Some(&149.0));
        assert_eq!(two(vec![1.0]).thin(), 1);
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        let mut none = two(vec![]);
        none.steps = 0;
        let html = course(&none).into_string();
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    }

    #[test]
    fn numbers_are_short() {
        let of = |value| number(value, "nats");
        assert_eq!(
            [0.0, 0.0123456, 1.5, 1234.0].map(of),
            ["0", "0.0123", "1.5", "1.23 k"]
        );
        assert_eq!(number(0.925, "%"), "92.5%");
    }
}
