//! The writer of one answer: samples a token from each row of logits, turns tokens into text that
//! is sure, and says when the answer ends. Also the simple loop for callers with one sequence.

use super::{Sampler, Sampling, Scored, StopStrings};
use crate::grammar::Grammar;
use crate::model::{CHUNK, Model, Step, Want};
use crate::tokenizer::{Detokenizer, Tokenizer};
use crate::{Error, Result};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where an answer ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Most tokens, at least 1.
    pub max_tokens: usize,
    /// Strings that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// The model's end tokens do not end the answer.
    pub ignore_end: bool,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model wrote an end token.
    End,
    /// The stop string of this index in [`Limits::stop`] came.
    Stop(usize),
    /// [`Limits::max_tokens`] were written.
    Length,
    /// The answer's grammar came to its limits: what was written is not of the form asked for.
    Broken,
}

/// What one token adds to an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The token, its log-probability and its alternatives.
    pub choice: Scored,
    /// Text that is now sure; often empty or of earlier tokens too, because unfinished characters
    /// and possible starts of stop strings are held back.
    pub text: String,
    /// Set with the last token.
    pub finish: Option<Finish>,
}

/// One answer's state, beside its [`crate::Cache`].
#[derive(Debug)]
pub struct Writer {
    tokenizer: Arc<Tokenizer>,
    sampler: Sampler,
    text: Detokenizer,
    stops: StopStrings,
    left: usize,
    ignore_end: bool,
}

impl Writer {
    /// # Errors
    /// [`Error::Invalid`] or [`Error::UnknownToken`] for an option out of range.
    pub fn new(tokenizer: Arc<Tokenizer>, sampling: Sampling, limits: Limits) -> Result<Self> {
        let Limits {
            max_tokens,
            stop,
            ignore_end,
        } = limits;
        if max_tokens == 0 {
            return Err(Error::Invalid("max_tokens is 0".into()));
        }
        let sampler = Sampler::new(sampling, tokenizer.vocabulary())?;
        let stops = StopStrings::new(stop)?;
        let text = Detokenizer::new();
        Ok(Self {
            tokenizer,
            sampler,
            text,
            stops,
            left: max_tokens,
            ignore_end,
        })
    }

    /// The prompt's tokens, which only the repetition penalty looks at.
    pub fn prompt(&mut self, tokens: &[u32]) {
        self.sampler.prompt(tokens);
    }

    /// The answer is to have this form.
    pub fn constrain(&mut self, grammar: Grammar) {
        self.sampler.constrain(grammar);
    }

    /// Chooses the next token from the logits of the whole vocabulary. After the piece that has
    /// `finish` set, push no more.
    pub fn push(&mut self, logits: &[f32]) -> Piece {
        let choice = self.sampler.sample(logits);
        self.left = self.left.saturating_sub(1);
        if self.sampler.failure().is_some() {
            return self.end(choice, String::new(), Finish::Broken);
        }
        if !self.ignore_end && self.tokenizer.is_end(choice.token) {
            return self.end(choice, String::new(), Finish::End);
        }
        let shown = !self.tokenizer.is_control(choice.token);
        let bytes = if shown {
            self.tokenizer.bytes(choice.token)
        } else {
            &[]
        };
        let (text, stop) = self.stops.push(&self.text.push(bytes));
        match stop {
            Some(index) => Piece {
                choice,
                text,
                finish: Some(Finish::Stop(index)),
            },
            None if self.left == 0 => self.end(choice, text, Finish::Length),
            None => Piece {
                choice,
                text,
                finish: None,
            },
        }
    }

    /// Shows what was held back.
    fn end(&mut self, choice: Scored, mut text: String, finish: Finish) -> Piece {
        let (more, stop) = self.stops.push(&self.text.finish());
        text.push_str(&more);
        if stop.is_none() {
            text.push_str(&self.stops.finish());
        }
        Piece {
            choice,
            text,
            finish: Some(stop.map_or(finish, Finish::Stop)),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// Its tokens, with the end token where it wrote one.
    pub tokens: Vec<Scored>,
    /// Its text.
    pub text: String,
    /// Why it ended; none where the caller broke off.
    pub finish: Option<Finish>,
}

impl Model {
    /// Answers one prompt: for simple callers and tests; a scheduler uses [`Model::forward`].
    /// `each` sees every piece and may break off.
    ///
    /// # Errors
    /// [`Error::ContextOverflow`] where prompt and `max_tokens` together exceed the context, and
    /// those of [`Writer::new`] and [`Model::forward`].
    pub fn generate(
        &self,
        prompt: &[u32],
        sampling: Sampling,
        limits: Limits,
        each: &mut dyn FnMut(&Piece) -> ControlFlow<()>,
    ) -> Result<Generated> {
        let room = prompt.len().saturating_add(limits.max_tokens);
        let mut writer = Writer::new(Arc::clone(self.tokenizer()), sampling, limits)?;
        writer.prompt(prompt);
        self.check_length(room)?;
        self.write(prompt, writer, each)
    }

    /// The same with a writer that the caller made, for one with a grammar. What it writes beyond
    /// the context is an error.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], and those of [`Model::forward`].
    pub fn write(
        &self,
        prompt: &[u32],
        mut writer: Writer,
        each: &mut dyn FnMut(&Piece) -> ControlFlow<()>,
    ) -> Result<Generated> {
        let Some((&last, _)) = prompt.split_last() else {
            return Err(Error::EmptyPrompt);
        };
        let mut cache = self.cache();
        for tokens in prompt[..prompt.len() - 1].chunks(CHUNK) {
            self.forward(&mut [Step {
                cache: &mut cache,
                tokens,
                want: Want::nothing(),
            }])?;
        }
        let mut out = Generated {
            tokens: Vec::new(),
            text: String::new(),
            finish: None,
        };
        let mut next = last;
        while out.finish.is_none() {
            let tokens = &[next];
            let step = Step {
                cache: &mut cache,
                tokens,
                want: Want::logits(),
            };
            let outputs = self.forward(&mut [step])?;
            let logits = outputs
                .into_iter()
                .find_map(|o| o.logits)
                .unwrap_or_default();
            let piece = writer.push(&logits);
            next = piece.choice.token;
            let flow = each(&piece);
            out.text.push_str(&piece.text);
            out.finish = piece.finish;
            out.tokens.push(piece.choice);
            if flow.is_break() {
                break;
            }
        }
        Ok(out)
    }
}
