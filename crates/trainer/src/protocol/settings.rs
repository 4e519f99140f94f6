//! How a student learns: plain values as they are written in a job, each with its default.

use super::loss::Loss;
use serde::{Deserialize, Serialize};

/// What is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tuning {
    /// Every weight.
    Full,
    /// Low-rank changes.
    Lora {
        /// Inner width.
        rank: usize,
        /// Numerator of the scale.
        alpha: f32,
        /// Share of inputs left out in a step.
        #[serde(default)]
        dropout: f32,
        /// Which layers; all seven where it is empty.
        #[serde(default)]
        targets: Vec<Target>,
    },
}

impl Default for Tuning {
    /// Rank 16, alpha 32, all layers.
    fn default() -> Self {
        Self::Lora {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: Vec::new(),
        }
    }
}

/// A linear layer of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Queries.
    Query,
    /// Keys.
    Key,
    /// Values.
    Value,
    /// Attention's output.
    Output,
    /// The gate.
    Gate,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// The learning rate over a stage's steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The highest.
    pub rate: f32,
    /// Steps in which it rises.
    #[serde(default)]
    pub warm_up: u64,
    /// How it falls after.
    #[serde(default)]
    pub decay: Decay,
    /// Share of it that is left at the last step.
    #[serde(default)]
    pub floor: f32,
}

/// How a rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// In a straight line.
    Linear,
    /// By half a cosine.
    Cosine,
}

/// Batches, optimiser and loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learning {
    /// Items of a step.
    pub batch: u32,
    /// Answers to each (`on_policy`).
    #[serde(default = "one")]
    pub samples: u32,
    /// The learning rate.
    pub rate: Rate,
    /// The loss.
    pub loss: Loss,
    /// Decoupled weight decay.
    #[serde(default)]
    pub weight_decay: f32,
    /// AdamW's decay of the first moment.
    #[serde(default = "beta1")]
    pub beta1: f32,
    /// AdamW's decay of the second moment.
    #[serde(default = "beta2")]
    pub beta2: f32,
    /// The gradient's norm is cut to this; 0 for never.
    #[serde(default = "unit")]
    pub clip: f32,
    /// Most tokens of one pass; longer items are refused, and memory grows with it.
    #[serde(default = "rows")]
    pub rows: usize,
    /// Activations are made again in the backward pass: a third more work, a fraction of the memory.
    #[serde(default)]
    pub recompute: bool,
    /// The batch that is learnt was sampled one step earlier, so that a served teacher scores while
    /// the student samples.
    #[serde(default)]
    pub one_step_off: bool,
}

/// How answers are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Most tokens of an answer.
    #[serde(default = "max_tokens")]
    pub max_tokens: usize,
    /// 0 takes the likeliest; 1 is the model's own distribution.
    #[serde(default = "unit")]
    pub temperature: f32,
    /// Only the fewest tokens that reach this together.
    #[serde(default = "unit")]
    pub top_p: f32,
    /// Only so many of the likeliest; 0 for all.
    #[serde(default)]
    pub top_k: usize,
    /// Texts that end an answer. An answer that is learnt off-policy gets the first of them at its
    /// end, where none of them is there yet; where there are none, the model's end token.
    #[serde(default)]
    pub stop: Vec<String>,
    /// The text that ended an answer stays part of it, as the `}` of a JSON object.
    #[serde(default)]
    pub keep_stop: bool,
    /// Answers that are written at once.
    #[serde(default = "slots")]
    pub slots: usize,
}

impl Default for Sampling {
    /// The model's own distribution, 64 tokens.
    fn default() -> Self {
        Self {
            max_tokens: max_tokens(),
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            stop: Vec::new(),
            keep_stop: false,
            slots: slots(),
        }
    }
}

fn one() -> u32 {
    1
}

fn unit() -> f32 {
    1.0
}

fn beta1() -> f32 {
    0.9
}

fn beta2() -> f32 {
    0.999
}

fn rows() -> usize {
    2048
}

fn max_tokens() -> usize {
    64
}

fn slots() -> usize {
    64
}
