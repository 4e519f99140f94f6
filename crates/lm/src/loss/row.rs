//! From a target to the code that takes it; whole rows, single tokens and weighted tokens here.

use super::divergence::{Divergence, floored};
use super::softmax::LogSoftmax;
use super::{Float, Kind, Loss, Outcome, Target, sampled, sparse};

/// A gradient below this share of the loss counts as vanished, a loss below it as none.
const VANISHED: f64 = 1e-9;

/// The loss of one row whose target fits.
pub(super) fn row<T: Float>(
    loss: &Loss,
    student: &[T],
    target: &Target<'_, T>,
    grad: &mut [T],
) -> Outcome {
    let mine = LogSoftmax::of_logits(student, loss.temperature);
    // What a slope in log-probabilities is multiplied by to be one in logits.
    let square = loss.temperature * loss.temperature;
    let (factor, scale) = if loss.scaled {
        (square, loss.temperature)
    } else {
        (1.0, 1.0 / loss.temperature)
    };
    let mut out = match *target {
        Target::Token(token) => {
            let (ids, weights) = ([token], [T::narrow(1.0)]);
            weighted(loss, &mine, (&ids, &weights), scale, grad)
        }
        Target::Weighted { ids, weights } => weighted(loss, &mine, (ids, weights), scale, grad),
        Target::Logits(row) => {
            let teacher = LogSoftmax::of_logits(row, loss.temperature);
            whole(loss, &mine, &teacher, scale, grad)
        }
        Target::LogProbs(row) => whole(loss, &mine, &LogSoftmax::of_logprobs(row), scale, grad),
        Target::Sparse {
            ids,
            logprobs,
            tail,
        } => sparse::row(loss, &mine, (ids, logprobs, tail), scale, grad),
        Target::Scored { token, logprob } => {
            sampled::scored(loss, &mine, (token, logprob), scale, grad)
        }
        Target::Sampled {
            token,
            advantage,
            old_logprob,
        } => sampled::policy(loss, &mine, (token, advantage, old_logprob), scale, grad),
    };
    out.value *= factor;
    out
}

/// Teacher and student over the whole vocabulary.
fn whole<T: Float>(
    loss: &Loss,
    student: &LogSoftmax<'_, T>,
    teacher: &LogSoftmax<'_, T>,
    scale: f64,
    grad: &mut [T],
) -> Outcome {
    let divergence = Divergence::new(loss.kind, loss.floor);
    let mut out = Outcome::default();
    let mut total = 0.0;
    for (id, slot) in grad.iter_mut().enumerate() {
        let share = divergence.share(teacher.log(id), student.log(id));
        out.value += share.value;
        out.clamped += u32::from(share.clamped);
        total += share.slope;
        *slot = T::narrow(share.slope);
    }
    let mut size = 0.0;
    for (id, slot) in grad.iter_mut().enumerate() {
        let slope = slot.wide() - student.log(id).exp() * total;
        size += slope.abs();
        *slot = T::narrow(slope * scale);
    }
    out.saturated = vanished(loss.kind, size, out.value);
    out
}

/// `-sum w log q` over some ids, each with its weight.
fn weighted<T: Float>(
    loss: &Loss,
    student: &LogSoftmax<'_, T>,
    (ids, weights): (&[u32], &[T]),
    scale: f64,
    grad: &mut [T],
) -> Outcome {
    let total: f64 = weights.iter().map(|w| w.wide()).sum();
    for (id, slot) in grad.iter_mut().enumerate() {
        *slot = T::narrow(student.log(id).exp() * total * scale);
    }
    let mut out = Outcome::default();
    for (&id, weight) in ids.iter().zip(weights) {
        let (id, weight) = (id as usize, weight.wide());
        let own = student.log(id);
        let (log, clamped) = floored(own, loss.floor);
        if weight != 0.0 {
            out.value -= weight * log;
            out.clamped += u32::from(clamped);
            grad[id] = T::narrow((own.exp() * total - weight) * scale);
        }
    }
    out
}

/// Whether the gradient (its sum of sizes) has vanished although the divergence has not. The
/// cross-entropy's least value is not 0, so there it says nothing.
pub(super) fn vanished(kind: Kind, size: f64, value: f64) -> bool {
    kind != Kind::CrossEntropy && value > VANISHED && size < VANISHED * value
}
