//! The answers that are remembered, in ledger order: a ring of fixed size. The oldest goes when its
//! time is over or when its place is needed. Their numbers only rise, until all are lowered at once.

use record::Time;
use serde::{Deserialize, Serialize};

use super::table::{NUMBERS, Numbers};

/// The account of what was erased; no account has this number.
pub(super) const NOBODY: u32 = u32::MAX;

/// One answer of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Whom it went to.
    pub(super) account: u32,
    /// The same for answers of one conversation.
    pub(super) conversation: u32,
    /// The exchange that it ended.
    pub(super) exchange: u64,
    /// When that exchange arrived.
    pub(super) arrived: Time,
    /// The hash of the conversation up to and with the answer; 0 without one.
    pub(super) after: u64,
}

impl Answer {
    /// What is left of an erased one. Its time is over as soon as it is the oldest.
    const ERASED: Self = Self {
        account: NOBODY,
        conversation: 0,
        exchange: 0,
        arrived: Time::from_micros(0),
        after: 0,
    };
}

#[derive(Debug, Clone)]
pub(super) struct Answers {
    ring: Box<[Answer]>,
    oldest: u32,
    next: u32,
}

impl Numbers for Answers {
    fn oldest(&self) -> u32 {
        self.oldest
    }

    fn account(&self, answer: u32) -> u32 {
        self.get(answer).account
    }
}

impl Answers {
    pub(super) fn new(most: u32) -> Self {
        Self {
            ring: vec![Answer::ERASED; Self::places(most)].into_boxed_slice(),
            oldest: 1,
            next: 1,
        }
    }

    fn places(most: u32) -> usize {
        (most.clamp(16, 1 << 24) as usize).next_power_of_two()
    }

    /// Bytes of a ring for so many answers.
    pub(super) fn bytes_of(most: u32) -> usize {
        Self::places(most) * size_of::<Answer>()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ring)
    }

    /// The answer of a number from [`Numbers::oldest`] on, below [`Self::next`].
    pub(super) fn get(&self, number: u32) -> &Answer {
        &self.ring[number as usize & (self.ring.len() - 1)]
    }

    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Remembers an answer; tells its number.
    pub(super) fn push(&mut self, answer: Answer) -> u32 {
        let number = self.next;
        let places = self.ring.len();
        self.ring[number as usize & (places - 1)] = answer;
        self.next += 1;
        if self.len() > places {
            self.oldest += 1;
        }
        number
    }

    /// Forgets the oldest ones whose time is over.
    pub(super) fn expire(&mut self, now: Time, horizon_us: u64) {
        while self.oldest < self.next
            && now.micros_since(self.get(self.oldest).arrived) > horizon_us
        {
            self.oldest += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        (self.next - self.oldest) as usize
    }

    /// Remembered answers, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Answer> {
        (self.oldest..self.next).map(|number| self.get(number))
    }

    /// Forgets an account's answers.
    pub(super) fn erase(&mut self, account: u32) {
        // Places that are forgotten but not yet used again are cleaned too.
        let mine = self
            .ring
            .iter_mut()
            .filter(|answer| answer.account == account);
        mine.for_each(|answer| *answer = Answer::ERASED);
    }

    /// By how much all numbers are to be lowered before another answer comes, if they are.
    pub(super) fn lower(&mut self) -> Option<u32> {
        if self.next + 1 < NUMBERS {
            return None;
        }
        // Whole rounds, so that everybody keeps their place; at least the number 1 remains.
        let less = (self.oldest - 1) & !(self.ring.len() as u32 - 1);
        self.oldest -= less;
        self.next -= less;
        Some(less)
    }

    /// A ring with these answers, numbered from `oldest` on; `None` if they are too many.
    pub(super) fn restore(most: u32, oldest: u32, answers: &[Answer]) -> Option<Self> {
        let mut ring = Self::new(most);
        let end = u64::from(oldest) + answers.len() as u64;
        if oldest == 0 || end >= u64::from(NUMBERS) || answers.len() > ring.ring.len() {
            return None;
        }
        (ring.oldest, ring.next) = (oldest, oldest);
        for answer in answers {
            ring.push(*answer);
        }
        Some(ring)
    }

    /// An empty ring whose numbers are nearly used up.
    #[cfg(test)]
    pub(super) fn start_late(&mut self) {
        (self.oldest, self.next) = (NUMBERS - 40, NUMBERS - 40);
    }
}
