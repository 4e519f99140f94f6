//! Advantages of sampled answers: how much better than expected a token or an answer was. They are
//! numbers that a policy gradient holds fixed ([`Kind::Policy`](super::Kind::Policy)); nothing here
//! is differentiated.

/// Added to a group's spread, so that near-equal rewards do not blow up; GRPO's own constant.
const SOFTENED: f64 = 1e-4;

/// On-policy distillation without a reward (Thinking Machines 2025; MOPD): from the log-ratios
/// `r = log p - log q` of an answer's tokens, in place, to each token's advantage, the sum of what
/// follows discounted by `gamma` a token, clipped to plus or minus `clip`. With `gamma` 0 each token
/// answers for itself alone. Returns how many were clipped.
pub fn discounted(ratios: &mut [f64], gamma: f64, clip: f64) -> usize {
    let mut later = 0.0;
    let mut clipped = 0;
    for ratio in ratios.iter_mut().rev() {
        later = *ratio + gamma * later;
        clipped += usize::from(later.abs() > clip);
        *ratio = later.clamp(-clip.abs(), clip.abs());
    }
    clipped
}

/// What a group's rewards are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The standard deviation of the group itself.
    Population,
    /// The standard deviation with one degree of freedom taken off.
    Sample,
    /// Nothing: "Dr. GRPO" (Liu et al. 2025), which does not weigh easy and hard prompts up.
    None,
}

/// How many groups taught something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Groups {
    /// Groups with advantages.
    pub kept: usize,
    /// Groups whose rewards were all equal (or that had one answer or none, or a reward that is no
    /// number): they say nothing and are left out.
    pub skipped: usize,
}

impl Groups {
    /// GRPO's advantages of one prompt's answers from their rewards, in place: the distance from
    /// the group's mean over its spread. False where the group is to be left out; its advantages
    /// are then 0.
    pub fn advantages(&mut self, rewards: &mut [f64], spread: Spread) -> bool {
        let count = rewards.len() as f64;
        let mean = rewards.iter().sum::<f64>() / count;
        let squares: f64 = rewards.iter().map(|r| (r - mean).powi(2)).sum();
        let first = rewards.first().copied().unwrap_or(f64::NAN);
        let equal = rewards.iter().all(|&r| r == first);
        if equal || rewards.len() < 2 || !squares.is_finite() {
            rewards.fill(0.0);
            self.skipped += 1;
            return false;
        }
        let over = match spread {
            Spread::Population => (squares / count).sqrt() + SOFTENED,
            Spread::Sample => (squares / (count - 1.0)).sqrt() + SOFTENED,
            Spread::None => 1.0,
        };
        rewards.iter_mut().for_each(|r| *r = (*r - mean) / over);
        self.kept += 1;
        true
    }
}
