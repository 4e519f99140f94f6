//! The parts that profiles are made of. Each is a commutative monoid on integers: merging in any
//! order and grouping gives the same bytes, and the empty part changes nothing.
//!
//! No part is a float, a decaying weight or a sample by lot, which do not merge exactly.

use super::code::{Reader, put};
use super::event::CLOCKS;

/// What every part can do.
pub(super) trait Part: Default {
    fn merge(&mut self, other: &Self);
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// A sum; stays at the end of its range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total(pub u64);

impl Total {
    pub(super) const fn add(&mut self, more: u64) {
        self.0 = self.0.saturating_add(more);
    }
}

impl Part for Total {
    fn merge(&mut self, other: &Self) {
        self.add(other.0);
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.number().map(Self)
    }
}

/// The least of some numbers; `u32::MAX` of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Least(pub u32);

impl Default for Least {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Part for Least {
    fn merge(&mut self, other: &Self) {
        self.0 = self.0.min(other.0);
    }

    fn write(&self, out: &mut Vec<u8>) {
        // So that none is one byte.
        put(out, u64::from(!self.0));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.small().map(|number: u32| Self(!number))
    }
}

/// The greatest of some numbers; 0 of none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Greatest(pub u32);

impl Part for Greatest {
    fn merge(&mut self, other: &Self) {
        self.0 = self.0.max(other.0);
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.0));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.small().map(Self)
    }
}

/// Counts by bin; each stays at the end of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bins<const N: usize>(pub [u32; N]);

/// The same in half the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Small<const N: usize>(pub [u16; N]);

impl<const N: usize> Default for Bins<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Default for Small<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Bins<N> {
    pub(super) fn add(&mut self, bin: usize) {
        if let Some(count) = self.0.get_mut(bin) {
            *count = count.saturating_add(1);
        }
    }

    /// All counts together.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// Fewer bins: each bin's count goes to the one that `group` names, if it names one.
    pub(super) fn cool<const M: usize>(&self, group: impl Fn(usize) -> usize) -> Small<M> {
        let mut cold = Small([0; M]);
        for (bin, count) in self.0.iter().enumerate() {
            if let Some(sum) = cold.0.get_mut(group(bin)) {
                *sum = sum.saturating_add(u16::try_from(*count).unwrap_or(u16::MAX));
            }
        }
        cold
    }
}

impl<const N: usize> Part for Bins<N> {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|count| put(out, u64::from(*count)));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.array().map(Self)
    }
}

impl<const N: usize> Part for Small<N> {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|count| put(out, u64::from(*count)));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.array().map(Self)
    }
}

/// A sum of vectors of small integers (-7 to 7): exact for 300 million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector<const N: usize>(pub [i32; N]);

impl<const N: usize> Default for Vector<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Vector<N> {
    pub(super) fn add(&mut self, one: &[i8; N]) {
        for (sum, more) in self.0.iter_mut().zip(one) {
            // Beyond its range a sum is wrong, but still the same in every order.
            *sum = sum.wrapping_add(i32::from(*more));
        }
    }

    pub(super) fn cool<const M: usize>(&self) -> Vector<M> {
        let mut cold = Vector([0; M]);
        cold.0
            .iter_mut()
            .zip(self.0)
            .for_each(|(to, from)| *to = from);
        cold
    }
}

impl<const N: usize> Part for Vector<N> {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.wrapping_add(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for sum in self.0 {
            // Small numbers of either sign are short.
            put(out, u64::from((sum << 1 ^ sum >> 31).cast_unsigned()));
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let coded: [u32; N] = from.array()?;
        Some(Self(coded.map(|code| {
            (code >> 1).cast_signed() ^ -(code & 1).cast_signed()
        })))
    }
}

/// How many different hashes came: HyperLogLog (Flajolet et al., 2007) with `N` registers, which
/// errs by `1.04 / sqrt(N)`: 13% with 64, 18% with 32, 26% with 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distinct<const N: usize>([u8; N]);

impl<const N: usize> Default for Distinct<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Distinct<N> {
    /// Adds a hash whose bits are even; 0 stands for nothing and is left out.
    pub(super) fn add(&mut self, hash: u64) {
        if hash == 0 {
            return;
        }
        // Register and rank come from bits apart, so that registers can be put together.
        let register = &mut self.0[hash as usize % N];
        let rank = (hash >> 16 | 1 << 48).trailing_zeros() as u8 + 1;
        *register = (*register).max(rank);
    }

