//! Numbers from a seed: SplitMix64 (Steele, Lea and Flood 2014). Nothing here asks the system for
//! randomness, so that the same seed gives the same bytes everywhere.

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Below `end`, each as likely (but for a bias of `end` in 2^64). 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // The product's upper half is smaller than `end`, which is a usize.
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

/// Every bit of the result depends on every bit of `z`.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
