//! Where a text lies in a space of meaning: a sparse random projection of its words and their
//! stems, common words weighted down, as 64 small integers. It ships no model and takes
//! nanoseconds a word; it sees words, not sense. (Achlioptas, 2003; Li, Hastie, Church, "Very sparse
//! random projections", KDD 2006; Weinberger et al., "Feature hashing", ICML 2009.)

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::{self, Raw};
use super::key::Keys;
use super::text::Word;

/// Dimensions of a position.
pub const DIMENSIONS: usize = 64;
/// Length that a position is scaled to, so that a typical dimension uses 6 bits.
const LENGTH: u64 = 256;
/// Counters of how often a word came.
const REPEATS: usize = 256;

/// Words that say little of what a text is about, as they are normalised.
const COMMON: &str = "a about above after again all also am an and any are as at be because been \
    before being below between both but by can cant could did do does doing dont down during each \
    either else ever every few for from further get give given had has have having he her here hers \
    him his how i if im in into is it its itself just let like make many may me might more most much \
    must my no nor not now of off on once one only or other our out over own per please same she \
    should so some such than that the their them then there these they this those through to too \
    under until up us use used using very was we were what when where which while who whom why will \
    with within without would yes yet you your yours \
    der die das und ist ein eine nicht mit von zu im den auf für le la les des un une et est pas que \
    pour dans du el los las una y es no por con para se";

/// A text's place in the space of meaning; nowhere (all zero) for a text without words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position([i8; DIMENSIONS]);

impl Default for Position {
    fn default() -> Self {
        Self([0; DIMENSIONS])
    }
}

impl Position {
    /// The coordinates: about 256 long together, none beyond 127.
    pub const fn coordinates(&self) -> &[i8; DIMENSIONS] {
        &self.0
    }

    /// Whether the text had no words.
    pub fn is_nowhere(&self) -> bool {
        self.0.iter().all(|one| *one == 0)
    }

    /// The cosine of the angle between two positions, in thousandths; 0 if either is nowhere.
    pub fn cosine(&self, other: &Self) -> i32 {
        let dot = |a: &Self, b: &Self| -> i64 {
            let pairs = a.0.iter().zip(&b.0);
            pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum()
        };
        let lengths = (dot(self, self) * dot(other, other)).unsigned_abs().isqrt();
        let cosine = (1000 * dot(self, other)).checked_div(lengths.cast_signed());
        i32::try_from(cosine.unwrap_or(0)).unwrap_or(0)
    }

    /// The signs of all dimensions: equal in a share of `1 - angle / pi` (Charikar, 2002), so any
    /// `b` of these bits are a bucket of locality-sensitive hashing.
    pub fn signs(&self) -> u64 {
        let bits = self.0.iter().enumerate();
        bits.fold(0, |signs, (place, one)| {
            signs | (u64::from(*one > 0) << place)
        })
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        code::raw(&self.0.map(i8::cast_unsigned), out)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let Raw(bytes) = Raw::<DIMENSIONS, 1>::deserialize(input)?;
        Ok(Self(bytes.map(|[byte]| byte.cast_signed())))
    }
}

/// The hashes of common words, for a quick look.
#[derive(Debug, Clone)]
pub(super) struct Common {
    slots: Box<[u64; 1024]>,
}

impl Common {
    pub(super) fn new(keys: &Keys) -> Self {
        let mut slots = Box::new([0; 1024]);
        for word in COMMON.split_whitespace() {
            let hash = keys.word(word);
            let mut at = hash as usize % slots.len();
            while slots[at] != 0 && slots[at] != hash {
                at = (at + 1) % slots.len();
            }
            slots[at] = hash;
        }
        Self { slots }
    }

    /// Whether a word is one of them. A fifth of the slots is taken, so the walk is short.
    #[inline]
    fn has(&self, hash: u64) -> bool {
        let mut at = hash as usize % self.slots.len();
        while self.slots[at] != 0 {
            if self.slots[at] == hash {
                return true;
            }
            at = (at + 1) % self.slots.len();
        }
        false
    }
}

/// A position while words are added.
#[derive(Debug)]
pub(super) struct Walk {
    sums: [i32; DIMENSIONS],
    repeats: [u8; REPEATS],
}

impl Walk {
    pub(super) const fn new() -> Self {
        Self {
            sums: [0; DIMENSIONS],
            repeats: [0; REPEATS],
        }
    }

    pub(super) fn add(&mut self, common: &Common, words: &[Word]) {
        for word in words {
            if common.has(word.exact) {
                continue;
            }
            // Long words are rarer (Zipf), so length stands in for a count of documents.
            let weight = match word.len {
                0..=2 => 4,
                3 => 8,
                4 => 12,
                _ => 16,
            };
            let count = &mut self.repeats[(word.slot >> 20) as usize % REPEATS];
            *count = count.saturating_add(1);
            // What is repeated counts less each time: in all as much as its logarithm.
            let weight = weight / i32::from(*count);
            if weight == 0 {
                continue;
            }
            if word.stem == word.exact {
                self.step(word.slot, 3 * weight);
            } else {
                self.step(word.stem, 2 * weight);
                self.step(word.slot, weight);
            }
        }
    }

    /// Four dimensions, each with a sign.
    #[inline]
    fn step(&mut self, hash: u64, weight: i32) {
        for part in 0..4 {
            let bits = hash >> (7 * part);
            let signed = if bits & 64 == 0 { weight } else { -weight };
            self.sums[(bits & 63) as usize] += signed;
        }
    }

    pub(super) fn end(&self) -> Position {
        let squares = self
            .sums
            .iter()
            .map(|sum| u64::from(sum.unsigned_abs()).pow(2));
        let length = squares.sum::<u64>().isqrt();
        Position(self.sums.map(|sum| {
            let scaled = u64::from(sum.unsigned_abs()) * LENGTH;
            let scaled = scaled.checked_div(length).unwrap_or(0).min(127) as i8;
            if sum < 0 { -scaled } else { scaled }
        }))
    }
}
