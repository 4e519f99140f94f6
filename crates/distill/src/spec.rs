//! A run's settings, settled: what the run file says, with defaults in place and paths made whole.
//! They go into the ledger as JSON with the run's first entry, so that nothing outside decides
//! what a run does.

use std::path::PathBuf;

use record::{Amount, Money};
use serde::{Deserialize, Serialize};
use trainer::protocol::{self, Kind, Learning, Sampling, Student};

use crate::measure::Rule;
use crate::reward::Reward;

mod teacher;

pub use teacher::{Rows, Served, Share, Teacher};

/// A whole run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// `[run]`
    pub run: Run,
    /// `[student]`
    pub student: Student,
    /// `[teacher]`
    pub teacher: Teacher,
    /// `[[teachers]]`: further ones, each of the rows that it takes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<Teacher>,
    /// `[data]`
    pub data: Data,
    /// `[curate]`: what rows and collected answers must be. Left out: rows are taken as they are, and
    /// of collected answers only what can't be learnt leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curate: Option<crate::curate::Settings>,
    /// `[stages]`
    pub stages: Stages,
    /// `[evaluate]`
    pub evaluate: Evaluate,
    /// `[budget]`
    pub budget: Budget,
    /// `[alarms]`
    #[serde(default)]
    pub alarms: Alarms,
}

/// `[run]`: whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// Decides all that is random.
    #[serde(default)]
    pub seed: u64,
    /// The grant's id, or the first letters of its token.
    pub grant: String,
    /// Threads of the child; 0 for as many as there are cores.
    #[serde(default)]
    pub threads: usize,
    /// The stage after which it pauses by itself, until a person resumes it; not for the run file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<record::Stage>,
}

/// An amount of dollars, written as a number or a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Dollars(pub Money);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Whole(u64),
    Decimal(f64),
}

impl TryFrom<Written> for Dollars {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        // A float by its shortest form is what was written.
        let text = match written {
            Written::Text(text) => text,
            Written::Whole(number) => number.to_string(),
            Written::Decimal(number) => number.to_string(),
        };
        text.parse().map(Self).map_err(|error| format!("{error}"))
    }
}

impl From<Dollars> for String {
    fn from(dollars: Dollars) -> Self {
        dollars.0.to_string()
    }
}

impl Dollars {
    /// As dollars a million tokens: billionths a token, rounded up.
    pub const fn a_token(self) -> u64 {
        self.0.nanos().div_ceil(1_000_000)
    }
}

/// `[data]`: rows, and how prompts are made of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Rows to learn from: JSON lines.
    pub items: PathBuf,
    /// Rows to measure on, never learnt from: JSON lines.
    pub holdout: PathBuf,
    /// What the student is asked, with `{field}` for fields of the row.
    pub student: String,
    /// What the teacher is shown instead, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Whether prompts are a user's message in the model's chat template, or raw text.
    #[serde(default)]
    pub chat: bool,
    /// The field that holds the right answer, for scorers.
    #[serde(default = "expected")]
    pub expected: String,
    /// The field that names the row; the line's number where there is none.
    #[serde(default = "id")]
    pub id: String,
}

/// `[stages]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stages {
    /// Learning from the teacher's texts.
    pub cold_start: Option<Stage>,
    /// Learning from the student's own answers.
    pub on_policy: Option<Stage>,
}

/// `[stages.cold_start]`, `[stages.on_policy]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Steps in all.
    pub steps: u64,
    /// Steps from one checkpoint to the next.
    #[serde(default = "ten")]
    pub checkpoint_every: u64,
    /// Batches, rate and loss.
    pub learning: Learning,
    /// How answers are sampled.
    #[serde(default)]
    pub sampling: Sampling,
    /// Who judges the answers, where the loss is of judged ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<Reward>,
}

/// `[evaluate]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// How answers are judged.
    pub scorer: Rule,
    /// On-policy steps from one evaluation to the next; 0: only at the end.
    #[serde(default)]
    pub every: u64,
    /// Whether the teacher is measured too. One elsewhere is paid for it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub teacher: bool,
    /// Rows of the hold-out that are measured, the first ones; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<usize>,
    /// Most tokens of an answer.
    #[serde(default = "most")]
    pub max_tokens: usize,
    /// Texts that end an answer.
    #[serde(default)]
    pub stop: Vec<String>,
    /// The text that ended an answer stays part of it, as the `}` of a JSON object.
    #[serde(default)]
    pub keep_stop: bool,
}

