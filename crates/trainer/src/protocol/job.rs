//! Jobs: what a child is started for. One a process.

use super::loss::Kind;
use super::settings::{Learning, Sampling, Tuning};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Learn, from a checkpoint on.
    Learn(Box<Learn>),
    /// Answer items, or score the answers that they have.
    Answer(Box<Answer>),
    /// Measure the gap between student and teacher, and what a step takes; what it learns is lost.
    Probe(Box<Probe>),
    /// Write the student's files.
    Export(Box<Export>),
}

/// A stage of learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// From given answers.
    ColdStart,
    /// From the student's own.
    OnPolicy,
}

impl Stage {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ColdStart => "cold_start",
            Self::OnPolicy => "on_policy",
        }
    }
}

/// A checkpoint: after `step` steps of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The stage.
    pub stage: Stage,
    /// Steps of it that are done.
    pub step: u64,
}

/// The student: what it starts from, and what of it is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Student {
    /// A GGUF file or a folder of transformers.
    pub model: PathBuf,
    /// What is trained.
    #[serde(default)]
    pub tuning: Tuning,
}

/// Who gives the scores that are learnt from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Teacher {
    /// A model that the child loads: its whole distribution. The tokenizer must be the student's.
    Local {
        /// A GGUF file or a folder of transformers.
        model: PathBuf,
    },
    /// The parent is asked (`score`), at ids that are named.
    Parent,
    /// Nobody: answers of items are learnt as they are.
    None,
}

/// A further teacher, of the items that name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    /// What items call it (`taught_by`).
    pub name: String,
    /// Who.
    #[serde(flatten)]
    pub teacher: Teacher,
}

/// Learn. Steps are numbered from 1 in each stage; checkpoints lie in `folder/checkpoints`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learn {
    /// The run's folder; nothing is written outside it.
    pub folder: PathBuf,
    /// Its items, one a line.
    pub items: PathBuf,
    /// All that is random is made from it, the stage, the step and the item. A job that goes on from a
    /// checkpoint may have another: what comes then takes another course.
    pub seed: u64,
    /// The stage.
    pub stage: Stage,
    /// The student.
    pub student: Student,
    /// The teacher of the items that name none.
    pub teacher: Teacher,
    /// Those of items that name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<Further>,
    /// How it learns.
    pub learning: Learning,
    /// How answers are sampled (`on_policy`).
    #[serde(default)]
    pub sampling: Sampling,
    /// The stage's last step.
    pub steps: u64,
    /// The last step of *this* job, where it is to end before; the schedule is that of all `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Where to go on from. A place of this stage: its whole state, and what comes after is as if the
    /// process had never ended. A place of another stage: its student, with fresh moments. Where it is
    /// left out: the newest whole checkpoint of this stage, or else the start model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Place>,
    /// The student that a stage begins with where it has no checkpoint yet and `from` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Place>,
    /// Steps from one checkpoint to the next; the last step always has one.
    pub checkpoint_every: u64,
    /// Checkpoints of this stage that are kept, the newest; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// Answers of each step that are told whole, with both models' log-probabilities.
    #[serde(default)]
    pub show: u32,
    /// Threads; 0 for as many as there are cores. The bytes do not depend on it.
    #[serde(default)]
    pub threads: usize,
}

impl Learn {
    /// The same without teachers: answers are learnt as they are.
    #[must_use]
    pub fn without_teachers(&self) -> Self {
        let mut bare = self.clone();
        bare.teacher = Teacher::None;
        for further in &mut bare.teachers {
            further.teacher = Teacher::None;
        }
        bare.learning.loss.kind = Kind::CrossEntropy;
        bare
    }

    /// Whether anybody gives scores.
    #[must_use]
    pub fn has_teacher(&self) -> bool {
        let further = self.teachers.iter().map(|further| &further.teacher);
        let mut all = std::iter::once(&self.teacher).chain(further);
        all.any(|teacher| *teacher != Teacher::None)
    }
}

/// Whose answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The student's model as it was at the start, with the student's prompts.
    Start,
    /// The student at a place, with the student's prompts.
    Student,
    /// The teacher's model, with the teacher's prompts.
    Teacher,
}

/// Answer items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The run's folder, for checkpoints. Nothing is written.
    pub folder: PathBuf,
    /// Items, one a line.
    pub items: PathBuf,
    /// The run's seed.
    pub seed: u64,
    /// Who answers.
    pub who: Who,
    /// The student.
    pub student: Student,
    /// Which checkpoint of it ([`Who::Student`]); the newest where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The teacher's model ([`Who::Teacher`]). Left out where it is elsewhere: then the parent is asked
    /// (`score`), and for scores of given answers alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// How; greedy where the temperature is 0.
    pub sampling: Sampling,
    /// Answers to an item.
    #[serde(default = "one")]
    pub samples: u32,
    /// The answers that items have are scored, and none is written.
    #[serde(default)]
    pub score: bool,
    /// The fast path (int8 weights) where the processor has it: quicker, not bit-equal to training's.
    #[serde(default)]
    pub fast: bool,
    /// Threads; 0 for as many as there are cores.
    #[serde(default)]
    pub threads: usize,
}

/// Measure. One batch is sampled, scored and learnt once, in this process alone: nothing is written.
/// Without a teacher (and with `cross_entropy`) it tells what a step takes, and of no gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The job whose steps are foreseen: its items, models, settings and sampling.
    pub learn: Learn,
    /// Items of the batch, the first of its order.
    pub items: u32,
}

/// A format of the student's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A folder of transformers, `safetensors/`.
    Safetensors,
    /// `student-f16.gguf`.
    GgufF16,
    /// `student-q8_0.gguf`.
    GgufQ8,
    /// A PEFT folder, `adapter/`; only where an adapter was trained.
    Adapter,
}

/// Write the student's files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The run's folder, for checkpoints.
    pub folder: PathBuf,
    /// Where to: a path within the run's folder; its files are written anew.
    pub to: PathBuf,
    /// The run's seed.
    pub seed: u64,
    /// The student.
    pub student: Student,
    /// Which checkpoint; the newest where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// In which formats.
    pub formats: Vec<Format>,
    /// What the adapter names as its base, for people.
    #[serde(default)]
    pub base: String,
}

fn one() -> u32 {
    1
}
