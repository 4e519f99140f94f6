//! Finding a mark. The null hypothesis is that the text knows nothing of the key; then the bits at
//! different (context, token) pairs are independent, whatever the text, so the p-value is exact for
//! any text, a repetitive one too. Each pair counts once, of a tournament each context once.

use super::context::{WORDS, Words};
use super::null::{Bits, tail};
use super::{Scheme, Watermark};
use std::collections::HashSet;

/// Greatest weight of a position by its surprise.
const STEPS: usize = 4;
/// Positions above which weights are 0 or 1 only: convolving takes the square of their number.
const WEIGHED: usize = 1024;

/// What a detector says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Positions that counted: with a whole context and not seen before.
    pub positions: usize,
    /// The share of ones among the bits (green tokens, layers won), by weight.
    pub share: f64,
    /// That share in text without the mark.
    pub expected: f64,
    /// The probability of such a score or a greater one in text that knows nothing of the key.
    /// Exact; 1 where nothing counted.
    pub p_value: f64,
}

impl Watermark {
    /// Looks for the mark in an answer's tokens, without its prompt.
    #[must_use]
    pub fn detect(&self, tokens: &[u32]) -> Detection {
        self.look(tokens, &|_| STEPS)
    }

    /// The same where a model that can be scored tells how sure each token was: `logprobs` are of
    /// the tokens, one each. A token that had to come carries no mark, so positions count by
    /// the probability that another token would have come. The weights know nothing of the key:
    /// the p-value stays exact. A missing or broken logarithm counts as a sure token.
    #[must_use]
    pub fn detect_scored(&self, tokens: &[u32], logprobs: &[f32]) -> Detection {
        self.look(tokens, &|at| {
            let logprob = logprobs.get(at).copied().unwrap_or(0.0).min(0.0);
            let other = -f64::from(logprob).exp_m1();
            // NaN becomes 0.
            (other * STEPS as f64).round() as usize
        })
    }

    fn look(&self, tokens: &[u32], weight: &dyn Fn(usize) -> usize) -> Detection {
        let positions = self.positions(tokens);
        let fine = positions.len() <= WEIGHED;
        let mut score = Score::default();
        let mut counted = 0;
        for &at in &positions {
            // Many positions: those above the middle count, all the same.
            let weight = match weight(at).min(STEPS) {
                weight if fine => weight,
                weight => usize::from(2 * weight > STEPS),
            };
            counted += usize::from(weight > 0);
            let context = &tokens[at - self.width..at];
            let word = Words::new(self, context).of(tokens[at]);
            match self.scheme {
                Scheme::Green { threshold, .. } => {
                    score.add(weight, u64::from(word) < threshold);
                }
                Scheme::Tournament { layers } => {
                    for layer in 0..layers {
                        let weight = if fine {
                            (weight * depth(layer, layers)).div_ceil(STEPS)
                        } else {
                            weight
                        };
                        score.add(weight, (word >> layer) & 1 == 1);
                    }
                }
            }
        }
        let expected = match self.scheme {
            Scheme::Green { threshold, .. } => threshold as f64 / WORDS,
            Scheme::Tournament { .. } => 0.5,
        };
        score.detection(counted, expected)
    }

    /// Places of tokens that count.
    fn positions(&self, tokens: &[u32]) -> Vec<usize> {
        let once = matches!(self.scheme, Scheme::Tournament { .. });
        let mut seen = HashSet::new();
        let from = self.width.min(tokens.len());
        (from..tokens.len())
            .filter(|&at| {
                // A tournament marked a context's first token only.
                let end = if once { at } else { at + 1 };
                seen.insert(&tokens[at - self.width..end])
            })
            .collect()
    }
}

/// The weight of a layer, 1 to [`STEPS`]: later ones decide among fewer tokens and say less.
const fn depth(layer: u32, layers: u32) -> usize {
    STEPS - layer as usize * STEPS / layers as usize
}

/// Weighted bits so far.
#[derive(Default)]
struct Score {
    counts: Vec<usize>,
    ones: usize,
    all: usize,
}

impl Score {
    fn add(&mut self, weight: usize, one: bool) {
        if self.counts.len() <= weight {
            self.counts.resize(weight + 1, 0);
        }
        self.counts[weight] += 1;
        self.all += weight;
        if one {
            self.ones += weight;
        }
    }

    fn detection(self, positions: usize, expected: f64) -> Detection {
        // Only ratios of weights matter: what all have in common is taken out.
        let there = self.counts.iter().enumerate().filter(|&(_, &n)| n > 0);
        let common = there.map(|(weight, _)| weight).fold(0, divisor).max(1);
        let groups = self.counts.iter().enumerate().map(|(weight, &count)| Bits {
            weight: weight / common,
            count,
        });
        Detection {
            positions,
            share: if self.all == 0 {
                expected
            } else {
                self.ones as f64 / self.all as f64
            },
            expected,
            p_value: tail(groups.collect(), expected, self.ones / common),
        }
    }
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}
