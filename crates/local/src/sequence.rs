//! One sequence in the model: a prompt that is being read, or an answer that is being written.
//! It takes part in a forward pass and turns the outcome into events; it never runs one itself.
//! It knows all of its tokens, so that its cache may be dropped and computed again.

use std::collections::VecDeque;
use std::sync::Arc;

use lm::{Cache, Model, Output, Path, Scored, Step, Want, Writer};

use record::{Id, id::kind};

use crate::job::{Event, Line, Prompt};

/// A sequence that holds one of the model's slots, or rests.
pub(crate) struct Sequence {
    pub(crate) line: Arc<Line>,
    /// Of the first of its tokens; which are missing is told by its length.
    cache: Cache,
    work: Work,
    /// Tokens that it feeds in the step at hand; 0 while it waits for its turn.
    pub(crate) share: usize,
}

enum Work {
    Reading {
        prompt: Prompt,
        scores: Vec<Scored>,
    },
    Writing {
        answer: usize,
        writer: Box<Writer>,
        /// The prompt and what was written: at least the last of them is to be fed.
        tokens: Vec<u32>,
    },
}

/// What becomes of a sequence after a step.
pub(crate) enum Outcome {
    /// It goes on.
    More(Sequence),
    /// Its prompt is read: its answers can begin.
    Read(Fork),
    /// It is done.
    Done(Arc<Line>),
}

/// A prompt that was read once for all of its answers.
pub(crate) struct Fork {
    pub(crate) line: Arc<Line>,
    /// Its place in the request.
    index: usize,
    pub(crate) tokens: Vec<u32>,
    path: Path,
    pub(crate) account: Option<Id<kind::Account>>,
    /// Gone with the last answer.
    cache: Option<Cache>,
    logits: Vec<f32>,
    answers: VecDeque<(usize, Writer)>,
}

impl Sequence {
    /// Begins to read a prompt.
    pub(crate) fn read(line: Arc<Line>, prompt: Prompt, cache: Cache) -> Self {
        let scores = Vec::new();
        let work = Work::Reading { prompt, scores };
        Self::new(line, cache, work)
    }

    fn new(line: Arc<Line>, cache: Cache, work: Work) -> Self {
        Self {
            line,
            cache,
            work,
            share: 0,
        }
    }

    /// Whether an answer is being written, with no more to feed than its last token.
    pub(crate) fn is_writing(&self) -> bool {
        matches!(self.work, Work::Writing { .. }) && self.ready() == 1
    }

    /// Tokens that it could feed in one step.
    pub(crate) fn ready(&self) -> usize {
        let fed = self.cache.len();
        match &self.work {
            Work::Reading { prompt, .. } => match &prompt.score {
                Some(score) => score.reach(fed, prompt.tokens.len()),
                None => prompt.tokens.len() - fed,
            },
            Work::Writing { tokens, .. } => tokens.len() - fed,
        }
    }

    /// Its cache, of which it may hold blocks together with others.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Bytes that its cache grows by with the step at hand.
    pub(crate) fn growth(&self, model: &Model) -> usize {
        let after = model.cache_memory(self.cache.len() + self.share);
        after.saturating_sub(self.cache.memory())
    }

    /// Drops its cache, which is computed again when it goes on.
    pub(crate) fn forget(&mut self) {
        self.cache.truncate(0);
        if let Work::Reading { scores, .. } = &mut self.work {
            scores.clear();
        }
    }

    /// Its part of a forward pass: the next [`Self::share`] tokens.
    pub(crate) fn step(&mut self) -> Step<'_> {
        let start = self.cache.len();
        let end = start + self.share;
        let (tokens, want) = match &self.work {
            Work::Reading { prompt, .. } => {
                let all = &prompt.tokens;
                let score = prompt.score.as_ref();
                let mut want = score.map_or_else(Want::nothing, |s| s.want(all, start, end));
                want.logits = end == all.len() && !prompt.answers.is_empty();
                (&all[start..end], want)
            }
            Work::Writing { tokens, .. } => {
                let want = Want {
                    logits: end == tokens.len(),
                    ..Want::default()
                };
                (&tokens[start..end], want)
            }
        };
        Step {
            cache: &mut self.cache,
            tokens,
            want,
        }
    }

    /// Takes the outcome of [`Self::step`].
    pub(crate) fn take(mut self, output: Output) -> Outcome {
        let Output {
            logits,
            scores: new,
            hidden: _,
        } = output;
        self.share = 0;
        let is_fed = self.ready() == 0;
        match &mut self.work {
            Work::Reading { scores, .. } => scores.extend(new),
            Work::Writing {
                answer,
                writer,
                tokens,
            } if is_fed => {
                let logits = logits.as_deref().unwrap_or_default();
                match write(&self.line, *answer, writer, logits) {
                    Some(next) => tokens.push(next),
                    None => return Outcome::Done(self.line),
                }
            }
            Work::Writing { .. } => {}
        }
        match self.work {
            Work::Reading { prompt, scores } if is_fed => {
                read(self.line, self.cache, prompt, scores, logits)
            }
            work => Outcome::More(Self { work, ..self }),
        }
    }
}

/// What comes of a prompt that is read.
fn read(
    line: Arc<Line>,
    cache: Cache,
    prompt: Prompt,
    scores: Vec<Scored>,
    logits: Option<Vec<f32>>,
) -> Outcome {
    let Prompt { index, .. } = prompt;
    if prompt.score.is_some() {
        let prompt = index;
        line.send(Event::Scored { prompt, scores });
    }
    match logits {
        Some(logits) if !prompt.answers.is_empty() => Outcome::Read(Fork {
            line,
            index,
            tokens: prompt.tokens,
            path: prompt.path,
            account: prompt.account,
            cache: Some(cache),
            logits,
            answers: prompt.answers.into(),
        }),
        _ => Outcome::Done(line),
    }
}

impl Fork {
    /// Whether all of its answers have begun.
    pub(crate) fn is_spent(&self) -> bool {
        self.answers.is_empty()
    }

    /// Its cache, which its answers share.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Begins the next answer. There is no sequence where it ended with its first token.
    pub(crate) fn begin(&mut self) -> Option<Sequence> {
        let (answer, writer) = self.answers.pop_front()?;
        let mut writer = Box::new(writer);
        let next = write(&self.line, answer, &mut writer, &self.logits)?;
        // The last answer takes the cache, the others a copy of it.
        let cache = if self.is_spent() {
            self.cache.take()
        } else {
            self.cache.clone()
        }?;
        let mut tokens = self.tokens.clone();
        tokens.push(next);
        let work = Work::Writing {
            answer,
            writer,
            tokens,
        };
        Some(Sequence::new(Arc::clone(&self.line), cache, work))
    }

    /// Drops its cache: its prompt is to be read again for the answers that have not begun.
    pub(crate) fn forget(self) -> (Arc<Line>, Prompt) {
        let prompt = Prompt {
            index: self.index,
            tokens: self.tokens,
            // The scores were told.
            score: None,
            path: self.path,
            account: self.account,
            answers: self.answers.into(),
        };
        (self.line, prompt)
    }
}

/// Writes one token and sends it; returns it unless it was the last.
fn write(line: &Line, answer: usize, writer: &mut Writer, logits: &[f32]) -> Option<u32> {
    let piece = writer.push(logits);
    if piece.finish == Some(lm::Finish::Broken) {
        tracing::warn!("an answer's grammar came to its limits; its request is given up");
        line.tear();
        return None;
    }
    let next = piece.finish.is_none().then_some(piece.choice.token);
    line.send(Event::Piece { answer, piece });
    next
}
