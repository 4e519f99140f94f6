//! MinHash (Broder 1997): how much two sets have in common, from a short signature of each.

use crate::random::Random;

/// Permutations of a signature.
pub(super) const PERMUTATIONS: usize = 128;
/// Values of a signature that must be equal for two rows to be compared at all.
const BAND: usize = 3;

/// A set's signature: of each permutation, the smallest hash's lowest 16 bits. Two different
/// smallest hashes look equal once in 65,536.
pub(super) type Signature = [u16; PERMUTATIONS];

/// The permutations, the same for all texts.
pub(super) struct MinHash {
    factors: [(u64, u64); PERMUTATIONS],
}

impl MinHash {
    pub(super) fn new() -> Self {
        let mut random = Random::new(0x6D69_6E68);
        // Odd factors, so that multiplying is a permutation.
        Self {
            factors: std::array::from_fn(|_| (random.next() | 1, random.next())),
        }
    }

    /// The signature of a set of hashes that is not empty.
    pub(super) fn signature(&self, set: &[u64]) -> Signature {
        let mut least = [u32::MAX; PERMUTATIONS];
        for &hash in set {
            for (least, (factor, offset)) in least.iter_mut().zip(&self.factors) {
                // The upper half depends on all bits.
                let value = (hash.wrapping_mul(*factor).wrapping_add(*offset) >> 32) as u32;
                *least = value.min(*least);
            }
        }
        least.map(|value| value as u16)
    }
}

/// An estimate of |A and B| / |A or B|; its standard error is at most 0.045.
pub(super) fn likeness(a: &Signature, b: &Signature) -> f64 {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / PERMUTATIONS as f64
}

/// How many keys a signature has.
pub(super) const BANDS: usize = PERMUTATIONS / BAND;

/// A key under which sets that have much in common meet: at a likeness of 0.5 two sets share at
/// least one of the [`BANDS`] with a probability of 0.996, at 0.8 all but surely.
pub(super) fn key(signature: &Signature, band: usize) -> u64 {
    let values = &signature[band * BAND..(band + 1) * BAND];
    values.iter().fold(0, |key, v| key << 16 | u64::from(*v))
}
