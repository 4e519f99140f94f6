//! A journal segment: its name, its 72-byte header, and reading frames from it.
//! Reading never changes a file and never trusts a length.
//!
//! A segment that was folded is used again under a new name, since a sync of blocks that are in
//! place is the quickest. Behind its end stand remains of entries that are folded; they are told
//! by their positions, which lie before the segment's first.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{self, Frame, Parsed};
use super::recover::Mark;
use crate::chain::{ChainId, DOMAIN_SEGMENT, Hash, Seq};
use crate::disk::{Disk, DiskFile, Mode};

pub(crate) const SEGMENT_HEADER: usize = 72;
/// A segment whose file was new: behind its end there are zeros only.
const FRESH: &[u8; 8] = b"SHJRNL01";
/// One whose file held other entries before.
const REUSED: &[u8; 8] = b"SHJRNL02";
/// Made ahead from a folded one: nothing in it counts.
const FREE: &[u8; SEGMENT_HEADER] = &{
    let mut bytes = [0; SEGMENT_HEADER];
    let name = *b"SHJRNL00 free";
    let mut at = 0;
    while at < name.len() {
        bytes[at] = name[at];
        at += 1;
    }
    bytes
};
/// What ends the entries of a reused segment: a preamble of zeros, written over by the next.
pub(crate) const END_MARK: [u8; 16] = [0; 16];
const READ_BYTES: usize = 256 << 10;

/// The name of a segment.
pub(crate) fn path(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("{index:012}.log"))
}

/// The segments in a folder, ascending.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = disk
        .list(dir)?
        .iter()
        .filter_map(|name| name.strip_suffix(".log")?.parse().ok())
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// The header of a segment that waits to be used again.
pub(crate) fn free_header() -> &'static [u8; SEGMENT_HEADER] {
    FREE
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) reused: bool,
    pub(crate) chain: ChainId,
    pub(crate) first_seq: Seq,
    pub(crate) prev: Hash,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0u8; SEGMENT_HEADER];
        out[..8].copy_from_slice(if self.reused { REUSED } else { FRESH });
        out[8..24].copy_from_slice(&self.chain);
        out[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        out[32..64].copy_from_slice(&self.prev);
        let check = Self::check(&out);
        out[64..].copy_from_slice(&check);
        out
    }

    fn check(bytes: &[u8; SEGMENT_HEADER]) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(DOMAIN_SEGMENT);
        hasher.update(&bytes[..64]);
        let mut check = [0u8; 8];
        check.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        check
    }

    fn decode(bytes: &[u8; SEGMENT_HEADER]) -> Option<Self> {
        let reused = match &bytes[..8] {
            magic if magic == FRESH => false,
            magic if magic == REUSED => true,
            _ => return None,
        };
        if Self::check(bytes) != bytes[64..] {
            return None;
        }
        let mut header = Self {
            reused,
            chain: [0; 16],
            first_seq: 0,
            prev: [0; 32],
        };
        header.chain.copy_from_slice(&bytes[8..24]);
        let mut seq = [0u8; 8];
        seq.copy_from_slice(&bytes[24..32]);
        header.first_seq = u64::from_le_bytes(seq);
        header.prev.copy_from_slice(&bytes[32..64]);
        Some(header)
    }
}

/// How a segment starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Header(SegmentHeader),
    /// Made ahead from a new file, and never used, or not yet.
    Unused,
    /// The same from a file that held other entries before.
    Free,
    Bad,
}

