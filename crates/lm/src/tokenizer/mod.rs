//! Byte-level BPE tokenizer built from a model's own files. Text that a user wrote never
//! becomes a control token unless the caller asks for that ([`Specials::Parse`]).

mod bpe;
mod bytes;
mod definition;
mod detokenize;
mod json;
mod load;
mod metadata;
mod split;

pub(crate) use bytes::alphabet;
pub(crate) use definition::Definition;
pub use detokenize::Detokenizer;
pub(crate) use json::Named;

use crate::template::ChatTemplate;
use crate::{Error, Result};
use bpe::Bpe;
use regex::Regex;
use std::collections::HashMap;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// What to do with the spelling of a special token in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Specials {
    /// It is ordinary text.
    Text,
    /// It becomes the token.
    Parse,
}

/// A tokenizer. Immutable; shared by `Arc`.
#[derive(Debug)]
pub struct Tokenizer {
    bpe: Bpe,
    /// As the file holds it, to be written back.
    definition: Definition,
    /// Bytes that each token stands for; for a special token, its spelling.
    bytes: Vec<Box<[u8]>>,
    /// Spelling to id, of control and user-defined tokens.
    specials: HashMap<String, u32>,
    /// Finds the longest special token; none where the file has no special tokens.
    finder: Option<Regex>,
    /// Sorted ids of control tokens.
    controls: Vec<u32>,
    /// Sorted ids that end an answer.
    ends: Vec<u32>,
}

impl Tokenizer {
    /// Token ids of a text. Where the file says so, the beginning-of-sequence token comes first;
    /// the text of a chat template is encoded by [`crate::Model::encode_chat`] instead.
    #[must_use]
    pub fn encode(&self, text: &str, specials: Specials) -> Vec<u32> {
        let mut out = Vec::with_capacity(text.len() / 3 + 1);
        out.extend(self.begin());
        self.encode_into(text, specials, None, &mut out);
        out
    }

    /// Appends the ids of a text, without a beginning-of-sequence token. Every `mark` in it is
    /// dropped after the special tokens are found: it breaks the spelling of those not meant.
    pub(crate) fn encode_into(
        &self,
        text: &str,
        specials: Specials,
        mark: Option<char>,
        out: &mut Vec<u32>,
    ) {
        let mut at = 0;
        if let (Some(finder), Specials::Parse) = (&self.finder, specials) {
            for found in finder.find_iter(text) {
                // A mark right after a whole spelling breaks one of a single character.
                if mark.is_some_and(|m| text[found.end()..].starts_with(m)) {
                    continue;
                }
                self.encode_text(&text[at..found.start()], mark, out);
                out.extend(self.specials.get(found.as_str()));
                at = found.end();
            }
        }
        self.encode_text(&text[at..], mark, out);
    }

    fn encode_text(&self, text: &str, mark: Option<char>, out: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let plain = mark
            .filter(|&m| text.contains(m))
            .map(|m| text.replace(m, ""));
        let text = plain.as_deref().unwrap_or(text);
        let split = self.definition.split;
        if split.composes() && !is_nfc(text) {
            let composed: String = text.nfc().collect();
            split.pieces(&composed, |piece| self.bpe.encode(piece, out));
        } else {
            split.pieces(text, |piece| self.bpe.encode(piece, out));
        }
    }

    /// The bytes that a token stands for (a special token's are its spelling); empty for an id that
    /// is not in the vocabulary. A token may hold a part of a UTF-8 sequence.
    #[must_use]
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], |b| b)
    }

    /// A token as text; bytes that are no UTF-8 by themselves become U+FFFD.
    #[must_use]
    pub fn token_text(&self, token: u32) -> String {
        String::from_utf8_lossy(self.bytes(token)).into_owned()
    }

    /// The text of tokens, control tokens left out; bytes that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let shown = tokens.iter().filter(|&&t| !self.is_control(t));
        let bytes: Vec<u8> = shown.flat_map(|&t| self.bytes(t).iter().copied()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// True for a token that is never text (`<|im_start|>`, `<|endoftext|>`, …).
    #[must_use]
    pub fn is_control(&self, token: u32) -> bool {
        self.controls.binary_search(&token).is_ok()
    }

    /// True for a token that ends an answer.
    #[must_use]
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.binary_search(&token).is_ok()
    }

    /// Number of tokens.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.bytes.len()
    }

    /// The token that [`encode`](Self::encode) puts first, where the file asks for one.
    #[must_use]
    pub fn begin(&self) -> Option<u32> {
        let definition = &self.definition;
        definition.begin.filter(|_| definition.add_begin)
    }

    /// The token that ends an answer; where several do, the file's first.
    #[must_use]
    pub fn end(&self) -> Option<u32> {
        self.definition.ends.first().copied()
    }

    /// A chat template for this tokenizer, with its spellings of begin and end.
    ///
    /// # Errors
    /// Those of [`ChatTemplate::new`].
    pub fn template(&self, text: &str) -> Result<ChatTemplate> {
        let definition = &self.definition;
        let begin = definition.spelling(definition.begin);
        let end = definition.spelling(definition.ends.first().copied());
        ChatTemplate::new(text, begin, end)
    }

    /// What the tokenizer was built of.
    pub(crate) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The id of a special token by its spelling.
    #[must_use]
    pub fn special(&self, spelling: &str) -> Option<u32> {
        self.specials.get(spelling).copied()
    }

    /// Spellings of all special tokens, in no order.
    pub(crate) fn special_spellings(&self) -> impl Iterator<Item = &str> {
        self.specials.keys().map(String::as_str)
    }

    /// An error where a token is not in the vocabulary.
    ///
    /// # Errors
    /// [`Error::UnknownToken`], for the first such token.
    pub fn check(&self, tokens: &[u32]) -> Result<()> {
        let vocabulary = self.vocabulary();
        match tokens.iter().find(|&&t| t as usize >= vocabulary) {
            Some(&token) => Err(Error::UnknownToken { token, vocabulary }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
