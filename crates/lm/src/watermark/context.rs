//! The keyed pseudo-random function behind both watermarks: from key and context to one 32-bit word
//! for each token of the vocabulary. BLAKE3 in keyed mode over the context, its output read at the
//! token's place. Without the key nothing tells it from independent random words.

use super::{Scheme, Watermark};

/// How many 32-bit words there are.
pub(super) const WORDS: f64 = 4_294_967_296.0;

/// The words after one context.
pub(super) struct Words(blake3::OutputReader);

impl Words {
    /// `context` holds as many tokens as the watermark is wide.
    pub(super) fn new(watermark: &Watermark, context: &[u32]) -> Self {
        // Different kinds of mark with one key have unrelated words.
        let kind = match watermark.scheme {
            Scheme::Green { .. } => b'g',
            Scheme::Tournament { .. } => b't',
        };
        let mut hasher = blake3::Hasher::new_keyed(watermark.key.bytes());
        hasher.update(&[1, kind]);
        for token in context {
            hasher.update(&token.to_le_bytes());
        }
        Self(hasher.finalize_xof())
    }

    /// The word of one token.
    pub(super) fn of(&mut self, token: u32) -> u32 {
        let mut bytes = [0; 4];
        self.0.set_position(u64::from(token) * 4);
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// The words of tokens 0 and on, as many as `words` holds.
    pub(super) fn fill(&mut self, words: &mut [u32]) {
        const CHUNK: usize = 256;
        let mut bytes = [0u8; 4 * CHUNK];
        self.0.set_position(0);
        for chunk in words.chunks_mut(CHUNK) {
            let bytes = &mut bytes[..4 * chunk.len()];
            self.0.fill(bytes);
            let (each, _) = bytes.as_chunks::<4>();
            for (word, bytes) in chunk.iter_mut().zip(each) {
                *word = u32::from_le_bytes(*bytes);
            }
        }
    }
}
