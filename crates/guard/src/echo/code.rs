//! How the memory is written: one byte of version, then postcard. Remembered slots are written by the
//! differences of their keys and by their ages, so equal memories are equal bytes wherever in their
//! buckets the slots lie.

use serde::{Deserialize, Serialize};

use super::answers::{Answer, Answers};
use super::table::{Numbers as _, Slot, Table};
use super::{Memory, Options};

/// The version that is written.
const VERSION: u8 = 1;

/// Why bytes are no memory of answers. It is the fault of who stored them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EchoError {
    /// Written by a version that this one does not know.
    #[error("the echoes are of version {0}, this program reads version {VERSION}; update it")]
    Version(u8),
    /// Written under other options.
    #[error(
        "the echoes were kept under other options; fold the ledger anew, or start without them"
    )]
    Options,
    /// Cut off, or not a memory of answers.
    #[error("the bytes are no whole memory of echoes; were they cut off on their way?")]
    Broken,
}

#[derive(Serialize, Deserialize)]
struct Written {
    oldest: u32,
    answers: Vec<Answer>,
    prints: Vec<Kept>,
    prefixes: Vec<Kept>,
    displaced: u64,
}

/// A slot: how far its key lies above the one before, its answer's place among those remembered, and
/// its hits.
#[derive(Serialize, Deserialize)]
struct Kept(u64, u32, u8);

impl Memory {
    /// The memory as bytes. The same exchanges in the same order are the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let oldest = self.answers.oldest();
        let kept = |table: &Table| {
            let mut before = 0;
            let slots = table.all(oldest).into_iter();
            let kept = slots.map(|(key, slot)| {
                let gap = key - before;
                before = key;
                Kept(gap, slot.answer - oldest, slot.hits)
            });
            kept.collect()
        };
        let written = Written {
            oldest,
            answers: self.answers.iter().copied().collect(),
            prints: kept(&self.prints),
            prefixes: kept(&self.prefixes),
            displaced: self.displaced,
        };
        // Memory does not fail, and no part refuses to be written.
        out = postcard::to_extend(&self.options, out).unwrap_or_default();
        postcard::to_extend(&written, out).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote, under the same options.
    ///
    /// # Errors
    /// What is of another version, of other options, or not exactly one memory.
    pub fn decode(bytes: &[u8], options: Options) -> Result<Self, EchoError> {
        let (version, rest) = bytes.split_first().ok_or(EchoError::Broken)?;
        if *version != VERSION {
            return Err(EchoError::Version(*version));
        }
        let (theirs, rest) =
            postcard::take_from_bytes::<Options>(rest).map_err(|_| EchoError::Broken)?;
        if theirs != options {
            return Err(EchoError::Options);
        }
        let (written, after) =
            postcard::take_from_bytes::<Written>(rest).map_err(|_| EchoError::Broken)?;
        let memory = Self::restore(options, &written).ok_or(EchoError::Broken)?;
        // One memory has one form: bytes that would be written otherwise are not ours.
        if after.is_empty() && memory.encode() == bytes {
            Ok(memory)
        } else {
            Err(EchoError::Broken)
        }
    }

    fn restore(options: Options, written: &Written) -> Option<Self> {
        let mut memory = Self::new(options);
        memory.displaced = written.displaced;
        memory.answers = Answers::restore(options.answers, written.oldest, &written.answers)?;
        let (oldest, next) = (memory.answers.oldest(), memory.answers.next());
        let fill = |table: &mut Table, kept: &[Kept]| {
            let mut key = 0_u64;
            for Kept(gap, age, hits) in kept {
                key = key.checked_add(*gap)?;
                let answer = oldest.checked_add(*age).filter(|answer| *answer < next)?;
                let slot = Slot {
                    answer,
                    hits: (*hits < 16).then_some(*hits)?,
                };
                table.restore(key, slot)?;
            }
            Some(())
        };
        fill(&mut memory.prints, &written.prints)?;
        fill(&mut memory.prefixes, &written.prefixes)?;
        Some(memory)
    }
}
