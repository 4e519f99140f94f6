//! Many answers in one call: continuous batching in the small, for a student that answers a set of
//! prompts. Each prompt is read once for all of its answers; answers that end make room for others.
//! Tokens depend on a question and its seed alone, never on what else is in the batch.

use super::{Cache, Model, Path, Step, Want};
use crate::sample::{Generated, Limits, Sampling, Writer};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Tokens from which on what all prompts begin with is read once for all.
const COMMON: usize = 32;
/// Rows of prompts in a pass, beside those of the answers.
const READ_ROWS: usize = 512;

/// A prompt that is to be answered.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Its tokens. Questions of equal prompts share the reading.
    pub prompt: &'a [u32],
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Where the answer ends.
    pub limits: Limits,
}

/// How many answers are written at once, and how.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// The path. Log-probabilities are those of the distribution of this path.
    pub path: Path,
    /// Most sequences in a pass, at least 1. Each takes [`Model::cache_memory`] of its tokens.
    pub slots: usize,
}

/// A prompt, and the questions that have it.
struct Prompt<'a> {
    tokens: &'a [u32],
    questions: VecDeque<(usize, Writer)>,
}

/// A prompt that is being read, or was.
struct Reading<'a> {
    prompt: Prompt<'a>,
    cache: Cache,
    share: usize,
    logits: Vec<f32>,
}

/// An answer that is being written.
struct Writing {
    index: usize,
    cache: Cache,
    writer: Writer,
    next: u32,
    answer: Generated,
}

impl Writing {
    /// Takes the logits after its last token.
    fn push(&mut self, logits: &[f32]) {
        let piece = self.writer.push(logits);
        self.next = piece.choice.token;
        self.answer.text.push_str(&piece.text);
        self.answer.finish = piece.finish;
        self.answer.tokens.push(piece.choice);
    }
}

impl Model {
    /// Answers all questions; one answer each, in their order, every token with its
    /// log-probability.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::ContextOverflow`] where a prompt and its `max_tokens`
    /// together exceed the context, [`Error::UnknownToken`], and those of [`Writer::new`]; before
    /// anything is computed. [`Error::Invalid`] where the path's weights are not held.
    pub fn sample_many(&self, questions: &[Question<'_>], batch: Batch) -> Result<Vec<Generated>> {
        if batch.slots == 0 {
            return Err(Error::Invalid("a batch of 0 slots".into()));
        }
        let mut prompts = self.prompts(questions)?;
        let common = self.common(&prompts, batch)?;
        let mut out: Vec<Option<Generated>> = questions.iter().map(|_| None).collect();
        let mut reading: VecDeque<Reading<'_>> = VecDeque::new();
        let mut writing: Vec<Writing> = Vec::new();
        loop {
            self.begin(&mut reading, &mut writing, batch.slots);
            while writing.len() + reading.len() < batch.slots
                && let Some(prompt) = prompts.pop_front()
            {
                reading.push_back(Reading {
                    prompt,
                    cache: common.clone(),
                    share: 0,
                    logits: Vec::new(),
                });
            }
            let ended = writing.extract_if(.., |w| w.answer.finish.is_some());
            let ended = ended.map(|w| out[w.index] = Some(w.answer)).count();
            if ended > 0 {
                continue;
            }
            if writing.is_empty() && reading.is_empty() {
                // Every question was in a prompt, so that each has its answer.
                return Ok(out.into_iter().flatten().collect());
            }
            self.pass(&mut reading, &mut writing)?;
        }
    }

    /// A cache with what all prompts begin with, where that is worth it. Bits are the same however a
    /// prompt is cut.
    fn common(&self, prompts: &VecDeque<Prompt<'_>>, batch: Batch) -> Result<Cache> {
        let mut cache = self.cache_on(batch.path);
        let (Some(first), true) = (prompts.front(), prompts.len() > 1) else {
            return Ok(cache);
        };
        let equal = |other: &Prompt<'_>| {
            let pairs = first.tokens.iter().zip(other.tokens);
            // The last token is read by itself: its logits are wanted.
            let shortest = first.tokens.len().min(other.tokens.len()) - 1;
            pairs.take_while(|(a, b)| a == b).count().min(shortest)
        };
        let common = prompts.iter().map(equal).min().unwrap_or(0);
        if common >= COMMON {
            for tokens in first.tokens[..common].chunks(READ_ROWS) {
                self.forward(&mut [Step {
                    cache: &mut cache,
                    tokens,
                    want: Want::nothing(),
                }])?;
            }
        }
        Ok(cache)
    }

