//! What many ask alike: public benchmarks, a class's assignment, a library's own prompt. A table of
//! fixed size tells how many other accounts asked the same before, by keyed hash.
//!
//! It forgets what fewest accounts asked and what lies back longest, in the order of folding, so the
//! same exchanges give the same answers. It holds no text and nobody's name but a number.

use crate::echo::AccountNumber;

const WAYS: usize = 8;
/// Accounts are counted up to here.
pub const MANY: u8 = 15;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    /// 0 for an empty one.
    tag: u32,
    last: u32,
    first: u32,
    accounts: u8,
}

/// How an account's question stands to others'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
    /// Other accounts that asked it before, up to [`MANY`]: at least so many, as one that comes back
    /// may be counted again.
    pub others: u8,
    /// The account itself asked it before: known of the first and the last one to ask.
    pub itself: bool,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Commons {
    buckets: Box<[[Slot; WAYS]]>,
}

impl Commons {
    /// A table of so many places, rounded up to a power of two, 16 bytes each.
    pub fn new(places: u32) -> Self {
        let buckets = (places as usize).div_ceil(WAYS).clamp(16, 1 << 24);
        Self {
            buckets: vec![<[Slot; WAYS]>::default(); buckets.next_power_of_two()].into(),
        }
    }

    /// Bytes that it holds, from the start on.
    pub fn bytes(&self) -> usize {
        std::mem::size_of_val(&*self.buckets)
    }

    /// Counts that this account asks what has this hash; 0 is nothing.
    pub fn ask(&mut self, hash: u64, account: AccountNumber) -> Shared {
        if hash == 0 {
            return Shared::default();
        }
        let tag = ((hash >> 32) as u32).max(1);
        let place = hash as usize & (self.buckets.len() - 1);
        let bucket = &mut self.buckets[place];
        if let Some(at) = bucket.iter().position(|slot| slot.tag == tag) {
            let mut slot = bucket[at];
            let itself = slot.last == account.0 || slot.first == account.0;
            let others = slot.accounts - u8::from(itself);
            if !itself {
                slot.accounts = (slot.accounts + 1).min(MANY);
            }
            slot.last = account.0;
            // The newest stand first.
            bucket.copy_within(0..at, 1);
            bucket[0] = slot;
            return Shared { others, itself };
        }
        // Of those that fewest asked, the one that lies back longest goes.
        let gone = (0..WAYS)
            .rev()
            .min_by_key(|at| bucket[*at].accounts)
            .unwrap_or(WAYS - 1);
        bucket.copy_within(0..gone, 1);
        bucket[0] = Slot {
            tag,
            last: account.0,
            first: account.0,
            accounts: 1,
        };
        Shared::default()
    }

    /// Forgets an account: what it alone asked is gone.
    pub fn erase(&mut self, account: AccountNumber) {
        for slot in self.buckets.iter_mut().flatten() {
            let (first, last) = (slot.first == account.0, slot.last == account.0);
            if first && (last || slot.accounts < 2) {
                *slot = Slot::default();
            } else if first {
                slot.first = slot.last;
                slot.accounts -= 1;
            } else if last {
                slot.last = slot.first;
                slot.accounts -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_and_itself_are_told() {
        let mut commons = Commons::new(1 << 10);
        let ask =
            |commons: &mut Commons, account| commons.ask(77 << 32 | 5, AccountNumber(account));
        assert_eq!(ask(&mut commons, 1), Shared::default());
        assert!(ask(&mut commons, 1).itself);
        assert_eq!(
            ask(&mut commons, 2),
            Shared {
                others: 1,
                itself: false
            }
        );
        assert_eq!(
            ask(&mut commons, 1),
            Shared {
                others: 1,
                itself: true
            }
        );
        assert_eq!(
            ask(&mut commons, 3),
            Shared {
                others: 2,
                itself: false
            }
        );
        commons.erase(AccountNumber(1));
        assert_eq!(
            ask(&mut commons, 4),
            Shared {
                others: 2,
                itself: false
            }
        );
    }

    #[test]
    fn a_flood_takes_no_more_room_and_leaves_what_many_asked() {
        let mut commons = Commons::new(1 << 10);
        for account in 0..10 {
            commons.ask(9 << 32 | 3, AccountNumber(account));
        }
        let before = commons.bytes();
        for number in 0..100_000_u64 {
            commons.ask(crate::profile::mix(number), AccountNumber(number as u32));
        }
        assert_eq!(commons.bytes(), before);
        assert_eq!(commons.ask(9 << 32 | 3, AccountNumber(99)).others, 10);
    }
}