/// What comes next in a segment.
pub(crate) enum Step<'a> {
    Frame(Frame<'a>),
    /// No more frames: the end of the file, bytes never written, or remains of folded entries.
    End,
    Broken(&'static str),
}

/// Reads one segment from front to back through a buffer.
pub(crate) struct SegmentReader {
    pub(crate) index: u64,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Position in the file of `buffer[start]`.
    at: u64,
    /// What the header says; known where reading began with it.
    header: Option<SegmentHeader>,
    /// No entry of this segment lies before this position.
    least: Seq,
}

impl SegmentReader {
    /// Opens a segment at a position inside it.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, index: u64, at: u64) -> io::Result<Self> {
        let file = disk.open(&path(dir, index), Mode::Read)?;
        Ok(Self {
            index,
            file,
            buffer: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            at,
            header: None,
            least: 0,
        })
    }

    /// Opens a segment at a place where this entry is known to start.
    pub(crate) fn open_at(disk: &dyn Disk, dir: &Path, mark: Mark) -> io::Result<Self> {
        let mut reader = Self::open(disk, dir, mark.index, mark.at)?;
        reader.least = mark.seq;
        Ok(reader)
    }

    /// The size of the file.
    pub(crate) fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    /// The position of the next frame.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// Reads the segment's header; the reader then stands at the first frame.
    pub(crate) fn header(&mut self) -> io::Result<Start> {
        self.go(0);
        self.fill(SEGMENT_HEADER)?;
        let bytes = &self.buffer[..self.end];
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER>() else {
            let unused = bytes.iter().all(|byte| *byte == 0);
            return Ok(if unused { Start::Unused } else { Start::Bad });
        };
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Start::Unused);
        }
        if bytes == FREE {
            return Ok(Start::Free);
        }
        match SegmentHeader::decode(bytes) {
            Some(header) => {
                self.header = Some(header);
                self.least = header.first_seq;
                self.skip(SEGMENT_HEADER);
                Ok(Start::Header(header))
            }
            None => Ok(Start::Bad),
        }
    }

    /// The next frame; [`SegmentReader::skip`] its size to go on.
    pub(crate) fn peek(&mut self) -> io::Result<Step<'_>> {
        let mut need = FIRST_LOOK;
        for _ in 0..3 {
            self.fill(need)?;
            match frame::parse(&self.buffer[self.start..self.end]) {
                Parsed::Short(more) if self.end - self.start >= need && more > need => need = more,
                _ => break,
            }
        }
        let least = self.least;
        // Only what is whole is a remain: an entry with a changed position is none.
        let remains = |frame: &Frame<'_>| frame.header.seq < least && frame.verify().is_ok();
        let counts =
            |parsed: Parsed<'_>| matches!(parsed, Parsed::Frame(frame) if !remains(&frame));
        if !counts(frame::parse(&self.buffer[self.start..self.end])) {
            // What is not there yet may be there next time: look at the file again.
            let again = self.end;
            self.end = self.start;
            return Ok(match frame::parse(&self.buffer[self.start..again]) {
                Parsed::End | Parsed::Frame(_) => Step::End,
                Parsed::Bad(what) => Step::Broken(what),
                Parsed::Short(_) => Step::Broken("a frame that breaks off"),
            });
        }
        Ok(match frame::parse(&self.buffer[self.start..self.end]) {
            Parsed::Frame(frame) => Step::Frame(frame),
            _ => Step::End,
        })
    }

    /// Whether the file was used again for other entries since its header was read.
    pub(crate) fn was_reused(&self) -> io::Result<bool> {
        let mut bytes = [0; SEGMENT_HEADER];
        let whole = self.file.read_at(&mut bytes, 0)? == bytes.len();
        Ok(match self.header {
            Some(header) => !whole || SegmentHeader::decode(&bytes) != Some(header),
            // Opened in its middle: its first entry is not behind the one known to be here.
            None => SegmentHeader::decode(&bytes).is_none_or(|now| now.first_seq > self.least),
        })
    }

    /// Whether something stands behind the end, where `last` was the last entry, that should
    /// not: in a fresh file anything, in a reused one any whole entry behind `last`. Comes back
    /// to where it was.
    pub(crate) fn stands_behind(&mut self, last: Seq) -> io::Result<bool> {
        let at = self.at;
        let found = match self.header {
            Some(header) if header.reused => {
                // At most one segment, short next to memory.
                let mut bytes = Vec::new();
                self.rest(|piece| bytes.extend_from_slice(piece))?;
                frame::search(&bytes, &header.chain).any(|frame| frame.header.seq > last)
            }
            _ => {
                let mut zero = true;
                self.rest(|bytes| zero = zero && bytes.iter().all(|byte| *byte == 0))?;
                !zero
            }
        };
        self.go(at);
        Ok(found)
    }

    /// Goes on by so many bytes, all of which were seen.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.at += bytes as u64;
    }

    /// Copies so many bytes that were seen, and goes on behind them.
    pub(crate) fn copy(&mut self, bytes: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.buffer[self.start..self.start + bytes]);
        self.skip(bytes);
    }

    /// Reads what is left in pieces, from the position on. The reader is then at its end.
    pub(crate) fn rest(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.start = 0;
        self.end = 0;
        loop {
            let n = self.file.read_at(&mut self.buffer, self.at)?;
            if n == 0 {
                return Ok(());
            }
            each(&self.buffer[..n]);
            self.at += n as u64;
        }
    }

    /// Goes to a place; what was read ahead is forgotten.
    pub(crate) fn go(&mut self, at: u64) {
        self.start = 0;
        self.end = 0;
        self.at = at;
    }

    fn fill(&mut self, need: usize) -> io::Result<()> {
        if self.end - self.start >= need {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < need {
            self.buffer.resize(need.next_power_of_two(), 0);
        }
        let from = self.at + self.end as u64;
        self.end += self.file.read_at(&mut self.buffer[self.end..], from)?;
        Ok(())
    }
}

/// Enough for the preamble, so that the first look tells a frame's length.
const FIRST_LOOK: usize = 16;
