//! What a card makes of a profile's signals.

use super::Card;
use crate::fit::bin;
use crate::signal::{COUNT, FAMILIES, SIGNALS};

/// A profile's score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// Evidence for distilling, in decibans: the sum of the families', each within its cap.
    pub decibans: i32,
    /// By what the review queue is ordered, in decibans.
    pub order: i32,
    /// What each signal says, in thousandths of decibans, before caps.
    pub adds: [i32; COUNT],
    by_family: [i32; FAMILIES.len()],
}

impl Score {
    /// Families that speak for distilling, by 3 decibans or more each.
    pub fn families(&self) -> usize {
        self.by_family.iter().filter(|sum| **sum >= 3_000).count()
    }

    /// What a family says, in thousandths of decibans, within its cap.
    pub fn family(&self, place: usize) -> i32 {
        self.by_family.get(place).copied().unwrap_or(0)
    }
}

impl Card {
    /// Scores values in the order of [`SIGNALS`]. `without` leaves a family out, to see what it is
    /// worth.
    pub fn score(&self, values: &[f32; COUNT], without: Option<usize>) -> Score {
        let mut bins = [0_u8; COUNT];
        let mut adds = [0_i32; COUNT];
        let mut by_family = [0_i32; FAMILIES.len()];
        for (place, (worth, signal)) in self.signals.iter().zip(&SIGNALS).enumerate() {
            let family = signal.family as usize;
            if without == Some(family) {
                continue;
            }
            bins[place] = bin(&worth.edges, values[place]);
            adds[place] = worth
                .adds
                .get(usize::from(bins[place]))
                .copied()
                .unwrap_or(0);
            by_family[family] = by_family[family].saturating_add(adds[place]);
        }
        let mut total = self.prior;
        for (sum, family) in by_family.iter_mut().zip(FAMILIES) {
            let cap = family.cap() * 1000;
            *sum = (*sum).clamp(-cap, cap);
            total = total.saturating_add(*sum);
        }
        let order = self.order.iter().fold(self.order_prior, |sum, tree| {
            sum.saturating_add(tree.adds(&bins))
        });
        Score {
            decibans: total.div_euclid(1000),
            order: order.div_euclid(1000),
            adds,
            by_family,
        }
    }
}
