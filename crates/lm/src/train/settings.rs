//! What a training is told: what is trained, by which optimiser, on which schedule. Plain values with
//! their checks.

use crate::{Error, Result};

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Tuning {
    /// Every weight.
    Full,
    /// Low-rank changes of some linear layers (Hu et al. 2022); all else is frozen, has no gradient and
    /// costs none.
    Lora(Lora),
    /// Nothing: a network that only scores, such as a teacher.
    Frozen,
}

/// Low-rank changes: `y = W x + alpha / rank * B A dropout(x)`. `A` starts random, `B` at zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// Inner width.
    pub rank: usize,
    /// Numerator of the scale.
    pub alpha: f32,
    /// Share of the inputs that a step leaves out. Layers that are computed as one product (query, key
    /// and value; gate and up) share the choice.
    pub dropout: f32,
    /// Which linear layers of each block.
    pub targets: Vec<Target>,
}

/// A linear layer of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `attn_q`.
    Query,
    /// `attn_k`.
    Key,
    /// `attn_v`.
    Value,
    /// `attn_output`.
    Output,
    /// `ffn_gate`.
    Gate,
    /// `ffn_up`.
    Up,
    /// `ffn_down`.
    Down,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::Output,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];
}

/// How the learning rate runs over the steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// It stays.
    Constant,
    /// In a straight line to `floor` times the rate at the last step.
    Linear {
        /// Share of the rate at the end.
        floor: f32,
    },
    /// By half a cosine to `floor` times the rate at the last step.
    Cosine {
        /// Share of the rate at the end.
        floor: f32,
    },
}

/// A learning rate over the steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub rate: f32,
    /// Steps in which it rises from 0 in a straight line; step 1 has `rate / warm_up`.
    pub warm_up: u64,
    /// Steps of the whole training, warm-up included.
    pub steps: u64,
    /// What comes after the warm-up.
    pub decay: Decay,
}

impl Schedule {
    /// One rate for all steps.
    #[must_use]
    pub fn constant(rate: f32) -> Self {
        Self {
            rate,
            warm_up: 0,
            steps: 0,
            decay: Decay::Constant,
        }
    }

    /// The rate of step `step`, counted from 1.
    #[must_use]
    pub fn rate(&self, step: u64) -> f32 {
        if step < self.warm_up {
            return (f64::from(self.rate) * step as f64 / self.warm_up as f64) as f32;
        }
        let length = self.steps.saturating_sub(self.warm_up).max(1) as f64;
        let done = ((step - self.warm_up) as f64 / length).min(1.0);
        let share =
            |floor: f32, falling: f64| f64::from(floor) + (1.0 - f64::from(floor)) * falling;
        let share = match self.decay {
            Decay::Constant => 1.0,
            Decay::Linear { floor } => share(floor, 1.0 - done),
            Decay::Cosine { floor } => {
                share(floor, 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
            }
        };
        (f64::from(self.rate) * share) as f32
    }
}

/// AdamW (Loshchilov and Hutter 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimiser {
    /// The learning rate.
    pub schedule: Schedule,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay of matrices; norms and biases have none.
    pub decay: f32,
    /// The whole gradient's norm is cut to this.
    pub clip: Option<f32>,
}

impl Optimiser {
    /// PyTorch's betas and epsilon, no decay, norm cut to 1.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0.0,
            clip: Some(1.0),
        }
    }
}

/// Everything about a training but the weights and the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What is trained.
    pub tuning: Tuning,
    /// How.
    pub optimiser: Optimiser,
    /// Most rows (tokens) of one batch; memory for them is taken at the start.
    pub rows: usize,
    /// Keeps only each block's input and computes the rest again in the backward pass: the same bytes,
    /// a third more work, a fraction of the memory.
    pub checkpointing: bool,
    /// Most bytes that may be taken; without it, what the device says is available.
    pub memory: Option<u64>,
    /// Start of the adapter, and dropout.
    pub seed: u64,
}

impl Settings {
    /// Settings without check-pointing or a limit of memory.
    #[must_use]
    pub fn new(tuning: Tuning, optimiser: Optimiser, rows: usize) -> Self {
        Self {
            tuning,
            optimiser,
            rows,
            checkpointing: false,
            memory: None,
            seed: 0,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |ok: bool, what: &str| match ok {
            true => Ok(()),
            false => Err(Error::Invalid(format!("training: {what}"))),
        };
        let o = &self.optimiser;
        let betas = [o.beta1, o.beta2];
        wrong(self.rows > 0, "a batch of no rows")?;
        wrong(
            betas.iter().all(|b| (0.0..1.0).contains(b)),
            "a beta is not in 0 to 1",
        )?;
        wrong(
            o.epsilon > 0.0 && o.epsilon.is_finite(),
            "epsilon is not above 0",
        )?;
        wrong(
            o.decay >= 0.0 && o.decay.is_finite(),
            "weight decay is below 0",
        )?;
        let rate = o.schedule.rate;
        wrong(
            rate >= 0.0 && rate.is_finite(),
            "the learning rate is below 0 or not finite",
        )?;
        wrong(
            o.clip.is_none_or(|c| c > 0.0),
            "the norm to cut to is not above 0",
        )?;
        if let Tuning::Lora(lora) = &self.tuning {
            let mut targets = lora.targets.clone();
            targets.sort_unstable();
            targets.dedup();
            wrong(!targets.is_empty(), "an adapter without targets")?;
            wrong(
                targets.len() == lora.targets.len(),
                "an adapter names a target twice",
            )?;
            wrong(
                (1..=1 << 16).contains(&lora.rank),
                "an adapter's rank is not in 1 to 65536",
            )?;
            wrong(lora.alpha.is_finite(), "an adapter's alpha is not finite")?;
            wrong(
                (0.0..1.0).contains(&lora.dropout),
                "dropout is not in 0 to 1",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_and_fall() {
        let schedule = Schedule {
            rate: 2.0,
            warm_up: 4,
            steps: 14,
            decay: Decay::Cosine { floor: 0.1 },
        };
        let rates: Vec<f32> = [1, 2, 4, 9, 14, 20].map(|s| schedule.rate(s)).to_vec();
        let half = 2.0 * (0.1 + 0.9 * 0.5);
        assert_eq!(rates, [0.5, 1.0, 2.0, half, 0.2, 0.2]);
        let linear = Schedule {
            decay: Decay::Linear { floor: 0.0 },
            ..schedule
        };
        assert_eq!([4, 9, 14].map(|s| linear.rate(s)), [2.0, 1.0, 0.0]);
        assert_eq!(Schedule::constant(3.0).rate(1_000_000), 3.0);
    }
}
