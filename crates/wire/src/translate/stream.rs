//! A translated stream, and one face for it and for a stream that passes as it is, so that who
//! sends an answer need not know which it is.

use bytes::Bytes;
use record::Usage;

use super::Maker;
use super::piece::{self, Splitter};
use crate::error::Error;
use crate::sse::{Ending, StreamKind, StreamTap, data_of_events};

/// Makes one API's events from a chat stream.
#[derive(Debug)]
pub struct TranslatedStream {
    kind: StreamKind,
    request_id: String,
    tap: StreamTap,
    splitter: Splitter,
    maker: Maker,
    released: bool,
}

impl TranslatedStream {
    pub(super) fn new(kind: StreamKind, request_id: &str, maker: Maker) -> Self {
        Self {
            kind,
            request_id: request_id.to_owned(),
            tap: StreamTap::new(StreamKind::Chat, true),
            splitter: Splitter::default(),
            maker,
            released: false,
        }
    }

    /// Takes the upstream's next bytes and gives those to send now, without the last events.
    fn push(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let events = self.tap.push(chunk)?;
        let mut out = Vec::new();
        for data in data_of_events(&events) {
            let answer = piece::parse(&data)?;
            let pieces = self.splitter.split(answer)?;
            self.maker.take(pieces, &mut out);
        }
        Ok(out.into())
    }

    /// The last events, after the exchange is recorded: those of a whole answer, or an error.
    /// Empty for a broken stream, whose error is for the caller to tell.
    fn release(&mut self) -> Bytes {
        if std::mem::replace(&mut self.released, true) {
            return Bytes::new();
        }
        match self.tap.ending() {
            Some(Ending::Complete) => {
                let mut out = Vec::new();
                self.maker.end(self.tap.usage(), &mut out);
                out.into()
            }
            Some(Ending::Failed(error)) => {
                error.event(self.kind, &self.request_id, self.maker.sequence())
            }
            Some(Ending::Broken) | None => Bytes::new(),
        }
    }
}

/// A stream on its way to the client, passed on or translated.
#[derive(Debug)]
pub enum AnswerStream {
    /// Passed on as it is.
    Passed(Box<StreamTap>),
    /// Made from a chat stream.
    Translated(Box<TranslatedStream>),
}

impl AnswerStream {
    /// A stream that is passed on; `take_usage_chunk` as in [`StreamTap::new`].
    pub fn passed(kind: StreamKind, take_usage_chunk: bool) -> Self {
        Self::Passed(Box::new(StreamTap::new(kind, take_usage_chunk)))
    }

    const fn tap(&self) -> &StreamTap {
        match self {
            Self::Passed(tap) => tap,
            Self::Translated(stream) => &stream.tap,
        }
    }

    /// The API that the client speaks.
    pub const fn kind(&self) -> StreamKind {
        match self {
            Self::Passed(tap) => tap.kind(),
            Self::Translated(stream) => stream.kind,
        }
    }

    /// As [`StreamTap::push`].
    ///
    /// # Errors
    /// The upstream's fault: its stream can't be read.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        match self {
            Self::Passed(tap) => tap.push(chunk),
            Self::Translated(stream) => stream.push(chunk),
        }
    }

    /// As [`StreamTap::finish`].
    pub fn finish(&mut self) -> &Ending {
        match self {
            Self::Passed(tap) => tap.finish(),
            Self::Translated(stream) => stream.tap.finish(),
        }
    }

    /// As [`StreamTap::ending`].
    pub const fn ending(&self) -> Option<&Ending> {
        self.tap().ending()
    }

    /// As [`StreamTap::release`].
    pub fn release(&mut self) -> Bytes {
        match self {
            Self::Passed(tap) => tap.release(),
            Self::Translated(stream) => stream.release(),
        }
    }

    /// As [`StreamTap::usage`].
    pub fn usage(&self) -> Option<Usage> {
        self.tap().usage()
    }

    /// The number that the next event of the client's stream has.
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::Passed(tap) => tap.events(),
            Self::Translated(stream) => stream.maker.sequence(),
        }
    }

    /// As [`StreamTap::chunks`].
    pub const fn chunks(&self) -> u64 {
        self.tap().chunks()
    }

    /// As [`StreamTap::text_bytes`].
    pub const fn text_bytes(&self) -> u64 {
        self.tap().text_bytes()
    }
}
