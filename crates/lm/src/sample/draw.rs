//! The draw itself: temperature, the truncations (min-p, top-k, nucleus, in this order), a
//! tournament's mark, one uniform number. No state but buffers that are kept from token to token.

use super::Sampling;
use crate::ops;
use crate::watermark::Marker;

/// Tokens that may be drawn, with unnormalised probabilities.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidates {
    all: Vec<(u32, f64)>,
    ids: Vec<u32>,
    weights: Vec<f64>,
}

impl Candidates {
    /// Draws a token by `u` in `[0, 1)`; leaves unnormalised probabilities in `logits`.
    pub(super) fn draw(
        &mut self,
        logits: &mut [f32],
        sampling: &Sampling,
        marker: Option<&mut Marker>,
        u: f64,
    ) -> u32 {
        let likeliest = ops::arg_max(logits);
        let most = logits.get(likeliest as usize).copied().unwrap_or(0.0);
        // The difference is at most 0, so the exponential is at most 1 at any temperature.
        logits
            .iter_mut()
            .for_each(|l| *l = ((*l - most) / sampling.temperature).exp());
        let weights = logits.iter().map(|&w| f64::from(w));
        let cut = sampling.top_p < 1.0 || sampling.top_k > 0 || sampling.min_p > 0.0;
        if !cut && marker.is_none() {
            let total: f64 = weights.clone().sum();
            return pick((0u32..).zip(weights), u * total).unwrap_or(likeliest);
        }
        self.all.clear();
        // The likeliest weighs 1, so that min-p is the least weight.
        let least = f64::from(sampling.min_p);
        let kept = (0u32..).zip(weights).filter(|&(_, w)| w >= least);
        self.all.extend(kept);
        self.keep_likeliest(sampling.top_k);
        self.keep_nucleus(f64::from(sampling.top_p));
        if let Some(marker) = marker {
            self.mark(marker);
        }
        let total: f64 = self.all.iter().map(|&(_, w)| w).sum();
        pick(self.all.iter().copied(), u * total).unwrap_or(likeliest)
    }

    /// Only the `count` likeliest, the lower id first where two are equal; 0 keeps all.
    fn keep_likeliest(&mut self, count: usize) {
        if count > 0 && count < self.all.len() {
            self.all.select_nth_unstable_by(count - 1, before);
            self.all.truncate(count);
            self.all.sort_unstable_by_key(|&(id, _)| id);
        }
    }

    /// Only the fewest tokens that reach `top_p` of what is left.
    fn keep_nucleus(&mut self, top_p: f64) {
        if top_p >= 1.0 {
            return;
        }
        let total: f64 = self.all.iter().map(|&(_, w)| w).sum();
        // Tokens below this hold less than 1 - top_p together: none can be in the nucleus.
        let least = total * (1.0 - top_p) / self.all.len() as f64;
        self.all.retain(|&(_, w)| w >= least);
        self.all.sort_unstable_by(before);
        let mut mass = 0.0;
        let enough = total * top_p;
        let last = self.all.iter().position(|&(_, w)| {
            mass += w;
            mass >= enough
        });
        self.all.truncate(last.map_or(self.all.len(), |i| i + 1));
    }

    fn mark(&mut self, marker: &mut Marker) {
        self.ids.clear();
        self.ids.extend(self.all.iter().map(|&(id, _)| id));
        self.weights.clear();
        self.weights.extend(self.all.iter().map(|&(_, w)| w));
        marker.probabilities(&self.ids, &mut self.weights);
        for (slot, &weight) in self.all.iter_mut().zip(&self.weights) {
            slot.1 = weight;
        }
    }
}

/// The likelier first, then the lower id.
fn before(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
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
