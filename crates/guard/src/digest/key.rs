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

    /// Bytes without end that only this key gives, others for each purpose.
    pub(crate) fn stream(&self, purpose: &[u8]) -> blake3::OutputReader {
        blake3::Hasher::new_keyed(&self.0)
            .update(purpose)
            .finalize_xof()
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
        let mut stream = key.stream(CONTEXT);
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

    /// The hash of a word.
    pub(crate) fn word(&self, word: &str) -> u64 {
        let mut spelling = Spelling::new();
        for byte in word.bytes() {
            spelling.push(self, byte);
        }
        spelling.whole(self)
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
        let (chunks, rest) = bytes.as_chunks::<7>();
        for chunk in chunks {
            sum = step(sum, self.point, load(chunk));
        }
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

/// The hash of a word whose letters come one by one: seven letters are a term, the last term has the
/// word's length in its eighth byte. Words of as many terms differ in length by six at most, so no
/// two words have the same terms modulo the prime.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    sum: u64,
    term: u64,
    /// The first letters, as far as they are in the first term.
    first: u64,
    len: u32,
    /// Bits of the term that are taken.
    filled: u32,
}

impl Spelling {
    pub(super) const fn new() -> Self {
        Self {
            sum: 1,
            term: 0,
            first: 0,
            len: 0,
            filled: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn push(&mut self, keys: &Keys, byte: u8) {
        self.term |= u64::from(byte) << self.filled;
        self.filled += 8;
        self.len += 1;
        if self.filled == 56 {
            if self.len == 7 {
                self.first = self.term;
            }
            self.sum = step(self.sum, keys.point, self.term);
            (self.term, self.filled) = (0, 0);
        }
    }

    #[inline]
    pub(super) fn whole(&self, keys: &Keys) -> u64 {
        let last = self.term | u64::from(self.len) << 56;
        keys.finish(Purpose::Word, step(self.sum, keys.point, last))
    }

    /// The hash of the word's first six letters, as if they were a word.
    #[inline]
    pub(super) fn stem(&self, keys: &Keys) -> u64 {
        let letters = if self.len < 7 { self.term } else { self.first };
        let last = letters & ((1 << 48) - 1) | 6 << 56;
        keys.finish(Purpose::Word, step(1, keys.point, last))
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
            assert!(seen.insert(one.bytes(Purpose::Label, &bytes)), "{length}");
            assert!(seen.insert(one.bytes(Purpose::Print, &bytes)), "{length}");
            assert!(seen.insert(other.bytes(Purpose::Label, &bytes)), "{length}");
            let word = "o".repeat(length);
            assert!(seen.insert(one.word(&word)), "{length}");
            assert!(seen.insert(other.word(&word)), "{length}");
            let mut spelling = Spelling::new();
            word.bytes().for_each(|byte| spelling.push(&one, byte));
            if length > 6 {
                assert_eq!(spelling.stem(&one), one.word("oooooo"));
            }
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
            let hash = keys.word(&number.to_string());
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
            let exact =
                (u128::from(sum) * u128::from(point) + u128::from(term)) % u128::from(PRIME);
            assert_eq!(u128::from(step(sum, point, term) % PRIME), exact);
        }
    }
}
