//! Runs in a list, and two side by side.

use std::sync::Arc;

use ::distill::State;
use ::distill::folder::Folder;
use ::distill::runs::{Broken, Run, Runs};
use record::{Actor, Cause, Metric, Score, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::one::shown;
use crate::error::{Error, Result};
use crate::house::House;
use crate::verbs::Nothing;

/// Steps by whose time the time left is told.
const RECENT: usize = 10;

/// Every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Board {
    /// They, newest first.
    pub runs: Vec<Row>,
}

/// A score on the hold-out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// The score.
    pub score: f64,
    /// The lower bound of its 95 % interval.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands, such as `on_policy` or `paused`; `broken` where an entry of it cannot follow
    /// those before.
    pub stage: String,
    /// Where it goes on when it is resumed.
    pub paused_in: Option<String>,
    /// Why it stands there, in words.
    pub why: String,
    /// Whether somebody drives it now, on this machine.
    pub driven: bool,
    /// The grant that it runs under.
    pub grant: String,
    /// Its teacher; several are named one after the other.
    pub teacher: String,
    /// Steps of its present stage that are done.
    pub step: u64,
    /// Steps of its present stage in all.
    pub steps: u64,
    /// What is spent.
    pub spent_dollars: String,
    /// What may be spent.
    pub budget_dollars: String,
    /// Tokens of the teacher that are spent.
    pub spent_tokens: u64,
    /// Tokens of the teacher that may be spent.
    pub budget_tokens: u64,
    /// Seconds until the present stage's steps are done, as the last ones went.
    pub seconds_left: Option<u64>,
    /// What scores: `exact`, `json_fields` or `perplexity`; null before anything was measured.
    pub scorer: Option<String>,
    /// The start model's score on the hold-out.
    pub start: Option<Measured>,
    /// The teacher's.
    pub teacher_score: Option<Measured>,
    /// The student's, newest.
    pub student: Option<Measured>,
    /// The share of the gap that the student recovered.
    pub gap_recovered: Option<f64>,
    /// When it was made.
    pub created: String,
    /// The last entry that speaks of it.
    pub revision: u64,
}

/// Something that differs between two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What.
    pub key: String,
    /// Of the first.
    pub a: String,
    /// Of the second.
    pub b: String,
}

/// Every run, newest first.
///
/// # Errors
/// The ledger's.
pub fn list(house: &House, _: &Actor, _: Nothing) -> Result<Board> {
    let all = house.folded.all()?;
    let good = all.runs.iter().map(|run| (run.entry, row(run), run.id));
    let mut rows: Vec<_> = good.collect();
    for one in &all.broken {
        // One without a first entry has nothing that could be shown.
        if let Some(run) = &one.before {
            rows.push((run.entry, broken(run, one), run.id));
        }
    }
    rows.sort_by_key(|(entry, ..)| std::cmp::Reverse(*entry));
    let rows = rows.into_iter().map(|(_, row, id)| Row {
        driven: Folder::new(&house.runs, id).is_driven(),
        ..row
    });
    Ok(Board {
        runs: rows.collect(),
    })
}

/// A broken run in short, as it was before.
fn broken(run: &Run, broken: &Broken) -> Row {
    Row {
        stage: "broken".into(),
        paused_in: None,
        why: format!("its entries do not fit together: {}", broken.why),
        seconds_left: None,
        ..row(run)
    }
}

/// What differs between two runs: settings, then what came of them.
///
/// # Errors
/// There are not both; the ledger's.
pub fn diff(runs: &Runs, a: &str, b: &str) -> Result<Vec<Difference>> {
    let (a, b) = (shown(runs, a)?, shown(runs, b)?);
    let mut keys = Vec::new();
    flatten("", &a.spec, &mut keys, 0);
    flatten("", &b.spec, &mut keys, 1);
    for (side, run) in [&a, &b].into_iter().enumerate() {
        let row = serde_json::to_value(&run.row).unwrap_or_default();
        flatten("", &row, &mut keys, side);
    }
    let mut found: Vec<Difference> = Vec::new();
    for (key, side, value) in keys {
        match found.iter_mut().find(|known| known.key == key) {
            Some(known) if side == 1 => known.b = value,
            Some(known) => known.a = value,
            None => {
                let mut new = Difference {
                    key,
                    a: String::new(),
                    b: String::new(),
                };
                *(if side == 1 { &mut new.b } else { &mut new.a }) = value;
                found.push(new);
            }
        }
    }
    found.retain(|difference| difference.a != difference.b);
    Ok(found)
}

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, usize, String)>, side: usize) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let key = match prefix {
                    "" => name.clone(),
                    prefix => format!("{prefix}.{name}"),
                };
                flatten(&key, inner, out, side);
            }
        }
        // What has a name is compared by it, not by its place.
        Value::Array(items) if !items.is_empty() && items.iter().all(|i| i["name"].is_string()) => {
            for item in items {
                let key = format!("{prefix}.{}", item["name"].as_str().unwrap_or_default());
                flatten(&key, item, out, side);
            }
        }
        Value::String(text) => out.push((prefix.to_owned(), side, text.clone())),
        other => out.push((prefix.to_owned(), side, other.to_string())),
    }
}

