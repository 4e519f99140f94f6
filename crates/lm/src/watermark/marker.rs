//! One answer's mark: what the sampler calls between the model's logits and the draw.

use super::context::Words;
use super::{Scheme, Watermark};
use std::collections::HashSet;
use std::sync::Arc;

/// The state of one answer: its last tokens, and the contexts that it has had.
#[derive(Debug, Clone)]
pub struct Marker {
    watermark: Arc<Watermark>,
    context: Vec<u32>,
    seen: HashSet<Vec<u32>>,
    words: Vec<u32>,
}

impl Marker {
    /// Before the first token.
    #[must_use]
    pub fn new(watermark: Arc<Watermark>) -> Self {
        Self {
            watermark,
            context: Vec::new(),
            seen: HashSet::new(),
            words: Vec::new(),
        }
    }

    /// A green list raises the logits of green tokens; a tournament does nothing here.
    pub fn logits(&mut self, logits: &mut [f32]) {
        let Scheme::Green { threshold, delta } = self.watermark.scheme else {
            return;
        };
        if self.context.len() < self.watermark.width {
            return;
        }
        self.words.resize(logits.len(), 0);
        Words::new(&self.watermark, &self.context).fill(&mut self.words);
        for (logit, &word) in logits.iter_mut().zip(&self.words) {
            if u64::from(word) < threshold {
                *logit += delta as f32;
            }
        }
    }

    /// A tournament changes the probabilities of the candidates, which need not sum to 1 and are
    /// left summing to 1; a green list does nothing here. `weights` belong to `ids`.
    pub fn probabilities(&mut self, ids: &[u32], weights: &mut [f64]) {
        let Scheme::Tournament { layers } = self.watermark.scheme else {
            return;
        };
        // A context that was used gives the same words again: marking it twice would distort.
        if self.context.len() < self.watermark.width || self.seen.contains(&self.context) {
            return;
        }
        let mut words = Words::new(&self.watermark, &self.context);
        self.words.resize(ids.len(), 0);
        let dense = ids.last().is_some_and(|&id| id as usize + 1 == ids.len());
        if dense && ids.is_sorted() {
            words.fill(&mut self.words);
        } else {
            for (word, &id) in self.words.iter_mut().zip(ids) {
                *word = words.of(id);
            }
        }
        tournament(&self.words, layers, weights);
    }

    /// Takes the token that was drawn.
    pub fn push(&mut self, token: u32) {
        let width = self.watermark.width;
        let masks = matches!(self.watermark.scheme, Scheme::Tournament { .. });
        if masks && self.context.len() == width {
            self.seen.insert(self.context.clone());
        }
        self.context.push(token);
        if self.context.len() > width {
            self.context.remove(0);
        }
    }
}

/// Two candidates a match: in each layer a token with value g becomes `1 + g - E[g]` times as
/// likely (Dathathri et al. 2024, for layers of 0 and 1).
fn tournament(words: &[u32], layers: u32, weights: &mut [f64]) {
    let total: f64 = weights.iter().sum();
    if total.is_nan() || total <= 0.0 {
        return;
    }
    weights.iter_mut().for_each(|w| *w /= total);
    let value = |word: u32, layer: u32| f64::from((word >> layer) & 1);
    for layer in 0..layers {
        let both = weights.iter().zip(words);
        let mean: f64 = both.map(|(w, &word)| w * value(word, layer)).sum();
        for (weight, &word) in weights.iter_mut().zip(words) {
            *weight *= 1.0 + value(word, layer) - mean;
        }
    }
}
