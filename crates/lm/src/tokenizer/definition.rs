//! A tokenizer as files hold it: spellings, kinds, merges, the ids with a meaning. What is read
//! from GGUF metadata or from tokenizer.json and written back; [`super::Tokenizer`] is built of it.

use super::split::Split;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Text, spelled in the byte alphabet.
    Normal,
    /// Never text (`<|im_start|>`); its spelling is plain.
    Control,
    /// Text that is one token wherever it stands; its spelling is plain.
    UserDefined,
    /// Fills a gap in the ids; no text becomes it.
    Unused,
}

/// A tokenizer's contents. Ids are places in `tokens`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    pub(crate) split: Split,
    pub(crate) tokens: Vec<String>,
    /// One a token.
    pub(crate) kinds: Vec<TokenKind>,
    /// Two spellings with a space between, the first to be merged first.
    pub(crate) merges: Vec<String>,
    /// The beginning-of-sequence token.
    pub(crate) begin: Option<u32>,
    /// Tokens that end an answer, the end-of-sequence token first.
    pub(crate) ends: Vec<u32>,
    pub(crate) padding: Option<u32>,
    /// Whether a text begins with `begin`.
    pub(crate) add_begin: bool,
}

impl Definition {
    /// The spelling of a token that may be missing; empty where it is.
    pub(crate) fn spelling(&self, id: Option<u32>) -> &str {
        let token = id.and_then(|id| self.tokens.get(id as usize));
        token.map_or("", String::as_str)
    }

    /// The spelling that fills the gap at an id.
    pub(crate) fn filler(id: usize) -> String {
        format!("[PAD{id}]")
    }
}
