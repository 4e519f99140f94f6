//! A table of fixed size from keys to numbered answers: buckets of eight slots, one cache line each.
//! A key has a slot for each account that it went to, until it is everybody's. A full bucket gives up
//! its oldest slot. Nothing here is drawn by chance, and the place inside a bucket never matters.

/// Slots of a bucket.
const WIDTH: usize = 8;
/// Bits of a key.
const BITS: u32 = 40;
/// The least logarithm of the number of buckets at which bucket and tag hold a key without loss.
pub(super) const LEAST: u32 = BITS - 32;
/// Numbers of answers stay below.
pub(super) const NUMBERS: u32 = 1 << 28;
/// So many hits, or a mark: the text is everybody's.
pub(super) const COMMON: u8 = 15;

/// The number of an answer, and how often the key was found by others since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) answer: u32,
    pub(super) hits: u8,
}

/// What a table knows of the answers' numbers.
pub(super) trait Numbers {
    /// The least number that is still remembered.
    fn oldest(&self) -> u32;
    /// Whose answer it is.
    fn account(&self, answer: u32) -> u32;
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    /// A tag in the upper half, then 28 bits of an answer's number, then 4 of hits; 0 is empty.
    buckets: Box<[[u64; WIDTH]]>,
    log: u32,
}

/// The bucket and the tag of a key.
#[derive(Debug, Clone, Copy)]
struct Place {
    bucket: usize,
    tag: u32,
}

impl Table {
    /// A table of at least `slots` slots.
    pub(super) fn new(slots: u32) -> Self {
        let log = Self::log(slots);
        Self {
            buckets: vec![[0; WIDTH]; 1 << log].into_boxed_slice(),
            log,
        }
    }

    fn log(slots: u32) -> u32 {
        let buckets = u64::from(slots).div_ceil(WIDTH as u64);
        buckets.next_power_of_two().ilog2().clamp(LEAST, 24)
    }

    /// Bytes that a table of so many slots holds.
    pub(super) fn bytes_of(slots: u32) -> usize {
        size_of::<[u64; WIDTH]>() << Self::log(slots)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn place(&self, key: u64) -> Place {
        let spread = spread(key);
        Place {
            bucket: (spread >> (BITS - self.log)) as usize,
            tag: (spread & ((1 << (BITS - self.log)) - 1)) as u32,
        }
    }

    /// The remembered slots of a key.
    pub(super) fn find(&self, key: u64, oldest: u32) -> impl Iterator<Item = Slot> {
        let place = self.place(key);
        let bucket = self.buckets[place.bucket].iter();
        bucket
            .filter(move |word| is(**word, place.tag, oldest))
            .map(|word| slot(*word))
    }

    /// Remembers that the answer of this number has the key, for so many accounts at most. Says
    /// whether something that was still remembered had to go.
    pub(super) fn put(&mut self, key: u64, answer: u32, rare: u8, numbers: &impl Numbers) -> bool {
        let oldest = numbers.oldest();
        let account = numbers.account(answer);
        let place = self.place(key);
        let bucket = &mut self.buckets[place.bucket];
        let mut accounts = 0;
        for word in bucket.iter_mut() {
            if !is(*word, place.tag, oldest) {
                continue;
            }
            let before = slot(*word);
            if before.hits == COMMON || numbers.account(before.answer) == account {
                *word = pack(place.tag, answer, before.hits);
                return false;
            }
            accounts += 1;
        }
        let mut hits = 0;
        if accounts >= rare {
            // One mark in place of all of them.
            hits = COMMON;
            for word in bucket.iter_mut() {
                if is(*word, place.tag, oldest) {
                    *word = 0;
                }
            }
        }
        let age = |word: &u64| {
            let number = slot(*word).answer;
            // What is forgotten goes first, and one of these is as good as another.
            if number < oldest {
                0
            } else {
                u64::from(number) << 32 | *word >> 32
            }
        };
        if let Some(word) = bucket.iter_mut().min_by_key(|word| age(word)) {
            let displaced = slot(*word).answer >= oldest;
            *word = pack(place.tag, answer, hits);
            return displaced;
        }
        false
    }

    /// Counts a hit on each remembered slot of a key.
    pub(super) fn hit(&mut self, key: u64, oldest: u32) {
        let place = self.place(key);
        for word in &mut self.buckets[place.bucket] {
            if is(*word, place.tag, oldest) && slot(*word).hits < COMMON {
                *word += 1;
            }
        }
    }

    /// Empties the slots of answers that are not to be kept.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        for word in self.buckets.iter_mut().flatten() {
            if *word != 0 && !keep(slot(*word).answer) {
                *word = 0;
            }
        }
    }

    /// Numbers answers anew, from `oldest` on, so much lower; what is older goes.
    pub(super) fn renumber(&mut self, oldest: u32, less: u32) {
        for word in self.buckets.iter_mut().flatten() {
            if slot(*word).answer < oldest {
                *word = 0;
            } else {
                *word -= u64::from(less) << 4;
            }
        }
    }

    /// All that is remembered: spread keys with their slots, sorted.
    pub(super) fn all(&self, oldest: u32) -> Vec<(u64, Slot)> {
        let mut all = Vec::new();
        for (number, bucket) in (0_u64..).zip(&self.buckets) {
            let start = all.len();
            let kept = bucket
                .iter()
                .filter(|word| slot(**word).answer >= oldest.max(1));
            all.extend(kept.map(|word| (number << (BITS - self.log) | *word >> 32, slot(*word))));
            all[start..].sort_unstable();
        }
        all
    }

    /// Puts back what [`Self::all`] told; `None` if it does not fit.
    pub(super) fn restore(&mut self, key: u64, slot: Slot) -> Option<()> {
        let bucket = usize::try_from(key >> (BITS - self.log)).ok()?;
        let tag = (key & ((1 << (BITS - self.log)) - 1)) as u32;
        let mut words = self.buckets.get_mut(bucket)?.iter_mut();
        let empty = words.find(|word| **word == 0)?;
        *empty = pack(tag, slot.answer, slot.hits);
        Some(())
    }
}

