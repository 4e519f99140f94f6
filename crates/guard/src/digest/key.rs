//! The key under which all text is hashed, and the two hashes made with it.
//!
//! A text's chunks are the coefficients of a polynomial over the integers modulo 2^61 - 1, taken at
//! a secret point: two different texts of n chunks agree with probability n / 2^61 at most, whatever
//! they are, as long as the point is secret (Carter and Wegman, 1979; Thorup, "High speed hashing
//! for integers and strings", 2015). A finisher under other secret words then hides the polynomial
//! and spreads its bits. Nobody without the key can pick texts that collide, that win a minimum or
//! that land in a bucket; whoever has the key can test guesses of a text, as with any keyed hash.

use std::fmt;

const PRIME: u64 = (1 << 61) - 1;
const CONTEXT: &[u8] = b"stillhouse guard digest v1";

/// The secret of a deployment's digests: 32 bytes from a random source. Digests are comparable
/// under one key only.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// A key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HashKey(..)")
    }
}

/// A hash's purpose: the same text under two purposes has unrelated hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Purpose {
    Word,
    Message,
    Prefix,
    Origin,
    Label,
    Exact,
    Template,
    Print,
    Pair,
}

const PURPOSES: usize = 9;
/// Words of a shingle.
pub(crate) const SHINGLE: usize = 5;

/// The words that a key is spread to.
#[derive(Clone)]
pub(crate) struct Keys {
    point: u64,
    finish: [[u64; 2]; PURPOSES],
    places: [u64; SHINGLE],
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keys(..)")
    }
}

impl Keys {
    pub(crate) fn new(key: &HashKey) -> Self {
        let mut stream = blake3::Hasher::new_keyed(&key.0)
            .update(CONTEXT)
            .finalize_xof();
        let mut word = || {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        Self {
            point: word() % (PRIME - 2) + 2,
            finish: [(); PURPOSES].map(|()| [word(), word() | 1]),
            places: [(); SHINGLE].map(|()| word() | 1),
        }
    }

    /// The hash of some bytes.
    #[inline]
    pub(crate) fn bytes(&self, purpose: Purpose, bytes: &[u8]) -> u64 {
        self.finish(purpose, self.polynomial(bytes))
    }

    /// The hash of some words, in order.
    #[inline]
    pub(crate) fn words(&self, purpose: Purpose, words: impl IntoIterator<Item = u64>) -> u64 {
        let mut sum = 1;
        for word in words {
            // A word may exceed the prime: its two halves are two coefficients.
            sum = step(sum, self.point, word & 0xffff_ffff);
            sum = step(sum, self.point, word >> 32);
        }
        self.finish(purpose, sum)
    }

    /// The hash of a shingle: an inner product with secret odd words (multilinear hashing),
    /// finished.
    #[inline]
    pub(crate) fn shingle(&self, purpose: Purpose, words: &[u64; SHINGLE]) -> u64 {
        let mut sum = 0_u64;
        for (word, place) in words.iter().zip(&self.places) {
            sum = sum.wrapping_add(word.wrapping_mul(*place));
        }
        self.finish(purpose, sum)
    }

    /// The hash of two words.
    #[inline]
    pub(crate) fn pair(&self, purpose: Purpose, first: u64, second: u64) -> u64 {
        let [a, b, ..] = self.places;
        let sum = first.wrapping_mul(a).wrapping_add(second.wrapping_mul(b));
        self.finish(purpose, sum)
    }

    #[inline]
    fn polynomial(&self, bytes: &[u8]) -> u64 {
        // The length first, so that zero bytes at an end count.
        let mut sum = bytes.len() as u64 + 1;
        let mut chunks = bytes.chunks_exact(7);
        for chunk in &mut chunks {
            sum = step(sum, self.point, load(chunk));
        }
        let rest = chunks.remainder();
        if rest.is_empty() {
            sum
        } else {
            step(sum, self.point, load(rest))
        }
    }

    #[inline]
    fn finish(&self, purpose: Purpose, sum: u64) -> u64 {
        let [first, second] = self.finish[purpose as usize];
        let folded = fold(sum ^ first, second);
        fold(folded ^ first, second.rotate_left(32) | 1)
    }
}

/// Up to 7 bytes as a number.
#[inline]
fn load(bytes: &[u8]) -> u64 {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate() {
        number |= u64::from(*byte) << (8 * place);
    }
    number
}

/// `sum * point + term` modulo the prime, left below 2^62.
#[inline]
fn step(sum: u64, point: u64, term: u64) -> u64 {
    let product = u128::from(sum) * u128::from(point) + u128::from(term);
    let low = (product as u64) & PRIME;
    let high = (product >> 61) as u64;
    let folded = low + high;
    (folded & PRIME) + (folded >> 61)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn keys(byte: u8) -> Keys {
        Keys::new(&HashKey::new([byte; 32]))
    }

    #[test]
    fn hashes_differ_by_text_key_and_purpose() {
        let (one, other) = (keys(1), keys(2));
        let mut seen = HashSet::new();
        for length in 0..40 {
            let bytes = vec![0_u8; length];
            assert!(seen.insert(one.bytes(Purpose::Word, &bytes)), "{length}");
            assert!(seen.insert(one.bytes(Purpose::Print, &bytes)), "{length}");
            assert!(seen.insert(other.bytes(Purpose::Word, &bytes)), "{length}");
        }
        assert_ne!(
            one.words(Purpose::Exact, [1, 2]),
            one.words(Purpose::Exact, [2, 1])
        );
        assert_eq!(format!("{:?}", HashKey::new([9; 32])), "HashKey(..)");
    }

    #[test]
    fn the_low_and_the_high_bits_are_even() {
        let keys = keys(3);
        let mut low = [0_u32; 16];
        let mut high = [0_u32; 16];
        for number in 0..16_000_u32 {
            let hash = keys.bytes(Purpose::Word, &number.to_le_bytes());
            low[(hash & 15) as usize] += 1;
            high[(hash >> 60) as usize] += 1;
        }
        // 1000 expected in each, with a deviation of 31.
        for count in low.into_iter().chain(high) {
            assert!((850..1150).contains(&count), "{low:?} {high:?}");
        }
    }

    #[test]
    fn the_remainder_is_right() {
        for (sum, point, term) in [
            (PRIME - 1, PRIME - 1, (1 << 56) - 1),
            (1, 2, 3),
            (0, 5, PRIME),
        ] {
            let exact = (u128::from(sum) * u128::from(point) + u128::from(term)) % u128::from(PRIME);
            assert_eq!(u128::from(step(sum, point, term) % PRIME), exact);
        }
    }
}
