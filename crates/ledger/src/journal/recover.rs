//! What a start finds in the journal: where it ends, and whether its end is a torn tail (what a
//! power cut or a full disk leaves, and may be cut) or damage (what was durable is not there).
//!
//! The two are told by evidence: each frame says how far the journal was durable when it was
//! written. A break behind everything that is known to be durable is a torn tail; any other is
//! damage, and nothing is changed then.

use std::mem;
use std::path::Path;

use super::frame;
use super::segment::{self, SEGMENT_HEADER, SegmentHeader, SegmentReader, Start, Step};
use crate::chain::{ChainId, Link, Seq, Tip};
use crate::disk::{Disk, Mode};
use crate::{Error, Result};

/// What must be there: the store's tip, and the newest attested position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) chain: ChainId,
    pub(crate) folded: Tip,
    pub(crate) attested: Seq,
}

/// A place in the journal where an entry starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) seq: Seq,
    pub(crate) index: u64,
    pub(crate) at: u64,
}

/// A segment that holds entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) index: u64,
    pub(crate) last_seq: Seq,
    /// Where its next frame would go.
    pub(crate) end: u64,
    /// Its file held other entries before.
    pub(crate) reused: bool,
}

/// The journal as found, after the cut of a torn tail.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) tip: Tip,
    pub(crate) segments: Vec<Found>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) unfolded_bytes: u64,
    /// Bytes of a torn tail that were cut.
    pub(crate) cut_bytes: u64,
    /// The next free segment number.
    pub(crate) next_index: u64,
}

/// Marks are this far apart.
pub(crate) const MARK_BYTES: u64 = 64 << 10;

struct Break {
    segment: usize,
    at: u64,
    what: String,
}

struct Walk<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    known: Known,
    indexes: Vec<u64>,
    link: Link,
    out: Recovered,
    durable: Seq,
}

/// Reads the journal, cuts a torn tail, and removes segments that are not needed any more.
pub(crate) fn recover(disk: &dyn Disk, dir: &Path, known: Known) -> Result<Recovered> {
    let indexes = segment::list(disk, dir).map_err(Error::io(format!("listing {dir:?}")))?;
    let next_index = indexes.last().map_or(1, |last| last + 1);
    let mut walk = Walk {
        disk,
        dir,
        known,
        indexes,
        link: Link::at(known.chain, known.folded),
        out: Recovered {
            tip: known.folded,
            segments: Vec::new(),
            marks: Vec::new(),
            unfolded_bytes: 0,
            cut_bytes: 0,
            next_index,
        },
        durable: known.folded.seq.max(known.attested),
    };
    let mut needless = walk.pass_over_needless()?;
    if let Some(broken) = walk.walk()? {
        walk.cut(broken)?;
    }
    let mut tip = walk.link.tip();
    if tip.seq < known.folded.seq {
        // Nothing here that the store does not hold: go on in a new segment.
        let found = mem::take(&mut walk.out.segments);
        needless.extend(found.iter().map(|found| found.index));
        walk.out.marks.clear();
        tip = known.folded;
    }
    if tip.seq < walk.durable {
        return Err(Error::damage(
            tip.seq + 1,
            format!("{dir:?}"),
            format!(
                "entries up to {} were durable and are not there",
                walk.durable
            ),
        ));
    }
    // Only now: where there is damage, nothing is changed.
    for index in needless {
        walk.remove(index)?;
    }
    walk.out.tip = tip;
    Ok(walk.out)
}

