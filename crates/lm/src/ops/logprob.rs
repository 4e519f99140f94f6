//! From a row of logits to log-probabilities (natural logarithm) and ranks. Terms are in f32, their
//! sums in f64; ties go to the lower id; NaN is never among the best.

use super::exp::exp;
use super::level::{Level, LevelFn};
use crate::sample::{Scored, TokenLogprob};

/// Terms that are summed in f32 before the sum goes on in f64, in each of [`LANES`].
const RUN: usize = 512;
/// Partial sums: one AVX-512 register.
const LANES: usize = 16;
/// Below this share of the whole, the tail is summed by itself and not as what is left.
const SMALL_TAIL: f64 = 1e-3;

/// What is asked of a row of logits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The token that is scored.
    pub(crate) token: u32,
    /// How many of the most likely tokens are told.
    pub(crate) top: usize,
    /// Further tokens whose log-probabilities are told.
    pub(crate) at: &'a [u32],
}

/// The greatest value (NaN aside), `sum(e^(x - greatest))`, and how many are above `own`.
struct Sums<'a> {
    logits: &'a [f32],
    own: f32,
}

impl LevelFn<(f32, f64, u32)> for Sums<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> (f32, f64, u32) {
        let (lanes, rest) = self.logits.as_chunks::<LANES>();
        let mut most = [f32::NEG_INFINITY; LANES];
        let mut above = [0u32; LANES];
        for x in lanes {
            for i in 0..LANES {
                most[i] = most[i].max(x[i]);
                above[i] += u32::from(x[i] > self.own);
            }
        }
        for i in 0..rest.len() {
            most[i] = most[i].max(rest[i]);
            above[i] += u32::from(rest[i] > self.own);
        }
        let mut greatest = f32::NEG_INFINITY;
        let mut count = 0;
        for i in 0..LANES {
            greatest = greatest.max(most[i]);
            count += above[i];
        }
        let mut total = 0.0f64;
        for run in lanes.chunks(RUN) {
            let mut sums = [0.0f32; LANES];
            for x in run {
                for i in 0..LANES {
                    sums[i] += exp::<FUSED>(x[i] - greatest);
                }
            }
            for s in sums {
                total += f64::from(s);
            }
        }
        for &x in rest {
            total += f64::from(exp::<FUSED>(x - greatest));
        }
        (greatest, total, count)
    }
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
    let at = &[];
    score_at(Level::best(), logits, Question { token, top, at })
}

/// The log-probability and rank of a token, the most likely tokens, the log-probabilities at ids,
/// and the mass of all tokens that were not named.
pub(crate) fn score_at(level: Level, logits: &[f32], question: Question<'_>) -> Scored {
    let Question { token, top, at } = question;
    let of = |token: u32| {
        let logit = logits.get(token as usize);
        logit.copied().unwrap_or(f32::NEG_INFINITY)
    };
    let own = of(token);
    let (most, sum, above) = level.run(Sums { logits, own });
    let norm = f64::from(most) + sum.ln();
    let logprob = |logit: f32| (f64::from(logit) - norm) as f32;
    let top = best(logits, top);
    let tail = tail(logits, (most, sum), &top, at);
    let told = |(token, logit): (u32, f32)| TokenLogprob {
        token,
        logprob: logprob(logit),
    };
    Scored {
        token,
        logprob: logprob(own),
        rank: above + 1,
        top: top.into_iter().map(told).collect(),
        at: at.iter().map(|&token| logprob(of(token))).collect(),
        tail,
    }
}

/// The logarithm of the mass of all tokens but those in `top` and `at`.
fn tail(logits: &[f32], (most, sum): (f32, f64), top: &[(u32, f32)], at: &[u32]) -> f32 {
    let mut named: Vec<u32> = top.iter().map(|t| t.0).chain(at.iter().copied()).collect();
    if named.is_empty() {
        return 0.0;
    }
    named.sort_unstable();
    named.dedup();
    let term = |logit: f32| f64::from(logit - most).exp();
    let known = named.iter().filter_map(|&t| logits.get(t as usize));
    let left = sum - known.map(|&l| term(l)).sum::<f64>();
    let mass = if left > SMALL_TAIL * sum {
        left
    } else {
        // What is left is too near to the rounding of the sums.
        let mut named = named.iter().peekable();
        let others = (0u32..).zip(logits).filter(|(id, _)| {
            let own = named.peek() == Some(&id);
            if own {
                named.next();
            }
            !own
        });
        others.map(|(_, &l)| term(l)).sum()
    };
    (mass.ln() - sum.ln()) as f32
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
