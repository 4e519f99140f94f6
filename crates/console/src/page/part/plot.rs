//! Time series as plots: shapes and labels are drawn here, once, so that they stand without
//! script; the same numbers are in a table below for whoever can't see or wants to copy them.
//! Script only adds the reading of single points.
//!
//! Shapes are in a box that stretches; text is outside of it, placed in percent, so that it stays
//! readable at every width.

use maud::{Markup, html};
use record::Time;

use super::scale;
use super::text::{count, dollars, hour, short, short_day, weekday};

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things that are counted; the word for many of them.
    Count(&'static str),
    /// Dollars.
    Dollars,
}

impl Unit {
    fn short(self, value: f64) -> String {
        match self {
            Self::Count(_) => short(value),
            Self::Dollars if value == 0.0 => "$0".to_owned(),
            Self::Dollars if value >= 1000.0 => format!("${}", short(value)),
            Self::Dollars if value >= 1.0 => format!("${value:.2}").replace(".00", ""),
            Self::Dollars => dollars(&format!("{value:.9}")),
        }
    }

    fn exact(self, value: f64) -> String {
        match self {
            // Counts are whole numbers from 0 up.
            Self::Count(_) => count(value as u64),
            Self::Dollars => dollars(&format!("{value:.9}")),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Count(name) => name,
            Self::Dollars => "US dollars",
        }
    }
}

/// The span that each point stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Step {
    /// One of it, in words.
    const fn one(self) -> &'static str {
        match self {
            Self::Hour => "one hour",
            Self::Day => "one day",
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// One course of values.
pub(crate) struct Series<'a> {
    /// What it counts.
    pub(crate) name: &'a str,
    /// Its colour, 0 to 3.
    pub(crate) color: u8,
    /// A value for each time.
    pub(crate) values: Vec<f64>,
}

/// A plot.
pub(crate) struct Plot<'a> {
    /// Unique on its page.
    pub(crate) id: &'a str,
    /// What it shows, in words.
    pub(crate) title: &'a str,
    /// What the values are.
    pub(crate) unit: Unit,
    /// The span of a point.
    pub(crate) step: Step,
    /// When each point begins.
    pub(crate) times: &'a [Time],
    /// Its courses, the most important last.
    pub(crate) series: Vec<Series<'a>>,
    /// Bars for sums of a span; a line else.
    pub(crate) is_bars: bool,
}

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 160.0;
/// Where the labels of the time axis stand.
const FOOT: f64 = 178.0;

/// Draws a plot.
pub(crate) fn plot(plot: &Plot<'_>) -> Markup {
    let all = plot.series.iter().flat_map(|series| &series.values);
    let most = all.copied().fold(0.0, f64::max);
    let (top, step) = scale::axis(most, matches!(plot.unit, Unit::Count(_)));
    let (title_id, says_id) = (format!("{}-t", plot.id), format!("{}-d", plot.id));
    html! {
        figure class="plot" data-plot data-bars[plot.is_bars] {
            div class="area" {
                div class="y" aria-hidden="true" {
                    @for tick in (0..=4).rev() { span { (plot.unit.short(step * f64::from(tick))) } }
                }
                svg class="shape" role="img" aria-labelledby={ (title_id) " " (says_id) } height="184" {
                    title id=(title_id) { (plot.title) }
                    desc id=(says_id) { (description(plot)) }
                    @for tick in 0..=4 {
                        @let y = HEIGHT - HEIGHT / 4.0 * f64::from(tick) + 0.5;
                        line class=(if tick == 0 { "grid base" } else { "grid" }) x1="0" x2="100%" y1=(y) y2=(y) {}
                    }
                    svg class="curves" width="100%" height="160" viewBox="0 0 1000 160" preserveAspectRatio="none" {
                        @for series in &plot.series { (shape(series, top, plot.is_bars)) }
                    }
                    (times(plot))
                }
            }
            div class="under" {
                (table(plot))
                @if plot.series.len() > 1 { (legend(plot)) }
            }
        }
    }
}

fn shape(series: &Series<'_>, top: f64, is_bars: bool) -> Markup {
    if is_bars {
        let bars = scale::bars(&series.values, top, WIDTH, HEIGHT);
        return html! { path class={ "bar b" (series.color) } data-of=(series.name) d=(bars) {} };
    }
    let line = scale::line(&series.values, top, WIDTH, HEIGHT);
    html! {
        path class={ "f" (series.color) } d=(scale::area(&line, WIDTH, HEIGHT)) {}
        path class={ "line s" (series.color) } vector-effect="non-scaling-stroke" data-of=(series.name) d=(line) {}
    }
}

fn legend(plot: &Plot<'_>) -> Markup {
    html! {
        ul class="key" {
            @for series in &plot.series {
                li { svg viewBox="0 0 14 4" aria-hidden="true" { path class={ "line s" (series.color) } d="M1 2H13" stroke-width="3" {} } (series.name) }
            }
        }
    }
}

