//! The entries with the least keys. Whatever is among the `K` least of a whole was among the `K`
//! least of every part that had it, so nothing is missed and every count is exact; and as keys are
//! hashes, what is kept is an even sample that does not depend on order. (Cohen and Kaplan,
//! "Summarizing data using bottom-k sketches", PODC 2007.)

use super::code::{Reader, put};
use super::parts::Part;

/// An entry: ordered by its key first; entries of one key are put together.
pub(super) trait Entry: Copy + Ord {
    /// Greater than every real entry.
    const NONE: Self;
    fn same(&self, other: &Self) -> bool;
    fn join(&mut self, other: &Self);
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// At most `K` entries, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottom<T, const K: usize>([T; K]);

impl<T: Entry, const K: usize> Default for Bottom<T, K> {
    fn default() -> Self {
        Self([T::NONE; K])
    }
}

#[expect(private_bounds, reason = "entries are this room's own")]
impl<T: Entry, const K: usize> Bottom<T, K> {
    /// The entries, least key first.
    pub fn entries(&self) -> &[T] {
        let len = self.0.iter().position(|one| *one == T::NONE);
        &self.0[..len.unwrap_or(K)]
    }

    /// Whether more than the kept entries may have come.
    pub fn is_full(&self) -> bool {
        self.entries().len() == K
    }

    pub(super) fn add(&mut self, entry: T) {
        for place in 0..K {
            let mine = &mut self.0[place];
            if mine.same(&entry) {
                return mine.join(&entry);
            }
            if entry < *mine {
                self.0.copy_within(place..K - 1, place + 1);
                self.0[place] = entry;
                return;
            }
        }
    }

    pub(super) fn cool<const M: usize>(&self) -> Bottom<T, M> {
        let mut cold = Bottom([T::NONE; M]);
        cold.0
            .iter_mut()
            .zip(self.0)
            .for_each(|(to, from)| *to = from);
        cold
    }
}

impl<T: Entry, const K: usize> Part for Bottom<T, K> {
    fn merge(&mut self, other: &Self) {
        for entry in other.entries() {
            self.add(*entry);
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.entries().len() as u64);
        for entry in self.entries() {
            entry.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut all = Self::default();
        let len: u8 = from.small()?;
        for place in 0..usize::from(len) {
            *all.0.get_mut(place)? = T::read(from)?;
        }
        let ordered = |pair: &[T]| pair[0] < pair[1] && !pair[0].same(&pair[1]);
        let whole = all.entries().len() == usize::from(len);
        (whole && all.entries().windows(2).all(ordered)).then_some(all)
    }
}

/// How often a key came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// The key, a keyed hash.
    pub key: u32,
    /// How often it came.
    pub count: u32,
}

impl Entry for Tally {
    const NONE: Self = Self {
        key: u32::MAX,
        count: u32::MAX,
    };

    fn same(&self, other: &Self) -> bool {
        self.key == other.key && *self != Self::NONE
    }

    fn join(&mut self, other: &Self) {
        // Below the mark of an empty place.
        self.count = self.count.saturating_add(other.count).min(u32::MAX - 1);
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        put(out, u64::from(self.count));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            key: u32::from_le_bytes(from.bytes()?),
            count: from.small()?,
        })
    }
}

/// A model, how often it was asked and from when to when, in hours since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// The keyed hash of its name.
    pub key: u32,
    /// Exchanges.
    pub count: u32,
    /// The first one's hour.
    pub first: u32,
    /// The last one's hour.
    pub last: u32,
}

impl Entry for Model {
    const NONE: Self = Self {
        key: u32::MAX,
        count: u32::MAX,
        first: u32::MAX,
        last: u32::MAX,
    };

    fn same(&self, other: &Self) -> bool {
        self.key == other.key && *self != Self::NONE
    }

    fn join(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count).min(u32::MAX - 1);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        for number in [self.count, self.first, self.last] {
            put(out, u64::from(number));
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            key: u32::from_le_bytes(from.bytes()?),
            count: from.small()?,
            first: from.small()?,
            last: from.small()?,
        })
    }
}

/// One exchange of an even sample of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// By what the sample is drawn: a keyed hash of the exchange's number.
    pub order: u32,
    /// Its template, as [`super::Event`] names it.
    pub template: u32,
    /// Signs of its position, the lower and the upper half.
    pub signs: [u32; 2],
    /// Its conversation's first message.
    pub opening: u32,
}

impl Entry for Sample {
    const NONE: Self = Self {
        order: u32::MAX,
        template: u32::MAX,
        signs: [u32::MAX; 2],
        opening: u32::MAX,
    };

    fn same(&self, other: &Self) -> bool {
        self == other && *self != Self::NONE
    }

    fn join(&mut self, _: &Self) {}

    fn write(&self, out: &mut Vec<u8>) {
        let [low, high] = self.signs;
        for number in [self.order, self.template, low, high, self.opening] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut next = || from.bytes().map(u32::from_le_bytes);
        Some(Self {
            order: next()?,
            template: next()?,
            signs: [next()?, next()?],
            opening: next()?,
        })
    }
}
