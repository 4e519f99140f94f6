//! Losses of pairs: one answer preferred to another by a judge (DPO and its kin), or a teacher's
//! answer told from a student's (GAD's discriminator). They take whole answers' log-probabilities
//! or scores and give the slopes in them; the trainer carries those on to the tokens.

use crate::{Error, Result};

/// Summed log-probabilities of two answers under the student and under the model that it started
/// from (the reference, held fixed).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The student, the preferred answer.
    pub won: f64,
    /// The student, the other answer.
    pub lost: f64,
    /// The reference, the preferred answer.
    pub reference_won: f64,
    /// The reference, the other answer.
    pub reference_lost: f64,
    /// Tokens of the preferred answer, at least 1.
    pub tokens_won: u32,
    /// Tokens of the other answer, at least 1.
    pub tokens_lost: u32,
}

/// Direct preference optimisation (Rafailov et al. 2023).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dpo {
    beta: f64,
    flipped: f64,
    by_length: bool,
}

/// A pair's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preferred {
    /// The loss in nats.
    pub value: f64,
    /// `beta` times the difference of the two log-ratios; above 0 where the student agrees with the
    /// judge more than the reference does.
    pub margin: f64,
    /// The slope in [`Pair::won`].
    pub grad_won: f64,
    /// The slope in [`Pair::lost`].
    pub grad_lost: f64,
}

impl Dpo {
    /// DPO with this `beta`, the strength of the tie to the reference.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `beta` is not above 0.
    pub fn new(beta: f64) -> Result<Self> {
        if !(beta > 0.0 && beta.is_finite()) {
            return Err(Error::Invalid("DPO: beta is not above 0".into()));
        }
        Ok(Self {
            beta,
            flipped: 0.0,
            by_length: false,
        })
    }

    /// cDPO (Mitchell 2023): the judge is wrong this often, as its verdicts' flips under a swap
    /// of the two answers tell.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside 0 to 0.5: a judge that is wrong more often says the opposite.
    pub fn flipped(mut self, rate: f64) -> Result<Self> {
        if !(0.0..=0.5).contains(&rate) {
            return Err(Error::Invalid(
                "DPO: the flip rate is not in 0 to 0.5".into(),
            ));
        }
        self.flipped = rate;
        Ok(self)
    }

    /// Log-probabilities a token in place of sums, so that length by itself wins nothing.
    #[must_use]
    pub const fn by_length(mut self) -> Self {
        self.by_length = true;
        self
    }

    /// The loss of a pair, `softplus(-margin)` but for the flips.
    #[must_use]
    pub fn pair(&self, pair: &Pair) -> Preferred {
        let per = |tokens: u32| {
            if self.by_length {
                self.beta / f64::from(tokens.max(1))
            } else {
                self.beta
            }
        };
        let (won, lost) = (per(pair.tokens_won), per(pair.tokens_lost));
        let margin =
            won * (pair.won - pair.reference_won) - lost * (pair.lost - pair.reference_lost);
        let value = (1.0 - self.flipped) * softplus(-margin) + self.flipped * softplus(margin);
        // d value / d margin = sigmoid(margin) - (1 - flipped).
        let slope = sigmoid(margin) - 1.0 + self.flipped;
        Preferred {
            value,
            margin,
            grad_won: slope * won,
            grad_lost: -slope * lost,
        }
    }
}

/// Which of two answers a judge preferred; none where it scored them alike (a tie is dropped) or a
/// score is no number.
#[must_use]
pub fn winner(first: f64, second: f64) -> Option<usize> {
    match first.partial_cmp(&second)? {
        std::cmp::Ordering::Greater => Some(0),
        std::cmp::Ordering::Less => Some(1),
        std::cmp::Ordering::Equal => None,
    }
}

/// GAD's discriminator (Ye et al. 2025): `softplus(-(teacher - student))` of its scores of the
/// teacher's and the student's answer, with the slopes in the two scores.
#[must_use]
pub fn discriminator(teacher: f64, student: f64) -> (f64, [f64; 2]) {
    let apart = teacher - student;
    let slope = sigmoid(apart) - 1.0;
    (softplus(-apart), [slope, -slope])
}

/// `log(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 {
        1.0 / (1.0 + small)
    } else {
        small / (1.0 + small)
    }
}
