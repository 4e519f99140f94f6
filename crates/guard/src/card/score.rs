//! What a card makes of a profile's signals.

use super::Card;
use crate::fit::bin;
use crate::signal::{COUNT, FAMILIES, SIGNALS};

/// A profile's score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// Evidence for distilling, in decibans: the sum of the families', each within its cap.
    pub decibans: i32,
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
        for (place, worth) in self.signals.iter().enumerate().take(COUNT) {
            bins[place] = bin(&worth.edges, values[place]);
        }
        for tree in &self.trees {
            tree.add(&bins, &mut adds);
        }
        let mut by_family = [0_i32; FAMILIES.len()];
        for (add, signal) in adds.iter_mut().zip(&SIGNALS) {
            let family = signal.family as usize;
            if without == Some(family) {
                *add = 0;
            }
            by_family[family] = by_family[family].saturating_add(*add);
        }
        for (sum, family) in by_family.iter_mut().zip(FAMILIES) {
            let cap = family.cap() * 1000;
            *sum = (*sum).clamp(-cap, cap);
        }
        let total: i32 = by_family.iter().sum();
        Score {
            decibans: total.saturating_add(self.prior).div_euclid(1000),
            adds,
            by_family,
        }
    }
}
