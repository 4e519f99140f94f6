//! Reading entries in order from where they are: folded ones from the store, the others from the
//! journal's files. The same for the server itself and for a reader beside it.
//! Bounded: one block, or as much of the journal, in memory at a time.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use crate::chain::Seq;
use crate::disk::Disk;
use crate::entry::{Entry, Sealed};
use crate::journal::{Cursor, Journal, Next};
use crate::store::{Block, Store};
use crate::{Error, Result};

const PIECE_BYTES: usize = 256 << 10;

/// Where entries are read from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) journal_dir: PathBuf,
    pub(crate) store: Arc<dyn Store>,
    /// The open journal of the server itself, which knows where entries lie.
    pub(crate) journal: Option<Arc<Journal>>,
}

impl Source {
    /// Entries `first..=last`, as far as they are there.
    pub(crate) fn entries(&self, first: Seq, last: Seq) -> Entries {
        let cursor = Cursor::new(Arc::clone(&self.disk), self.journal_dir.clone());
        Entries {
            source: self.clone(),
            cursor,
            placed: false,
            next: first.max(1),
            last,
            ready: VecDeque::new(),
            over: false,
        }
    }
}

/// Entries in ledger order, read in pieces of bounded size. Ends after the first error.
pub struct Entries {
    source: Source,
    cursor: Cursor,
    placed: bool,
    next: Seq,
    last: Seq,
    ready: VecDeque<Entry>,
    over: bool,
}

impl Entries {
    fn fetch(&mut self) -> Result<()> {
        // Folding may move entries from the journal to the store between two looks.
        for _ in 0..3 {
            if self.take_from_store()? || self.take_from_journal()? {
                return Ok(());
            }
            self.placed = false;
        }
        Ok(())
    }

    fn take_from_store(&mut self) -> Result<bool> {
        let Some(block) = self.source.store.block(self.next)? else {
            return Ok(false);
        };
        if block.first_seq > self.next {
            let what = format!("the store holds nothing before entry {}", block.first_seq);
            return Err(Error::damage(self.next, "the store", what));
        }
        self.ready
            .extend(block_entries(&block, self.next..=block.last_seq)?);
        Ok(!self.ready.is_empty())
    }

    fn take_from_journal(&mut self) -> Result<bool> {
        if !self.placed {
            let known = self
                .source
                .journal
                .as_ref()
                .and_then(|journal| journal.locate(self.next));
            self.cursor.seek(self.next, known)?;
            self.placed = true;
        }
        let mut bytes = 0;
        let mut seq = self.next;
        while bytes < PIECE_BYTES && seq <= self.last {
            let Next::Frame(frame, hash) = self.cursor.frame(seq)? else {
                break;
            };
            bytes += frame.size();
            let body = Sealed {
                salt: frame.salt,
                payload: frame.payload.to_vec(),
            };
            self.ready.push_back(Entry {
                header: frame.header,
                hash,
                body: Some(body),
            });
            seq += 1;
        }
        Ok(!self.ready.is_empty())
    }
}

/// The entries of a block that lie in a range.
pub(crate) fn block_entries(block: &Block, wanted: RangeInclusive<Seq>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (entry, seq) in block.entries()?.into_iter().zip(block.first_seq..) {
        if !wanted.contains(&seq) {
            continue;
        }
        let header = entry.header.ok_or_else(|| {
            let place = format!("block {}", block.first_seq);
            Error::damage(seq, place, "no proper header")
        })?;
        let body = entry.sealed();
        entries.push(Entry {
            hash: header.hash(),
            header,
            body,
        });
    }
    Ok(entries)
}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.next > self.last {
            return None;
        }
        if self.ready.is_empty()
            && let Err(error) = self.fetch()
        {
            self.over = true;
            return Some(Err(error));
        }
        match self.ready.pop_front() {
            Some(entry) => {
                self.next += 1;
                Some(Ok(entry))
            }
            None => {
                self.over = true;
                None
            }
        }
    }
}
