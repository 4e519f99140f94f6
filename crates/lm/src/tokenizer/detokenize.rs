//! Bytes of tokens to text, piece by piece: what is not yet a whole UTF-8 sequence is held back, so
//! that a stream never shows half a character. Pure.

/// Holds the bytes of an unfinished character between tokens.
#[derive(Debug, Default, Clone)]
pub struct Detokenizer {
    held: Vec<u8>,
}

impl Detokenizer {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes of a token and returns the text that is now sure. Bytes that can no longer
    /// become a character are returned as U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut out = String::new();
        let mut rest = self.held.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(text);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    out.push_str(&String::from_utf8_lossy(good));
                    let Some(length) = error.error_len() else {
                        rest = bad;
                        break;
                    };
                    out.push(char::REPLACEMENT_CHARACTER);
                    rest = &bad[length..];
                }
            }
        }
        self.held = rest.to_vec();
        out
    }

    /// Ends the stream: an unfinished character is returned as U+FFFD.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }

    /// Bytes held back.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        &self.held
    }
}