    pub(super) fn cool<const M: usize>(&self) -> Distinct<M> {
        let mut cold = Distinct([0; M]);
        for (place, rank) in self.0.iter().enumerate() {
            let register = &mut cold.0[place % M];
            *register = (*register).max(*rank);
        }
        cold
    }

    /// The estimate.
    pub fn estimate(&self) -> u64 {
        let size = N as f64;
        let empty = self.0.iter().filter(|rank| **rank == 0).count();
        // What is drawn until so many registers are met (coupon collector): exact arithmetic, the
        // same on every machine, which a logarithm is not.
        let few: f64 = (empty + 1..=N).map(|left| size / left as f64).sum();
        let powers: f64 = self.0.iter().map(|rank| 1.0 / (1_u64 << rank) as f64).sum();
        let many = alpha(N) * size * size / powers;
        let estimate = if empty > 0 && few <= 2.5 * size {
            few
        } else {
            many
        };
        estimate.round() as u64
    }
}

const fn alpha(registers: usize) -> f64 {
    match registers {
        0..=16 => 0.673,
        17..=32 => 0.697,
        _ => 0.709,
    }
}

impl<const N: usize> Part for Distinct<N> {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = (*mine).max(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let ranks: [u8; N] = from.bytes()?;
        ranks.iter().all(|rank| *rank <= 49).then_some(Self(ranks))
    }
}

/// Several of them beside each other.
impl<const N: usize> Part for [Distinct<N>; CLOCKS] {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.iter_mut().zip(other) {
            mine.merge(theirs);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|one| one.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut all = Self::default();
        for one in &mut all {
            *one = Distinct::read(from)?;
        }
        Some(all)
    }
}

/// A set of small numbers, `32 * N` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits<const N: usize>([u32; N]);

impl<const N: usize> Default for Bits<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Bits<N> {
    pub(super) const fn add(&mut self, number: usize) {
        self.0[number / 32 % N] |= 1 << (number % 32);
    }

    pub(super) fn cool<const M: usize>(&self) -> Bits<M> {
        let mut cold = Bits([0; M]);
        for (place, word) in self.0.iter().enumerate() {
            cold.0[place % M] |= word;
        }
        cold
    }

    /// Numbers in the set.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl<const N: usize> Part for Bits<N> {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for word in self.0 {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut words = [0; N];
        for word in &mut words {
            *word = u32::from_le_bytes(from.bytes()?);
        }
        Some(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        super::super::mix(number)
    }

    #[test]
    fn distinct_counts_are_near_the_truth() {
        for truth in [0_u64, 1, 5, 20, 60, 200, 1000, 100_000] {
            let (mut fine, mut coarse) = (Distinct::<64>::default(), Distinct::<16>::default());
            for number in 0..truth {
                for _ in 0..2 {
                    fine.add(hash(number + 1));
                    coarse.add(hash(number + 1));
                }
            }
            assert_eq!(fine.cool::<16>(), coarse);
            let off =
                |estimate: u64| (estimate as f64 - truth as f64).abs() / (truth as f64).max(1.0);
            // Three deviations.
            assert!(off(fine.estimate()) < 0.4, "{truth} {}", fine.estimate());
            assert!(
                off(coarse.estimate()) < 0.8,
                "{truth} {}",
                coarse.estimate()
            );
        }
    }

    #[test]
    fn sums_stay_at_their_end() {
        let mut bins = Bins([u32::MAX - 1, 3]);
        bins.merge(&Bins([7, 0]));
        bins.add(0);
        bins.add(9);
        assert_eq!(bins.0, [u32::MAX, 3]);
        assert_eq!(bins.cool::<1>(|_| 0).0, [u16::MAX]);
        let mut total = Total(u64::MAX);
        total.merge(&Total(1));
        assert_eq!(total.0, u64::MAX);
    }
}
