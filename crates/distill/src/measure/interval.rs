//! How sure a share or a mean is: Wilson's interval from counts, bootstrap intervals from values.

use crate::random::Random;
use serde::{Deserialize, Serialize};

/// The normal distribution's quantile for 95 % on both sides.
const WIDTH: f64 = 1.959_963_984_540_054;

/// A value and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How a bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resampling {
    /// Resamples; the ends of an interval jitter by about 1 % of its width at 10,000.
    pub times: usize,
    /// Decides which items are drawn.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            times: 10_000,
            seed: 0,
        }
    }
}

/// Wilson's interval (1927) of a share, from counts: right also for few trials and shares near 0
/// or 1. All that is possible where nothing was tried.
#[must_use]
pub fn wilson(successes: u64, trials: u64) -> Estimate {
    if trials == 0 {
        return Estimate {
            value: 0.0,
            low: 0.0,
            high: 1.0,
        };
    }
    let n = trials as f64;
    let value = successes.min(trials) as f64 / n;
    let square = WIDTH * WIDTH;
    let middle = value + square / (2.0 * n);
    let half = WIDTH * (value * (1.0 - value) / n + square / (4.0 * n * n)).sqrt();
    let over = 1.0 + square / n;
    // At shares of 0 and 1 the ends are exact; rounding must not exclude the value.
    Estimate {
        value,
        low: ((middle - half) / over).clamp(0.0, value),
        high: ((middle + half) / over).clamp(value, 1.0),
    }
}

/// The percentile bootstrap (Efron 1979) of the mean over items. An empty slice gives NaN for all
/// three; one item's interval is its value, since nothing shows how items differ.
#[must_use]
pub fn bootstrap(values: &[f64], how: Resampling) -> Estimate {
    let mut random = Random::new(how.seed);
    let draws = (0..how.times).map(|_| {
        let sum: f64 = values
            .iter()
            .map(|_| values[random.below(values.len())])
            .sum();
        sum / values.len() as f64
    });
    percentile(mean(values), draws.collect())
}

/// The perplexity of texts, each with the sum of its tokens' log-probabilities (nats) and their
/// number: over all tokens, with the bootstrap's interval over texts. NaN for none.
#[must_use]
pub fn perplexity_of(texts: &[(f64, f64)]) -> Estimate {
    let how = Resampling::default();
    let pooled = |sums: (f64, f64)| (-sums.0 / sums.1).exp();
    let add = |sums: (f64, f64), text: &(f64, f64)| (sums.0 + text.0, sums.1 + text.1);
    let mut random = Random::new(how.seed);
    let draws = (0..how.times).map(|_| {
        let drawn = texts.iter().map(|_| &texts[random.below(texts.len())]);
        pooled(drawn.fold((0.0, 0.0), add))
    });
    let value = pooled(texts.iter().fold((0.0, 0.0), add));
    percentile(value, draws.collect())
}

/// The mean of `a - b` where both were measured on the same items: pairs are drawn, so that what
/// makes an item hard for both falls out.
///
/// Items beyond the shorter slice are left out.
#[must_use]
pub fn paired_difference(a: &[f64], b: &[f64], how: Resampling) -> Estimate {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    bootstrap(&differences, how)
}

/// The quantile at `share` of sorted values, linear between neighbours (Hyndman and Fan's type 7,
/// as numpy's). NaN for none.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = place.ceil() as usize;
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

/// The interval that the middle 95 % of the draws span.
pub(super) fn percentile(value: f64, mut draws: Vec<f64>) -> Estimate {
    draws.sort_unstable_by(f64::total_cmp);
    let (low, high) = match draws.is_empty() {
        true => (value, value),
        false => (quantile(&draws, 0.025), quantile(&draws, 0.975)),
    };
    Estimate { value, low, high }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
