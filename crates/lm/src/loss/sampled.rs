//! Losses at one sampled token. The token was drawn from the student, so their gradients go through
//! its log-probability only.

use super::divergence::floored;
use super::softmax::LogSoftmax;
use super::{Float, Kind, Loss, Outcome};

/// The greatest logarithm of a ratio that is raised to e; what is above counts as this.
const GREATEST: f64 = 30.0;

/// k1, k2, k3 (Schulman 2020) with `r = log p - log q`.
pub(super) fn scored<T: Float>(
    loss: &Loss,
    student: &LogSoftmax<'_, T>,
    (token, logprob): (u32, f64),
    scale: f64,
    grad: &mut [T],
) -> Outcome {
    let (teacher, clamped) = floored(logprob, loss.floor);
    let (own, also) = floored(student.log(token as usize), loss.floor);
    let r = teacher - own;
    // The slope is the one in log q; of k1, that of the policy gradient.
    let (value, slope) = match loss.kind {
        Kind::K1 => (-r, -r),
        Kind::K2 => (r * r / 2.0, -r),
        Kind::K3 => {
            let r = r.min(GREATEST);
            (r.exp_m1() - r, -r.exp_m1())
        }
        _ => (f64::NAN, f64::NAN),
    };
    through(student, token, slope * scale, grad);
    let capped = loss.kind == Kind::K3 && r > GREATEST;
    Outcome {
        value,
        clamped: u32::from(clamped || also || capped),
        saturated: false,
    }
}

/// The clipped policy gradient.
pub(super) fn policy<T: Float>(
    loss: &Loss,
    student: &LogSoftmax<'_, T>,
    (token, advantage, old): (u32, f64, f64),
    scale: f64,
    grad: &mut [T],
) -> Outcome {
    let Kind::Policy { low, high } = loss.kind else {
        grad.fill(T::narrow(f64::NAN));
        return Outcome {
            value: f64::NAN,
            ..Outcome::default()
        };
    };
    let apart = student.log(token as usize) - old;
    let ratio = apart.min(GREATEST).exp();
    let kept = ratio.clamp(1.0 - low, 1.0 + high) * advantage;
    let free = ratio * advantage;
    let clipped = kept < free;
    let slope = if clipped { 0.0 } else { -free };
    through(student, token, slope * scale, grad);
    Outcome {
        value: -kept.min(free),
        clamped: u32::from(clipped || apart > GREATEST),
        saturated: false,
    }
}

/// Writes `slope` times the gradient of the token's log-probability.
fn through<T: Float>(student: &LogSoftmax<'_, T>, token: u32, slope: f64, grad: &mut [T]) {
    for (id, slot) in grad.iter_mut().enumerate() {
        let own = if id == token as usize { 1.0 } else { 0.0 };
        *slot = T::narrow(slope * (own - student.log(id).exp()));
    }
}