/// A run by its id, or by its name where that is unique.
pub(super) fn find(runs: &Runs, text: &str) -> Result<Arc<Run>> {
    if let Ok(id) = text.parse() {
        return Ok(runs.one(id)?);
    }
    let all = runs.all()?;
    let mut named = all.runs.iter().filter(|run| run.state.created.name == text);
    match (named.next(), named.next()) {
        (Some(run), None) => Ok(Arc::clone(run)),
        (Some(one), Some(other)) => Err(Error::Conflict {
            message: format!("more than one run is called `{text}`"),
            hint: Some(format!(
                "name it by its id, such as {} or {}",
                one.id, other.id
            )),
        }),
        _ => {
            let broken = all.broken.into_iter().find(|broken| {
                let run = broken.before.as_ref();
                run.is_some_and(|run| run.state.created.name == text)
            });
            Err(match broken {
                Some(broken) => ::distill::Error::Illegal(broken.why).into(),
                None => Error::missing(
                    format!("there is no run `{text}`"),
                    Some("`stillhouse distill list` shows what there is".into()),
                ),
            })
        }
    }
}

/// A run in short.
pub(super) fn row(run: &Run) -> Row {
    let (id, state, revision) = (run.id, &run.state, run.revision);
    let at = state.paused_in.unwrap_or(state.stage);
    let learns = state.spec.stage(at);
    let student = state.evaluations.last().map(|e| &e.score);
    Row {
        id: id.to_string(),
        name: state.created.name.clone(),
        stage: named(&state.stage),
        paused_in: state.paused_in.as_ref().map(named),
        why: why(state),
        driven: false,
        grant: state.created.grant.to_string(),
        teacher: state.spec.teachers_named(),
        step: learns.map_or(0, |_| state.done(at)),
        steps: learns.map_or(0, |learns| learns.steps),
        spent_dollars: state.spent.money.to_string(),
        budget_dollars: state.created.budget.money.to_string(),
        spent_tokens: state.spent.tokens,
        budget_tokens: state.created.budget.tokens,
        seconds_left: seconds_left(state, at),
        scorer: state.start.as_ref().or(student).map(|s| s.scorer.clone()),
        start: state.start.as_ref().map(measured),
        teacher_score: state.teacher.as_ref().map(measured),
        student: student.map(measured),
        gap_recovered: distill::state::gap(state),
        created: crate::shapes::made(id).rfc3339(),
        revision,
    }
}

/// The time of the steps that are left, by the mean of the last ones.
fn seconds_left(state: &State, at: Stage) -> Option<u64> {
    let all = state.spec.stage(at)?.steps;
    let left = all.saturating_sub(state.done(at));
    let steps = state.steps.range((at, 0)..=(at, u64::MAX)).rev();
    let recent: Vec<f64> = steps
        .take(RECENT)
        .map(|(_, step)| {
            let parts = [
                Metric::SampleSeconds,
                Metric::ScoreSeconds,
                Metric::LearnSeconds,
            ];
            parts.into_iter().filter_map(|part| step.get(part)).sum()
        })
        .collect();
    let mean = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
    // Steps of a run take seconds to minutes: far from where a float is no whole number.
    (left > 0 && mean > 0.0).then_some((mean * left as f64).round() as u64)
}

fn measured(score: &Score) -> Measured {
    let [low, score, high] = interval(score);
    Measured { score, low, high }
}

/// Low, value, high.
pub(super) fn interval(score: &Score) -> [f64; 3] {
    let s = &score.score;
    [s.low.get(), s.value.get(), s.high.get()]
}

/// An enumeration's word, as its stored form has it.
pub(super) fn named(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Why a run stands where it does, in words.
pub fn why(state: &State) -> String {
    state.cause.as_ref().map(words).unwrap_or_default()
}

/// Why, in words.
pub(super) fn words(cause: &Cause) -> String {
    match cause {
        Cause::Done => "the stage before is done".into(),
        Cause::Skipped => "the run does not have the stage before".into(),
        Cause::Asked(why) if why.is_empty() => "somebody asked for it".into(),
        Cause::Asked(why) => format!("somebody asked for it: {why}"),
        Cause::Budget => "the budget is used up: less is left than the next step may take".into(),
        Cause::Grant(why) | Cause::Failed(why) | Cause::Advice(why) => why.clone(),
        Cause::Disk { free } => format!("only {} MB of disk are free", free / 1_000_000),
        Cause::Alarm(alarm) => format!("alarm: {}", named(alarm)),
    }
}
