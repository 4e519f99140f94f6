//! The losses against the reference values, against finite differences, at their bounds and at
//! extremes. The reference values were computed with 60-digit decimals; where TRL 1.16.0 has the
//! loss, it agrees to 12 digits.

mod bounds;
mod gradients;
mod judged;
mod reference;
mod vocabularies;

use super::*;

pub(super) const TEACHER: [f64; 4] = [2.0, 1.0, 0.1, -1.0];
pub(super) const STUDENT: [f64; 4] = [1.0, 1.5, 0.3, -0.5];

pub(super) fn narrow(row: &[f64]) -> Vec<f32> {
    row.iter().map(|&x| x as f32).collect()
}

/// Log-probabilities of logits at a temperature.
pub(super) fn logprobs(logits: &[f64], temperature: f64) -> Vec<f64> {
    let row = softmax::LogSoftmax::of_logits(logits, temperature);
    (0..logits.len()).map(|id| row.log(id)).collect()
}

/// Value and gradient.
pub(super) fn run<T: Float>(
    loss: Loss,
    student: &[T],
    target: &Target<'_, T>,
) -> (Outcome, Vec<f64>) {
    let mut grad = vec![T::narrow(7.0); student.len()];
    let out = loss.row(student, target, &mut grad);
    (out, grad.iter().map(|g| g.wide()).collect())
}

pub(super) fn near(got: f64, want: f64, tolerance: f64) {
    assert!(
        (got - want).abs() <= tolerance,
        "{got} is not {want} within {tolerance}"
    );
}