/// Whether a word is a remembered slot of this tag. No answer has the number 0.
#[inline]
fn is(word: u64, tag: u32, oldest: u32) -> bool {
    (word >> 32) as u32 == tag && slot(word).answer >= oldest.max(1)
}

#[inline]
fn slot(word: u64) -> Slot {
    Slot {
        answer: (word as u32) >> 4,
        hits: (word & 15) as u8,
    }
}

#[inline]
fn pack(tag: u32, answer: u32, hits: u8) -> u64 {
    u64::from(tag) << 32 | u64::from(answer) << 4 | u64::from(hits)
}

/// Spreads a key over all its bits without loss: kept prints are the least of their text, so their
/// upper bits are mostly 0.
#[inline]
fn spread(key: u64) -> u64 {
    const ALL: u64 = (1 << BITS) - 1;
    let mut key = key & ALL;
    for odd in [0x9e_3779_b97f, 0x94_d049_bb13] {
        key ^= key >> 20;
        key = key.wrapping_mul(odd) & ALL;
    }
    key ^ key >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers whose account is the number modulo 16.
    struct Sixteen(u32);

    impl Numbers for Sixteen {
        fn oldest(&self) -> u32 {
            self.0
        }

        fn account(&self, answer: u32) -> u32 {
            answer % 16
        }
    }

    /// Keys of the first key's bucket.
    fn bucket(table: &Table) -> Vec<u64> {
        let same = |key: &u64| table.place(*key).bucket == table.place(1).bucket;
        (1..60_000).filter(same).take(20).collect()
    }

    #[test]
    fn the_oldest_of_a_full_bucket_goes() {
        let mut table = Table::new(0);
        let keys = bucket(&table);
        for (key, answer) in keys[..8].iter().zip(1..) {
            assert!(!table.put(*key, answer, 4, &Sixteen(1)));
        }
        // The first is answered again, so the second is the oldest.
        assert!(!table.put(keys[0], 17, 4, &Sixteen(1)));
        assert!(table.put(keys[8], 18, 4, &Sixteen(1)));
        let found = |table: &Table, key: u64| table.find(key, 1).next().map(|slot| slot.answer);
        assert_eq!(found(&table, keys[0]), Some(17));
        assert_eq!(found(&table, keys[1]), None);
        assert_eq!(found(&table, keys[8]), Some(18));
        // What is forgotten makes room without a loss.
        assert!(!table.put(keys[9], 19, 4, &Sixteen(5)));
        assert_eq!(table.all(1).len(), 8);
    }

    #[test]
    fn a_key_of_many_accounts_is_everybodys() {
        let mut table = Table::new(0);
        for answer in 1..=4 {
            table.put(77, answer, 4, &Sixteen(1));
        }
        table.put(77, 20, 4, &Sixteen(1));
        let mut four: Vec<u32> = table.find(77, 1).map(|slot| slot.answer).collect();
        four.sort_unstable();
        assert_eq!(four, [1, 2, 3, 20]);
        table.put(77, 21, 4, &Sixteen(1));
        let mark: Vec<Slot> = table.find(77, 1).collect();
        assert_eq!(
            mark,
            [Slot {
                answer: 21,
                hits: COMMON
            }]
        );
        // The mark lasts as long as it is answered.
        table.put(77, 30, 4, &Sixteen(21));
        assert_eq!(table.find(77, 30).count(), 1);
        assert_eq!(table.find(77, 31).count(), 0);
        table.put(77, 40, 4, &Sixteen(31));
        assert_eq!(
            table.find(77, 31).next(),
            Some(Slot {
                answer: 40,
                hits: 0
            })
        );
        for _ in 0..20 {
            table.hit(77, 31);
        }
        assert_eq!(
            table.find(77, 31).next(),
            Some(Slot {
                answer: 40,
                hits: COMMON
            })
        );
    }

    #[test]
    fn keys_are_told_apart_without_loss() {
        let table = Table::new(0);
        let mut seen = std::collections::HashSet::new();
        for key in (0..50_000).chain((1 << BITS) - 50_000..1 << BITS) {
            let place = table.place(key);
            assert!(seen.insert((place.bucket, place.tag)));
        }
        // Small keys lie in all buckets: 391 expected in each, with a deviation of 20.
        let mut buckets = [0_u32; 1 << LEAST];
        (0..100_000).for_each(|key| buckets[table.place(key).bucket] += 1);
        assert!(
            buckets.iter().all(|count| (270..520).contains(count)),
            "{buckets:?}"
        );
    }

    #[test]
    fn numbers_can_be_lowered() {
        let mut table = Table::new(0);
        for (key, answer) in (100..).zip(1000..1020) {
            table.put(key, answer, 4, &Sixteen(1000));
        }
        table.renumber(1010, 999);
        let numbers: Vec<u32> = table.all(1).iter().map(|(_, slot)| slot.answer).collect();
        assert_eq!(numbers.len(), 10);
        assert!(numbers.iter().all(|number| (11..21).contains(number)));
    }
}