impl Walk<'_> {
    fn reader(&self, index: u64) -> Result<SegmentReader> {
        SegmentReader::open(self.disk, self.dir, index, 0).map_err(Error::io(format!(
            "opening {:?}",
            segment::path(self.dir, index)
        )))
    }

    fn start(&self, index: u64) -> Result<(SegmentReader, Start)> {
        let mut reader = self.reader(index)?;
        let start = reader.header().map_err(self.reading(index))?;
        Ok((reader, start))
    }

    fn reading(&self, index: u64) -> impl FnOnce(std::io::Error) -> Error + use<> {
        Error::io(format!("reading {:?}", segment::path(self.dir, index)))
    }

    fn remove(&self, index: u64) -> Result<()> {
        let path = segment::path(self.dir, index);
        self.disk
            .remove(&path)
            .map_err(Error::io(format!("removing {path:?}")))
    }

    /// Takes out of the walk, and gives, segments whose successor starts at or before the first
    /// entry not folded yet (a power cut can bring them back), and those made ahead and never used.
    fn pass_over_needless(&mut self) -> Result<Vec<u64>> {
        let mut from = 0;
        let mut unused = Vec::new();
        for (place, index) in self.indexes.iter().enumerate() {
            match self.start(*index)?.1 {
                Start::Header(header) if header.first_seq <= self.known.folded.seq + 1 => {
                    from = place;
                }
                Start::Unused | Start::Free => unused.push(*index),
                _ => {}
            }
        }
        let rest = self.indexes.split_off(from);
        let mut needless = mem::take(&mut self.indexes);
        for index in rest {
            match unused.contains(&index) {
                true => needless.push(index),
                false => self.indexes.push(index),
            }
        }
        Ok(needless)
    }

    /// Walks along all frames; `Some` where they break off before the end of the last segment.
    fn walk(&mut self) -> Result<Option<Break>> {
        for place in 0..self.indexes.len() {
            let index = self.indexes[place];
            let (mut reader, start) = self.start(index)?;
            let Start::Header(header) = start else {
                return Ok(Some(Break {
                    segment: place,
                    at: 0,
                    what: "the segment has no proper header".into(),
                }));
            };
            if let Some(what) = self.enter(place, &header) {
                return Ok(Some(Break {
                    segment: place,
                    at: 0,
                    what,
                }));
            }
            self.out.segments.push(Found {
                index,
                last_seq: self.link.tip().seq,
                end: SEGMENT_HEADER as u64,
                reused: header.reused,
            });
            if let Some(what) = self.frames(&mut reader)? {
                return Ok(Some(Break {
                    segment: place,
                    at: reader.position(),
                    what,
                }));
            }
        }
        Ok(None)
    }

    /// Checks that a segment continues what was read before it.
    fn enter(&mut self, place: usize, header: &SegmentHeader) -> Option<String> {
        if header.chain != self.known.chain {
            return Some("the segment belongs to another chain".into());
        }
        if place == 0 {
            if header.first_seq > self.known.folded.seq + 1 {
                return Some(format!(
                    "the journal starts with entry {} only",
                    header.first_seq
                ));
            }
            let seq = header.first_seq.saturating_sub(1);
            self.link = Link::at(
                self.known.chain,
                Tip {
                    seq,
                    hash: header.prev,
                    time_us: 0,
                },
            );
            if seq == self.known.folded.seq {
                self.link = Link::at(self.known.chain, self.known.folded);
            }
        }
        let tip = self.link.tip();
        if header.first_seq != tip.seq + 1 || header.prev != tip.hash {
            return Some("the segment does not continue the one before".into());
        }
        None
    }

    fn frames(&mut self, reader: &mut SegmentReader) -> Result<Option<String>> {
        let index = reader.index;
        let mut marked = None;
        loop {
            let at = reader.position();
            let frame = match reader.peek().map_err(self.reading(index))? {
                Step::Frame(frame) => frame,
                Step::Broken(what) => return Ok(Some(what.into())),
                Step::End => return self.end(reader),
            };
            if let Err(what) = frame.verify() {
                return Ok(Some(what.into()));
            }
            let hash = match self.link.take(&frame.header) {
                Ok(hash) => hash,
                Err(what) => return Ok(Some(what.to_string())),
            };
            let (seq, size) = (frame.header.seq, frame.size());
            if seq == self.known.folded.seq && hash != self.known.folded.hash {
                return Err(Error::damage(
                    seq,
                    format!("{:?} at {at}", segment::path(self.dir, index)),
                    "the store holds another entry at this position",
                ));
            }
            self.durable = self.durable.max(frame.claims_durable());
            if seq > self.known.folded.seq {
                self.out.unfolded_bytes += size as u64;
            }
            if marked.is_none_or(|marked| at - marked >= MARK_BYTES) {
                self.out.marks.push(Mark { seq, index, at });
                marked = Some(at);
            }
            reader.skip(size);
            if let Some(found) = self.out.segments.last_mut() {
                found.last_seq = seq;
                found.end = reader.position();
            }
        }
    }

    /// Behind the last frame there must be nothing that was meant to follow it.
    fn end(&mut self, reader: &mut SegmentReader) -> Result<Option<String>> {
        let at = reader.position();
        if let Some(found) = self.out.segments.last_mut() {
            found.end = at;
        }
        let last = self.link.tip().seq;
        let behind = reader
            .stands_behind(last)
            .map_err(self.reading(reader.index))?;
        Ok(behind.then(|| "something stands behind a hole".into()))
    }

    /// Cuts a torn tail, unless something says that it had been durable.
    fn cut(&mut self, broken: Break) -> Result<()> {
        let next = self.link.tip().seq + 1;
        let index = self.indexes[broken.segment];
        let path = segment::path(self.dir, index);
        self.evidence(broken.segment, broken.at)?;
        if next <= self.durable {
            return Err(Error::damage(
                next,
                format!("{path:?} at {}", broken.at),
                broken.what,
            ));
        }
        for later in self.indexes[broken.segment + 1..].iter().rev() {
            self.out.cut_bytes += self.reader(*later)?.size().map_err(self.reading(*later))?;
            self.remove(*later)?;
        }
        let file = self
            .disk
            .open(&path, Mode::Write)
            .map_err(Error::io(format!("opening {path:?} to cut its torn tail")))?;
        let size = file.size().map_err(self.reading(index))?;
        self.out.cut_bytes += size - broken.at.min(size);
        if broken.at == 0 {
            self.remove(index)?;
        } else {
            let cut = Error::io(format!("cutting the torn tail of {path:?}"));
            file.truncate(broken.at)
                .and_then(|()| file.sync())
                .map_err(cut)?;
        }
        self.disk
            .sync_dir(self.dir)
            .map_err(Error::io(format!("syncing {:?}", self.dir)))
    }

    /// Looks behind a break for whole frames, and for what they say was durable.
    fn evidence(&mut self, from: usize, at: u64) -> Result<()> {
        let mut durable = self.durable;
        for (place, index) in self.indexes.iter().enumerate().skip(from) {
            let start = if place == from { at } else { 0 };
            let mut reader = SegmentReader::open(self.disk, self.dir, *index, start)
                .map_err(Error::io(format!("opening segment {index}")))?;
            // A torn tail is short next to memory: at most one segment.
            let mut bytes = Vec::new();
            reader
                .rest(|piece| bytes.extend_from_slice(piece))
                .map_err(self.reading(*index))?;
            // What remains of folded entries claims no more than is known anyway.
            durable = frame::search(&bytes, &self.known.chain)
                .map(|frame| frame.claims_durable())
                .fold(durable, Seq::max);
        }
        self.durable = durable;
        Ok(())
    }
}
