//! One run, whole: where it stands, how it came there, what was measured and spent.

use ::distill::folder::Folder;
use ::distill::runs::{self, Runs, Told};
use ::distill::{State, kept, plan};
use record::{Actor, Cause, Quote, RunEvent, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::curve::{Curve, Point, Spent, curves, scores, spent};
use super::data::{Funnel, funnel};
use super::teachers::{Taught, teachers};
use super::view::{Row, find, named, row, words};
use crate::error::{Error, Result};
use crate::house::House;

/// What `show` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// The run's id, or its name where that is unique.
    pub run: String,
}

/// A step from one stage to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    /// When.
    pub time: String,
    /// From here.
    pub from: String,
    /// To here.
    pub to: String,
    /// Why, in words.
    pub why: String,
    /// Who caused it; null for the run itself.
    pub by: Option<String>,
    /// For a roll-back: the step that it went back to.
    pub back_to: Option<u64>,
}

/// A stage on the way of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Passed {
    /// Which.
    pub stage: String,
    /// `done`, `skipped` where the run does not have it, `here`, `paused`, `stopped` where the run
    /// ended in it, or `ahead`.
    pub how: String,
}

/// A measurement that went out of bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    /// Which.
    pub alarm: String,
    /// When.
    pub time: String,
    /// In which stage.
    pub stage: String,
    /// At which step.
    pub step: u64,
    /// What was measured.
    pub value: f64,
    /// Its bound.
    pub bound: f64,
}

/// What a run was expected to need: low, likely, high.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quoted {
    /// `go`, `cold_start_first` or `do_not`.
    pub verdict: String,
    /// Why, in words.
    pub why: String,
    /// Dollars.
    pub dollars: Vec<String>,
    /// Tokens of the teacher.
    pub tokens: Vec<u64>,
    /// Seconds on this machine.
    pub seconds: Vec<f64>,
}

impl From<&Quote> for Quoted {
    fn from(quote: &Quote) -> Self {
        let amounts = quote.amount.iter();
        Self {
            verdict: quote.verdict.clone(),
            why: quote.why.clone(),
            dollars: amounts.clone().map(|a| a.money.to_string()).collect(),
            tokens: amounts.map(|a| a.tokens).collect(),
            seconds: quote.seconds.iter().map(|s| s.get()).collect(),
        }
    }
}

/// One run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// In short.
    pub row: Row,
    /// The last entry that speaks of it.
    pub revision: u64,
    /// The entry that made it.
    pub entry: u64,
    /// Its settings, settled.
    pub spec: Value,
    /// Its seed.
    pub seed: u64,
    /// Its teachers, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<Taught>,
    /// The run that it was forked from.
    pub parent: Option<String>,
    /// Steps after which there is a checkpoint that a fork can begin with.
    pub checkpoints: Vec<u64>,
    /// What can be done with it as it stands: `pause`, `resume`, `cancel`.
    pub can: Vec<String>,
    /// What it was expected to need.
    pub quote: Option<Quoted>,
    /// Seconds of learning so far.
    pub seconds: f64,
    /// Steps of the cold start that were taken; those on policy come after them.
    pub cold_steps: u64,
    /// Steps that its settings foresee, of both stages.
    pub all_steps: u64,
    /// The student's scores, in order.
    pub scores: Vec<Point>,
    /// Curves.
    pub curves: Vec<Curve>,
    /// What was spent, step by step.
    pub spent: Vec<Spent>,
    /// Measurements that went out of bounds.
    pub alarms: Vec<Alarm>,
    /// Paid calls that were answered.
    pub bought: u64,
    /// Paid calls whose answer was lost or no use.
    pub lost: u64,
    /// The student's files, with the BLAKE3 of each.
    pub files: Vec<File>,
    /// The stages in order, and how far it has come.
    pub way: Vec<Passed>,
    /// Stages it went through.
    pub moves: Vec<Move>,
    /// How rows became what it learns from; null where its folder is not on this machine.
    pub data: Option<Funnel>,
}

/// A file of the student.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// `safetensors`, `gguf`, `adapter` or `card`.
    pub form: String,
    /// Where, below the run's folder.
    pub path: String,
    /// BLAKE3 of its bytes.
    pub digest: String,
}

/// One run.
///
/// # Errors
/// There is none; the ledger's; its folder's.
pub fn show(house: &House, _: &Actor, input: Show) -> Result<Run> {
    let found = find(&house.folded, &input.run)?;
    let folder = Folder::new(&house.runs, found.id);
    let mut run = whole(&found)?;
    run.row.driven = folder.is_driven();
    run.data = kept::funnel(&folder)?.map(funnel);
    Ok(run)
}

/// One run as the ledger alone tells it.
///
/// # Errors
/// There is none; the ledger's.
pub fn shown(runs: &Runs, text: &str) -> Result<Run> {
    whole(&*find(runs, text)?)
}

