//! What the child says.

use super::grade::Grade;
use super::item::Prompt;
use super::job::{Format, Place, Stage, Who};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// Models are loaded; work begins.
    Ready(Ready),
    /// A question to the parent.
    Score(Score),
    /// A question to the parent: how good answers are.
    Grade(Grade),
    /// A step is done.
    Step(Box<Step>),
    /// A checkpoint is written and durable.
    Checkpoint(Checkpoint),
    /// Some answers; more may come.
    Answers(Answers),
    /// What a probe found.
    Probed(Box<Probed>),
    /// The student's files are written.
    Exported(Exported),
    /// The last line of a job that went well.
    Done(Done),
    /// The last line of one that did not.
    Failed(Failed),
}

/// Models are loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// [`super::VERSION`].
    pub version: u32,
    /// Where a job that learns goes on from; none at the start model.
    pub from: Option<Place>,
    /// Items read.
    pub items: usize,
    /// BLAKE3 of the start model's file, or of its folder's tensors; none where nothing asks for it.
    pub student: String,
    /// The same of a local teacher.
    pub teacher: Option<String>,
    /// The same of further local ones, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub teachers: BTreeMap<String, String>,
    /// Seconds that loading took.
    pub seconds: f64,
}

/// A question: the teacher's log-probabilities of sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Its number within this process, from 1.
    pub question: u64,
    /// The stage.
    pub stage: Stage,
    /// The step that needs it.
    pub step: u64,
    /// Divides the teacher's logits.
    pub temperature: f64,
    /// Likeliest tokens wanted at each position.
    pub top: u32,
    /// The sequences.
    pub sequences: Vec<Sequence>,
}

/// A sequence to score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// The item's id.
    pub item: String,
    /// The further teacher that is asked; where it is left out, the job's own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Which of its answers, from 0.
    pub sample: u32,
    /// The teacher's prompt, as the item has it.
    pub prompt: Prompt,
    /// The student's answer as text.
    pub answer: String,
    /// The teacher's prompt and the student's answer, by the student's tokenizer and chat template.
    pub tokens: Vec<u32>,
    /// The first token of the answer in them: `tokens[from..]` are scored.
    pub from: usize,
    /// Ids wanted at each of those, upwards; the token itself is among them.
    pub ids: Vec<Vec<u32>>,
}

/// A step is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// Its number, from 1.
    pub step: u64,
    /// The seed that its sampling was made from.
    pub seed: u64,
    /// The learning rate.
    pub rate: f32,
    /// BLAKE3 over the tokens that were learnt, in order.
    pub ids: String,
    /// The items, in order.
    pub items: Vec<String>,
    /// What alarms and curves are made of.
    pub metrics: Metrics,
    /// Tokens that were read and written.
    pub tokens: Tokens,
    /// How its time divides.
    pub seconds: Seconds,
    /// Steps between the student that sampled and the one that learnt: 0 or 1.
    pub staleness: u32,
    /// Sequences that the teacher did not score.
    pub unscored: u32,
    /// Answers told whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// A step's numbers. Those of the student's own answers are absent in a cold start.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// The loss in nats, mean over learnt tokens, before the step.
    pub loss: f64,
    /// Tokens that were learnt.
    pub tokens: u64,
    /// Norm of the gradient before it was cut.
    pub gradient_norm: f64,
    /// Floored log-probabilities and clipped ratios.
    pub clamped: u64,
    /// Tokens whose gradient vanished although their loss had not.
    pub saturated: u64,
    /// Mean length of the answers in tokens.
    pub length: f64,
    /// Mean of `log q - log p` over the sampled tokens, in nats: KL(Q|P), unbiased.
    pub kl: Option<f64>,
    /// Mean of `-log q` over the sampled tokens, in nats: the student's entropy, unbiased.
    pub entropy: Option<f64>,
    /// Share of answers that were cut at the limit.
    pub cut: Option<f64>,
    /// Share of 4-grams that were in the same answer before.
    pub repetition: Option<f64>,
    /// Mean share of the teacher's 16 likeliest tokens among the student's 16.
    pub overlap: Option<f64>,
    /// Mean of the judged rewards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<f64>,
    /// Share of the items whose answers were all judged alike: they teach nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alike: Option<f64>,
    /// Mean of how much more than its start the student prefers the better answers, times beta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

/// Tokens of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Of the student's prompts, each answer's counted.
    pub student_prompt: u64,
    /// Of the teacher's prompts, each answer's counted.
    pub teacher_prompt: u64,
    /// Of the answers.
    pub answer: u64,
    /// Of the teachers' prompts and the answers, those that teachers beside the student read.
    #[serde(default)]
    pub here: u64,
}

