//! One sequence in the model: a prompt that is being read, or an answer that is being written.
//! It takes part in a forward pass and turns the outcome into events; it never runs one itself.

use std::collections::VecDeque;
use std::sync::Arc;

use lm::{Cache, Output, Scored, Step, Want, Writer};

use crate::job::{Event, Line, Prompt};

/// A sequence that holds one of the model's slots.
pub(crate) struct Sequence {
    pub(crate) line: Arc<Line>,
    cache: Cache,
    work: Work,
    /// Tokens that it feeds in the step at hand; 0 while it rests.
    pub(crate) share: usize,
}

enum Work {
    Reading {
        prompt: Prompt,
        fed: usize,
        scores: Vec<Scored>,
    },
    Writing {
        answer: usize,
        writer: Box<Writer>,
        next: [u32; 1],
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
    /// Gone with the last answer.
    cache: Option<Cache>,
    logits: Vec<f32>,
    answers: VecDeque<(usize, Writer)>,
}

impl Sequence {
    /// Begins to read a prompt.
    pub(crate) fn read(line: Arc<Line>, prompt: Prompt, cache: Cache) -> Self {
        let work = Work::Reading {
            prompt,
            fed: 0,
            scores: Vec::new(),
        };
        Self {
            line,
            cache,
            work,
            share: 0,
        }
    }

    /// Whether an answer is being written.
    pub(crate) fn is_writing(&self) -> bool {
        matches!(self.work, Work::Writing { .. })
    }

    /// Tokens that it could feed now.
    pub(crate) fn ready(&self) -> usize {
        match &self.work {
            Work::Reading { prompt, fed, .. } => prompt.tokens.len() - fed,
            Work::Writing { .. } => 1,
        }
    }

    /// Its part of a forward pass: the next [`Self::share`] tokens.
    pub(crate) fn step(&mut self) -> Step<'_> {
        let (tokens, want) = match &self.work {
            Work::Reading { prompt, fed, .. } => {
                let end = fed + self.share;
                let all = &prompt.tokens;
                let want = Want {
                    logits: end == all.len() && !prompt.answers.is_empty(),
                    score: match prompt.score {
                        Some(_) => &all[fed + 1..(end + 1).min(all.len())],
                        None => &[],
                    },
                    top: prompt.score.unwrap_or(0),
                };
                (&all[*fed..end], want)
            }
            Work::Writing { next, .. } => (&next[..], Want::logits()),
        };
        Step {
            cache: &mut self.cache,
            tokens,
            want,
        }
    }

    /// Takes the outcome of [`Self::step`].
    pub(crate) fn take(self, output: Output) -> Outcome {
        let Self {
            line,
            cache,
            work,
            share,
        } = self;
        match work {
            Work::Writing {
                answer, mut writer, ..
            } => {
                let logits = output.logits.unwrap_or_default();
                match write(&line, answer, &mut writer, &logits) {
                    Some(next) => {
                        let work = Work::Writing {
                            answer,
                            writer,
                            next,
                        };
                        Outcome::More(Self {
                            line,
                            cache,
                            work,
                            share: 0,
                        })
                    }
                    None => Outcome::Done(line),
                }
            }
            Work::Reading {
                prompt,
                fed,
                mut scores,
            } => {
                let fed = fed + share;
                scores.extend(output.scores);
                if fed < prompt.tokens.len() {
                    let work = Work::Reading {
                        prompt,
                        fed,
                        scores,
                    };
                    return Outcome::More(Self {
                        line,
                        cache,
                        work,
                        share: 0,
                    });
                }
                if prompt.score.is_some() {
                    line.send(Event::Scored {
                        prompt: prompt.index,
                        scores,
                    });
                }
                match output.logits {
                    Some(logits) if !prompt.answers.is_empty() => {
                        let answers = prompt.answers.into();
                        Outcome::Read(Fork {
                            line,
                            cache: Some(cache),
                            logits,
                            answers,
                        })
                    }
                    _ => Outcome::Done(line),
                }
            }
        }
    }
}

impl Fork {
    /// Whether all of its answers have begun.
    pub(crate) fn is_spent(&self) -> bool {
        self.answers.is_empty()
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
        let work = Work::Writing {
            answer,
            writer,
            next,
        };
        Some(Sequence {
            line: Arc::clone(&self.line),
            cache,
            work,
            share: 0,
        })
    }
}

/// Writes one token and sends it; returns it unless it was the last.
fn write(line: &Line, answer: usize, writer: &mut Writer, logits: &[f32]) -> Option<[u32; 1]> {
    let piece = writer.push(logits);
    let next = piece.finish.is_none().then_some([piece.choice.token]);
    line.send(Event::Piece { answer, piece });
    next
}
