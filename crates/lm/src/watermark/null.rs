//! The exact distribution of a detector's score in text that knows nothing of the key: a sum of
//! independent bits, each 1 with the same probability, times small whole weights. No normal
//! approximation. Relative error about 1e-12; below 1e-300 a p-value is 0.

/// Bits of the same weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits {
    /// Of each bit that is 1.
    pub(super) weight: usize,
    /// How many.
    pub(super) count: usize,
}

/// The probability that the weighted sum of the bits is at least `score`, where each bit is 1 with
/// probability `p`.
pub(super) fn tail(mut groups: Vec<Bits>, p: f64, score: usize) -> f64 {
    groups.retain(|bits| bits.weight > 0 && bits.count > 0);
    // The largest group is not convolved: its own tail is enough.
    groups.sort_by_key(|bits| bits.count);
    let Some(last) = groups.pop() else {
        return if score == 0 { 1.0 } else { 0.0 };
    };
    let mut sums = vec![1.0];
    for bits in groups {
        let masses = binomial(bits.count, p);
        let mut next = vec![0.0; sums.len() + bits.weight * bits.count];
        for (sum, mass) in sums.iter().enumerate().filter(|&(_, &mass)| mass > 0.0) {
            let slots = next[sum..].iter_mut().step_by(bits.weight);
            slots
                .zip(&masses)
                .for_each(|(slot, more)| *slot += mass * more);
        }
        sums = next;
    }
    let mut tails = binomial(last.count, p);
    for i in (0..tails.len() - 1).rev() {
        tails[i] += tails[i + 1];
    }
    let all = sums.iter().enumerate().map(|(sum, mass)| {
        let least = score.saturating_sub(sum).div_ceil(last.weight);
        mass * tails.get(least).copied().unwrap_or(0.0)
    });
    all.sum::<f64>().min(1.0)
}

/// The masses of 0 to `count` ones.
fn binomial(count: usize, p: f64) -> Vec<f64> {
    let (yes, no) = (p.ln(), (-p).ln_1p());
    let mut log = no * count as f64;
    let mut out = Vec::with_capacity(count + 1);
    for ones in 0..=count {
        out.push(log.exp());
        // From n choose k to n choose k + 1.
        let (left, next) = ((count - ones) as f64, (ones + 1) as f64);
        log += left.ln() - next.ln() + yes - no;
    }
    out
}
