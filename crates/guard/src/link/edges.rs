//! What speaks for one operator behind two accounts, by family of signals: a table of bounded size.
//! A full bucket gives up its weakest pair. Sums stay at their families' caps, so that the order in
//! which evidence came does not matter.

use super::weigh::{self, FAMILIES, Family};
use crate::profile::mix;

/// Slots of a bucket.
const WIDTH: usize = 8;
/// The least logarithm of the number of buckets.
const LEAST: u32 = 6;

/// Evidence between two accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The lower number.
    pub(crate) a: u32,
    /// The higher one; 0 is an empty slot.
    pub(crate) b: u32,
    /// The hour of the last evidence.
    pub(crate) hour: u32,
    /// Decibans by family.
    pub(crate) decibans: [u8; FAMILIES],
}

impl Edge {
    /// Decibans of a family.
    pub(crate) fn of(&self, family: Family) -> i32 {
        i32::from(self.decibans[family as usize])
    }

    fn strength(&self) -> u32 {
        self.decibans.iter().map(|one| u32::from(*one)).sum()
    }
}

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    buckets: Vec<[Edge; WIDTH]>,
    held: usize,
    most: u32,
    displaced: u64,
}

impl Edges {
    /// A table that grows to so many pairs at most.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            buckets: vec![[Edge::default(); WIDTH]; 1 << LEAST],
            held: 0,
            most: (most / WIDTH as u32)
                .next_power_of_two()
                .ilog2()
                .clamp(LEAST, 24),
            displaced: 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    /// Pairs that had to go.
    pub(crate) fn displaced(&self) -> u64 {
        self.displaced
    }

    fn place(&self, a: u32, b: u32) -> usize {
        let spread = mix(u64::from(a) << 32 | u64::from(b));
        (spread & (self.buckets.len() as u64 - 1)) as usize
    }

    /// Adds evidence between two accounts; returns all that there is between them now.
    pub(crate) fn add(
        &mut self,
        pair: (u32, u32),
        family: Family,
        decibans: u8,
        hour: u32,
    ) -> Edge {
        let (a, b) = (pair.0.min(pair.1), pair.0.max(pair.1));
        if a == b || decibans == 0 {
            return Edge::default();
        }
        if self.held * 2 > self.buckets.len() * WIDTH && self.buckets.len() < 1 << self.most {
            self.grow();
        }
        let place = self.place(a, b);
        let bucket = &mut self.buckets[place];
        let at = bucket.iter().position(|edge| (edge.a, edge.b) == (a, b));
        let at = at.unwrap_or_else(|| {
            let rank = |edge: &Edge| (edge.b != 0, edge.strength(), edge.hour, edge.a, edge.b);
            let at = (0..WIDTH).min_by_key(|at| rank(&bucket[*at])).unwrap_or(0);
            self.held += usize::from(bucket[at].b == 0);
            self.displaced += u64::from(bucket[at].b != 0);
            bucket[at] = Edge {
                a,
                b,
                ..Edge::default()
            };
            at
        });
        let edge = &mut bucket[at];
        edge.hour = edge.hour.max(hour);
        let sum = &mut edge.decibans[family as usize];
        *sum = sum.saturating_add(decibans).min(weigh::cap(family));
        *edge
    }

    /// Takes evidence back that turned out to be none.
    pub(crate) fn take(&mut self, pair: (u32, u32), family: Family, decibans: u8) {
        let (a, b) = (pair.0.min(pair.1), pair.0.max(pair.1));
        let place = self.place(a, b);
        let found = self.buckets[place]
            .iter_mut()
            .find(|edge| (edge.a, edge.b) == (a, b) && b != 0);
        if let Some(edge) = found {
            let sum = &mut edge.decibans[family as usize];
            *sum = sum.saturating_sub(decibans);
        }
    }

    /// Forgets an account's pairs.
    pub(crate) fn erase(&mut self, account: u32) {
        for edge in self.buckets.iter_mut().flatten() {
            if edge.b != 0 && (edge.a == account || edge.b == account) {
                *edge = Edge::default();
                self.held -= 1;
            }
        }
    }

    /// All pairs, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Edge> {
        self.buckets.iter().flatten().filter(|edge| edge.b != 0)
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.buckets);
        self.buckets = vec![[Edge::default(); WIDTH]; old.len() * 2];
        for edge in old.iter().flatten().filter(|edge| edge.b != 0) {
            let place = self.place(edge.a, edge.b);
            // A bucket's slots go to two buckets, so there is room.
            if let Some(free) = self.buckets[place].iter_mut().find(|free| free.b == 0) {
                *free = *edge;
            }
        }
    }
}
