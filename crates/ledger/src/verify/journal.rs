//! Brings the journal's entries to the check: all segments, frame by frame.
//! Beside a server segments are written, folded and used again under the reader's eyes; whatever
//! looks wrong is then looked at again before it is reported. Changes nothing.

use std::io;

use super::Progress;
use super::files::in_store;
use super::walk::{Body, Walk};
use crate::chain::{Hash, Link, Seq, Tip};
use crate::journal::{SegmentHeader, SegmentReader, Start, Step, list_segments};
use crate::reader::Reader;
use crate::{Error, Result};

/// Walks along all segments; `false` where they have to be looked at again, which happens only
/// while they are `moving`, or where entries went over to the store.
pub(super) fn walk_journal(
    reader: &Reader,
    walk: &mut Walk,
    progress: &mut dyn FnMut(Progress),
    moving: bool,
) -> Result<bool> {
    let source = &reader.source;
    let folded = source.store.tip()?;
    let segments = list_segments(&*source.disk, &source.journal_dir);
    let segments = segments.map_err(Error::io(format!("listing {:?}", source.journal_dir)))?;
    let mut journal = JournalWalk {
        reader,
        walk,
        link: None,
        folded,
        moving,
    };
    for index in segments {
        if !journal.segment(index)? {
            return Ok(false);
        }
        let seq = journal.walk.next - 1;
        progress(Progress { seq });
    }
    Ok(true)
}

struct JournalWalk<'a> {
    reader: &'a Reader,
    walk: &'a mut Walk,
    /// Behind the last frame of the segment before.
    link: Option<Link>,
    folded: Option<Tip>,
    moving: bool,
}

impl JournalWalk<'_> {
    /// Reports what is wrong, or (`false`) says that it has to be looked at again.
    fn wrong(&mut self, place: &str, what: impl Into<String>) -> bool {
        let next = self
            .link
            .as_ref()
            .map_or(self.walk.next, |link| link.tip().seq + 1);
        if !self.moving {
            self.walk.bad(next, place, what);
        }
        !self.moving
    }

    fn segment(&mut self, index: u64) -> Result<bool> {
        let place = format!("journal segment {index}");
        let source = &self.reader.source;
        let opened = SegmentReader::open(&*source.disk, &source.journal_dir, index, 0);
        let mut segment = match opened {
            // Folded meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(Error::io(place.clone()))?,
        };
        match segment.header().map_err(Error::io(place.clone()))? {
            Start::Free => Ok(true),
            Start::Unused => {
                let behind = segment.stands_behind(0).map_err(Error::io(place.clone()))?;
                Ok(!behind || self.wrong(&place, "something stands behind an empty header"))
            }
            Start::Bad => Ok(self.wrong(&place, "its header was changed")),
            Start::Header(header) if header.chain != self.reader.chain() => {
                Ok(self.wrong(&place, "it belongs to another chain"))
            }
            Start::Header(header) => Ok(self.enter(&header, &place) && self.frames(&mut segment)?),
        }
    }

    /// Whether a segment may be read on into: it continues the one before, or that was reported.
    fn enter(&mut self, header: &SegmentHeader, place: &str) -> bool {
        let tip = self.link.as_ref().map(Link::tip);
        let apart =
            tip.is_some_and(|tip| tip.seq + 1 != header.first_seq || tip.hash != header.prev);
        if apart && !self.wrong(place, "it does not continue the segment before") {
            return false;
        }
        let before = Tip {
            seq: header.first_seq - 1,
            hash: header.prev,
            time_us: 0,
        };
        self.link = Some(Link::at(header.chain, before));
        true
    }

    /// Walks along one segment.
    fn frames(&mut self, segment: &mut SegmentReader) -> Result<bool> {
        loop {
            let place = format!(
                "journal segment {} at {}",
                segment.index,
                segment.position()
            );
            let last = self.link.as_ref().map_or(0, |link| link.tip().seq);
            let size = match segment.peek().map_err(Error::io(place.clone()))? {
                Step::Frame(frame) => {
                    let checked = frame.verify().map_err(str::to_owned);
                    let taken = checked.and_then(|_| match &mut self.link {
                        Some(link) => link.take(&frame.header).map_err(|error| error.to_string()),
                        None => Err("no segment was entered".into()),
                    });
                    let hash = match taken {
                        Ok(hash) => hash,
                        Err(what) => return Ok(self.wrong(&place, what)),
                    };
                    self.beside_store(last + 1, hash, &place);
                    if !self.reaches(last + 1, &place)? {
                        return Ok(false);
                    }
                    if last + 1 == self.walk.next {
                        let body = Body::There(&frame.salt, frame.payload);
                        self.walk.take(frame.header_bytes, body, &place)?;
                    }
                    frame.size()
                }
                Step::Broken(what) => return Ok(self.wrong(&place, what)),
                Step::End => {
                    let behind = segment
                        .stands_behind(last)
                        .map_err(Error::io(place.clone()))?;
                    let what = "something stands behind the last entry";
                    return Ok(!behind || self.wrong(&place, what));
                }
            };
            segment.skip(size);
        }
    }

    /// Sees that no entry is left out before this one.
    fn reaches(&mut self, seq: Seq, place: &str) -> Result<bool> {
        if seq <= self.walk.next {
            return Ok(true);
        }
        if self.moving || in_store(self.reader, self.walk.next)? {
            return Ok(false);
        }
        self.walk.gap(seq, place);
        Ok(true)
    }

    /// An entry that is in the store as well must be the same there.
    fn beside_store(&mut self, seq: Seq, hash: Hash, place: &str) {
        let walk = &mut *self.walk;
        if self
            .folded
            .is_some_and(|tip| tip.seq == seq && tip.hash != hash)
        {
            walk.bad(seq, place, "the store holds another entry at this position");
        } else if seq + 1 == walk.next && walk.last_hash().is_some_and(|known| known != hash) {
            walk.bad(seq, place, "journal and store hold different entries");
        }
    }
}
