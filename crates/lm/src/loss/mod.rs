//! The losses of distillation, one row at a time: a row is one position, its student logits and a
//! target, and what comes back is the value and the gradient with respect to the student's logits.
//! Rows are `f32` or `f64`, the arithmetic is `f64`. Row functions allocate nothing, read no clock
//! and never panic; a target that does not fit gives NaN, and [`Loss::check`] says beforehand why.
//!
//! P is the teacher, Q the student, both at the loss's temperature. Values are in nats.

pub mod advantage;
mod divergence;
mod draw;
mod float;
pub mod preference;
mod row;
mod sampled;
mod softmax;
mod sparse;
mod support;
mod uld;

pub use draw::draw;
pub use float::Float;
pub use support::Support;
pub use uld::{Shared, Span, SpanOutcome, Uld, spans};

use crate::{Error, Result};

/// What a log-probability counts as where it is minus infinity and the other side's is not, unless
/// [`Loss::floor`] says otherwise.
pub const FLOOR: f64 = -30.0;

/// Which loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `-sum p log q`: supervised tuning and `SeqKD` on a [`Target::Token`], random draws on
    /// [`Target::Weighted`], soft labels on the rest.
    CrossEntropy,
    /// `KL(P|Q) = sum p (log p - log q)`.
    ForwardKl,
    /// `KL(Q|P) = sum q (log q - log p)`.
    ReverseKl,
    /// `beta KL(P|M) + (1 - beta) KL(Q|M)` with `M = beta P + (1 - beta) Q`, as in GKD (Agarwal et
    /// al. 2024). It goes to 0 at both ends; there use the plain divergences.
    Gjsd {
        /// The teacher's share of M, in `(0, 1)`.
        beta: f64,
    },
    /// `KL(P | alpha P + (1 - alpha) Q)`, the skew divergence of DistiLLM (Ko et al. 2024).
    SkewForward {
        /// The teacher's share of the mixture, in `[0, 1)`.
        alpha: f64,
    },
    /// `KL(Q | (1 - alpha) P + alpha Q)`.
    SkewReverse {
        /// The student's share of the mixture, in `[0, 1)`.
        alpha: f64,
    },
    /// `sum |p - q| / 2`.
    TotalVariation,
    /// `-r` at the sampled token, `r = log p - log q`; unbiased for the reverse divergence. Its own
    /// derivative says nothing (its mean is 0), so the gradient is that of the policy gradient with
    /// `-r` held fixed. On [`Target::Scored`].
    K1,
    /// `r^2 / 2` at the sampled token, on [`Target::Scored`]. Its gradient is unbiased for the
    /// reverse divergence, its value is not.
    K2,
    /// `e^r - 1 - r` at the sampled token, never negative, on [`Target::Scored`]. Its value is
    /// unbiased for the reverse divergence.
    K3,
    /// The policy gradient with importance weights, on [`Target::Sampled`]:
    /// `-min(rho A, clip(rho, 1 - low, 1 + high) A)`, `rho = q / q_old` of the sampled token. For an
    /// unclipped one let `low` and `high` be infinite. A batch's loss is the mean over its tokens.
    Policy {
        /// How far the ratio may fall below 1.
        low: f64,
        /// How far it may rise above 1.
        high: f64,
    },
}

/// What the teacher gave at one position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a, T> {
    /// One token, certain.
    Token(u32),
    /// Logits of the whole vocabulary; the loss's temperature is put to them here.
    Logits(&'a [T]),
    /// Log-probabilities of the whole vocabulary, already at the loss's temperature.
    LogProbs(&'a [T]),
    /// Log-probabilities of some tokens, already at the loss's temperature.
    Sparse {
        /// Different tokens, for one as [`Support`] chooses them.
        ids: &'a [u32],
        /// One for each.
        logprobs: &'a [T],
        /// What becomes of the rest of the vocabulary.
        tail: Tail,
    },
    /// Random draws from the teacher, as [`draw`] makes them: its probability of each id as far as the draws tell.
    Weighted {
        /// Different tokens.
        ids: &'a [u32],
        /// One for each.
        weights: &'a [T],
    },
    /// A token that the student sampled, scored by the teacher.
    Scored {
        /// The token.
        token: u32,
        /// The teacher's log-probability of it, at the loss's temperature.
        logprob: f64,
    },
    /// A token that the student sampled, with its advantage.
    Sampled {
        /// The token.
        token: u32,
        /// How much better than expected it was; held fixed.
        advantage: f64,
        /// Its log-probability when it was sampled, at the loss's temperature.
        old_logprob: f64,
    },
}

/// What a sparse target makes of the tokens that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tail {
    /// They are one more outcome. By data processing the divergence is at most the full one.
    #[default]
    Bucket,
    /// They do not exist: both sides are renormalised over the named ids. Bounded by nothing.
    Renormalised,
    /// Their terms are left out; the value may be negative or exceed the full one.
    Truncated,
    /// Their terms are left out, and each named id's term is made non-negative by `q - p` (or its
    /// like for the other divergences), as MOPD does; sums to the divergence at full vocabulary.
    PerId,
}