/// What somebody who can't see it should know first.
fn description(plot: &Plot<'_>) -> String {
    let of = |series: &Series<'_>| {
        let sum: f64 = series.values.iter().sum();
        let most = series.values.iter().copied().fold(0.0, f64::max);
        let (sum, most) = (plot.unit.exact(sum), plot.unit.exact(most));
        format!(
            "{}: {sum} together, {most} at most in {}.",
            series.name,
            plot.step.one()
        )
    };
    let series: Vec<String> = plot.series.iter().map(of).collect();
    format!(
        "{} in UTC, {} points. {}",
        plot.unit.name(),
        plot.times.len(),
        series.join(" ")
    )
}

fn stamp(step: Step, time: Time) -> String {
    match step {
        Step::Hour => format!("{} {:02}:00", weekday(time), hour(time)),
        Step::Day => weekday(time),
    }
}

/// Labels on round times, none too near another.
fn times(plot: &Plot<'_>) -> Markup {
    let points = plot.times.len();
    let last = points.saturating_sub(1).max(1) as f64;
    let ticks = plot.times.iter().enumerate().filter_map(|(index, time)| {
        let label = label(plot.step, points, *time)?;
        let at = match plot.is_bars {
            true => (index as f64 + 0.5) / points as f64,
            false => index as f64 / last,
        };
        Some((at * 100.0, label))
    });
    html! {
        @for (at, label) in ticks {
            @let anchor = match at { at if at < 3.0 => "start", at if at > 97.0 => "end", _ => "middle" };
            text x=(format!("{at:.2}%")) y=(FOOT) text-anchor=(anchor) { (label) }
        }
    }
}

fn label(step: Step, points: usize, time: Time) -> Option<String> {
    match step {
        Step::Hour if points <= 50 => {
            let hour = hour(time);
            let day = || short_day(time);
            hour.is_multiple_of(6).then(|| {
                if hour == 0 {
                    day()
                } else {
                    format!("{hour:02}:00")
                }
            })
        }
        Step::Hour => (hour(time) == 0).then(|| short_day(time)),
        // Days since 1 January 1970, a Thursday: every Monday, or every second one.
        Step::Day if points <= 45 => (time.day() % 7 == 4).then(|| short_day(time)),
        Step::Day if points <= 100 => (time.day() % 14 == 4).then(|| short_day(time)),
        Step::Day => (time.day() == time.month_start_day()).then(|| short_day(time)),
    }
}

fn table(plot: &Plot<'_>) -> Markup {
    html! {
        details {
            summary { "As a table" }
            div class="scroll" tabindex="0" role="group" aria-label={ (plot.title) ", as a table" } {
                table class="dense" {
                    caption class="hide" { (plot.title) " (" (plot.unit.name()) ", UTC)" }
                    thead { tr {
                        th scope="col" { (super::text::words(plot.step.name())) }
                        @for series in &plot.series { th scope="col" class="num" { (series.name) } }
                    } }
                    tbody {
                        @for (index, time) in plot.times.iter().enumerate() {
                            tr {
                                td { (stamp(plot.step, *time)) }
                                @for series in &plot.series {
                                    td class="num" { (plot.unit.exact(series.values.get(index).copied().unwrap_or_default())) }
                                }
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

    fn hours(count: u64) -> Vec<Time> {
        let hour = |index| Time::from_micros(1_764_072_000_000_000 + index * 3_600_000_000);
        (0..count).map(hour).collect()
    }

    #[test]
    fn a_plot_says_what_it_shows_and_has_its_numbers() {
        let times = hours(24);
        let plotted = plot(&Plot {
            id: "p",
            title: "Requests <script>",
            unit: Unit::Count("requests"),
            step: Step::Hour,
            times: &times,
            series: vec![Series {
                name: "All",
                color: 0,
                values: (0..24).map(f64::from).collect(),
            }],
            is_bars: false,
        });
        let html = plotted.into_string();
        assert!(
            html.contains("All: 276 together, 23 at most in one hour."),
            "{html}"
        );
        assert!(
            html.contains("Requests &lt;script&gt;") && !html.contains("<script>"),
            "{html}"
        );
        assert_eq!(html.matches("<tr>").count(), 25);
        assert!(
            html.contains(">18:00</text>") && html.contains(">26 Nov</text>"),
            "{html}"
        );
    }

    #[test]
    fn a_week_of_hours_stays_small_and_nothing_is_drawn_as_nothing() {
        let times = hours(168);
        let series = |name| Series {
            name,
            color: 0,
            values: vec![1234.0; 168],
        };
        let html = plot(&Plot {
            id: "p",
            title: "t",
            unit: Unit::Count("requests"),
            step: Step::Hour,
            times: &times,
            series: vec![series("a"), series("b")],
            is_bars: false,
        });
        assert!(html.into_string().len() < 30_000);
        let none = plot(&Plot {
            id: "p",
            title: "t",
            unit: Unit::Dollars,
            step: Step::Day,
            times: &[],
            series: vec![Series {
                name: "a",
                color: 0,
                values: vec![],
            }],
            is_bars: true,
        });
        assert!(!none.into_string().contains("NaN"));
    }
}