fn whole(run: &runs::Run) -> Result<Run> {
    let state = &run.state;
    let files = state.exported.iter().map(|file| File {
        form: file.form.clone(),
        path: file.path.clone(),
        digest: hex::encode(file.digest),
    });
    Ok(Run {
        row: row(run),
        revision: run.revision,
        entry: run.entry,
        spec: serde_json::to_value(&state.spec).map_err(Error::internal)?,
        seed: state.created.seed,
        teachers: teachers(&state.spec),
        parent: state.created.parent.map(|(run, _)| run.to_string()),
        checkpoints: checkpoints(state),
        can: can(state),
        quote: state.quote.as_ref().map(Quoted::from),
        seconds: state.seconds,
        cold_steps: state.done(Stage::ColdStart),
        all_steps: [Stage::ColdStart, Stage::OnPolicy]
            .into_iter()
            .filter_map(|stage| state.spec.stage(stage))
            .map(|learns| learns.steps)
            .sum(),
        scores: scores(state),
        curves: curves(state),
        spent: spent(&run.course),
        alarms: run.notes.iter().filter_map(alarm).collect(),
        bought: run.bought,
        lost: run.lost,
        files: files.collect(),
        way: way(state, &run.notes),
        moves: run.notes.iter().filter_map(moved).collect(),
        data: None,
    })
}

/// The stages before an end, in order.
const WAY: [Stage; 8] = [
    Stage::Approval,
    Stage::Plan,
    Stage::Smoke,
    Stage::Collect,
    Stage::Curate,
    Stage::ColdStart,
    Stage::OnPolicy,
    Stage::Evaluate,
];

/// How far the run has come. Its end is the last: the one that it came to, or `held` ahead.
fn way(state: &State, told: &[Told]) -> Vec<Passed> {
    let moves = || {
        told.iter().rev().filter_map(|told| match &told.event {
            RunEvent::Moved {
                from, to, cause, ..
            } => Some((*from, *to, cause)),
            _ => None,
        })
    };
    let is_stopped = matches!(state.stage, Stage::Cancelled | Stage::Failed);
    // Where it was when it ended: a paused one was somewhere before.
    let last = moves()
        .map(|(from, ..)| from)
        .find(|from| WAY.contains(from));
    let (at, how) = match state.stage {
        Stage::Draft => (Stage::Approval, "ahead"),
        Stage::Paused => (state.paused_in.unwrap_or(Stage::Approval), "paused"),
        _ if is_stopped => (last.unwrap_or(Stage::Approval), "stopped"),
        stage => (stage, "here"),
    };
    let is_skipped =
        |stage| moves().any(|(from, _, cause)| from == stage && *cause == Cause::Skipped);
    let mut way: Vec<Passed> = WAY
        .iter()
        .map(|stage| {
            let how = match *stage {
                stage if stage == at => how,
                stage if stage > at => "ahead",
                stage if is_skipped(stage) => "skipped",
                _ => "done",
            };
            Passed {
                stage: named(stage),
                how: how.to_owned(),
            }
        })
        .collect();
    let is_end = !WAY.contains(&at) || is_stopped;
    way.push(Passed {
        stage: named(if is_end { &state.stage } else { &Stage::Held }),
        how: if is_end { "here" } else { "ahead" }.to_owned(),
    });
    way
}

fn checkpoints(state: &State) -> Vec<u64> {
    let stage = state.learning();
    let standing = state.checkpoints.range((stage, 0)..=(stage, u64::MAX));
    standing.map(|((_, step), _)| *step).collect()
}

fn can(state: &State) -> Vec<String> {
    let can = [
        ("pause", plan::allowed(state, Stage::Paused)),
        ("resume", state.stage == Stage::Paused),
        ("cancel", plan::allowed(state, Stage::Cancelled)),
    ];
    let can = can.into_iter().filter(|(_, is_allowed)| *is_allowed);
    can.map(|(verb, _)| verb.to_owned()).collect()
}

fn alarm(told: &Told) -> Option<Alarm> {
    let RunEvent::Alarmed {
        alarm,
        stage,
        step,
        value,
        bound,
    } = &told.event
    else {
        return None;
    };
    Some(Alarm {
        alarm: named(alarm),
        time: told.time.rfc3339(),
        stage: named(stage),
        step: *step,
        value: value.get(),
        bound: bound.get(),
    })
}

fn moved(told: &Told) -> Option<Move> {
    let RunEvent::Moved {
        from,
        to,
        cause,
        actor,
        back_to,
    } = &told.event
    else {
        return None;
    };
    Some(Move {
        time: told.time.rfc3339(),
        from: named(from),
        to: named(to),
        why: words(cause),
        by: match actor {
            Actor::House => None,
            Actor::Operator(name) => Some(name.clone()),
        },
        back_to: *back_to,
    })
}
