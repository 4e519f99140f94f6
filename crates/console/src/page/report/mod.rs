//! The report of a replay: one page that needs no server, no script and no other file, for whoever
//! decides whether the guard is worth having. It says how sure the guard is, whom it would have
//! touched, and what it can't know. Every text of the log is escaped; no text of a request is here.

mod subjects;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use operations::replay::{Action, Band, Report, SOURCES};

use super::part::icon::mark;
use super::part::note::note;
use super::part::text::{bytes, count, many, share, span, time};
use super::part::tile::{Mood, Tile, tiles};
use words::{action_does, action_name, band_means, band_mood, band_name};

const STYLES: [&str; 2] = [
    include_str!("../../../assets/console.css"),
    include_str!("../../../assets/report.css"),
];

/// The whole page, as a file.
pub fn replay_report(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { "What the guard found · Stillhouse" }
                @for style in STYLES { style { (PreEscaped(style)) } }
            }
            body {
                main class="report" {
                    (head(report))
                    (remarks(report))
                    (figures(report))
                    (sure(report))
                    (touched(report))
                    (subjects::accounts(report))
                    (subjects::clusters(report))
                    (not_looked_at(report))
                    (not_shown())
                    (foot(report))
                }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    let counts = &report.summary.counts;
    html! {
        header {
            div class="brand" { (mark(22)) "Stillhouse" }
            h1 { "What the guard found" }
            p class="muted" {
                "A replay of " code { (report.summary.settings.input) }
                @if let (Some(from), Some(until)) = (&counts.from, &counts.until) {
                    ", " (time(from)) " to " (time(until)) " UTC"
                }
            }
            p class="lead" { (in_short(report)) }
        }
    }
}

/// The answer first.
fn in_short(report: &Report) -> Markup {
    let (counts, found) = (&report.summary.counts, &report.found);
    let likely = found.bands[Band::Likely as usize] + found.bands[Band::AlmostCertain as usize];
    let touched = |least: Action| {
        let those = found.touched.iter().filter(|one| one.action >= least);
        those.map(|one| one.accounts).max().unwrap_or(0)
    };
    let limited = touched(Action::Strip);
    let proposed = touched(Action::ProposeSuspend);
    html! {
        @if counts.exchanges == 0 {
            "No exchange could be read, so nothing can be said. The end of this page tells why."
        } @else if found.remarkable() == 0 && limited == 0 {
            "Of " (many(counts.accounts, "account", "accounts")) ", none stands out. In "
            (many(counts.exchanges, "exchange", "exchanges"))
            " the guard saw nothing that looks like collecting answers to train another model on."
        } @else {
            "Of " (many(counts.accounts, "account", "accounts")) ", "
            strong { (many(found.remarkable(), "stands out", "stand out")) }
            @if likely > 0 { ", " (count(likely)) " of them beyond what honest accounts show" }
            ". "
            @if limited == 0 {
                "The guard would have limited nobody"
            } @else {
                "The guard would have limited " strong { (many(limited, "account", "accounts")) }
                " (" (share(limited, counts.accounts)) ")"
            }
            @if proposed > 0 {
                ", and would have brought " (many(proposed, "case", "cases"))
                " for suspension before a person"
            }
            "."
        }
        " This was a replay: nobody was touched."
    }
}

/// What the reader must know before the figures.
fn remarks(report: &Report) -> Markup {
    let counts = &report.summary.counts;
    let bad = counts.bad_count();
    html! {
        @if counts.stopped {
            (note(Mood::Warn, &html! { p { strong { "Stopped before the end." }
                " This page tells of what was read by then." } }))
        }
        @if bad > 0 {
            (note(Mood::Warn, &html! { p { strong {
                (many(bad, "line was skipped", "lines were skipped")) "." }
                " They could not be read; see “What was not looked at”." } }))
        }
        @if counts.late > 0 {
            (note(Mood::Warn, &html! { p { strong {
                (many(counts.late, "exchange came", "exchanges came")) " too late to be put in order." }
                " Sort the log by time and replay it again: order carries evidence." } }))
        }
    }
}

