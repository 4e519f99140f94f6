//! Shares of right answers, of all items and a slice, and what a point cost.

use super::{Estimate, wilson};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Items that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// What they have in common.
    pub name: String,
    /// How many there are.
    pub items: u64,
    /// The share of right answers, with Wilson's interval.
    pub share: Estimate,
}

/// The share of right answers, with Wilson's interval.
#[must_use]
pub fn share(right: &[bool]) -> Estimate {
    let successes = right.iter().filter(|right| **right).count();
    wilson(successes as u64, right.len() as u64)
}

/// The share of each slice, by name. Where there are many, one of twenty intervals misses its
/// share by chance: they are no tests.
#[must_use]
pub fn slices<'a>(items: impl IntoIterator<Item = (&'a str, bool)>) -> Vec<Slice> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (name, right) in items {
        let (successes, trials) = counts.entry(name).or_default();
        *successes += u64::from(right);
        *trials += 1;
    }
    let slice = |(name, (successes, trials)): (&str, (u64, u64))| Slice {
        name: name.into(),
        items: trials,
        share: wilson(successes, trials),
    };
    counts.into_iter().map(slice).collect()
}

/// What one point (a hundredth of the score) cost, in the money's own unit; `None` where the
/// student is not better than its start.
#[must_use]
pub fn cost_per_point(money: f64, start: f64, student: f64) -> Option<f64> {
    let points = (student - start) * 100.0;
    (points > 0.0).then(|| money / points)
}
