//! Segments made ahead, by a thread of their own, so that whoever appends never waits for a new
//! file, and so that syncs find every block in place. Only a head start: where none is ready, the
//! appender makes its own.

use std::io;

use super::append::{Active, Journal, Writer};
use super::segment;
use crate::disk::Mode;
use crate::{Error, Result};

/// Segments that wait to be used; folded ones come on top.
const AHEAD: usize = 2;

/// Zeros are written in parts of this size, so that no sync of the journal waits behind a large
/// one: a device brings all to rest that it was given.
const FILL_BYTES: usize = 256 << 10;

/// A segment to make.
struct Wanted {
    index: u64,
    /// Whether there is time to write it once with zeros.
    fill: bool,
}

/// The thread. Ends when the journal is closed.
pub(crate) fn run_spares(journal: &Journal) {
    let mut failed = false;
    while let Some(wanted) = journal.wanted(failed) {
        failed = journal.prepare(&wanted).is_err();
    }
}

impl Journal {
    /// Waits until a segment is wanted; after a failure, until the next reason to look. `None`
    /// at the end.
    fn wanted(&self, failed: bool) -> Option<Wanted> {
        let mut writer = self.writer.lock();
        if failed && !self.is_closed() {
            self.want.wait(&mut writer);
        }
        loop {
            if self.is_closed() {
                return None;
            }
            if let Some(fill) = self.wants(&writer) {
                let index = writer.take_index();
                return Some(Wanted { index, fill });
            }
            self.want.wait(&mut writer);
        }
    }

    /// Whether another segment should be made, and then whether it should be filled.
    fn wants(&self, writer: &Writer) -> Option<bool> {
        let at = writer.active.as_ref()?.at;
        let spares = writer.spares.len();
        // A ledger that is only opened for a moment needs none.
        let wanted = at >= self.in_use() && spares < AHEAD;
        wanted.then_some(spares > 0 || at < self.options.segment_bytes / 2)
    }

    /// From here on the active segment counts as in use.
    pub(super) fn in_use(&self) -> u64 {
        self.options.segment_bytes / 16
    }

    fn prepare(&self, wanted: &Wanted) -> Result<()> {
        let spare = self.create(wanted.index)?;
        let filled = match wanted.fill {
            true => self.fill(&spare),
            false => Ok(()),
        };
        // A backup that copies must not miss a file that it has listed.
        let _removing = self.removals.lock();
        match filled {
            Ok(()) => self.keep_spare(spare),
            Err(error) => {
                drop(self.remove(wanted.index));
                Err(Error::io("filling a journal segment ahead")(error))
            }
        }
    }

    /// Makes a segment whose name is durable.
    pub(super) fn create(&self, index: u64) -> Result<Active> {
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
                reused: false,
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

    /// Writes a whole segment once, and brings it to the device: a sync that has to note that
    /// blocks are written for the first time takes twice as long.
    fn fill(&self, spare: &Active) -> io::Result<()> {
        let zeros = vec![0u8; FILL_BYTES];
        let mut at = 0;
        while at < self.options.segment_bytes {
            let size = (self.options.segment_bytes - at).min(zeros.len() as u64);
            spare.file.write_at(&zeros[..size as usize], at)?;
            spare.file.sync()?;
            at += size;
        }
        Ok(())
    }

    /// Keeps a segment for later, unless it comes too late: segments are used in the order of
    /// their numbers. For whoever holds `removals`.
    pub(super) fn keep_spare(&self, spare: Active) -> Result<()> {
        let mut writer = self.writer.lock();
        let active = writer.active.as_ref().map_or(0, |active| active.index);
        if spare.index > active && !self.is_closed() {
            let place = writer
                .spares
                .partition_point(|other| other.index < spare.index);
            writer.spares.insert(place, spare);
            return Ok(());
        }
        drop(writer);
        self.remove(spare.index)
    }
}