fn figures(report: &Report) -> Markup {
    let (counts, found) = (&report.summary.counts, &report.found);
    let tile = |name, figure: u64, note: String| Tile {
        name,
        figure: count(figure),
        note,
        ..Tile::default()
    };
    tiles(&[
        tile("Exchanges", counts.exchanges, String::new()),
        tile("Accounts", counts.accounts, String::new()),
        tile(
            "Stand out",
            found.remarkable(),
            format!("{} of all", share(found.remarkable(), counts.accounts)),
        ),
        tile(
            "Clusters",
            counts.clusters,
            "accounts that belong together".to_owned(),
        ),
    ])
}

/// A bar in a table.
fn bar(part: u64, whole: u64) -> Markup {
    let width = part as f64 / whole.max(1) as f64 * 100.0;
    // What is there at all can be seen.
    let width = if part > 0 { width.max(0.8) } else { 0.0 };
    html! {
        svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
            rect width=(format!("{width:.2}")) height="6" {}
        }
    }
}

fn sure(report: &Report) -> Markup {
    const BANDS: [Band; 5] = [
        Band::AlmostCertain,
        Band::Likely,
        Band::Suspected,
        Band::Unusual,
        Band::Unremarkable,
    ];
    let all: u64 = report.found.bands.iter().sum();
    html! {
        section {
            h2 { "How sure it is" }
            p { "Each account is in one band, by how much the evidence says against what honest accounts \
                 of its kind show. The bands are the fixed words of the guard's memos." }
            div class="card scroll" { table {
                thead { tr { th scope="col" { "Band, and what it means" }
                    th scope="col" class="num" { "Accounts" } th scope="col" class="num" { "Share" }
                    th scope="col" { span class="hide" { "As a bar" } } } }
                tbody { @for band in BANDS {
                    @let accounts = report.found.bands[band as usize];
                    tr {
                        th scope="row" { (super::part::tile::badge(band_mood(band), band_name(band)))
                            span class="sub" { (band_means(band)) } }
                        td class="num" { (count(accounts)) }
                        td class="num" { (share(accounts, all)) }
                        td { (bar(accounts, all)) }
                    }
                } }
            } }
        }
    }
}

fn touched(report: &Report) -> Markup {
    let counts = &report.summary.counts;
    html! {
        section {
            h2 { "Whom it would have touched" }
            p { "What the guard would have proposed, for an account or for all of its cluster. Measures \
                 end by themselves, the account is told, and it can appeal; only a person suspends." }
            div class="card scroll" { table {
                thead { tr { th scope="col" { "Measure, and what it does" }
                    th scope="col" class="num" { "Accounts" } th scope="col" class="num" { "Share" }
                    th scope="col" class="num" { "Exchanges after" } } }
                tbody {
                    @for one in &report.found.touched { tr {
                        th scope="row" { (action_name(one.action))
                            span class="sub" { (action_does(one.action)) } }
                        td class="num" { (count(one.accounts)) }
                        td class="num" { (share(one.accounts, counts.accounts)) }
                        td class="num" { (count(one.exchanges)) }
                    } }
                    @if report.found.touched.is_empty() { tr { td colspan="4" { "No account was read." } } }
                }
            } }
            p class="muted small" { "“Exchanges after” counts what those accounts sent from the proposal \
                on: what a measure would have met." }
        }
    }
}

