//! Small figures: a tile with its unit and time span, a badge for a state, a bar for a budget.

use maud::{Markup, html};

use super::scale::spark_path;
use super::text::{NONE, dollars, short};

/// How a state is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should be.
    Ok,
    /// Somebody should look.
    Warn,
    /// Broken, or refused.
    Bad,
    /// Worth knowing.
    Info,
    /// Neither good nor bad.
    Calm,
}

impl Mood {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Calm => "",
        }
    }
}

/// A state in words; the colour only repeats it.
pub(crate) fn badge(mood: Mood, text: &str) -> Markup {
    html! { span class={ "badge " (mood.class()) } { (text) } }
}

/// The badge of a state's name as verbs give it.
pub(crate) fn state(name: &str) -> Markup {
    let mood = match name {
        "live" | "active" | "good" | "ready" | "on" | "completed" => Mood::Ok,
        "expired" | "spooling" | "invited" | "client_left" | "half_open" => Mood::Warn,
        "full" | "poisoned" | "upstream_error" | "upstream_broken" | "down" | "refused" => {
            Mood::Bad
        }
        _ => Mood::Calm,
    };
    badge(mood, &super::text::words(name))
}

/// A badge for an HTTP status.
pub(crate) fn status(status: u64) -> Markup {
    let mood = match status {
        200..400 => Mood::Ok,
        400..500 => Mood::Warn,
        _ => Mood::Bad,
    };
    badge(mood, &status.to_string())
}

/// A label without a state.
pub(crate) fn label(text: &str) -> Markup {
    html! { span class="badge plain" { (text) } }
}

/// A figure with its name.
#[derive(Default)]
pub(crate) struct Tile<'a> {
    /// What is counted.
    pub(crate) name: &'a str,
    /// The figure, written out.
    pub(crate) figure: String,
    /// Its unit and span, such as `requests / 24 h`.
    pub(crate) unit: &'a str,
    /// A line below: how it compares.
    pub(crate) note: String,
    /// How the note is meant.
    pub(crate) mood: Option<Mood>,
    /// How the figure went, oldest first.
    pub(crate) spark: &'a [f64],
    /// The spark's series, 0 to 3.
    pub(crate) series: u8,
}

/// A row of tiles.
pub(crate) fn tiles(tiles: &[Tile<'_>]) -> Markup {
    html! {
        div class="tiles" {
            @for tile in tiles {
                dl class="card tile" {
                    dt { (tile.name) }
                    dd class="figure" { (tile.figure) @if !tile.unit.is_empty() { " " small { (tile.unit) } } }
                    @if !tile.note.is_empty() {
                        dd class={ "note " (tile.mood.map(Mood::class).unwrap_or_default()) } { (tile.note) }
                    }
                    @if tile.spark.len() > 1 { dd { (spark(tile.spark, tile.series)) } }
                }
            }
        }
    }
}

/// A line without axes: it shows the course, and the figure beside it the size.
pub(crate) fn spark(values: &[f64], series: u8) -> Markup {
    html! {
        svg class="spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true" {
            path class={ "line s" (series) } d=(spark_path(values));
        }
    }
}

/// How much of a bound is used, and how much is held beside it.
pub(crate) fn meter(used: f64, held: f64, most: f64, says: &str, of: &str) -> Markup {
    let part = |value: f64| {
        if most > 0.0 {
            (value / most * 100.0).clamp(0.0, 100.0)
        } else {
            0.0
        }
    };
    let (used, held) = (part(used), part(used + held) - part(used));
    let class = match used + held {
        full if full >= 99.95 => "meter bad",
        near if near >= 80.0 => "meter warn",
        _ => "meter",
    };
    html! {
        div class=(class) {
            div class="says" { span { (says) } span class="muted" { (of) } }
            svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                rect class="used" width=(format!("{used:.1}")) height="6" {}
                rect class="held" x=(format!("{used:.1}")) width=(format!("{held:.1}")) height="6" {}
            }
        }
    }
}

/// How much of a whole is there; all of it is no warning.
pub(crate) fn portion(part: f64, whole: f64, says: &str, of: &str) -> Markup {
    let width = match whole > 0.0 {
        true => (part / whole * 100.0).clamp(0.0, 100.0),
        false => 0.0,
    };
    html! {
        div class="meter" {
            div class="says" { span { (says) } span class="muted" { (of) } }
            svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                rect class="used" width=(format!("{width:.1}")) height="6" {}
            }
        }
    }
}

/// A bar for money: what is spent and reserved of a limit. Nothing where there is no limit.
pub(crate) fn money_meter(spent: &str, reserved: &str, limit: Option<&str>, span: &str) -> Markup {
    let number = |text: &str| text.parse::<f64>().unwrap_or_default();
    let Some(limit) = limit else {
        return html! { span class="muted" { "no limit" } };
    };
    let most = number(limit);
    let used = number(spent);
    let percent = if most > 0.0 {
        format!(" ({}%)", short((used / most * 100.0).floor()))
    } else {
        String::new()
    };
    let says = format!(
        "{}{percent}",
        if spent.is_empty() {
            NONE.to_owned()
        } else {
            dollars(spent)
        }
    );
    meter(
        used,
        number(reserved),
        most,
        &says,
        &format!("of {} {span}", dollars(limit)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_near_its_end_warns() {
        let html = money_meter("80.10", "0", Some("100.00"), "a month").into_string();
        assert!(
            html.contains("meter warn") && html.contains("$80.10 (80%)"),
            "{html}"
        );
        assert!(html.contains("of $100.00 a month"), "{html}");
        let full = money_meter("99.00", "1.00", Some("100"), "").into_string();
        assert!(full.contains("meter bad"), "{full}");
        assert!(
            money_meter("1", "", None, "")
                .into_string()
                .contains("no limit")
        );
        assert!(
            !money_meter("1", "", Some("0"), "")
                .into_string()
                .contains("NaN")
        );
    }

    #[test]
    fn tiles_escape() {
        let tile = Tile {
            name: "<script>",
            figure: "<1".into(),
            ..Tile::default()
        };
        let html = tiles(&[tile]).into_string();
        assert!(
            html.contains("&lt;script&gt;") && !html.contains("<script>"),
            "{html}"
        );
    }
}
