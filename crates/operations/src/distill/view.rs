//! Runs as they are shown: a row of each, one whole with its curves, two side by side.

use ::distill::State;
use ::distill::runs::{self, Told};
use ::ledger::Reader;
use record::id::kind;
use record::{Cause, Id, Metric, RunEvent, Score, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands, such as `on_policy` or `paused`.
    pub stage: String,
    /// Where it goes on when it is resumed.
    pub paused_in: Option<String>,
    /// Why it stands there, in words.
    pub why: String,
    /// Its teacher.
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
    /// Scores on the hold-out: low, value, high.
    pub start: Option<[f64; 3]>,
    /// The teacher's.
    pub teacher_score: Option<[f64; 3]>,
    /// The student's, newest.
    pub student: Option<[f64; 3]>,
    /// The share of the gap that the student recovered.
    pub gap_recovered: Option<f64>,
    /// When it was made.
    pub created: String,
    /// The last entry that speaks of it.
    pub revision: u64,
}

/// A number over the steps of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// What, such as `loss` or `kl`.
    pub metric: String,
    /// In which stage.
    pub stage: String,
    /// Steps and values, in order.
    pub points: Vec<(u64, f64)>,
}

/// A measured student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// In which stage.
    pub stage: String,
    /// After which step.
    pub step: u64,
    /// Low, value, high.
    pub score: [f64; 3],
}

/// One run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// In short.
    pub row: Row,
    /// Its settings.
    pub spec: Value,
    /// The quote: verdict, why, and what it would need.
    pub quote: Option<Value>,
    /// The student's scores, in order.
    pub scores: Vec<Point>,
    /// Curves.
    pub curves: Vec<Curve>,
    /// Alarms: which, in which stage, at which step.
    pub alarms: Vec<(String, String, u64)>,
    /// Paid calls that were answered.
    pub bought: u64,
    /// Paid calls whose answer was lost or no use.
    pub lost: u64,
    /// The student's files.
    pub files: Vec<(String, String)>,
    /// Stages it went through: when, where to, why.
    pub moves: Vec<(String, String, String)>,
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
pub fn list(reader: &Reader) -> Result<Vec<Row>> {
    let mut last = std::collections::BTreeMap::new();
    for told in runs::events(reader.read(1..)) {
        let told = told?;
        last.insert(told.run, told.seq);
    }
    let all = runs::all(reader.read(1..))?;
    let rows = all.iter().rev();
    Ok(rows
        .map(|(run, state)| row(*run, state, last.get(run).copied().unwrap_or(0)))
        .collect())
}

/// One run.
///
/// # Errors
/// There is none; the ledger's.
pub fn show(reader: &Reader, text: &str) -> Result<Run> {
    let id = find(reader, text)?;
    let told: Vec<Told> = runs::events(reader.read(1..))
        .filter(|told| told.as_ref().map_or(true, |told| told.run == id))
        .collect::<::distill::Result<_>>()?;
    let state = State::fold(told.iter().map(|told| &told.event)).map_err(::distill::Error::from)?;
    let revision = told.last().map_or(0, |told| told.seq);
    let moves = told.iter().filter_map(|told| match &told.event {
        RunEvent::Moved { to, cause, .. } => Some((told.time.rfc3339(), stage(*to), words(cause))),
        _ => None,
    });
    let count = |wanted: fn(&RunEvent) -> bool| {
        told.iter().filter(|told| wanted(&told.event)).count() as u64
    };
    let json = |value: serde_json::Result<Value>| {
        value.map_err(|error| Error::Internal {
            message: error.to_string(),
            hint: None,
        })
    };
    Ok(Run {
        row: row(id, &state, revision),
        spec: json(serde_json::to_value(&state.spec))?,
        quote: state
            .quote
            .as_ref()
            .map(|quote| json(serde_json::to_value(quote)))
            .transpose()?,
        scores: state
            .evaluations
            .iter()
            .map(|e| Point {
                stage: stage(e.stage),
                step: e.step,
                score: interval(&e.score),
            })
            .collect(),
        curves: curves(&state),
        alarms: state
            .alarms
            .iter()
            .map(|(alarm, at, step)| (lower(alarm), stage(*at), *step))
            .collect(),
        bought: count(|event| matches!(event, RunEvent::Bought { .. })),
        lost: count(|event| matches!(event, RunEvent::Lost { .. })),
        files: state
            .exported
            .iter()
            .map(|file| (file.path.clone(), hex::encode(file.digest)))
            .collect(),
        moves: moves.collect(),
    })
}

