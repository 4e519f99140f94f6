//! From a row of logits to log-probabilities (natural logarithm) and ranks. Sums are in f64; ties go
//! to the lower id; NaN is never among the best.

use crate::sample::{Scored, TokenLogprob};

/// `ln(sum(exp(logits)))`.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&l| f64::from((l - most).exp())).sum();
    f64::from(most) + sum.ln()
}

/// Id of the greatest logit.
pub(crate) fn arg_max(logits: &[f32]) -> u32 {
    let mut best = (0u32, f32::NEG_INFINITY);
    for (id, &logit) in (0u32..).zip(logits) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    best.0
}

/// The log-probability and rank of `token`, and the `top` most likely tokens.
pub(crate) fn score(logits: &[f32], token: u32, top: usize) -> Scored {
    let norm = log_sum_exp(logits);
    let logprob = |logit: f32| (f64::from(logit) - norm) as f32;
    let own = logits
        .get(token as usize)
        .copied()
        .unwrap_or(f32::NEG_INFINITY);
    let above = logits.iter().filter(|&&l| l > own).count();
    let top = best(logits, top);
    Scored {
        token,
        logprob: logprob(own),
        // A vocabulary has fewer than 2^32 tokens.
        rank: above as u32 + 1,
        top: top
            .into_iter()
            .map(|(t, l)| TokenLogprob {
                token: t,
                logprob: logprob(l),
            })
            .collect(),
    }
}

/// The `count` greatest logits with their ids, greatest first.
fn best(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let count = count.min(logits.len());
    let mut out: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
    if count == 0 {
        return out;
    }
    for (id, &logit) in (0u32..).zip(logits) {
        if logit.is_nan() || (out.len() == count && out[count - 1].1 >= logit) {
            continue;
        }
        let at = out.partition_point(|&(_, l)| l >= logit);
        out.insert(at, (id, logit));
        out.truncate(count);
    }
    out
}
