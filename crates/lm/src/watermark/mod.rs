//! Watermarks in sampled text: a keyed pattern in which tokens were chosen, put there while
//! sampling and found again by whoever has the key. Two kinds, [`Watermark::green_list`] and
//! [`Watermark::tournament`]; a [`Marker`] changes one answer's logits or probabilities, and
//! [`Watermark::detect`] gives an exact p-value from the tokens alone. Pure: no randomness, no IO.
//! Keys never appear in `Debug`, in errors or in results.
//!
//! The pattern is a function of the key, of the `width` tokens before, and of the token itself, all
//! within the answer: the first `width` tokens carry none, and a detector needs no prompt.

mod context;
mod detect;
mod key;
mod marker;
mod null;

pub use detect::Detection;
pub use key::Key;
pub use marker::Marker;

use crate::{Error, Result};

/// The most tokens of context.
const WIDEST: usize = 8;
/// The most layers of a tournament: one bit each of a 32-bit word.
const DEEPEST: u32 = 32;
/// The largest change of a logit.
const STRONGEST: f64 = 20.0;

/// A watermark with its key and options.
#[derive(Debug, Clone, PartialEq)]
pub struct Watermark {
    key: Key,
    width: usize,
    scheme: Scheme,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scheme {
    /// Words below `threshold` are green.
    Green { threshold: u64, delta: f64 },
    /// The lowest `layers` bits of a word are the layers' values.
    Tournament { layers: u32 },
}

impl Watermark {
    /// The context-hashed green list of Kirchenbauer et al. (2023): a share `gamma` of the
    /// vocabulary is green after each context, and green tokens' logits are raised by `delta`
    /// (before temperature). The text is changed, more so with a greater `delta`.
    ///
    /// Each token is green by itself with probability `gamma`, in place of a list of fixed length:
    /// then the count of green tokens under the null is exactly binomial.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the option out of range: `gamma` in `(0, 1)`, `delta` in `(0, 20]`,
    /// `width` 1 to 8.
    pub fn green_list(key: Key, width: usize, gamma: f64, delta: f64) -> Result<Self> {
        check_width(width)?;
        // A threshold of a 32-bit word, so that the probability is a number of 2^-32ths exactly.
        let threshold = (gamma * context::WORDS) as u64;
        if !(gamma < 1.0 && threshold > 0) {
            return invalid("gamma is not between 0 and 1");
        }
        if !(delta > 0.0 && delta <= STRONGEST) {
            return invalid("delta is not above 0 and up to 20");
        }
        let scheme = Scheme::Green { threshold, delta };
        Ok(Self { key, width, scheme })
    }

    /// The tournament of SynthID-Text (Dathathri et al. 2024) with two candidates a match, in the
    /// form that changes probabilities directly. Non-distortionary: over keys, each token keeps its
    /// probability. A context that the answer has had before is left alone, so that this holds
    /// for the whole answer. At temperature 0 it does nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the option out of range: `layers` 1 to 32 (30 is usual), `width` 1
    /// to 8 (4 is usual).
    pub fn tournament(key: Key, width: usize, layers: u32) -> Result<Self> {
        check_width(width)?;
        if !(1..=DEEPEST).contains(&layers) {
            return invalid("layers is not in 1 to 32");
        }
        let scheme = Scheme::Tournament { layers };
        Ok(Self { key, width, scheme })
    }

    /// The key's name, which may be shown: see [`Key::id`].
    #[must_use]
    pub fn key_id(&self) -> String {
        self.key.id()
    }
}

fn check_width(width: usize) -> Result<()> {
    if (1..=WIDEST).contains(&width) {
        Ok(())
    } else {
        invalid("width is not in 1 to 8")
    }
}

fn invalid<T>(why: &str) -> Result<T> {
    Err(Error::Invalid(format!("watermark: {why}")))
}

#[cfg(test)]
mod tests;
