//! One request's sampler. Deterministic: the same logits, options and seed give the same tokens.
//! Reported log-probabilities are those of the unmodified distribution.

use super::Scored;
use super::draw::Candidates;
use super::random::uniform;
use crate::grammar::Grammar;
use crate::watermark::{Marker, Watermark};
use crate::{Error, Result, ops};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How tokens are chosen. In this order: bias, penalties, a green list's mark, the answer's grammar,
/// temperature, min-p, top-k, nucleus, a tournament's mark, the draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1 the model's own distribution.
    pub temperature: f32,
    /// Only the fewest tokens that reach this probability together, in `(0, 1]`.
    pub top_p: f32,
    /// Only so many of the most likely tokens; 0 for all.
    pub top_k: usize,
    /// Only tokens of at least this part of the most likely one's probability, in `[0, 1]`.
    pub min_p: f32,
    /// What the draws depend on.
    pub seed: u64,
    /// Added to the logits of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// Divides positive logits of tokens that the prompt (see [`Sampler::prompt`]) or the answer
    /// holds, and multiplies negative ones; above 0, 1 for none (Keskar et al. 2019).
    pub repetition_penalty: f32,
    /// Subtracted once from the logits of tokens that the answer already holds.
    pub presence_penalty: f32,
    /// Subtracted for each time that the answer holds the token.
    pub frequency_penalty: f32,
    /// Alternatives to report with each chosen token.
    pub top_logprobs: usize,
    /// A mark to put into the answer.
    pub watermark: Option<Arc<Watermark>>,
}

impl Default for Sampling {
    /// The model's own distribution, seed 0.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            seed: 0,
            logit_bias: Vec::new(),
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            top_logprobs: 0,
            watermark: None,
        }
    }
}

impl Sampling {
    /// The most likely token at each step.
    #[must_use]
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }

    fn check(&self, vocabulary: usize) -> Result<()> {
        let range = |name: &str, ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(Error::Invalid(format!("{name} is out of range")))
            }
        };
        let repetition = self.repetition_penalty;
        range(
            "temperature",
            self.temperature.is_finite() && self.temperature >= 0.0,
        )?;
        range("top_p", self.top_p > 0.0 && self.top_p <= 1.0)?;
        range("min_p", (0.0..=1.0).contains(&self.min_p))?;
        range(
            "repetition_penalty",
            repetition > 0.0 && repetition.is_finite(),
        )?;
        range("presence_penalty", self.presence_penalty.is_finite())?;
        range("frequency_penalty", self.frequency_penalty.is_finite())?;
        for &(token, bias) in &self.logit_bias {
            range("logit_bias", bias.is_finite())?;
            if token as usize >= vocabulary {
                return Err(Error::UnknownToken { token, vocabulary });
            }
        }
        Ok(())
    }
}

/// A request's sampling state: which tokens there were, how many draws were made, the mark's and
/// the grammar's place.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    counts: HashMap<u32, u32>,
    prompt: HashSet<u32>,
    marker: Option<Marker>,
    grammar: Option<Grammar>,
    failure: Option<String>,
    draws: u64,
    adjusted: Vec<f32>,
    candidates: Candidates,
}

impl Sampler {
    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the option that is out of range, [`Error::UnknownToken`] a biased
    /// token that is not in the vocabulary.
    pub fn new(sampling: Sampling, vocabulary: usize) -> Result<Self> {
        sampling.check(vocabulary)?;
        Ok(Self {
            marker: sampling.watermark.clone().map(Marker::new),
            sampling,
            counts: HashMap::new(),
            prompt: HashSet::new(),
            grammar: None,
            failure: None,
            draws: 0,
            adjusted: Vec::new(),
            candidates: Candidates::default(),
        })
    }

    /// The prompt's tokens, which only the repetition penalty looks at.
    pub fn prompt(&mut self, tokens: &[u32]) {
        if self.sampling.repetition_penalty != 1.0 {
            self.prompt.extend(tokens);
        }
    }

    /// Only tokens that this grammar allows from now on.
    pub fn constrain(&mut self, grammar: Grammar) {
        self.grammar = Some(grammar);
    }

    /// Why the grammar could not go on, if so. The answer is then not of its form: end it.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Chooses a token from the logits of the whole vocabulary and remembers it for the penalties.
    pub fn sample(&mut self, logits: &[f32]) -> Scored {
        self.adjust(logits);
        let token = if self.sampling.temperature == 0.0 {
            ops::arg_max(&self.adjusted)
        } else {
            let u = uniform(self.sampling.seed, self.draws);
            self.draws += 1;
            let marker = self.marker.as_mut();
            self.candidates
                .draw(&mut self.adjusted, &self.sampling, marker, u)
        };
        *self.counts.entry(token).or_default() += 1;
        if let Some(marker) = &mut self.marker {
            marker.push(token);
        }
        self.keep_to_grammar(|grammar, _| grammar.push(token));
        ops::score(logits, token, self.sampling.top_logprobs)
    }

    /// Does something with the grammar, where there is one and it has not failed.
    fn keep_to_grammar(&mut self, mut go: impl FnMut(&mut Grammar, &mut [f32]) -> Result<()>) {
        let done = match &mut self.grammar {
            Some(grammar) => go(grammar, &mut self.adjusted),
            None => Ok(()),
        };
        if let Err(error) = done {
            self.grammar = None;
            self.failure = Some(error.to_string());
        }
    }

    /// The logits with everything that comes before the temperature.
    fn adjust(&mut self, logits: &[f32]) {
        self.adjusted.clear();
        self.adjusted.extend_from_slice(logits);
        let Sampling {
            repetition_penalty,
            presence_penalty,
            frequency_penalty,
            ..
        } = self.sampling;
        for &(token, bias) in &self.sampling.logit_bias {
            change(&mut self.adjusted, token, |logit| logit + bias);
        }
        if repetition_penalty != 1.0 {
            let answer = self.counts.keys().filter(|t| !self.prompt.contains(*t));
            for &token in self.prompt.iter().chain(answer) {
                change(&mut self.adjusted, token, |logit| {
                    if logit > 0.0 {
                        logit / repetition_penalty
                    } else {
                        logit * repetition_penalty
                    }
                });
            }
        }
        if presence_penalty != 0.0 || frequency_penalty != 0.0 {
            for (&token, &count) in &self.counts {
                let by = presence_penalty + frequency_penalty * count as f32;
                change(&mut self.adjusted, token, |logit| logit - by);
            }
        }
        if let Some(marker) = &mut self.marker {
            marker.logits(&mut self.adjusted);
        }
        self.keep_to_grammar(Grammar::mask);
    }
}

fn change(logits: &mut [f32], token: u32, to: impl Fn(f32) -> f32) {
    if let Some(logit) = logits.get_mut(token as usize) {
        *logit = to(*logit);
    }
}
