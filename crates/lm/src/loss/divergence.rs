//! One outcome's share of a divergence: its value, and its slope in the student's log-probability
//! of that outcome. Everything else (full rows, buckets, truncation) only puts outcomes together.
//! A share is 0 where its own probability is 0, so that masked ids stay finite.

use super::softmax::log_add;
use super::{FLOOR, Kind};

/// One outcome's share.
#[derive(Clone, Copy, Default)]
pub(super) struct Share {
    /// Its part of the divergence.
    pub(super) value: f64,
    /// `q d value / d q`, up to `level` times `q`.
    pub(super) slope: f64,
    /// Whether a log-probability was floored.
    pub(super) clamped: bool,
}

/// A divergence between outcomes with log-probabilities.
#[derive(Clone, Copy)]
pub(super) struct Divergence {
    kind: Kind,
    floor: Option<f64>,
    mix: (f64, f64),
}

impl Divergence {
    pub(super) fn new(kind: Kind, floor: Option<f64>) -> Self {
        // Logarithms of the teacher's and the student's share of the mixture M.
        let shares = |teacher: f64| (teacher.ln(), (-teacher).ln_1p());
        let mix = match kind {
            Kind::Gjsd { beta } => shares(beta),
            Kind::SkewForward { alpha } => shares(alpha),
            Kind::SkewReverse { alpha } => shares(1.0 - alpha),
            _ => (0.0, 0.0),
        };
        Self { kind, floor, mix }
    }

    /// What has to be added to a share's slope, times `q`, to be the true one. It cancels where
    /// all outcomes are there, because probabilities sum to 1, and leaving it out keeps a vanished
    /// gradient exactly 0.
    pub(super) fn level(&self) -> f64 {
        match self.kind {
            Kind::ReverseKl | Kind::SkewReverse { .. } => 1.0,
            _ => 0.0,
        }
    }

    /// How often `q - p` has to be added to a share so that it can not be negative.
    pub(super) fn lift(&self) -> f64 {
        match self.kind {
            Kind::CrossEntropy | Kind::ForwardKl => 1.0,
            Kind::ReverseKl => -1.0,
            Kind::SkewForward { alpha } => 1.0 - alpha,
            Kind::SkewReverse { alpha } => alpha - 1.0,
            _ => 0.0,
        }
    }

    /// The share of an outcome with log-probability `lp` under the teacher, `lq` under the student.
    #[inline]
    pub(super) fn share(&self, lp: f64, lq: f64) -> Share {
        let (p, q) = (lp.exp(), lq.exp());
        match self.kind {
            Kind::CrossEntropy => self.when(p, lq, |lq| (-p * lq, -p)),
            Kind::ForwardKl => self.when(p, lq, |lq| (p * (lp - lq), -p)),
            Kind::ReverseKl => self.when(q, lp, |lp| {
                let each = q * (lq - lp);
                (each, each)
            }),
            Kind::Gjsd { beta } => {
                let lm = self.mixture(lp, lq);
                let mine = times(q, lq - lm) * (1.0 - beta);
                Share {
                    value: times(p, lp - lm) * beta + mine,
                    slope: mine,
                    clamped: false,
                }
            }
            Kind::SkewForward { alpha } => self.when(p, self.mixture(lp, lq), |lm| {
                (p * (lp - lm), -(1.0 - alpha) * p * (lq - lm).exp())
            }),
            Kind::SkewReverse { alpha } => self.when(q, self.mixture(lp, lq), |lm| {
                let each = q * (lq - lm);
                (each, each - alpha * q * (lq - lm).exp())
            }),
            Kind::TotalVariation => {
                let sign = if p == q { 0.0 } else { (q - p).signum() };
                Share {
                    value: (q - p).abs() / 2.0,
                    slope: sign * q / 2.0,
                    clamped: false,
                }
            }
            // `Loss::check` keeps the sampled losses away from whole distributions.
            Kind::K1 | Kind::K2 | Kind::K3 | Kind::Policy { .. } => Share {
                value: f64::NAN,
                slope: f64::NAN,
                clamped: false,
            },
        }
    }

    fn mixture(&self, lp: f64, lq: f64) -> f64 {
        log_add(lp + self.mix.0, lq + self.mix.1)
    }

    /// Value and slope where `weight` is not 0, with the other side's log-probability floored.
    fn when(&self, weight: f64, other: f64, share: impl Fn(f64) -> (f64, f64)) -> Share {
        if weight == 0.0 {
            return Share::default();
        }
        let (other, clamped) = floored(other, self.floor);
        let (value, slope) = share(other);
        Share {
            value,
            slope,
            clamped,
        }
    }
}

/// `weight` times `log`, 0 where the weight is 0 whatever the logarithm.
fn times(weight: f64, log: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * log }
}

/// The log-probability with its floor, and whether that changed it.
pub(super) fn floored(log: f64, floor: Option<f64>) -> (f64, bool) {
    match floor {
        Some(floor) if log < floor => (floor, true),
        None if log == f64::NEG_INFINITY => (FLOOR, true),
        _ => (log, false),
    }
}
