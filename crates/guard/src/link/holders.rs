//! Who has a thing: a table of bounded size from keys (prints, templates) to the accounts that were
//! seen with them last, and about how many there were. A full bucket gives up what one account alone
//! had, the longest unseen first. Nothing is drawn by chance.

use crate::profile::mix;

/// Accounts that are named.
pub(super) const NAMED: usize = 4;
/// Slots of a bucket.
const WIDTH: usize = 8;
/// The least logarithm of the number of buckets.
const LEAST: u32 = 6;

/// Who has a thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holders {
    /// The key, spread; 0 is empty.
    key: u64,
    /// The hour it was seen last.
    hour: u32,
    /// A bit for each account, by its hash.
    bits: u64,
    /// The last ones, plus one; 0 is nobody.
    named: [u32; NAMED],
    /// What each of them said last with it.
    said: [u16; NAMED],
    /// Times that two of them said the same.
    same: u16,
    /// Times that two of them said something else.
    apart: u16,
}

/// What a thing was before an account was seen with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// About how many accounts had it, this one counted.
    pub(super) accounts: u32,
    /// Others that had it last.
    pub(super) others: [Option<u32>; NAMED],
    /// Whether this account had it.
    pub(super) mine: bool,
    /// Whether its holders say the same with it: a public prompt.
    pub(super) public: bool,
}

/// The table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    buckets: Vec<[Holders; WIDTH]>,
    held: usize,
    most: u32,
}

/// About how many accounts set so many of 64 bits.
fn accounts(bits: u64) -> u32 {
    // -64 ln(1 - n / 64), rounded.
    const COUNTS: [u16; 65] = [
        0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18, 20, 21, 23, 24, 25, 27, 28, 30,
        32, 33, 35, 37, 39, 40, 42, 44, 46, 49, 51, 53, 55, 58, 60, 63, 66, 68, 71, 74, 78, 81, 85,
        89, 93, 97, 102, 107, 113, 119, 126, 133, 142, 152, 165, 178, 196, 222, 266, 400,
    ];
    u32::from(COUNTS[bits.count_ones() as usize])
}

impl Table {
    /// A table that grows to so many slots at most.
    pub(super) fn new(most: u32) -> Self {
        Self {
            buckets: vec![[Holders::default(); WIDTH]; 1 << LEAST],
            held: 0,
            most: (most / WIDTH as u32)
                .next_power_of_two()
                .ilog2()
                .clamp(LEAST, 24),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn bucket(&self, key: u64) -> usize {
        (key & (self.buckets.len() as u64 - 1)) as usize
    }

    /// What is known of a thing, for an account.
    pub(super) fn look(&self, key: u64, account: u32) -> Before {
        let key = mix(key).max(1);
        let bucket = &self.buckets[self.bucket(key)];
        bucket
            .iter()
            .find(|slot| slot.key == key)
            .map_or_else(Before::default, |slot| slot.before(account))
    }

    /// Notes that an account had a thing, and said this with it (0: nothing). Gives what was known
    /// before.
    pub(super) fn note(&mut self, key: u64, account: u32, said: u16, hour: u32) -> Before {
        if self.held * 2 > self.buckets.len() * WIDTH && self.buckets.len() < 1 << self.most {
            self.grow();
        }
        let key = mix(key).max(1);
        let place = self.bucket(key);
        let bucket = &mut self.buckets[place];
        let at = match bucket.iter().position(|slot| slot.key == key) {
            Some(at) => at,
            None => {
                let rank = |slot: &Holders| (slot.key != 0, slot.bits.count_ones() > 1, slot.hour);
                let at = (0..WIDTH)
                    .min_by_key(|at| (rank(&bucket[*at]), bucket[*at].key))
                    .unwrap_or(0);
                self.held += usize::from(bucket[at].key == 0);
                bucket[at] = Holders {
                    key,
                    ..Holders::default()
                };
                at
            }
        };
        let slot = &mut bucket[at];
        let before = slot.before(account);
        slot.add(account, said, hour);
        before
    }

    /// Forgets that an account had anything.
    pub(super) fn erase(&mut self, account: u32) {
        for slot in self.buckets.iter_mut().flatten() {
            for place in 0..NAMED {
                if slot.named[place] == account.wrapping_add(1) {
                    (slot.named[place], slot.said[place]) = (0, 0);
                }
            }
        }
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.buckets);
        self.buckets = vec![[Holders::default(); WIDTH]; old.len() * 2];
        for slot in old.iter().flatten().filter(|slot| slot.key != 0) {
            let place = self.bucket(slot.key);
            // A bucket's slots go to two buckets, so there is room.
            if let Some(free) = self.buckets[place].iter_mut().find(|free| free.key == 0) {
                *free = *slot;
            }
        }
    }
}

impl Holders {
    fn before(&self, account: u32) -> Before {
        let own = account.wrapping_add(1);
        let mut others = [None; NAMED];
        for (named, other) in self.named.iter().zip(&mut others) {
            *other = (*named != 0 && *named != own).then(|| *named - 1);
        }
        Before {
            accounts: accounts(self.bits | bit(account)),
            others,
            mine: self.named.contains(&own),
            public: self.same > 2 && self.same * 2 > self.apart,
        }
    }

    fn add(&mut self, account: u32, said: u16, hour: u32) {
        let own = account.wrapping_add(1);
        self.hour = hour;
        self.bits |= bit(account);
        if said != 0 {
            let others = self.named.iter().zip(self.said);
            let known = others.filter(|(named, before)| **named != own && *before != 0);
            let (mut same, mut apart) = (0, 0);
            for (_, before) in known {
                same |= u16::from(before == said);
                apart |= 1;
            }
            self.same = self.same.saturating_add(same);
            self.apart = self.apart.saturating_add(apart & !same);
        }
        // The one seen last stands first.
        let at = self.named.iter().position(|named| *named == own);
        let until = at.unwrap_or(NAMED - 1);
        self.named.copy_within(..until, 1);
        self.said.copy_within(..until, 1);
        (self.named[0], self.said[0]) = (own, said);
    }
}

fn bit(account: u32) -> u64 {
    1 << (mix(u64::from(account)) & 63)
}
