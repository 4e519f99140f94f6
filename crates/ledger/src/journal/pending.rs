//! What appending keeps in memory: frames for the fold thread, so that it need not read them
//! back, and random bytes for salts. Both are bounded, and losing them loses nothing.

use super::frame::{self, FRAME_OVERHEAD};
use crate::chain::{Salt, Seq};
use crate::entry::Draft;
use crate::options::Random;

/// Frames kept in memory for the fold thread, so that it need not read them back.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    pub(super) first: Seq,
    /// Some entries after these are in the journal only.
    pub(super) behind: bool,
    pub(super) scratch: Vec<u8>,
}

/// Random bytes for salts, drawn a kilobyte at a time.
pub(super) struct Salts {
    bytes: [u8; 1024],
    used: usize,
}

impl Default for Salts {
    fn default() -> Self {
        Self {
            bytes: [0; 1024],
            used: 1024,
        }
    }
}

impl Salts {
    pub(super) fn next(&mut self, random: &Random) -> Salt {
        if self.used == self.bytes.len() {
            random(&mut self.bytes);
            self.used = 0;
        }
        let mut salt = Salt::default();
        let end = self.used + salt.len();
        salt.copy_from_slice(&self.bytes[self.used..end]);
        self.bytes[self.used..end].fill(0);
        self.used = end;
        salt
    }
}

impl Pending {
    /// Where to encode a batch: behind the frames kept for folding, or (where these are too
    /// many, or some are missing) apart.
    pub(super) fn room(&mut self, first: Seq, drafts: &[Draft<'_>], most: usize) -> &mut Vec<u8> {
        let size: usize = drafts
            .iter()
            .map(|draft| FRAME_OVERHEAD + draft.payload.len())
            .sum();
        if self.behind || self.bytes.len() + size > most {
            self.behind = true;
            self.scratch.clear();
            return &mut self.scratch;
        }
        if self.bytes.is_empty() {
            self.first = first;
        }
        &mut self.bytes
    }

    /// The last entry in memory.
    pub(super) fn last(&self, tip: Seq) -> Seq {
        if !self.behind {
            return tip;
        }
        let mut last = self.first - 1;
        let mut at = 0;
        while let frame::Parsed::Frame(frame) = frame::parse(&self.bytes[at..]) {
            last = frame.header.seq;
            at += frame.size();
        }
        last
    }
}
