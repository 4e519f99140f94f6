//! The forward pass over many sequences at once: prompt chunks and single tokens side by side, one
//! row a token. Checks everything first, so that an error leaves every cache as it was. The head is
//! computed in chunks of rows: tokens times vocabulary is never in memory.

use super::{Cache, Layer, Model};
use crate::ops::{self, Heads};
use crate::sample::Scored;
use crate::{Error, Result};
use rayon::prelude::*;

/// Rows of the head that are in memory at once.
const HEAD_ROWS: usize = 16;
/// Multiply-adds of attention below which one thread does it all.
const SMALL_ATTENTION: usize = 1 << 17;

/// What is wanted of a step's tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Want<'a> {
    /// The logits after the last token, one a token of the vocabulary.
    pub logits: bool,
    /// Scores of these tokens: the `i`-th given the step's tokens up to and with the `i`-th. At most
    /// as many as the step has tokens.
    pub score: &'a [u32],
    /// Alternatives with each score.
    pub top: usize,
}

impl<'a> Want<'a> {
    /// Nothing: the step fills the cache alone.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The logits after the last token.
    #[must_use]
    pub fn logits() -> Self {
        Self {
            logits: true,
            ..Self::default()
        }
    }

    /// Scores of `targets`, each with `top` alternatives.
    #[must_use]
    pub fn score(targets: &'a [u32], top: usize) -> Self {
        Self {
            score: targets,
            top,
            logits: false,
        }
    }
}

/// One sequence's share of a forward pass.
#[derive(Debug)]
pub struct Step<'a> {
    /// The sequence; the tokens are appended to it.
    pub cache: &'a mut Cache,
    /// At least one token. Memory grows with the sum over all steps, about 80 bytes times the
    /// model's width a token: feed long prompts in chunks.
    pub tokens: &'a [u32],
    /// What to return.
    pub want: Want<'a>,
}

/// What a step returns.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Where [`Want::logits`] asked for them.
    pub logits: Option<Vec<f32>>,
    /// One a target of [`Want::score`].
    pub scores: Vec<Scored>,
}

/// A row of the batch: its step and its position in the sequence.
#[derive(Clone, Copy)]
struct Row {
    step: usize,
    position: usize,
}

/// Buffers of one pass, reused by all layers.
#[derive(Default)]
struct Buffers {
    normed: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    wide: Vec<f32>,
    narrow: Vec<f32>,
    branch: Vec<f32>,
}

