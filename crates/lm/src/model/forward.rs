//! The forward pass over many sequences at once: prompt chunks and single tokens side by side, one
//! row a token. Checks everything first, so that an error leaves every cache as it was. The head is
//! computed in chunks of rows: tokens times vocabulary is never in memory.

use super::net::{Layer, Net, Product};
use super::{Cache, Model, Path};
use crate::ops::{self, Activations, Heads};
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
    /// Further tokens whose log-probabilities are told with each score: the `i`-th list with the
    /// `i`-th. Empty, or as many as there are scores.
    pub at: &'a [Vec<u32>],
    /// The last hidden rows of all of the step's tokens: what a teacher gives to
    /// [`crate::train::Hidden::of_rows`].
    pub hidden: bool,
    /// Divides the logits of the scores; `None` leaves them as they are.
    pub temperature: Option<f32>,
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
            ..Self::default()
        }
    }
}

/// One sequence's share of a forward pass.
#[derive(Debug)]
pub struct Step<'a> {
    /// The sequence; the tokens are appended to it, on the path that the cache was made for.
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
    /// Where [`Want::hidden`] asked for them: after the last norm, one row of the model's width a
    /// token.
    pub hidden: Vec<f32>,
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
    quantised: Activations,
}

impl Model {
    /// Runs all steps' tokens through the model; one output a step, in their order. Results are
    /// equal to the bit whatever else is in the batch, however a prompt is cut into chunks, and
    /// with any number of threads, on one type of processor; on either path.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::UnknownToken`], [`Error::ContextOverflow`] or
    /// [`Error::Invalid`], for any step; then no cache has changed.
    pub fn forward(&self, steps: &mut [Step<'_>]) -> Result<Vec<Output>> {
        steps.iter().try_for_each(|step| self.check(step))?;
        let mut out: Vec<Output> = steps.iter().map(|_| Output::default()).collect();
        for path in [Path::Exact, Path::Fast] {
            let own = steps.iter_mut().zip(&mut out);
            let own = own.filter(|(step, _)| step.cache.path() == path);
            let (mut steps, places): (Vec<_>, Vec<_>) = own.unzip();
            if steps.is_empty() {
                continue;
            }
            // Of a path whose weights are not held there is no step: that was checked.
            let outputs = match path {
                Path::Exact => self.exact.as_ref().map(|net| self.run_on(net, &mut steps)),
                Path::Fast => self.fast.as_ref().map(|net| self.run_on(net, &mut steps)),
            };
            for (place, output) in places.into_iter().zip(outputs.into_iter().flatten()) {
                *place = output;
            }
        }
        Ok(out)
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
        if !self.has(step.cache.path()) {
            let path = step.cache.path();
            let text = format!("the model was loaded without the weights of the {path:?} path");
            return Err(Error::Invalid(text));
        }
        let want = step.want;
        if want.score.len() > step.tokens.len() {
            return Err(Error::Invalid("more targets than tokens".into()));
        }
        if !want.at.is_empty() && want.at.len() != want.score.len() {
            return Err(Error::Invalid(
                "ids are asked for at some scores only".into(),
            ));
        }
        if want.temperature.is_some_and(|t| !t.is_finite() || t <= 0.0) {
            return Err(Error::Invalid("a temperature is not above 0".into()));
        }
        self.tokenizer.check(step.tokens)?;
        self.tokenizer.check(want.score)?;
        want.at
            .iter()
            .try_for_each(|ids| self.tokenizer.check(ids))?;
        self.check_length(step.cache.len() + step.tokens.len())
    }

    fn run_on<P: Product>(&self, net: &Net<P>, steps: &mut [&mut Step<'_>]) -> Vec<Output>
    where
        Net<P>: Sync,
    {
        self.pool.install(|| self.run(net, steps))
    }

    fn run<P: Product>(&self, net: &Net<P>, steps: &mut [&mut Step<'_>]) -> Vec<Output> {
        let mut rows = Vec::new();
        let width = self.config.width;
        let total: usize = steps.iter().map(|s| s.tokens.len()).sum();
        let mut x = vec![0.0; total * width];
        let mut angles = Vec::with_capacity(total * self.rope.pairs());
        for (index, step) in steps.iter_mut().enumerate() {
            for (position, &token) in (step.cache.len()..).zip(step.tokens) {
                net.embedding
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
        for (index, layer) in net.layers.iter().enumerate() {
            self.keep(index, layer, (&x, &rows, &angles), steps, &mut buffers);
            self.attention(index, &rows, steps, &mut buffers);
            self.rest_of_layer(layer, &mut x, &mut buffers);
        }
        for step in steps.iter_mut() {
            step.cache.advance(step.tokens.len());
        }
        self.outputs(net, steps, &x)
    }

    /// Queries, keys and values of all rows; keys and values go into the caches.
    fn keep<P: Product>(
        &self,
        index: usize,
        layer: &Layer<P>,
        (x, rows, angles): (&[f32], &[Row], &[(f32, f32)]),
        steps: &mut [&mut Step<'_>],
        b: &mut Buffers,
    ) {
        let (query, qkv) = self.config.attention_widths();
        let kept = (qkv - query) / 2;
        self.norm(x, &layer.attention_norm, &mut b.normed);
        layer
            .qkv
            .apply(self.machine, &b.normed, &mut b.quantised, &mut b.qkv);
        let angles = angles.chunks_exact(self.rope.pairs());
        for ((all, row), angles) in b.qkv.chunks_exact_mut(qkv).zip(rows).zip(angles) {
            self.rope.rotate(angles, &mut all[..query + kept]);
            let (keys, values) = all[query..].split_at(kept);
            steps[row.step]
                .cache
                .write(index, row.position, keys, values);
        }
    }

    fn norm(&self, x: &[f32], weight: &[f32], out: &mut Vec<f32>) {
        ops::rms_norm_rows(self.machine.level, x, weight, self.config.epsilon, out);
    }

    fn attention(&self, index: usize, rows: &[Row], steps: &[&mut Step<'_>], b: &mut Buffers) {
        let heads = Heads::from(self.config.heads);
        let (query, qkv) = self.config.attention_widths();
        b.attended.resize(rows.len() * query, 0.0);
        let one = |weights: &mut Vec<f32>, (task, out): (usize, &mut [f32])| {
            let (row, head) = (task / heads.query, task % heads.query);
            let Row { step, position } = rows[row];
            let q = &b.qkv[row * qkv + head * heads.width..][..heads.width];
            let kept = steps[step].cache.layer(index);
            ops::attend(
                self.machine.level,
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
    fn rest_of_layer<P: Product>(&self, layer: &Layer<P>, x: &mut [f32], b: &mut Buffers) {
        let (machine, quantised) = (self.machine, &mut b.quantised);
        layer
            .output
            .apply(machine, &b.attended, quantised, &mut b.branch);
        ops::add_rows(x, &b.branch);
        self.norm(x, &layer.feed_norm, &mut b.normed);
        layer
            .gate_up
            .apply(machine, &b.normed, quantised, &mut b.wide);
        ops::silu_mul_rows(
            machine.level,
            &b.wide,
            self.config.feed_width,
            &mut b.narrow,
        );
        layer
            .down
            .apply(machine, &b.narrow, quantised, &mut b.branch);
        ops::add_rows(x, &b.branch);
    }

    /// The head, for the rows that something is wanted of.
    fn outputs<P: Product>(&self, net: &Net<P>, steps: &[&mut Step<'_>], x: &[f32]) -> Vec<Output> {
        let width = self.config.width;
        let wanted = wanted(steps);
        let mut out: Vec<Output> = steps.iter().map(|_| Output::default()).collect();
        let head = net.head.as_ref().unwrap_or(&net.embedding);
        let (mut hidden, mut normed, mut logits) = (Vec::new(), Vec::new(), Vec::new());
        let mut quantised = Activations::default();
        let mut first = 0;
        for (step, out) in steps.iter().zip(&mut out) {
            let rows = &x[first * width..][..step.tokens.len() * width];
            if step.want.hidden {
                self.norm(rows, &net.norm, &mut out.hidden);
            }
            first += step.tokens.len();
        }
        for wanted in wanted.chunks(HEAD_ROWS) {
            hidden.clear();
            wanted
                .iter()
                .for_each(|w| hidden.extend_from_slice(&x[w.row * width..][..width]));
            self.norm(&hidden, &net.norm, &mut normed);
            head.apply(self.machine, &normed, &mut quantised, &mut logits);
            let rows = logits.par_chunks_exact(head.outputs());
            let scored = |(row, w): (&[f32], &Wanted<'_>)| {
                let question = w.question?;
                let Some(temperature) = w.temperature else {
                    return Some(ops::score_at(self.machine.level, row, question));
                };
                let row: Vec<f32> = row.iter().map(|logit| logit / temperature).collect();
                Some(ops::score_at(self.machine.level, &row, question))
            };
            let scores: Vec<Option<Scored>> = rows.zip(wanted).map(scored).collect();
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
struct Wanted<'a> {
    step: usize,
    row: usize,
    question: Option<ops::Question<'a>>,
    temperature: Option<f32>,
    logits: bool,
}

fn wanted<'a>(steps: &[&mut Step<'a>]) -> Vec<Wanted<'a>> {
    let mut out = Vec::new();
    let mut first = 0;
    for (index, step) in steps.iter().enumerate() {
        let want = step.want;
        let last = step.tokens.len() - 1;
        for i in 0..step.tokens.len() {
            let question = want.score.get(i).map(|&token| ops::Question {
                token,
                top: want.top,
                at: want.at.get(i).map_or(&[], Vec::as_slice),
            });
            let logits = i == last && want.logits;
            if question.is_some() || logits {
                out.push(Wanted {
                    step: index,
                    row: first + i,
                    question,
                    temperature: want.temperature,
                    logits,
                });
            }
        }
        first += step.tokens.len();
    }
    out
}
