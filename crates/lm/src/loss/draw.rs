//! Random draws from a teacher's distribution (RS-KD, Anshumann et al. 2025): a few ids stand for
//! the whole row, and the expectation of the gradient is that of the full cross-entropy. Top-k
//! without its tail is not: it forgets the tail for good. Randomness is handed in.

use super::Float;
use super::softmax::LogSoftmax;

/// Draws `count` ids from the teacher's distribution raised to `power` (1: its own; below 1 the
/// tail is seen more often), and gives each different id the weight of its draws, corrected for
/// the proposal: the mean weight of every id is its probability. `uniform` gives numbers in
/// `[0, 1)`. `ids` and `weights` are overwritten and make a
/// [`Target::Weighted`](super::Target::Weighted).
///
/// `logprobs` are the teacher's, at the loss's temperature. A row without mass gives no ids.
pub fn draw<T: Float>(
    logprobs: &[T],
    (count, power): (usize, f64),
    uniform: &mut dyn FnMut() -> f64,
    (ids, weights): (&mut Vec<u32>, &mut Vec<T>),
) {
    ids.clear();
    weights.clear();
    let proposal = LogSoftmax::of_logits(logprobs, 1.0 / power);
    let points = positions(count, uniform);
    let mut points = points.into_iter().peekable();
    let mut sum = 0.0;
    let mut last = None;
    for (id, logprob) in (0u32..).zip(logprobs) {
        let (own, mass) = (logprob.wide(), proposal.log(id as usize).exp());
        if mass.is_nan() || mass <= 0.0 {
            continue;
        }
        sum += mass;
        let mut hits = 0.0;
        while points.next_if(|&point| point < sum).is_some() {
            hits += 1.0;
        }
        let each = own.exp() / mass / count as f64;
        if hits > 0.0 {
            ids.push(id);
            weights.push(T::narrow(hits * each));
        }
        last = Some((id, each));
    }
    // What rounding left beyond the sum belongs to the last id.
    if let (Some((id, each)), left @ 1..) = (last, points.count()) {
        let more = left as f64 * each;
        match weights.last_mut() {
            Some(weight) if ids.last() == Some(&id) => *weight = T::narrow(weight.wide() + more),
            _ => {
                ids.push(id);
                weights.push(T::narrow(more));
            }
        }
    }
}

/// So many independent uniform numbers in order.
fn positions(count: usize, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
    let mut points: Vec<f64> = (0..count).map(|_| uniform()).collect();
    points.sort_by(f64::total_cmp);
    points
}
