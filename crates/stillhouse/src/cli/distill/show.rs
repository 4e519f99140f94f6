//! Runs as text: a table of all, a page of one, what differs between two.

use std::time::Duration;

use distill::State;
use operations::distill::{
    self as verbs, Board, Cleaned, Difference, Done, Exported, Measured, Quoted, Run, Started,
    Texts,
};
use record::{Cause, Stage};

use crate::cli::door;
use crate::cli::page::Page;
use crate::cli::{pretty, print};
use crate::failure::Result;
use crate::settings::Settings;

/// How often a run is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A table of runs.
pub(in crate::cli) fn list(runs: Board) -> Page {
    let headings = [
        "RUN", "NAME", "STAGE", "STEP", "START", "TEACHER", "STUDENT", "DOLLARS", "TOKENS",
    ];
    let rows = runs.runs.iter().map(|row| {
        let score =
            |score: &Option<Measured>| score.map_or("-".into(), |s| format!("{:.3}", s.score));
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

/// A run, as its verb gives it.
pub(in crate::cli) fn one(run: Run) -> Page {
    page(&run)
}

/// What was done with a run, or asked of who drives it.
pub(in crate::cli) fn done(done: Done) -> Page {
    Page::default().line(done.said)
}

/// A run that a server drives.
pub(in crate::cli) fn started(started: Started) -> Page {
    let run = &started.run;
    Page::default().line(format!(
        "the server drives run {run}; follow it by: stillhouse distill watch -f {run}"
    ))
}

/// What of runs that are over can go, or went.
pub(in crate::cli) fn cleaned(cleaned: Cleaned) -> Page {
    let size = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let rows = cleaned.runs.iter().map(|run| {
        let files: Vec<String> = run
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        vec![
            run.run.clone(),
            run.name.clone(),
            run.stage.clone(),
            size(run.bytes),
            files.join(" "),
        ]
    });
    let all = size(cleaned.bytes);
    let headings = ["RUN", "NAME", "STAGE", "SIZE", "FILES"];
    let page = Page::table(&headings, rows.collect());
    match (cleaned.applied, cleaned.runs.is_empty()) {
        (_, true) => page,
        (true, _) => page.line(format!("{all} are free now")),
        (false, _) => page.line(format!("{all} can go: --apply removes them")),
    }
}

/// Where a student's files are.
pub(in crate::cli) fn exported(exported: Exported) -> Page {
    Page::default().line(exported.folder.display().to_string())
}

/// Answers to the hold-out, side by side.
pub(in crate::cli) fn texts(texts: Texts) -> Page {
    let rows = texts.items.iter().map(|item| {
        let text = |answer: &Option<verbs::Answer>| match answer {
            Some(answer) => answer.text.trim().replace('\n', " "),
            None => "-".into(),
        };
        vec![
            item.item.clone(),
            text(&item.start),
            text(&item.student),
            text(&item.teacher),
        ]
    });
    Page::table(&["ITEM", "START", "STUDENT", "TEACHER"], rows.collect())
}

/// A run.
pub(super) fn page(run: &Run) -> Page {
    let row = &run.row;
    let score = |score: &Option<Measured>| {
        score.map(|s| format!("{:.3} ({:.3} to {:.3})", s.score, s.low, s.high))
    };
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
    for taught in &run.teachers {
        page = page.line(format!(
            "teacher {}: {} rows ({:.0} %), {} of the hold-out; {}, {}",
            taught.teacher,
            taught.items,
            taught.share * 100.0,
            taught.holdout,
            taught.rows.as_deref().unwrap_or("what no other one takes"),
            if taught.here { "here" } else { "elsewhere" }
        ));
    }
    if let Some(quote) = &run.quote {
        page = page.line(self::quote(quote));
    }
    for alarm in &run.alarms {
        page = page.line(format!(
            "alarm: {} in {}, step {}: {:.3}, bound {:.3}",
            alarm.alarm, alarm.stage, alarm.step, alarm.value, alarm.bound
        ));
    }
    for file in &run.files {
        let digest = &file.digest[..file.digest.len().min(16)];
        page = page.line(format!("{digest}  {}", file.path));
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
    let runs = door::runs(settings)?;
    loop {
        let found = verbs::shown(&runs, run)?;
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
pub(super) fn quote(quote: &Quoted) -> String {
    let three = |texts: &[String]| match texts {
        [low, likely, high] => format!("{likely} ({low} to {high})"),
        _ => String::new(),
    };
    let minutes: Vec<String> = quote
        .seconds
        .iter()
        .map(|seconds| format!("{:.1}", seconds / 60.0))
        .collect();
    let tokens: Vec<String> = quote.tokens.iter().map(u64::to_string).collect();
    format!(
        "plan: {}. {}\n  minutes: {}; dollars: {}; tokens of the teacher: {}",
        quote.verdict.replace('_', " "),
        quote.why,
        three(&minutes),
        three(&quote.dollars),
        three(&tokens),
    )
}
