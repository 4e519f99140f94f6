//! Scoring whole texts, one or many in a call, on the exact path. What is told of a position is
//! what was asked for: tokens times vocabulary is never in memory.

use super::{Cache, Model, Step, Want};
use crate::sample::Scored;
use crate::{Error, Result};
use std::collections::VecDeque;

/// Rows of one forward pass; with these the products are near the processor's limit.
const ROWS: usize = 512;

/// A text to score.
#[derive(Debug, Clone, Copy)]
pub struct Scoring<'a> {
    /// Its tokens.
    pub tokens: &'a [u32],
    /// The first token that is scored, at least 1: those before are context alone, which costs no
    /// head.
    pub from: usize,
    /// Most likely tokens told with each score.
    pub top: usize,
    /// Further ids whose log-probabilities are told, one list a scored token; or none at all.
    pub at: &'a [Vec<u32>],
}

impl<'a> Scoring<'a> {
    /// All tokens but the first.
    #[must_use]
    pub fn all(tokens: &'a [u32]) -> Self {
        Self {
            tokens,
            from: 1,
            top: 0,
            at: &[],
        }
    }
}

/// A text under way: which, and how far it is fed.
struct Part {
    index: usize,
    cache: Cache,
    start: usize,
    end: usize,
}

impl Model {
    /// Log-probabilities of tokens `1..` of a text, each given those before it; `top` alternatives
    /// each. The result is one shorter than `tokens`.
    ///
    /// # Errors
    /// As [`score_many`](Self::score_many).
    pub fn score(&self, tokens: &[u32], top: usize) -> Result<Vec<Scored>> {
        let scoring = Scoring {
            top,
            ..Scoring::all(tokens)
        };
        let mut out = self.score_many(&[scoring])?;
        Ok(out.pop().unwrap_or_default())
    }

    /// Scores many texts: for each, tokens `from..`, each given those before it. Equal to the bit to
    /// scoring each alone.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::ContextOverflow`], [`Error::UnknownToken`], or
    /// [`Error::Invalid`] where `from` or `at` do not fit the tokens; then nothing is scored.
    pub fn score_many(&self, texts: &[Scoring<'_>]) -> Result<Vec<Vec<Scored>>> {
        texts.iter().try_for_each(|text| self.check_text(text))?;
        let mut out: Vec<Vec<Scored>> = texts.iter().map(|_| Vec::new()).collect();
        let mut waiting = VecDeque::new();
        let mut next = 0;
        loop {
            let mut parts = Vec::new();
            let mut left = ROWS;
            // Those that go on come back in the next round: a text is in a pass once.
            let mut going_on = waiting.len();
            while left > 0 {
                let (index, cache, start) = if going_on > 0 {
                    going_on -= 1;
                    match waiting.pop_front() {
                        Some(part) => part,
                        None => break,
                    }
                } else if next < texts.len() {
                    next += 1;
                    (next - 1, self.cache(), 0)
                } else {
                    break;
                };
                let end = texts[index].end_of_part(start, left);
                left -= end - start;
                if end > start {
                    parts.push(Part {
                        index,
                        cache,
                        start,
                        end,
                    });
                }
            }
            if parts.is_empty() {
                return Ok(out);
            }
            let mut steps: Vec<Step<'_>> = parts
                .iter_mut()
                .map(|part| texts[part.index].step(part))
                .collect();
            let outputs = self.forward(&mut steps)?;
            for (part, output) in parts.into_iter().zip(outputs) {
                out[part.index].extend(output.scores);
                if part.end + 1 < texts[part.index].tokens.len() {
                    waiting.push_back((part.index, part.cache, part.end));
                }
            }
        }
    }

    fn check_text(&self, text: &Scoring<'_>) -> Result<()> {
        let length = text.tokens.len();
        if length == 0 {
            return Err(Error::EmptyPrompt);
        }
        self.check_length(length)?;
        self.tokenizer.check(text.tokens)?;
        if text.from == 0 || text.from > length {
            let from = text.from;
            let text = format!("scores from token {from} of a text of {length}");
            return Err(Error::Invalid(text));
        }
        if !text.at.is_empty() && text.at.len() != length - text.from {
            return Err(Error::Invalid(
                "ids are asked for at some scores only".into(),
            ));
        }
        text.at.iter().try_for_each(|ids| self.tokenizer.check(ids))
    }
}

impl<'a> Scoring<'a> {
    /// Where a part that begins at `start` ends: before the first score, or after as many tokens as
    /// are left. The last token predicts nothing that is asked for.
    fn end_of_part(&self, start: usize, left: usize) -> usize {
        let context = self.from - 1;
        let end = if start < context {
            context
        } else {
            self.tokens.len() - 1
        };
        end.min(start + left)
    }

    fn step<'s>(&self, part: &'s mut Part) -> Step<'s>
    where
        'a: 's,
    {
        let (start, end) = (part.start, part.end);
        let mut want = Want::nothing();
        if start + 1 >= self.from {
            want = Want::score(&self.tokens[start + 1..=end], self.top);
            let first = start + 1 - self.from;
            want.at = self.at.get(first..first + end - start).unwrap_or(&[]);
        }
        Step {
            cache: &mut part.cache,
            tokens: &self.tokens[start..end],
            want,
        }
    }
}
