//! Sets of shingles as one-permutation MinHash: one hash a shingle, the least of each bin kept.
//! (Li, Owen, Zhang, "One permutation hashing", NIPS 2012.)

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::{self, Raw};

const EMPTY: u16 = u16::MAX;

/// A sketch of a set in `N` bins of 16 bits. The share of bins that agree estimates the Jaccard
/// likeness of two sets, with a deviation of `sqrt(J (1 - J) / bins)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinHash<const N: usize>([u16; N]);

impl<const N: usize> Default for MinHash<N> {
    fn default() -> Self {
        Self([EMPTY; N])
    }
}

impl<const N: usize> MinHash<N> {
    #[inline]
    pub(super) fn insert(&mut self, hash: u64) {
        let bin = ((hash >> 32) * N as u64) >> 32;
        let value = (hash as u16).min(EMPTY - 1);
        let slot = &mut self.0[bin as usize];
        *slot = (*slot).min(value);
    }

    /// What is in the bins: a bin's number and its least value, empty bins left out.
    pub fn values(&self) -> impl Iterator<Item = (usize, u16)> + '_ {
        let bins = self.0.iter().copied().enumerate();
        bins.filter(|(_, value)| *value != EMPTY)
    }

    /// Whether nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|bin| *bin == EMPTY)
    }

    /// The likeness to another sketch, in 255ths; 0 if either is empty.
    pub fn likeness(&self, other: &Self) -> u8 {
        let (mut same, mut either) = (0_u32, 0_u32);
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            either += u32::from(*mine != EMPTY || *theirs != EMPTY);
            same += u32::from(mine == theirs && *mine != EMPTY);
        }
        u8::try_from((255 * same).checked_div(either).unwrap_or(0)).unwrap_or(u8::MAX)
    }
}

impl<const N: usize> Serialize for MinHash<N> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|bin| bin.to_le_bytes()).collect();
        code::raw(&bytes, out)
    }
}

impl<'de, const N: usize> Deserialize<'de> for MinHash<N> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let Raw(bytes) = Raw::<N, 2>::deserialize(input)?;
        let bins = bytes.map(u16::from_le_bytes);
        if bins.len() == N {
            Ok(Self(bins))
        } else {
            Err(D::Error::custom("a sketch of another size"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{HashKey, Keys, Purpose};
    use super::*;

    fn sketch(items: std::ops::Range<u64>) -> MinHash<32> {
        let keys = Keys::new(&HashKey::new([5; 32]));
        let mut sketch = MinHash::default();
        for item in items {
            sketch.insert(keys.words(Purpose::Template, [item]));
        }
        sketch
    }

    #[test]
    fn likeness_is_near_the_truth() {
        let whole = sketch(0..300);
        assert_eq!(whole.likeness(&whole), 255);
        assert!(whole.likeness(&sketch(1000..1300)) < 26);
        // 200 of 400 are common: one half, with a deviation of 0.09.
        let half = whole.likeness(&sketch(100..400));
        assert!((75..180).contains(&half), "{half}");
        assert_eq!(sketch(0..0).likeness(&sketch(0..0)), 0);
        assert!(sketch(0..0).is_empty() && !whole.is_empty());
    }
}