/// `[budget]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The most it may cost: bought calls, and the machine's time.
    pub dollars: Dollars,
    /// The most tokens of the teacher, scored and written, in process or bought.
    pub tokens: u64,
    /// What an hour of this machine costs.
    #[serde(default)]
    pub machine_dollars_per_hour: Dollars,
}

impl Budget {
    /// Both bounds.
    pub const fn amount(&self) -> Amount {
        Amount {
            money: self.dollars.0,
            tokens: self.tokens,
        }
    }

    /// What so many seconds of the machine cost, rounded up.
    pub fn machine(&self, seconds: f64) -> Money {
        let nanos = self.machine_dollars_per_hour.0.nanos() as f64 * seconds.max(0.0) / 3600.0;
        Money::from_nanos(nanos.ceil() as u64)
    }
}

/// `[alarms]`: bounds whose crossing pauses the run. 0 switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Share of answers cut at the most tokens.
    pub cut: f64,
    /// Mean length over the first steps'.
    pub length: f64,
    /// Share of repeated 4-grams.
    pub repetition: f64,
    /// Entropy under this share of the first steps'.
    pub entropy: f64,
    /// Gradient's norm over the run's median.
    pub gradient: f64,
    /// Distance to the teacher over the run's median.
    pub kl: f64,
    /// Evaluations in a row in which the hold-out's score fell.
    pub holdout: u32,
    /// Common likeliest tokens under this share of the first steps'.
    pub overlap: f64,
    /// Share of learnt tokens whose gradient vanished although their loss had not.
    pub saturated: f64,
    /// Floored log-probabilities and clipped ratios, to the learnt tokens.
    pub clamped: f64,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            cut: 0.2,
            length: 2.0,
            repetition: 0.25,
            entropy: 0.3,
            gradient: 10.0,
            kl: 10.0,
            holdout: 3,
            overlap: 0.5,
            saturated: 0.5,
            clamped: 0.5,
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_yes(value: &bool) -> bool {
    *value
}

fn ten() -> u64 {
    10
}

fn most() -> usize {
    128
}

fn expected() -> String {
    "expected".into()
}

fn id() -> String {
    "id".into()
}

impl Spec {
    /// Whether the teachers are measured on the hold-out. One elsewhere is asked how likely given texts
    /// are only where its scores are learnt from: texts are cut into tokens by the student's tokenizer,
    /// and of one that gives texts alone nobody knows whether it is its own. Perplexities by two
    /// tokenizers can't be compared.
    pub fn measures_teacher(&self) -> bool {
        let likely = self.evaluate.scorer == Rule::Perplexity;
        let comparable = || {
            let here = self.all_teachers().all(Teacher::is_here);
            let learnt = || self.kinds().any(|(at, kind)| kind.asks_teacher(at));
            let other = self.kinds().any(|(_, kind)| kind.is_between_vocabularies());
            (here || learnt()) && !other
        };
        self.evaluate.teacher && (!likely || comparable())
    }

    /// The stages' losses.
    fn kinds(&self) -> impl Iterator<Item = (protocol::Stage, Kind)> {
        let stages = &self.stages;
        let stages = [
            (protocol::Stage::ColdStart, &stages.cold_start),
            (protocol::Stage::OnPolicy, &stages.on_policy),
        ];
        let kind = |stage: &Stage| stage.learning.loss.kind;
        let kinds = stages.into_iter();
        kinds.filter_map(move |(at, stage)| Some((at, kind(stage.as_ref()?))))
    }

    /// Whether its cold start learns pairs of answers that rows have: then nothing is collected.
    pub fn has_pairs(&self) -> bool {
        let cold = self.stages.cold_start.as_ref();
        cold.is_some_and(|stage| stage.learning.loss.kind.is_of_pairs())
    }

    /// Whether every stage that asks a teacher takes one with another tokenizer.
    pub fn is_between_vocabularies(&self) -> bool {
        let mut kinds = self.kinds();
        kinds.all(|(at, kind)| kind.is_between_vocabularies() || !kind.asks_teacher(at))
    }

    /// The stage's settings, where the run has it.
    pub fn stage(&self, stage: record::Stage) -> Option<&Stage> {
        match stage {
            record::Stage::ColdStart => self.stages.cold_start.as_ref(),
            record::Stage::OnPolicy => self.stages.on_policy.as_ref(),
            _ => None,
        }
    }
}