    /// Prompts in the order of their first questions.
    fn prompts<'a>(&self, questions: &[Question<'a>]) -> Result<VecDeque<Prompt<'a>>> {
        let mut out: VecDeque<Prompt<'a>> = VecDeque::new();
        let mut places: HashMap<&[u32], usize> = HashMap::new();
        for (index, question) in questions.iter().enumerate() {
            let Question {
                prompt,
                sampling,
                limits,
            } = question.clone();
            if prompt.is_empty() {
                return Err(Error::EmptyPrompt);
            }
            self.tokenizer.check(prompt)?;
            self.check_length(prompt.len().saturating_add(limits.max_tokens))?;
            let writer = Writer::new(Arc::clone(&self.tokenizer), sampling, limits)?;
            let place = *places.entry(prompt).or_insert(out.len());
            if place == out.len() {
                out.push_back(Prompt {
                    tokens: prompt,
                    questions: VecDeque::new(),
                });
            }
            out[place].questions.push_back((index, writer));
        }
        Ok(out)
    }

    /// Begins answers to prompts that are read, while there are slots.
    fn begin(&self, reading: &mut VecDeque<Reading<'_>>, writing: &mut Vec<Writing>, slots: usize) {
        let first_new = writing.len();
        let mut logits = Vec::new();
        for read in reading.iter_mut().filter(|r| !r.logits.is_empty()) {
            while writing.len() < slots
                && let Some((index, writer)) = read.prompt.questions.pop_front()
            {
                writing.push(Writing {
                    index,
                    cache: read.cache.clone(),
                    writer,
                    next: 0,
                    answer: Generated {
                        tokens: Vec::new(),
                        text: String::new(),
                        finish: None,
                    },
                });
                logits.push(read.logits.clone());
            }
        }
        reading.retain(|r| !r.prompt.questions.is_empty());
        self.choose(&mut writing[first_new..], &logits);
    }

    /// Chooses each answer's next token.
    fn choose(&self, writing: &mut [Writing], logits: &[Vec<f32>]) {
        self.pool.install(|| {
            let pairs = writing.par_iter_mut().zip(logits);
            pairs.for_each(|(writing, logits)| writing.push(logits));
        });
    }

    /// One forward pass: a token of each answer, and parts of prompts.
    fn pass(&self, reading: &mut VecDeque<Reading<'_>>, writing: &mut [Writing]) -> Result<()> {
        let mut left = READ_ROWS;
        for read in reading.iter_mut() {
            let missing = read.prompt.tokens.len() - read.cache.len();
            read.share = missing.min(left);
            left -= read.share;
        }
        let mut steps: Vec<Step<'_>> = Vec::new();
        for writing in writing.iter_mut() {
            steps.push(Step {
                cache: &mut writing.cache,
                tokens: std::slice::from_ref(&writing.next),
                want: Want::logits(),
            });
        }
        for read in reading.iter_mut().filter(|r| r.share > 0) {
            let start = read.cache.len();
            let end = start + read.share;
            let mut want = Want::nothing();
            want.logits = end == read.prompt.tokens.len();
            steps.push(Step {
                cache: &mut read.cache,
                tokens: &read.prompt.tokens[start..end],
                want,
            });
        }
        let outputs = self.forward(&mut steps)?.into_iter();
        let mut logits: Vec<Vec<f32>> = outputs.map(|o| o.logits.unwrap_or_default()).collect();
        let of_prompts = logits.split_off(writing.len());
        for (read, logits) in reading.iter_mut().filter(|r| r.share > 0).zip(of_prompts) {
            read.logits = logits;
        }
        self.choose(writing, &logits);
        Ok(())
    }
}
