//! Stop strings in a stream: they may begin in one token and end in another, so text that could be
//! the start of one is held back. Pure.

use crate::{Error, Result};

/// Watches a stream for the first of several strings.
#[derive(Debug, Clone)]
pub struct StopStrings {
    stops: Vec<String>,
    held: String,
}

impl StopStrings {
    /// # Errors
    /// [`Error::Invalid`] for an empty string, which would stop everything.
    pub fn new(stops: Vec<String>) -> Result<Self> {
        if stops.iter().any(String::is_empty) {
            return Err(Error::Invalid("a stop string is empty".into()));
        }
        Ok(Self {
            stops,
            held: String::new(),
        })
    }

    /// Takes text and returns what may be shown, and the index of the stop string that was found,
    /// if one was: then the text ends right before it, and what follows it is lost.
    pub fn push(&mut self, text: &str) -> (String, Option<usize>) {
        self.held.push_str(text);
        let found = self
            .stops
            .iter()
            .enumerate()
            .filter_map(|(i, s)| Some((self.held.find(s)?, i)));
        // The earliest; of two at one place, the one that the caller named first.
        if let Some((at, index)) = found.min() {
            let mut shown = std::mem::take(&mut self.held);
            shown.truncate(at);
            return (shown, Some(index));
        }
        let keep = self.held.char_indices().map(|(at, _)| at).find(|&at| {
            let tail = &self.held[at..];
            self.stops.iter().any(|s| s.starts_with(tail))
        });
        let tail = self.held.split_off(keep.unwrap_or(self.held.len()));
        (std::mem::replace(&mut self.held, tail), None)
    }

    /// Ends the stream: what was held back is shown.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}
