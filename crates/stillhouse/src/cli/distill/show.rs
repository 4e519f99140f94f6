//! Runs as text: a table of all, a page of one, what differs between two.

use std::time::Duration;

use distill::State;
use operations::distill::{self as verbs, Difference, Row, Run};
use record::{Cause, Quote, Stage};

use crate::cli::door;
use crate::cli::page::Page;
use crate::cli::{pretty, print};
use crate::failure::Result;
use crate::settings::Settings;

/// How often a run is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A table of runs.
pub(super) fn list(rows: &[Row]) -> Page {
    let headings = [
        "RUN", "NAME", "STAGE", "STEP", "START", "TEACHER", "STUDENT", "DOLLARS", "TOKENS",
    ];
    let rows = rows.iter().map(|row| {
        let score = |score: &Option<[f64; 3]>| score.map_or("-".into(), |s| format!("{:.3}", s[1]));
        vec![
            row.id.clone(),
            row.name.clone(),
            row.stage.clone(),
            format!("{}/{}", row.step, row.steps),
            score(&row.start),
            score(&row.teacher_score),
            score(&row.student),
            format!("{}/{}", row.spent_dollars, row.budget_dollars),
            format!("{}/{}", row.spent_tokens, row.budget_tokens),
        ]
    });
    Page::table(&headings, rows.collect())
}

/// A run.
pub(super) fn page(run: &Run) -> Page {
    let row = &run.row;
    let score = |score: &Option<[f64; 3]>| {
        score.map(|[low, value, high]| format!("{value:.3} ({low:.3} to {high:.3})"))
    };
    let quote = run.quote.as_ref();
    let quote = quote.and_then(|quote| serde_json::from_value::<Quote>(quote.clone()).ok());
    let mut page = Page::fields(vec![
        ("run", Some(row.id.clone())),
        ("name", Some(row.name.clone())),
        ("stage", Some(row.stage.clone())),
        ("why", Some(row.why.clone())),
        ("teacher", Some(row.teacher.clone())),
        (
            "step",
            (row.steps > 0).then(|| format!("{} of {}", row.step, row.steps)),
        ),
        ("score of the start", score(&row.start)),
        ("score of the teacher", score(&row.teacher_score)),
        ("score of the student", score(&row.student)),
        (
            "gap recovered",
            row.gap_recovered.map(|gap| format!("{:.0} %", gap * 100.0)),
        ),
        (
            "dollars",
            Some(format!("{} of {}", row.spent_dollars, row.budget_dollars)),
        ),
        (
            "teacher's tokens",
            Some(format!("{} of {}", row.spent_tokens, row.budget_tokens)),
        ),
    ]);
    if let Some(quote) = quote {
        page = page.line(self::quote(&quote));
    }
    for (alarm, stage, step) in &run.alarms {
        page = page.line(format!("alarm: {alarm} in {stage}, step {step}"));
    }
    for (path, digest) in &run.files {
        page = page.line(format!("{}  {path}", &digest[..digest.len().min(16)]));
    }
    page
}

/// What differs.
pub(super) fn diff(found: &[Difference], (a, b): (&str, &str)) -> Page {
    let rows = found
        .iter()
        .map(|d| vec![d.key.clone(), d.a.clone(), d.b.clone()]);
    Page::table(&["WHAT", a, b], rows.collect())
}

/// Shows a run, again and again where it is followed.
///
/// # Errors
/// There is none; the ledger's.
pub(super) fn watch(settings: &Settings, run: &str, follow: bool, json: bool) -> Result<()> {
    let mut seen = None;
    loop {
        let found = verbs::show(&door::reader(settings)?, run)?;
        if seen != Some(found.row.revision) {
            seen = Some(found.row.revision);
            print(&match (json, follow) {
                (true, false) => pretty(&found),
                (true, true) => format!(
                    "{}\n",
                    serde_json::to_string(&found.row).unwrap_or_default()
                ),
                (false, _) => page(&found).to_string(),
            })?;
        }
        let ended = [
            "held",
            "released",
            "rejected",
            "cancelled",
            "failed",
            "paused",
        ];
        if !follow || ended.contains(&found.row.stage.as_str()) {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
}

/// A stage as it is written.
pub(super) fn stage(stage: Stage) -> String {
    let value = serde_json::to_value(stage).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether there is nothing to say of why a run stands where it does.
pub(super) fn is_plain(state: &State) -> bool {
    matches!(state.cause, None | Some(Cause::Done | Cause::Skipped))
}

/// Why a run stands where it does.
pub(super) fn why(state: &State) -> String {
    verbs::why(state)
}

/// A quote in a line or two.
pub(super) fn quote(quote: &Quote) -> String {
    let [low, likely, high] = &quote.amount;
    let [shortest, seconds, longest] = quote.seconds.map(|s| s.get() / 60.0);
    format!(
        "plan: {}. {}\n  {seconds:.1} minutes ({shortest:.1} to {longest:.1}), {} dollars ({} to {}), {} tokens of the teacher ({} to {})",
        quote.verdict.replace('_', " "),
        quote.why,
        likely.money,
        low.money,
        high.money,
        likely.tokens,
        low.tokens,
        high.tokens,
    )
}