impl Model {
    /// Runs all steps' tokens through the model; one output a step, in their order. Results are
    /// equal to the bit whatever else is in the batch, however a prompt is cut into chunks, and
    /// with any number of threads, on one type of processor.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::UnknownToken`], [`Error::ContextOverflow`] or
    /// [`Error::Invalid`], for any step; then no cache has changed.
    pub fn forward(&self, steps: &mut [Step<'_>]) -> Result<Vec<Output>> {
        steps.iter().try_for_each(|step| self.check(step))?;
        Ok(self.pool.install(|| self.run(steps)))
    }

    fn check(&self, step: &Step<'_>) -> Result<()> {
        if step.tokens.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if !step
            .cache
            .fits(self.config.layers, self.config.heads.into(), self.context)
        {
            return Err(Error::Invalid("the cache belongs to another model".into()));
        }
        if step.want.score.len() > step.tokens.len() {
            return Err(Error::Invalid("more targets than tokens".into()));
        }
        self.tokenizer.check(step.tokens)?;
        self.tokenizer.check(step.want.score)?;
        self.check_length(step.cache.len() + step.tokens.len())
    }

    fn run(&self, steps: &mut [Step<'_>]) -> Vec<Output> {
        let mut rows = Vec::new();
        let width = self.config.width;
        let total: usize = steps.iter().map(|s| s.tokens.len()).sum();
        let mut x = vec![0.0; total * width];
        let mut angles = Vec::with_capacity(total * self.rope.pairs());
        for (index, step) in steps.iter_mut().enumerate() {
            for (position, &token) in (step.cache.len()..).zip(step.tokens) {
                self.embedding
                    .row(token as usize, &mut x[rows.len() * width..][..width]);
                self.rope.angles(position, &mut angles);
                rows.push(Row {
                    step: index,
                    position,
                });
            }
            step.cache.reserve(step.tokens.len());
        }
        let mut buffers = Buffers::default();
        for (index, layer) in self.layers.iter().enumerate() {
            self.keep(index, layer, (&x, &rows, &angles), steps, &mut buffers);
            self.attention(index, &rows, steps, &mut buffers);
            self.rest_of_layer(layer, &mut x, &mut buffers);
        }
        for step in steps.iter_mut() {
            step.cache.advance(step.tokens.len());
        }
        self.outputs(steps, &x)
    }

    /// Queries, keys and values of all rows; keys and values go into the caches.
    fn keep(
        &self,
        index: usize,
        layer: &Layer,
        (x, rows, angles): (&[f32], &[Row], &[(f32, f32)]),
        steps: &mut [Step<'_>],
        b: &mut Buffers,
    ) {
        let (query, qkv) = self.config.attention_widths();
        let kept = (qkv - query) / 2;
        ops::rms_norm_rows(x, &layer.attention_norm, self.config.epsilon, &mut b.normed);
        layer.qkv.apply(self.level, &b.normed, &mut b.qkv);
        let angles = angles.chunks_exact(self.rope.pairs());
        for ((all, row), angles) in b.qkv.chunks_exact_mut(qkv).zip(rows).zip(angles) {
            self.rope.rotate(angles, &mut all[..query + kept]);
            let (keys, values) = all[query..].split_at(kept);
            steps[row.step]
                .cache
                .write(index, row.position, keys, values);
        }
    }

    fn attention(&self, index: usize, rows: &[Row], steps: &[Step<'_>], b: &mut Buffers) {
        let heads = Heads::from(self.config.heads);
        let (query, qkv) = self.config.attention_widths();
        b.attended.resize(rows.len() * query, 0.0);
        let one = |weights: &mut Vec<f32>, (task, out): (usize, &mut [f32])| {
            let (row, head) = (task / heads.query, task % heads.query);
            let Row { step, position } = rows[row];
            let q = &b.qkv[row * qkv + head * heads.width..][..heads.width];
            let kept = steps[step].cache.layer(index);
            ops::attend(
                self.level,
                heads,
                (head, q),
                (&kept, position + 1),
                weights,
                out,
            );
        };
        let work: usize = rows.iter().map(|r| (r.position + 1) * 2 * query).sum();
        if work < SMALL_ATTENTION {
            let mut weights = Vec::new();
            let tasks = b.attended.chunks_exact_mut(heads.width).enumerate();
            tasks.for_each(|task| one(&mut weights, task));
        } else {
            let tasks = b.attended.par_chunks_exact_mut(heads.width).enumerate();
            tasks.for_each_init(Vec::new, one);
        }
    }

    /// Output projection, residual, feed-forward, residual.
    fn rest_of_layer(&self, layer: &Layer, x: &mut [f32], b: &mut Buffers) {
        layer.output.apply(self.level, &b.attended, &mut b.branch);
        ops::add_rows(x, &b.branch);
        ops::rms_norm_rows(x, &layer.feed_norm, self.config.epsilon, &mut b.normed);
        layer.gate_up.apply(self.level, &b.normed, &mut b.wide);
        ops::silu_mul_rows(&b.wide, self.config.feed_width, &mut b.narrow);
        layer.down.apply(self.level, &b.narrow, &mut b.branch);
        ops::add_rows(x, &b.branch);
    }

    /// The head, for the rows that something is wanted of.
    fn outputs(&self, steps: &[Step<'_>], x: &[f32]) -> Vec<Output> {
        let width = self.config.width;
        let mut wanted = Vec::new();
        let mut first = 0;
        for (index, step) in steps.iter().enumerate() {
            let last = step.tokens.len() - 1;
            for i in 0..step.tokens.len() {
                let target = step.want.score.get(i).copied();
                let logits = i == last && step.want.logits;
                if target.is_some() || logits {
                    wanted.push(Wanted {
                        step: index,
                        row: first + i,
                        target,
                        logits,
                    });
                }
            }
            first += step.tokens.len();
        }
        let mut out: Vec<Output> = steps.iter().map(|_| Output::default()).collect();
        let head = self.head.as_ref().unwrap_or(&self.embedding);
        let (mut hidden, mut normed, mut logits) = (Vec::new(), Vec::new(), Vec::new());
        for wanted in wanted.chunks(HEAD_ROWS) {
            hidden.clear();
            wanted
                .iter()
                .for_each(|w| hidden.extend_from_slice(&x[w.row * width..][..width]));
            ops::rms_norm_rows(&hidden, &self.norm, self.config.epsilon, &mut normed);
            head.apply(self.level, &normed, &mut logits);
            let rows = logits.par_chunks_exact(head.outputs());
            let scores: Vec<Option<Scored>> = rows
                .zip(wanted)
                .map(|(row, w)| w.target.map(|t| ops::score(row, t, steps[w.step].want.top)))
                .collect();
            for ((row, w), score) in logits.chunks_exact(head.outputs()).zip(wanted).zip(scores) {
                let out = &mut out[w.step];
                out.scores.extend(score);
                if w.logits {
                    out.logits = Some(row.to_vec());
                }
            }
        }
        out
    }
}

/// A row that goes through the head.
struct Wanted {
    step: usize,
    row: usize,
    target: Option<u32>,
    logits: bool,
}
