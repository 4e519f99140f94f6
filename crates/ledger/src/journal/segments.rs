//! The life of the journal's segments: made (ahead where possible), used up, and when the store
//! has what is in them used again, or removed. A segment's name is on the device before anything
//! is written to it.

use std::mem;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::append::{Active, Journal, Writer};
use super::recover::Found;
use super::segment::{self, SEGMENT_HEADER, SegmentHeader};
use crate::chain::Seq;
use crate::disk::Mode;
use crate::{Error, Result};

/// Folded segments that are kept to be used again.
const SPARES: usize = 4;

impl Writer {
    /// A number that no segment had.
    pub(super) fn take_index(&mut self) -> u64 {
        self.next_index += 1;
        self.next_index - 1
    }
}

impl Journal {
    /// Sees that the active segment has room, or starts the next one.
    pub(super) fn make_room(&self, writer: &mut Writer, size: u64) -> Result<()> {
        if let Some(active) = &writer.active {
            let empty = active.at <= SEGMENT_HEADER as u64;
            let end = active.at + size + segment::END_MARK.len() as u64;
            if empty || end <= self.options.segment_bytes {
                return Ok(());
            }
        }
        self.rotate(writer)
    }

    fn rotate(&self, writer: &mut Writer) -> Result<()> {
        let mut next = match writer.spares.pop_front() {
            Some(spare) => spare,
            None => {
                // Even where this fails: a name is tried once.
                let index = writer.take_index();
                self.create(index)?
            }
        };
        let header = SegmentHeader {
            reused: next.reused,
            chain: self.chain,
            first_seq: writer.tip.seq + 1,
            prev: writer.tip.hash,
        };
        let mut start = header.encode().to_vec();
        if next.reused {
            start.extend_from_slice(&segment::END_MARK);
        }
        if let Err(error) = next.file.write_at(&start, 0) {
            // An unused segment is removed by the next start.
            let removed = self
                .options
                .disk
                .remove(&segment::path(&self.options.dir, next.index));
            drop(removed);
            return Err(Error::Io {
                what: "starting a journal segment".into(),
                source: error,
            });
        }
        next.at = SEGMENT_HEADER as u64;
        if let Some(old) = writer.active.replace(next) {
            writer.retired.push_back(Found {
                index: old.index,
                last_seq: writer.tip.seq,
                end: old.at,
                reused: old.reused,
            });
            writer.unsynced.push(old.file);
        }
        self.want.notify_one();
        Ok(())
    }

    /// Tells that the store holds everything up to `seq`, so many bytes more than before.
    /// Segments that hold nothing else are used again, or removed.
    pub(crate) fn folded(&self, seq: Seq, bytes: u64) -> Result<()> {
        self.unfolded.fetch_sub(bytes, Ordering::Relaxed);
        // While a backup copies, segments stay; they go with a later group.
        let Some(_removing) = self.removals.try_lock() else {
            return Ok(());
        };
        let done = self.take_done(seq);
        if done.is_empty() {
            return Ok(());
        }
        let mut free = Vec::new();
        for found in &done {
            let index = {
                let mut writer = self.writer.lock();
                let wanted = writer.spares.len() + free.len() < SPARES
                    && found.index >= writer.reusable_from
                    && !self.is_closed();
                wanted.then(|| writer.take_index())
            };
            match index {
                Some(index) => free.extend(self.free(found.index, index)?),
                None => self.remove(found.index)?,
            }
        }
        self.sync_names()?;
        for spare in free {
            self.keep_spare(spare)?;
        }
        Ok(())
    }

    /// Goes on in a new file, and sees that no byte of the present segments stays: what they held
    /// was erased or pruned. Those with nothing behind `seq` are removed now, the others once
    /// they are folded.
    pub(crate) fn discard(&self, seq: Seq) -> Result<()> {
        let _removing = self.removals.lock();
        let spares = {
            let mut writer = self.writer.lock();
            let spares = mem::take(&mut writer.spares);
            self.rotate(&mut writer)?;
            writer.reusable_from = writer.active.as_ref().map_or(0, |active| active.index);
            spares
        };
        for index in self.take_done(seq).iter().map(|done| done.index) {
            self.remove(index)?;
        }
        for spare in spares {
            self.remove(spare.index)?;
        }
        self.sync_names()
    }

    /// Retired segments with nothing behind `seq`.
    fn take_done(&self, seq: Seq) -> Vec<Found> {
        let mut done = Vec::new();
        let mut writer = self.writer.lock();
        while writer
            .retired
            .front()
            .is_some_and(|found| found.last_seq <= seq)
        {
            done.extend(writer.retired.pop_front());
        }
        if let Some(last) = done.last() {
            while writer
                .marks
                .front()
                .is_some_and(|mark| mark.index <= last.index)
            {
                writer.marks.pop_front();
            }
        }
        done
    }

    /// Makes a folded segment ready to be used again under another number; `None` where its file
    /// does not have the right size. Nothing in it counts any more, before it has its new name.
    fn free(&self, index: u64, to: u64) -> Result<Option<Active>> {
        let disk = &self.options.disk;
        let path = segment::path(&self.options.dir, index);
        let mend = || {
            let file = disk.open(&path, Mode::Write)?;
            if file.size()? != self.options.segment_bytes {
                disk.remove(&path)?;
                return Ok(None);
            }
            file.write_at(segment::free_header(), 0)?;
            file.sync()?;
            disk.rename(&path, &segment::path(&self.options.dir, to))?;
            Ok(Some(Active {
                index: to,
                file,
                at: 0,
                marked: None,
                reused: true,
            }))
        };
        mend().map_err(Error::io(format!("using {path:?} again")))
    }

    pub(super) fn remove(&self, index: u64) -> Result<()> {
        let path = segment::path(&self.options.dir, index);
        self.options
            .disk
            .remove(&path)
            .map_err(Error::io(format!("removing {path:?}")))
    }

    fn sync_names(&self) -> Result<()> {
        self.options
            .disk
            .sync_dir(&self.options.dir)
            .map_err(Error::io("syncing names of journal segments"))
    }

    /// As long as this is held, no segment is removed.
    pub(crate) fn keep_segments(&self) -> MutexGuard<'_, ()> {
        self.removals.lock()
    }
}