/// What differs between two runs: settings, then what came of them.
///
/// # Errors
/// There are not both; the ledger's.
pub fn diff(reader: &Reader, a: &str, b: &str) -> Result<Vec<Difference>> {
    let (a, b) = (show(reader, a)?, show(reader, b)?);
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
        Value::String(text) => out.push((prefix.to_owned(), side, text.clone())),
        other => out.push((prefix.to_owned(), side, other.to_string())),
    }
}

/// A run by its id, or by its name where that is unique.
pub(super) fn find(reader: &Reader, text: &str) -> Result<Id<kind::Run>> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let all = runs::all(reader.read(1..))?;
    let mut named = all.iter().filter(|(_, state)| state.created.name == text);
    match (named.next(), named.next()) {
        (Some((id, _)), None) => Ok(*id),
        (Some((one, _)), Some((other, _))) => Err(Error::Conflict {
            message: format!("more than one run is called `{text}`"),
            hint: Some(format!("name it by its id, such as {one} or {other}")),
        }),
        _ => Err(Error::missing(
            format!("there is no run `{text}`"),
            Some("`stillhouse distill list` shows what there is".into()),
        )),
    }
}

/// A run in short.
pub(super) fn row(id: Id<kind::Run>, state: &State, revision: u64) -> Row {
    let at = state.paused_in.unwrap_or(state.stage);
    let learns = state.spec.stage(at);
    let student = state.evaluations.last().map(|e| &e.score);
    let value = |score: Option<&Score>| score.map(|score| score.score.value.get());
    let gap = match (
        value(state.start.as_ref()),
        value(state.teacher.as_ref()),
        value(student),
    ) {
        (Some(start), Some(teacher), Some(student)) if teacher > start => {
            Some((student - start) / (teacher - start))
        }
        _ => None,
    };
    Row {
        id: id.to_string(),
        name: state.created.name.clone(),
        stage: stage(state.stage),
        paused_in: state.paused_in.map(stage),
        why: why(state),
        teacher: state.spec.teacher.name.clone(),
        step: learns.map_or(0, |_| state.done(at)),
        steps: learns.map_or(0, |learns| learns.steps),
        spent_dollars: state.spent.money.to_string(),
        budget_dollars: state.created.budget.money.to_string(),
        spent_tokens: state.spent.tokens,
        budget_tokens: state.created.budget.tokens,
        start: state.start.as_ref().map(interval),
        teacher_score: state.teacher.as_ref().map(interval),
        student: student.map(interval),
        gap_recovered: gap,
        created: crate::shapes::made(id).rfc3339(),
        revision,
    }
}

fn interval(score: &Score) -> [f64; 3] {
    let s = &score.score;
    [s.low.get(), s.value.get(), s.high.get()]
}

fn curves(state: &State) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for ((at, step), taken) in &state.steps {
        for measure in &taken.measures {
            let (metric, at) = (snake(measure.metric), stage(*at));
            let point = (*step, measure.value.get());
            let known = curves
                .iter_mut()
                .find(|curve| curve.metric == metric && curve.stage == at);
            match known {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve {
                    metric,
                    stage: at,
                    points: vec![point],
                }),
            }
        }
    }
    curves
}

fn snake(metric: Metric) -> String {
    named(&metric)
}

/// A stage as it is written.
pub(super) fn stage(stage: Stage) -> String {
    named(&stage)
}

fn lower(alarm: &record::Alarm) -> String {
    named(alarm)
}

/// An enumeration's word, as its stored form has it.
fn named(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Why a run stands where it does, in words.
pub fn why(state: &State) -> String {
    state.cause.as_ref().map(words).unwrap_or_default()
}

/// Why, in words.
fn words(cause: &Cause) -> String {
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
