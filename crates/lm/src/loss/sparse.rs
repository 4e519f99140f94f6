//! A teacher that named only some ids. The choice of ids is held fixed: no gradient goes through it.

use super::divergence::Divergence;
use super::row::vanished;
use super::softmax::{LogSoftmax, log_add};
use super::{Float, Loss, Outcome, Tail};

/// One row; `grad` serves as the student's probabilities on the way.
pub(super) fn row<T: Float>(
    loss: &Loss,
    student: &LogSoftmax<'_, T>,
    (ids, logprobs, tail): (&[u32], &[T], Tail),
    scale: f64,
    grad: &mut [T],
) -> Outcome {
    let divergence = Divergence::new(loss.kind, loss.floor);
    let named = || {
        ids.iter()
            .zip(logprobs)
            .map(|(&id, lp)| (id as usize, lp.wide()))
    };
    let sum = |logs: &mut dyn Iterator<Item = f64>| logs.fold(f64::NEG_INFINITY, log_add);
    let renormalised = tail == Tail::Renormalised;
    let (norm_p, norm_q) = if renormalised {
        (
            sum(&mut named().map(|(_, lp)| lp)),
            sum(&mut named().map(|(id, _)| student.log(id))),
        )
    } else {
        (0.0, 0.0)
    };
    let (level, lift) = match tail {
        Tail::Bucket | Tail::Renormalised => (0.0, 0.0),
        Tail::Truncated => (divergence.level(), 0.0),
        Tail::PerId => (divergence.level() + divergence.lift(), divergence.lift()),
    };
    let mut out = Outcome::default();
    let share = |lp: f64, lq: f64, out: &mut Outcome| {
        let share = divergence.share(lp, lq);
        let (p, q) = (lp.exp(), lq.exp());
        out.value += share.value + lift * (q - p);
        out.clamped += u32::from(share.clamped);
        share.slope + level * q
    };
    // First pass: the sum of all slopes, and the student's mass outside.
    for (id, slot) in grad.iter_mut().enumerate() {
        *slot = T::narrow(student.log(id).exp());
    }
    let mut total = 0.0;
    for (id, lp) in named() {
        grad[id] = T::narrow(0.0);
        // Without mass on the named ids a renormalised student says nothing.
        let (lp, lq) = (minus(lp, norm_p), minus(student.log(id), norm_q));
        total += share(lp, lq, &mut out);
    }
    let outside: f64 = grad.iter().map(|q| q.wide()).sum();
    let mut rest = 0.0;
    if tail == Tail::Bucket {
        let logs = sum(&mut named().map(|(_, lp)| lp));
        // A tail that can not be told from 0, on both sides, is none.
        if outside > 0.0 || logs < T::NEAR {
            let lp = (-logs.min(T::NEAR).exp_m1()).ln();
            rest = share(lp, outside.ln(), &mut out);
            total += rest;
        }
    }
    // Second pass: slopes in logits.
    let mut size = 0.0;
    for slot in grad.iter_mut() {
        let q = slot.wide();
        // The share of the tail first: the mass outside may be too small to divide by.
        let share = if outside > 0.0 { q / outside } else { 0.0 };
        let slope = match tail {
            Tail::Renormalised => 0.0,
            _ => rest * share - q * total,
        };
        size += slope.abs();
        *slot = T::narrow(slope * scale);
    }
    for (id, lp) in named() {
        let (lp, lq) = (minus(lp, norm_p), minus(student.log(id), norm_q));
        let slope = share(lp, lq, &mut Outcome::default()) - lq.exp() * total;
        size += slope.abs();
        grad[id] = T::narrow(slope * scale);
    }
    out.saturated = vanished(loss.kind, size, out.value);
    out
}

/// `a - b`, minus infinity where `a` is.
fn minus(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY { a } else { a - b }
}
