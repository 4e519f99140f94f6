//! Prefixes of a conversation as hashes, so that its continuation under another account is seen.
//! System texts are left out: routers put in and take out their own.

use record::{Part, Piece, Speaker};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::key::{Keys, Purpose};
use super::sample;

/// Messages before a prefix's end that its hash covers, beside the first message and their number.
const REACH: usize = 48;
/// Bytes of a message that its hash covers: all, or of a longer one its length and a fixed choice.
const COVERED: usize = 1024;

/// Hashes of a conversation's prefixes; 0 where there is none.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Chain {
    /// The first message: the conversation's root.
    pub opening: u64,
    /// All messages: the same again for a request that is repeated.
    pub whole: u64,
    /// All messages but those after the model's last one: what an earlier exchange ended with.
    pub before: u64,
    /// The same one turn earlier, in case that the last answer was edited.
    pub earlier: u64,
    /// All messages and the first answer: what the next request of this conversation begins with.
    pub after: u64,
}

/// Hashes of messages, as they are read.
#[derive(Debug, Default)]
pub(super) struct Messages(Vec<(Speaker, u64)>);

impl Messages {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn chain(
        &mut self,
        keys: &Keys,
        request: &[Piece<'_>],
        answer: &[Piece<'_>],
    ) -> Chain {
        // Reasoning is not sent again by every client; `null` and an empty text are the same.
        let lasting = |piece: &&Piece<'_>| {
            let counts = piece.part != Part::Reasoning && piece.speaker != Speaker::System;
            counts && !piece.text.trim_ascii().is_empty()
        };
        let spoken: SmallVec<[&Piece<'_>; 16]> = request.iter().filter(lasting).collect();
        if spoken.is_empty() {
            return Chain::default();
        }
        // What one speaker says in a row is one message: APIs differ in where they cut it.
        let turns = spoken.chunk_by(|one, next| one.speaker == next.speaker);
        let total = turns.clone().count();
        let from = total.saturating_sub(2 * REACH);
        for (place, turn) in turns.enumerate() {
            let hash = if place == 0 || place >= from {
                message(keys, turn.iter().copied())
            } else {
                0
            };
            let speaker = turn.first().map_or(Speaker::Other, |piece| piece.speaker);
            self.0.push((speaker, hash));
        }
        let mine = self.last_answer(total);
        let earlier = mine.and_then(|end| self.last_answer(end - 1));
        let whole = self.prefix(keys, total);
        let first_choice = answer
            .iter()
            .filter(|piece| piece.turn == 0)
            .filter(lasting);
        let said = first_choice.clone().next().is_some();
        let before = mine.map_or(0, |end| self.prefix(keys, end));
        let earlier = earlier.map_or(0, |end| self.prefix(keys, end));
        self.0
            .push((Speaker::Assistant, message(keys, first_choice)));
        Chain {
            opening: self.prefix(keys, 1),
            whole,
            before,
            earlier,
            after: if said {
                self.prefix(keys, total + 1)
            } else {
                0
            },
        }
    }

    /// The end of the prefix whose last message is the model's last before `end`.
    fn last_answer(&self, end: usize) -> Option<usize> {
        let before = self.0.get(..end)?;
        let place = before
            .iter()
            .rposition(|(speaker, _)| *speaker == Speaker::Assistant)?;
        Some(place + 1)
    }

    fn prefix(&self, keys: &Keys, end: usize) -> u64 {
        let opening = self.0.first().map_or(0, |(_, hash)| *hash);
        let reach = self.0[end.saturating_sub(REACH)..end].iter();
        let lead = [opening, end as u64];
        keys.words(
            Purpose::Prefix,
            lead.into_iter().chain(reach.map(|(_, hash)| *hash)),
        )
    }
}

/// The hash of a message: of its texts without the space around them, which clients trim.
fn message<'p, 'a: 'p>(keys: &Keys, pieces: impl Iterator<Item = &'p Piece<'a>>) -> u64 {
    let parts = pieces.map(|piece| {
        let text = piece.text.trim();
        if text.len() <= COVERED {
            return keys.bytes(Purpose::Message, text.as_bytes());
        }
        let read = sample::ranges(text.len(), COVERED)
            .map(|range| keys.bytes(Purpose::Message, &text.as_bytes()[range]));
        keys.words(Purpose::Message, read.chain([text.len() as u64]))
    });
    // More parts than any client sends are a picture book, not a hand-off.
    keys.words(Purpose::Message, parts.take(64))
}