/// How a step's time divides.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// The student samples.
    pub sampling: f64,
    /// The teacher scores, or is waited for.
    pub scoring: f64,
    /// The student learns.
    pub learning: f64,
    /// What was learnt is taken over by the student that samples.
    pub refreshing: f64,
}

/// An answer, token by token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The item's id.
    pub item: String,
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<SampleToken>,
}

/// A token with what both models think of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleToken {
    /// Its text.
    pub text: String,
    /// The student's log-probability.
    pub student: f32,
    /// The teacher's, where it was told.
    pub teacher: Option<f32>,
}

/// A checkpoint is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which.
    pub place: Place,
    /// BLAKE3 over what is trained, by name: the student's bytes.
    pub digest: String,
    /// Its folder, within the run's.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Seconds that writing took.
    pub seconds: f64,
}

/// Some answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// Whose.
    pub who: Who,
    /// In the order of the items.
    pub answers: Vec<Answered>,
    /// Items answered so far.
    pub done: usize,
    /// Items in all.
    pub of: usize,
}

/// One answer, or the score of a given one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The item's id.
    pub item: String,
    /// Which of its answers, from 0.
    pub sample: u32,
    /// Its text.
    pub text: String,
    /// Why it ended; none where it was given.
    pub ending: Option<Ending>,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the answer, its end included.
    pub tokens: u64,
    /// Sum of the natural logarithms of its tokens' probabilities: the perplexity of several answers
    /// is `exp(-sum of these / sum of tokens)`.
    pub logprob: f64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// An end token.
    End,
    /// A text that ends answers.
    Stop,
    /// The limit.
    Length,
    /// Its form could not be kept.
    Broken,
}

/// What a probe found. Means are over the sampled tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// Items sampled.
    pub items: u32,
    /// Answers sampled.
    pub answers: u32,
    /// A step's numbers, without learning from it.
    pub metrics: Metrics,
    /// Standard error of the divergence, over answers.
    pub kl_error: Option<f64>,
    /// The teacher's entropy in nats over its 16 likeliest tokens and one bucket for the rest: a lower
    /// bound.
    pub teacher_entropy: Option<f64>,
    /// Tokens.
    pub tokens: Tokens,
    /// Tokens of the longest answer with its prompt.
    pub longest: u64,
    /// How a step's time divides; `learning` without the change of the weights.
    pub seconds: Seconds,
    /// Seconds that the change of the weights takes, whatever the batch: most for a full training.
    #[serde(default)]
    pub updating: f64,
    /// Seconds that loading took.
    pub loading: f64,
    /// Bytes that learning takes.
    pub memory: u64,
    /// How the two tokenizers agree; none where there is no local teacher.
    pub tokenizers: Option<Tokenizers>,
    /// Where there are several teachers: what was found of each that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<OfTeacher>,
}

/// What a probe found of one of several teachers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfTeacher {
    /// Its name; none for the job's own.
    pub name: Option<String>,
    /// Answers that it graded.
    pub answers: u32,
    /// Mean of `log q - log p` over their tokens, in nats.
    pub kl: Option<f64>,
    /// Mean share of its 16 likeliest tokens among the student's 16.
    pub overlap: Option<f64>,
    /// How its tokenizer agrees with the student's; none where it is elsewhere.
    pub tokenizers: Option<Tokenizers>,
}

/// How two tokenizers agree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tokenizers {
    /// Whether they are the same, token by token.
    pub same: bool,
    /// The student's vocabulary.
    pub student: u64,
    /// The teacher's.
    pub teacher: u64,
    /// Spellings that both have.
    pub shared: u64,
}

/// The student's files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// Which student; none for the start model.
    pub place: Option<Place>,
    /// BLAKE3 over what is trained, as in its checkpoint.
    pub digest: String,
    /// All files, by path.
    pub files: Vec<ExportedFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Its path within the export's folder.
    pub path: String,
    /// The format that it is of.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub blake3: String,
}

/// The job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Because a pause was asked for, before its last step.
    pub paused: bool,
    /// The last step that was taken.
    pub step: Option<u64>,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The job's: its settings, paths or order.
    Job,
    /// The items'.
    Items,
    /// A model's files.
    Model,
    /// The teacher's answers.
    Teacher,
    /// The learning went out of bounds.
    Learning,
    /// The machine's: disk, memory, processor.
    Machine,
}

/// The job failed. Checkpoints stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Whose fault it is.
    pub fault: Fault,
    /// A word for programs.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What helps.
    pub hint: String,
    /// Further facts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}
