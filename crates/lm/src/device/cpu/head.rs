//! The loss at the end of the network, row by row, in place. Cross-entropy and the two plain
//! divergences have a fast form in f32 for rows that are finite everywhere; everything else goes to
//! [`Loss::row`](crate::loss::Loss::row), of which the fast forms are tested to be equals.

use super::math::{LANES, RUN, all_finite, exp, fold, greatest, sum_exp};
use crate::loss::{Kind, Loss, Outcome, Target};
use crate::ops::{Level, LevelFn, multiply_add};

/// A gradient below this share of the loss counts as vanished, as in `loss`.
const VANISHED: f64 = 1e-9;

/// Overwrites a row of logits by `weight` times the gradient; gives the loss.
pub(super) fn row(
    level: Level,
    loss: &Loss,
    (logits, target): (&mut [f32], &Target<'_, f32>),
    weight: f32,
    spare: &mut Vec<f32>,
) -> Outcome {
    let fast = match *target {
        Target::Token(token) => level.run(Token {
            loss,
            logits,
            token: token as usize,
            weight,
        }),
        Target::Logits(teacher) => level.run(Divergence {
            loss,
            logits,
            teacher,
            weight,
        }),
        _ => None,
    };
    fast.unwrap_or_else(|| {
        spare.resize(logits.len(), 0.0);
        let outcome = loss.row(logits, target, spare);
        for (out, slope) in logits.iter_mut().zip(spare.iter()) {
            // A row of weight 0 is nobody's: what it holds must not spread.
            *out = if weight == 0.0 { 0.0 } else { slope * weight };
        }
        outcome
    })
}

/// The logarithm of the softmax's value at `token`.
pub(super) struct Score<'a> {
    pub(super) logits: &'a [f32],
    pub(super) token: usize,
}

impl LevelFn<f32> for Score<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> f32 {
        let most = greatest(self.logits);
        let norm = f64::from(most) + sum_exp::<FUSED>(self.logits, most, 1.0).ln();
        (f64::from(self.logits[self.token]) - norm) as f32
    }
}

/// What a loss's value and slope are multiplied by: see `loss::row`.
fn factors(loss: &Loss) -> (f64, f32) {
    let t = loss.temperature;
    if loss.scaled {
        (t * t, t as f32)
    } else {
        (1.0, (1.0 / t) as f32)
    }
}

/// Cross-entropy on one token.
struct Token<'a> {
    loss: &'a Loss,
    logits: &'a mut [f32],
    token: usize,
    weight: f32,
}

impl LevelFn<Option<Outcome>> for Token<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> Option<Outcome> {
        let plain = matches!(self.loss.kind, Kind::CrossEntropy | Kind::ForwardKl);
        if !plain || self.loss.floor.is_some() {
            return None;
        }
        let scale = (1.0 / self.loss.temperature) as f32;
        let most = greatest(self.logits);
        let own = *self.logits.get(self.token)?;
        let norm = sum_exp::<FUSED>(self.logits, most, scale).ln();
        let value = norm + f64::from(most - own) * f64::from(scale);
        if !value.is_finite() {
            return None;
        }
        let (factor, slope) = factors(self.loss);
        let slope = slope * self.weight;
        let norm = norm as f32;
        for x in self.logits.iter_mut() {
            *x = exp::<FUSED>(multiply_add::<FUSED>(*x - most, scale, -norm)) * slope;
        }
        self.logits[self.token] -= slope;
        Some(Outcome {
            value: value * factor,
            ..Outcome::default()
        })
    }
}

/// The forward or reverse divergence from a teacher's logits.
struct Divergence<'a> {
    loss: &'a Loss,
    logits: &'a mut [f32],
    teacher: &'a [f32],
    weight: f32,
}

impl LevelFn<Option<Outcome>> for Divergence<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) -> Option<Outcome> {
        let reverse = match self.loss.kind {
            Kind::ForwardKl => false,
            Kind::ReverseKl => true,
            _ => return None,
        };
        if self.loss.floor.is_some() || self.logits.len() != self.teacher.len() {
            return None;
        }
        let scale = (1.0 / self.loss.temperature) as f32;
        let mine = norm::<FUSED>(self.logits, scale)?;
        let theirs = norm::<FUSED>(self.teacher, scale)?;
        let norms = (mine, theirs, scale);
        let mut value = 0.0;
        for (x, y) in self.logits.chunks(RUN).zip(self.teacher.chunks(RUN)) {
            let mut lanes = [0.0f32; LANES];
            let (x, y) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
            for ((l, &x), &y) in lanes.iter_mut().zip(x.remainder()).zip(y.remainder()) {
                *l = term::<FUSED>(x, y, norms, reverse);
            }
            for (x, y) in x.zip(y) {
                for i in 0..LANES {
                    lanes[i] += term::<FUSED>(x[i], y[i], norms, reverse);
                }
            }
            value += f64::from(fold(lanes));
        }
        let (factor, slope) = factors(self.loss);
        let slope = slope * self.weight;
        let mut sizes = [0.0f32; LANES];
        let rows = self
            .logits
            .chunks_mut(LANES)
            .zip(self.teacher.chunks(LANES));
        for (x, y) in rows {
            for ((x, &y), size) in x.iter_mut().zip(y).zip(&mut sizes) {
                let g = gradient::<FUSED>(*x, y, norms, reverse.then_some(value as f32));
                *x = g * slope;
                *size += g.abs();
            }
        }
        let size = f64::from(fold(sizes));
        Some(Outcome {
            value: value * factor,
            clamped: 0,
            saturated: value > VANISHED && size < VANISHED * value,
        })
    }
}

/// The slope of a term in the student's logit, up to the temperature; `mean` is the reverse
/// divergence's value.
#[inline(always)]
fn gradient<const FUSED: bool>(x: f32, y: f32, norms: Norms, mean: Option<f32>) -> f32 {
    let (log_q, log_p) = logs(x, y, norms);
    let q = exp::<FUSED>(log_q);
    match mean {
        Some(mean) => q * (log_q - log_p - mean),
        None => q - exp::<FUSED>(log_p),
    }
}

/// Of student and teacher: greatest logit and logarithm of the sum above it; and what multiplies
/// logits.
type Norms = ((f32, f32), (f32, f32), f32);

#[inline(always)]
fn logs(x: f32, y: f32, (mine, theirs, scale): Norms) -> (f32, f32) {
    (
        (x - mine.0) * scale - mine.1,
        (y - theirs.0) * scale - theirs.1,
    )
}

/// Greatest logit and the logarithm of the sum above it; `None` where the row is not finite.
#[inline(always)]
fn norm<const FUSED: bool>(row: &[f32], scale: f32) -> Option<(f32, f32)> {
    let most = greatest(row);
    let sum = sum_exp::<FUSED>(row, most, scale).ln() as f32;
    let finite = all_finite(row) && sum.is_finite();
    finite.then_some((most, sum))
}

/// One token's share of a divergence.
#[inline(always)]
fn term<const FUSED: bool>(x: f32, y: f32, norms: Norms, reverse: bool) -> f32 {
    let (log_q, log_p) = logs(x, y, norms);
    if reverse {
        exp::<FUSED>(log_q) * (log_q - log_p)
    } else {
        exp::<FUSED>(log_p) * (log_p - log_q)
    }
}