/// A loss with its options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Which.
    pub kind: Kind,
    /// Divides the logits; above 0.
    pub temperature: f64,
    /// Multiplies value and gradient by the temperature's square (Hinton et al. 2015).
    pub scaled: bool,
    /// Log-probabilities below this count as this where the other side has mass. `None` touches only
    /// those that are minus infinity, which count as [`FLOOR`]. The gradient is that of the value
    /// without a floor where the student's log-probability is the one that is floored.
    pub floor: Option<f64>,
}

/// One row's result.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Outcome {
    /// The loss in nats.
    pub value: f64,
    /// Log-probabilities that were floored; of sampled losses, 1 where the log-probability was
    /// floored, the ratio clipped, or its logarithm cut at 30.
    pub clamped: u32,
    /// The gradient has vanished although the loss has not: the student can not learn from this
    /// row. Happens to the reverse divergence where the two sides exclude each other.
    pub saturated: bool,
}

impl Loss {
    /// A loss at temperature 1.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            temperature: 1.0,
            scaled: false,
            floor: None,
        }
    }

    /// The same loss at another temperature.
    #[must_use]
    pub const fn at(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// The loss of one row, and in `grad` its gradient with respect to `student`, which are logits.
    /// `grad` is overwritten; both are as long as the vocabulary. Ids where both sides are minus
    /// infinity (masks, padding of the vocabulary) count nothing and get gradient 0.
    pub fn row<T: Float>(&self, student: &[T], target: &Target<'_, T>, grad: &mut [T]) -> Outcome {
        if self.check(student.len(), target).is_err() || grad.len() != student.len() {
            grad.fill(T::narrow(f64::NAN));
            return Outcome {
                value: f64::NAN,
                ..Outcome::default()
            };
        }
        row::row(self, student, target, grad)
    }

    /// Whether [`Loss::row`] can take this target for a vocabulary of this size. Looks at lengths
    /// and ids, not at the numbers, and not whether ids repeat.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the option out of range or the target that does not fit the loss,
    /// [`Error::UnknownToken`] an id outside the vocabulary.
    pub fn check<T>(&self, vocabulary: usize, target: &Target<'_, T>) -> Result<()> {
        self.check_options()?;
        let known = |ids: &[u32]| match ids.iter().find(|&&id| id as usize >= vocabulary) {
            Some(&token) => Err(Error::UnknownToken { token, vocabulary }),
            None => Ok(()),
        };
        let pairs = |ids: &[u32], values: usize| {
            invalid(ids.len() == values, "ids and values differ in number")?;
            known(ids)
        };
        let sampled = matches!(self.kind, Kind::K1 | Kind::K2 | Kind::K3);
        let policy = matches!(self.kind, Kind::Policy { .. });
        let fits = match target {
            Target::Token(_) => matches!(self.kind, Kind::CrossEntropy | Kind::ForwardKl),
            Target::Weighted { .. } => self.kind == Kind::CrossEntropy,
            Target::Scored { .. } => sampled,
            Target::Sampled { .. } => policy,
            Target::Logits(_) | Target::LogProbs(_) | Target::Sparse { .. } => !sampled && !policy,
        };
        invalid(fits, "this loss can not take this kind of target")?;
        match *target {
            Target::Token(token) => known(&[token]),
            Target::Scored { token, .. } | Target::Sampled { token, .. } => known(&[token]),
            Target::Logits(row) | Target::LogProbs(row) => invalid(
                row.len() == vocabulary,
                "teacher and student differ in vocabulary; see loss::Uld",
            ),
            Target::Sparse { ids, logprobs, .. } => pairs(ids, logprobs.len()),
            Target::Weighted { ids, weights } => pairs(ids, weights.len()),
        }
    }

    fn check_options(&self) -> Result<()> {
        let temperature = self.temperature > 0.0 && self.temperature.is_finite();
        invalid(temperature, "temperature is not above 0")?;
        invalid(
            self.floor.is_none_or(|f| f < 0.0 && f.is_finite()),
            "floor is not below 0",
        )?;
        match self.kind {
            Kind::Gjsd { beta } => invalid(
                beta > 0.0 && beta < 1.0,
                "beta is not between 0 and 1; at the ends use the plain divergences",
            ),
            Kind::SkewForward { alpha } | Kind::SkewReverse { alpha } => {
                invalid((0.0..1.0).contains(&alpha), "alpha is not in 0 to 1")
            }
            Kind::Policy { low, high } => {
                invalid(low >= 0.0 && high >= 0.0, "a clip of the ratio is below 0")
            }
            _ => Ok(()),
        }
    }
}

fn invalid(ok: bool, why: &str) -> Result<()> {
    if ok {
        Ok(())
    } else {
        Err(Error::Invalid(format!("loss: {why}")))
    }
}

#[cfg(test)]
mod tests;
