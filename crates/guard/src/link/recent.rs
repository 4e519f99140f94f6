//! What was seen a little while ago, in rings of fixed size: hand-offs by the answer that they go on
//! from, and requests that were refused. The newer takes the place of the older.

use record::Time;

use crate::profile::mix;

/// So many accounts that go on from one answer make it public.
const PUBLIC: usize = 3;

/// Places that keys share.
#[derive(Debug, Clone)]
pub(super) struct Ring<T>(Vec<T>);

/// Who went on from an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Handed {
    /// The answer's exchange, plus one.
    pub(super) exchange: u64,
    from: u32,
    /// Accounts, plus one.
    pub(super) by: [u32; PUBLIC],
}

/// A request that was refused.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refused {
    /// What was asked.
    pub(super) key: u64,
    /// Whose it was.
    pub(super) account: u32,
    /// When.
    pub(super) at: Time,
    /// Who asked it since, plus one.
    pub(super) to: u32,
}

impl<T: Copy + Default> Ring<T> {
    pub(super) fn new(places: usize) -> Self {
        Self(vec![T::default(); places.next_power_of_two()])
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// The place of a key; what is there may be another key's.
    pub(super) fn slot(&mut self, key: u64) -> &mut T {
        let at = mix(key) as usize & (self.0.len() - 1);
        &mut self.0[at]
    }

    /// Empties the places that do not pass.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for slot in &mut self.0 {
            if !keep(slot) {
                *slot = T::default();
            }
        }
    }
}

impl Handed {
    pub(super) fn new(exchange: u64, from: u32) -> Self {
        Self {
            exchange,
            from,
            by: [0; PUBLIC],
        }
    }

    pub(super) fn names(&self, account: u32) -> bool {
        self.from == account || self.by.contains(&account.wrapping_add(1))
    }
}
