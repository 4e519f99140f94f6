//! The only randomness of a world: xoshiro256++ seeded by a hash of the seed and a name, so that
//! each account has a stream of its own and a change in one leaves the others as they are.
//! Never the system's randomness.

/// A stream of random draws, the same for the same seed and name.
#[derive(Debug, Clone)]
pub struct Draw {
    state: [u64; 4],
}

impl Draw {
    /// The stream that belongs to a seed, a name and a number.
    pub fn named(seed: u64, name: &str, number: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&number.to_le_bytes());
        let bytes = hasher.finalize();
        let mut state = [1u64; 4];
        for (word, chunk) in state.iter_mut().zip(bytes.as_bytes().chunks_exact(8)) {
            let mut eight = [0u8; 8];
            eight.copy_from_slice(chunk);
            *word = u64::from_le_bytes(eight) | 1;
        }
        Self { state }
    }

    /// A cheap stream for one text: good mixing, no cryptography.
    pub fn of(word: u64) -> Self {
        let mut x = word;
        let mut state = [0u64; 4];
        for slot in &mut state {
            // splitmix64
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *slot = z ^ (z >> 31);
        }
        Self { state }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `0..below`; 0 where `below` is 0.
    pub fn below(&mut self, below: usize) -> usize {
        ((u128::from(self.bits()) * below as u128) >> 64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high.saturating_sub(low) + 1) as usize) as u64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of a list.
    ///
    /// # Panics
    /// Never for a list that has something in it; all lists here are constants or checked pools.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// The place of one of these weights, in proportion.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let total: f64 = weights.clone().sum();
        let mut left = self.unit() * total;
        let mut last = 0;
        for (place, weight) in weights.enumerate() {
            last = place;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Log-normal by its median and the deviation of its logarithm, held within bounds.
    pub fn spread(&mut self, median: f64, sigma: f64, low: f64, high: f64) -> f64 {
        (median * (sigma * self.normal()).exp()).clamp(low, high)
    }
}

/// A hash for keys inside a world (not for secrets): FNV-1a with a final mix.
pub fn hash(parts: &[&[u8]]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for part in parts {
        for byte in *part {
            h = (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        h = (h ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }
    h ^= h >> 32;
    h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
    h ^ (h >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_its_neighbours_differ() {
        let take = |name, number| {
            let mut draw = Draw::named(7, name, number);
            [draw.bits(), draw.bits()]
        };
        assert_eq!(take("a", 1), take("a", 1));
        assert_ne!(take("a", 1), take("a", 2));
        assert_ne!(take("a", 1), take("b", 1));
    }

    #[test]
    fn moments_are_as_named() {
        let mut draw = Draw::of(3);
        let count = 20_000;
        let mean = (0..count).map(|_| draw.unit()).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let mean = (0..count).map(|_| draw.normal()).sum::<f64>() / f64::from(count);
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((0..count).all(|_| draw.below(7) < 7));
        let twos = (0..count)
            .filter(|_| draw.weighted([1.0, 3.0].into_iter()) == 1)
            .count();
        assert!((14_600..15_400).contains(&twos), "{twos}");
    }
}
