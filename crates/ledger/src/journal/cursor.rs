//! Walking along the journal's files from an entry on, over segment ends; for folding what is
//! no longer in memory, for reads of what is not folded yet, and for readers beside a server.
//! It opens files to read only, and may find that a segment was folded and removed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::frame::Frame;
use super::recover::Mark;
use super::segment::{self, SegmentReader, Start, Step};
use crate::chain::{Hash, Seq};
use crate::disk::Disk;
use crate::{Error, Result};

/// A place in the journal.
pub(crate) struct Cursor {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    reader: Option<SegmentReader>,
}

/// What a cursor found for the entry asked for.
pub(crate) enum Next<'a> {
    /// Whole and unchanged, with the entry's hash.
    Frame(Frame<'a>, Hash),
    /// Not (yet) in the journal: behind its end, or already removed.
    Absent,
}

/// What stands at a place.
enum Look {
    Hash(Hash),
    Absent,
    Broken(&'static str),
}

/// A frame that a server is just writing is whole soon.
const PATIENCE: u32 = 5;
const PAUSE: Duration = Duration::from_millis(2);

impl Cursor {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self {
            disk,
            dir,
            reader: None,
        }
    }

    /// Goes to a known place, or to the start of the segment that should hold an entry.
    pub(crate) fn seek(&mut self, seq: Seq, known: Option<Mark>) -> Result<()> {
        self.reader = None;
        if let Some(mark) = known {
            let opened = SegmentReader::open_at(&*self.disk, &self.dir, mark);
            self.reader = found(opened).map_err(Error::io("opening a journal segment"))?;
            if self.reader.is_some() {
                return Ok(());
            }
        }
        let indexes = segment::list(&*self.disk, &self.dir)
            .map_err(Error::io(format!("listing {:?}", self.dir)))?;
        for index in indexes.into_iter().rev() {
            if let Some((reader, first)) = self.enter(index)?
                && first <= seq
            {
                self.reader = Some(reader);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens a segment at its first frame; `None` where it is gone or holds none yet.
    fn enter(&self, index: u64) -> Result<Option<(SegmentReader, Seq)>> {
        let what = || format!("reading {:?}", segment::path(&self.dir, index));
        let opened = found(SegmentReader::open(&*self.disk, &self.dir, index, 0));
        let Some(mut reader) = opened.map_err(Error::io(what()))? else {
            return Ok(None);
        };
        Ok(match reader.header().map_err(Error::io(what()))? {
            Start::Header(header) => Some((reader, header.first_seq)),
            Start::Unused | Start::Free | Start::Bad => None,
        })
    }

    /// The frame of an entry, which must not lie before the last one asked for.
    ///
    /// # Errors
    /// [`Error::Damage`] where the journal breaks before it.
    pub(crate) fn frame(&mut self, seq: Seq) -> Result<Next<'_>> {
        let mut patience = PATIENCE;
        let hash = loop {
            let found = match self.look(seq)? {
                Look::Hash(hash) => break hash,
                Look::Absent => return Ok(Next::Absent),
                Look::Broken(what) => what,
            };
            let Some(reader) = &mut self.reader else {
                return Ok(Next::Absent);
            };
            let path = segment::path(&self.dir, reader.index);
            let reading = Error::io(format!("reading {path:?}"));
            if reader.was_reused().map_err(reading)? {
                // These entries are folded, and others take their place.
                return Ok(Next::Absent);
            }
            if patience == 0 {
                let place = format!("{path:?} at {}", reader.position());
                return Err(Error::damage(seq, place, found));
            }
            patience -= 1;
            thread::sleep(PAUSE);
            reader.go(reader.position());
        };
        match &mut self.reader {
            Some(reader) => match reader.peek().map_err(Error::io("reading the journal"))? {
                Step::Frame(frame) => Ok(Next::Frame(frame, hash)),
                _ => Ok(Next::Absent),
            },
            None => Ok(Next::Absent),
        }
    }

    /// Goes to an entry, and looks whether it is whole.
    fn look(&mut self, seq: Seq) -> Result<Look> {
        loop {
            let Some(reader) = &mut self.reader else {
                return Ok(Look::Absent);
            };
            let index = reader.index;
            let path = || format!("reading {:?}", segment::path(&self.dir, index));
            match reader.peek().map_err(Error::io(path()))? {
                Step::Frame(frame) if frame.header.seq < seq => {
                    let size = frame.size();
                    reader.skip(size);
                }
                Step::Frame(frame) if frame.header.seq > seq => return Ok(Look::Absent),
                Step::Frame(frame) => {
                    return Ok(frame.verify().map_or_else(Look::Broken, Look::Hash));
                }
                Step::Broken(what) => return Ok(Look::Broken(what)),
                Step::End => {
                    if !self.next_segment(index)? {
                        return Ok(Look::Absent);
                    }
                }
            }
        }
    }

    /// Goes to the next segment that holds entries.
    fn next_segment(&mut self, index: u64) -> Result<bool> {
        let indexes = segment::list(&*self.disk, &self.dir)
            .map_err(Error::io(format!("listing {:?}", self.dir)))?;
        for next in indexes.into_iter().filter(|next| *next > index) {
            if let Some((reader, _)) = self.enter(next)? {
                self.reader = Some(reader);
                return Ok(true);
            }
        }
        // Stay: more may be written here.
        Ok(false)
    }

    /// Copies the verified frame of an entry that must be there.
    pub(crate) fn copy_frame(&mut self, seq: Seq, out: &mut Vec<u8>) -> Result<Seq> {
        let size = match self.frame(seq)? {
            Next::Absent => return Err(Error::damage(seq, "the journal", "it is not there")),
            Next::Frame(frame, _) => frame.size(),
        };
        if let Some(reader) = &mut self.reader {
            reader.copy(size, out);
        }
        Ok(seq)
    }
}

fn found(opened: io::Result<SegmentReader>) -> io::Result<Option<SegmentReader>> {
    match opened {
        Ok(reader) => Ok(Some(reader)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
