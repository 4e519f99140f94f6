//! Log-probabilities of a row without storing them: the greatest logit is taken off first, so that
//! logits of any size are safe.

use super::Float;

/// A row of logits (or of log-probabilities) read as log-probabilities at a temperature.
#[derive(Clone, Copy)]
pub(super) struct LogSoftmax<'a, T> {
    row: &'a [T],
    most: f64,
    per: f64,
    norm: f64,
}

impl<'a, T: Float> LogSoftmax<'a, T> {
    /// Of logits.
    pub(super) fn of_logits(row: &'a [T], temperature: f64) -> Self {
        let per = 1.0 / temperature;
        let most = row
            .iter()
            .fold(f64::NEG_INFINITY, |most, l| most.max(l.wide()));
        if most == f64::NEG_INFINITY {
            // All is masked (or NaN): no mass anywhere, or NaN everywhere.
            return Self {
                row,
                most: 0.0,
                per,
                norm: 0.0,
            };
        }
        let sum: f64 = row.iter().map(|l| ((l.wide() - most) * per).exp()).sum();
        Self {
            row,
            most,
            per,
            norm: sum.ln(),
        }
    }

    /// Of log-probabilities, taken as they are.
    pub(super) fn of_logprobs(row: &'a [T]) -> Self {
        Self {
            row,
            most: 0.0,
            per: 1.0,
            norm: 0.0,
        }
    }

    /// Log-probability of an id; minus infinity for one that is not there.
    #[inline]
    pub(super) fn log(&self, id: usize) -> f64 {
        let logit = self.row.get(id).map_or(f64::NEG_INFINITY, |l| l.wide());
        (logit - self.most) * self.per - self.norm
    }
}

/// `log(e^a + e^b)`.
#[inline]
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (most, least) = if a >= b { (a, b) } else { (b, a) };
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + (least - most).exp().ln_1p()
}
