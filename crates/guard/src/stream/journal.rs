//! Which stream each of the last exchanges was of: a ring in the order of the ledger, so that the past
//! of accounts is known when they turn out to belong together.

use super::key::Key;

/// An exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) account: u32,
    pub(super) key: Key,
}

/// The ring.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    entries: Vec<Entry>,
    /// Where the oldest is, once the ring is full.
    oldest: usize,
    most: usize,
}

impl Journal {
    pub(super) fn new(most: u32) -> Self {
        Self {
            entries: Vec::new(),
            oldest: 0,
            most: most.max(1) as usize,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Adds the newest exchange.
    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.len() < self.most {
            self.entries.push(entry);
            return;
        }
        self.entries[self.oldest] = entry;
        self.oldest = (self.oldest + 1) % self.most;
    }

    /// An exchange by its number.
    pub(super) fn find(&mut self, number: u64) -> Option<&mut Entry> {
        let (newer, older) = self.entries.split_at_mut(self.oldest);
        for part in [older, newer] {
            if part.last().is_some_and(|last| last.number >= number) {
                let at = part
                    .binary_search_by_key(&number, |entry| entry.number)
                    .ok()?;
                return part.get_mut(at);
            }
        }
        None
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let (newer, older) = self.entries.split_at(self.oldest);
        older.iter().chain(newer)
    }

    /// Forgets an account's.
    pub(super) fn erase(&mut self, account: u32) {
        self.entries.rotate_left(self.oldest);
        self.oldest = 0;
        self.entries.retain(|entry| entry.account != account);
    }
}