fn not_looked_at(report: &Report) -> Markup {
    let counts = &report.summary.counts;
    let sources = &report.summary.sources;
    let rows = SOURCES.iter().zip(sources.seen).map(|(source, seen)| {
        let whole = if source.of_accounts {
            counts.accounts
        } else {
            counts.exchanges
        };
        (source, seen, whole)
    });
    html! {
        section {
            h2 { "What was not looked at" }
            p { "A signal whose source the log lacks is silent: it speaks neither for nor against \
                 anybody. The more of these there are, the more the guard can see." }
            div class="card scroll" { table class="dense" {
                thead { tr { th scope="col" { "Source" } th scope="col" class="num" { "In the log" }
                    th scope="col" { "Without it, not seen" } } }
                tbody { @for (source, seen, whole) in rows { tr {
                    th scope="row" { (source.what) }
                    td class="num" {
                        @if seen == 0 { "absent" } @else {
                            (share(seen, whole))
                            span class="sub" { "of " (if source.of_accounts { "accounts" } else { "exchanges" }) }
                        }
                    }
                    td class="says" { (source.without) }
                } } }
            } }
            (skipped(report))
        }
    }
}

fn skipped(report: &Report) -> Markup {
    let counts = &report.summary.counts;
    let bad = counts.bad_count();
    html! {
        @if counts.passed_over > 0 {
            p { (many(counts.passed_over, "line", "lines"))
                " of the log were no requests to a model (pages, health checks, lists) and were passed over." }
        }
        @if bad > 0 {
            h3 { "Lines that could not be read" }
            div class="card scroll" { table class="dense" {
                thead { tr { th scope="col" { "Where" } th scope="col" { "What is wrong" } } }
                tbody {
                    @for line in counts.bad_lines.iter().take(20) { tr {
                        td class="time" { code { (line.file) ":" (line.line) } }
                        td class="says" { (line.what) }
                    } }
                    @for (reason, number) in &counts.bad { tr {
                        th scope="row" { (super::part::text::words(reason)) }
                        td class="says" { (many(*number, "line", "lines")) " in all" }
                    } }
                }
            } }
        }
    }
}

fn not_shown() -> Markup {
    html! {
        section {
            h2 { "What this does not show" }
            ul class="plain" {
                li { "Intent. The guard sees how answers are asked for, not what becomes of them. Each \
                      finding has honest explanations; a person weighs them before anything that lasts." }
                li { "That the rest is innocent. Who asks little, or like everybody else, is not found \
                      alone. Accounts that act together are found by what they share, and a short log \
                      holds little of it." }
                li { "The false-positive rate of this site. The thresholds were fitted on public texts and \
                      simulated traffic; the rate that is stated for them was measured there. Look at the \
                      accounts above that you know to be honest: that is the best test of it." }
                li { "What measures would have changed. In a replay nobody slows down, goes away or comes \
                      back under another name." }
            }
        }
    }
}

fn foot(report: &Report) -> Markup {
    let summary = &report.summary;
    let settings = &summary.settings;
    html! {
        section {
            h2 { "How it was made" }
            dl class="facts card" style="padding: 8px 16px" {
                div { dt { "Program" } dd { "Stillhouse " (settings.version) } }
                div { dt { "Guard's card" } dd { "fitted on " (settings.card_date) ", " code { (settings.card) } } }
                div { dt { "Read as" } dd { (settings.from)
                    @if let Some(account) = &settings.account { ", accounts by " code { (account) } } } }
                div { dt { "Files" } dd { (settings.files.join(", ")) } }
                div { dt { "Speed" } dd {
                    (count(summary.exchanges_per_second as u64)) " exchanges a second, "
                    (span((summary.seconds * 1e6) as u64)) " in all"
                    @if let Some(memory) = summary.peak_memory_bytes { ", at most " (bytes(memory)) " of memory" }
                } }
                div { dt { "Key of the digests" } dd { (match settings.hash_key.as_str() {
                    "given" => "given with --hash-key",
                    _ => "the fixed one of replays, which is no secret",
                }) } }
                div { dt { "Beside this page" } dd {
                    code { "findings.jsonl" } " (every change, with its evidence), "
                    code { "accounts.jsonl" } ", " code { "clusters.jsonl" } ", " code { "summary.json" }
                } }
            }
            p class="muted small" { "The same log, program and key give the same findings, byte for byte. No \
                text of a request or an answer was kept: the guard sees keyed hashes and counts only." }
        }
    }
}

#[cfg(test)]
mod tests;
