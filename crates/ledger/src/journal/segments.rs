//! The life of the journal's segments: made (ahead where possible), used up, removed when the
//! store has what is in them. A segment's name is on the device before anything is written to it.

use std::io;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::append::{Active, Journal, Writer};
use super::recover::Found;
use super::segment::{self, SEGMENT_HEADER, SegmentHeader};
use crate::chain::Seq;
use crate::disk::Mode;
use crate::{Error, Result};

impl Journal {
    /// Sees that the active segment has room, or starts the next one.
    pub(super) fn make_room(&self, writer: &mut Writer, size: u64) -> Result<()> {
        if let Some(active) = &writer.active {
            let empty = active.at <= SEGMENT_HEADER as u64;
            if empty || active.at + size <= self.options.segment_bytes {
                return Ok(());
            }
        }
        self.rotate(writer)
    }

    fn rotate(&self, writer: &mut Writer) -> Result<()> {
        let mut next = match writer.spare.take() {
            Some(spare) => spare,
            None => {
                let index = writer.next_index;
                // Even where this fails: a name is tried once.
                writer.next_index += 1;
                self.create(index)?
            }
        };
        let header = SegmentHeader {
            chain: self.chain,
            first_seq: writer.tip.seq + 1,
            prev: writer.tip.hash,
        };
        if let Err(error) = next.file.write_at(&header.encode(), 0) {
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
            });
            writer.unsynced.push(old.file);
        }
        Ok(())
    }

    /// Makes a segment whose name is durable.
    fn create(&self, index: u64) -> Result<Active> {
        let path = segment::path(&self.options.dir, index);
        let make = || {
            let file = self.options.disk.open(&path, Mode::Create)?;
            file.allocate(self.options.segment_bytes)?;
            file.sync()?;
            self.options.disk.sync_dir(&self.options.dir)?;
            Ok(file)
        };
        match make() {
            Ok(file) => Ok(Active {
                index,
                file,
                at: 0,
                marked: None,
            }),
            Err(source) => {
                // Best effort; the next start removes it as unused.
                drop(self.options.disk.remove(&path));
                Err(Error::Io {
                    what: format!("making {path:?}"),
                    source,
                })
            }
        }
    }

    /// Makes the next segment ahead of time and writes it once with zeros, so that syncs find
    /// every block in place (half the time of a sync that has to note a file's growth).
    pub(crate) fn prepare_spare(&self) -> Result<()> {
        let index = {
            let mut writer = self.writer.lock();
            let in_use = writer
                .active
                .as_ref()
                .is_some_and(|active| active.at > self.options.segment_bytes / 16);
            if writer.spare.is_some() || !in_use || self.is_closed() {
                return Ok(());
            }
            writer.next_index += 1;
            writer.next_index - 1
        };
        let spare = self.create(index)?;
        if let Err(error) = self.fill(&spare) {
            drop(
                self.options
                    .disk
                    .remove(&segment::path(&self.options.dir, index)),
            );
            return Err(Error::io("filling a journal segment ahead")(error));
        }
        let mut writer = self.writer.lock();
        // Were a segment made in the meantime, then under a higher number: this one is too late.
        if writer.next_index == index + 1 {
            writer.spare = Some(spare);
        } else {
            drop(
                self.options
                    .disk
                    .remove(&segment::path(&self.options.dir, index)),
            );
        }
        Ok(())
    }

    /// Writes a whole segment once, and brings it to the device.
    fn fill(&self, spare: &Active) -> io::Result<()> {
        let zeros = vec![0u8; 1 << 20];
        let mut at = 0;
        while at < self.options.segment_bytes {
            let size = (self.options.segment_bytes - at).min(zeros.len() as u64);
            spare.file.write_at(&zeros[..size as usize], at)?;
            // In small parts, so that no sync of the journal waits behind a large one.
            spare.file.sync()?;
            at += size;
        }
        Ok(())
    }

    /// Tells that the store holds everything up to `seq`, so many bytes more than before.
    /// Segments that hold nothing else are removed.
    pub(crate) fn folded(&self, seq: Seq, bytes: u64) -> Result<()> {
        self.unfolded.fetch_sub(bytes, Ordering::Relaxed);
        // While a backup copies, segments stay; they go with a later group.
        let Some(_removing) = self.removals.try_lock() else {
            return Ok(());
        };
        let mut done = Vec::new();
        {
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
        }
        for found in &done {
            let path = segment::path(&self.options.dir, found.index);
            self.options
                .disk
                .remove(&path)
                .map_err(Error::io(format!("removing {path:?}")))?;
        }
        if !done.is_empty() {
            self.options
                .disk
                .sync_dir(&self.options.dir)
                .map_err(Error::io("syncing removals"))?;
        }
        Ok(())
    }

    /// As long as this is held, no segment is removed.
    pub(crate) fn keep_segments(&self) -> MutexGuard<'_, ()> {
        self.removals.lock()
    }

    /// Starts a new segment, so that the present one can go once it is folded (an erasure must
    /// not leave its payloads in the journal).
    pub(crate) fn turn(&self) -> Result<()> {
        let mut writer = self.writer.lock();
        self.rotate(&mut writer)
    }
}
