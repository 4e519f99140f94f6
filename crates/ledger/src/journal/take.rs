//! Taking frames out again: for the fold thread, from memory or else from the files, and finding
//! the place of an entry. Takes nothing away from the journal.

use std::mem;
use std::sync::Arc;

use super::Cursor;
use super::append::{Journal, Writer};
use super::recover::Mark;
use crate::Result;
use crate::chain::Seq;

/// How much the fold thread reads back from the journal at once.
const READ_BACK: usize = 16 << 20;

/// Frames on their way to the store: whole, in order, without gaps.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) last: Seq,
}

impl Journal {
    /// Takes the frames that follow `after`, from memory or else from the files; `None` where
    /// there are none. `reuse` is a buffer to give back.
    pub(crate) fn take(&self, after: Seq, reuse: Vec<u8>) -> Result<Option<Batch>> {
        let (tip, from) = {
            let mut writer = self.writer.lock();
            let tip = writer.tip.seq;
            let Writer { pending, .. } = &mut *writer;
            if tip <= after {
                pending.behind = false;
                return Ok(None);
            }
            if !pending.bytes.is_empty() && pending.first == after + 1 {
                let last = pending.last(tip);
                let mut bytes = reuse;
                bytes.clear();
                mem::swap(&mut bytes, &mut pending.bytes);
                return Ok(Some(Batch { bytes, last }));
            }
            (tip, self.locate_in(&writer, after + 1))
        };
        let mut cursor = Cursor::new(Arc::clone(&self.options.disk), self.options.dir.clone());
        let mut batch = Batch {
            bytes: reuse,
            last: after,
        };
        batch.bytes.clear();
        cursor.seek(after + 1, from)?;
        while batch.last < tip && batch.bytes.len() < READ_BACK {
            batch.last = cursor.copy_frame(batch.last + 1, &mut batch.bytes)?;
        }
        Ok(Some(batch))
    }

    /// A place at or before an entry.
    pub(crate) fn locate(&self, seq: Seq) -> Option<Mark> {
        self.locate_in(&self.writer.lock(), seq)
    }

    fn locate_in(&self, writer: &Writer, seq: Seq) -> Option<Mark> {
        let after = writer.marks.partition_point(|mark| mark.seq <= seq);
        writer.marks.get(after.checked_sub(1)?).copied()
    }
}
