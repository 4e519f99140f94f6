//! Reading entries backwards, newest first: block by block from the store, and what is in the
//! journal only in pieces that are read forwards. One block or piece in memory at a time.

use std::collections::VecDeque;

use crate::Result;
use crate::chain::Seq;
use crate::entry::Entry;
use crate::source::{Source, block_entries};

/// Entries of the journal in one piece.
const PIECE: usize = 4096;

/// Entries in reverse ledger order. Ends after the first error.
pub struct Backward {
    source: Source,
    /// The next entry to give, or to look for where it is not known whether it is there; 0 at
    /// the end.
    next: Seq,
    /// Whether `next` is known to be there.
    is_there: bool,
    /// In ledger order: given from the end.
    ready: VecDeque<Entry>,
}

impl Backward {
    pub(crate) fn new(source: Source, from: Seq, is_there: bool) -> Self {
        Self {
            source,
            next: from,
            is_there,
            ready: VecDeque::new(),
        }
    }

    fn fetch(&mut self) -> Result<()> {
        let folded = self.source.store.tip()?.map_or(0, |tip| tip.seq);
        if self.next > folded {
            self.take_from_journal(folded)?;
            if !self.ready.is_empty() {
                return Ok(());
            }
            // Nothing is there beyond what is folded.
            self.next = folded;
        }
        self.is_there = true;
        if self.next > 0
            && let Some(block) = self.source.store.block(self.next)?
        {
            let wanted = block.first_seq..=self.next;
            self.ready = block_entries(&block, wanted)?.into();
        }
        Ok(())
    }

    /// The newest piece behind what is folded and up to the next. Where its end is not known,
    /// all behind what is folded is walked once.
    fn take_from_journal(&mut self, folded: Seq) -> Result<()> {
        let first = match self.is_there {
            true => self.next.saturating_sub(PIECE as u64 - 1).max(folded + 1),
            false => folded + 1,
        };
        for entry in self.source.entries(first, self.next) {
            if self.ready.len() == PIECE {
                self.ready.pop_front();
            }
            self.ready.push_back(entry?);
        }
        self.is_there = true;
        Ok(())
    }
}

impl Iterator for Backward {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && self.next > 0
            && let Err(error) = self.fetch()
        {
            self.next = 0;
            self.ready.clear();
            return Some(Err(error));
        }
        let Some(entry) = self.ready.pop_back() else {
            self.next = 0;
            return None;
        };
        self.next = entry.header.seq.saturating_sub(1);
        Some(Ok(entry))
    }
}
