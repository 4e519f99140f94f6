//! What turns a request's events into its answer's bytes, whole or as a stream. Who tells knows
//! the format; who drives (`reply`) knows only when the answer is complete.

use std::sync::Arc;

use bytes::BytesMut;
use lm::Tokenizer;
use record::{Time, Usage, UsageSource};
use wire::openai::Head;

use crate::job::Event;

/// Tells one answer.
pub(crate) trait Teller: Send {
    /// Whether it is told as a stream.
    fn streams(&self) -> bool;

    /// Takes an event, and writes what of a stream follows from it.
    fn take(&mut self, event: Event, out: &mut BytesMut);

    /// Whether nothing more will come.
    fn is_complete(&self) -> bool;

    /// Writes a stream's end, or the whole answer. Called once, when it is complete.
    fn end(&mut self, out: &mut BytesMut);
}

/// What every answer says about itself.
pub(crate) struct About {
    pub(crate) id: String,
    pub(crate) created: Time,
    /// The model's name as the client asked for it.
    pub(crate) model: String,
    pub(crate) fingerprint: Arc<str>,
    pub(crate) tokenizer: Arc<Tokenizer>,
}

impl About {
    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            id: &self.id,
            created: self.created,
            model: &self.model,
            system_fingerprint: Some(&self.fingerprint),
        }
    }
}

/// Tokens of the prompts and of the answers.
pub(crate) fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        cached_input: 0,
        output,
        reasoning: 0,
        source: UsageSource::Upstream,
    }
}
