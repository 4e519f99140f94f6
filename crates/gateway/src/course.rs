//! What a stream's bytes go through: events of an API, or bytes of which nothing is known.
//! Nothing here waits or records.

use bytes::Bytes;
use record::Usage;
use wire::Ending;
use wire::translate::AnswerStream;

/// What watches and, where needed, rewrites the events.
pub(crate) enum Course {
    /// Events of an API, passed on as they are or made from chat completions.
    Events(AnswerStream),
    /// A listed path's bytes, of which nothing is known.
    Opaque(u64),
}

impl Course {
    /// Takes the upstream's bytes and gives those to send now.
    pub(crate) fn push(&mut self, data: Bytes) -> Result<Bytes, wire::Error> {
        match self {
            Self::Events(stream) => stream.push(data),
            Self::Opaque(bytes) => {
                *bytes += data.len() as u64;
                Ok(data)
            }
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::Events(stream) => stream.ending().is_some(),
            Self::Opaque(_) => false,
        }
    }

    /// How it ended; nothing more will come.
    pub(crate) fn ending(&mut self) -> Ending {
        match self {
            Self::Events(stream) => stream.finish().clone(),
            Self::Opaque(_) => Ending::Complete,
        }
    }

    /// The last bytes.
    pub(crate) fn release(&mut self) -> Bytes {
        match self {
            Self::Events(stream) => stream.release(),
            Self::Opaque(_) => Bytes::new(),
        }
    }

    /// The next event's number.
    pub(crate) fn events(&self) -> u64 {
        match self {
            Self::Events(stream) => stream.sequence(),
            Self::Opaque(_) => 0,
        }
    }

    /// The usage stated so far, pieces and bytes of text.
    pub(crate) fn used(&self) -> (Option<Usage>, u64, u64) {
        match self {
            Self::Events(stream) => (stream.usage(), stream.chunks(), stream.text_bytes()),
            Self::Opaque(bytes) => (None, 0, *bytes),
        }
    }
}
