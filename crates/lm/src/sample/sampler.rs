//! One request's sampler. Deterministic: the same logits, options and seed give the same tokens.
//! Reported log-probabilities are those of the unmodified distribution.

use super::Scored;
use super::random::uniform;
use crate::{Error, Result, ops};
use std::collections::HashMap;

/// How tokens are chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1 the model's own distribution.
    pub temperature: f32,
    /// Only the fewest tokens that reach this probability together, in `(0, 1]`.
    pub top_p: f32,
    /// What the draws depend on.
    pub seed: u64,
    /// Added to the logits of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// Subtracted once from the logits of tokens that the answer already holds.
    pub presence_penalty: f32,
    /// Subtracted for each time that the answer holds the token.
    pub frequency_penalty: f32,
    /// Alternatives to report with each chosen token.
    pub top_logprobs: usize,
}

impl Default for Sampling {
    /// The model's own distribution, seed 0.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            seed: 0,
            logit_bias: Vec::new(),
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            top_logprobs: 0,
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
}

/// A request's sampling state: how often each token was chosen, and how many draws were made.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    counts: HashMap<u32, u32>,
    draws: u64,
    adjusted: Vec<f32>,
}

impl Sampler {
    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the option that is out of range, [`Error::UnknownToken`] a biased
    /// token that is not in the vocabulary.
    pub fn new(sampling: Sampling, vocabulary: usize) -> Result<Self> {
        let range = |name: &str, ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(Error::Invalid(format!("{name} is out of range")))
            }
        };
        let Sampling {
            temperature,
            top_p,
            presence_penalty,
            frequency_penalty,
            ..
        } = sampling;
        range("temperature", temperature.is_finite() && temperature >= 0.0)?;
        range("top_p", top_p > 0.0 && top_p <= 1.0)?;
        range("presence_penalty", presence_penalty.is_finite())?;
        range("frequency_penalty", frequency_penalty.is_finite())?;
        for &(token, bias) in &sampling.logit_bias {
            range("logit_bias", bias.is_finite())?;
            if token as usize >= vocabulary {
                return Err(Error::UnknownToken { token, vocabulary });
            }
        }
        Ok(Self {
            sampling,
            counts: HashMap::new(),
            draws: 0,
            adjusted: Vec::new(),
        })
    }

    /// Chooses a token from the logits of the whole vocabulary and remembers it for the penalties.
    pub fn sample(&mut self, logits: &[f32]) -> Scored {
        self.adjust(logits);
        let token = if self.sampling.temperature == 0.0 {
            ops::arg_max(&self.adjusted)
        } else {
            let u = uniform(self.sampling.seed, self.draws);
            self.draws += 1;
            draw(
                &mut self.adjusted,
                self.sampling.temperature,
                self.sampling.top_p,
                u,
            )
        };
        *self.counts.entry(token).or_default() += 1;
        ops::score(logits, token, self.sampling.top_logprobs)
    }

    /// The logits with bias and penalties.
    fn adjust(&mut self, logits: &[f32]) {
        self.adjusted.clear();
        self.adjusted.extend_from_slice(logits);
        let mut add = |token: u32, change: f32| {
            if let Some(logit) = self.adjusted.get_mut(token as usize) {
                *logit += change;
            }
        };
        self.sampling
            .logit_bias
            .iter()
            .for_each(|&(token, bias)| add(token, bias));
        let Sampling {
            presence_penalty,
            frequency_penalty,
            ..
        } = self.sampling;
        if presence_penalty != 0.0 || frequency_penalty != 0.0 {
            for (&token, &count) in &self.counts {
                add(token, -presence_penalty - frequency_penalty * count as f32);
            }
        }
    }
}

/// Draws a token by `u` in `[0, 1)`; leaves unnormalised probabilities in `logits`.
fn draw(logits: &mut [f32], temperature: f32, top_p: f32, u: f64) -> u32 {
    let likeliest = ops::arg_max(logits);
    let most = logits.get(likeliest as usize).copied().unwrap_or(0.0);
    // The difference is at most 0, so the exponential is at most 1 at any temperature.
    logits
        .iter_mut()
        .for_each(|l| *l = ((*l - most) / temperature).exp());
    let total: f64 = logits.iter().map(|&w| f64::from(w)).sum();
    let all = (0u32..).zip(logits.iter().map(|&w| f64::from(w)));
    if top_p >= 1.0 {
        return pick(all, u * total).unwrap_or(likeliest);
    }
    // Tokens below this hold less than 1 - top_p together: none can be in the nucleus.
    let least = total * f64::from(1.0 - top_p) / logits.len() as f64;
    let mut nucleus: Vec<(u32, f64)> = all.filter(|&(_, w)| w >= least).collect();
    nucleus.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut mass = 0.0;
    let enough = total * f64::from(top_p);
    let last = nucleus.iter().position(|&(_, w)| {
        mass += w;
        mass >= enough
    });
    nucleus.truncate(last.map_or(nucleus.len(), |i| i + 1));
    let mass: f64 = nucleus.iter().map(|&(_, w)| w).sum();
    pick(nucleus.into_iter(), u * mass).unwrap_or(likeliest)
}

/// The first token where the running sum exceeds `target`.
fn pick(weights: impl Iterator<Item = (u32, f64)>, target: f64) -> Option<u32> {
    let mut sum = 0.0;
    let mut last = None;
    for (token, weight) in weights.filter(|&(_, w)| w > 0.0) {
        sum += weight;
        last = Some(token);
        if sum > target {
            break;
        }
    }
    last
}
