//! Watches an answer's stream of events as it passes: usage, errors, and whether it has ended as
//! its API says. The bytes that come out are the bytes that went in, but for the usage chunk of
//! a client that did not ask for it. No event is built anew here, and most are not parsed.

mod event;
mod look;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use record::{Endpoint, Usage};
use smallvec::SmallVec;

use self::event::Borders;
use self::look::Look;
use crate::error::{ApiError, Error};
use crate::usage::Stated;

/// The most bytes of one event, and of what may follow a stream's end.
pub const MAX_EVENT: usize = 8 << 20;

/// The APIs whose answers can be streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Chat completions; ends with `data: [DONE]`.
    Chat,
    /// Completions; likewise.
    Completions,
    /// Responses; ends with `response.completed`, `response.incomplete` or `response.failed`.
    Responses,
    /// Anthropic's Messages; ends with `message_stop`.
    Messages,
}

impl StreamKind {
    /// The kind of this endpoint's streams, if it has any.
    pub const fn of(endpoint: &Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::Chat => Some(Self::Chat),
            Endpoint::Completions => Some(Self::Completions),
            Endpoint::Responses => Some(Self::Responses),
            Endpoint::Messages => Some(Self::Messages),
            _ => None,
        }
    }
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With its own end marker.
    Complete,
    /// With an error that the upstream itself sent.
    Failed(ApiError),
    /// Without a marker: the upstream broke off.
    Broken,
}

/// Watches one stream. Feed it every chunk, send what `push` gives back, and when `ending` is
/// there (or the upstream has closed: `finish`) record the exchange, then send `release`.
#[derive(Debug)]
pub struct StreamTap {
    kind: StreamKind,
    take_usage_chunk: bool,
    max_event: usize,
    borders: Borders,
    /// The bytes of an event whose end has not come.
    partial: BytesMut,
    /// The last event and whatever came after it.
    held: BytesMut,
    /// Whether the last event was taken out: a stray LF goes with it.
    last_was_taken: bool,
    ending: Option<Ending>,
    stated: Stated,
    events: u64,
    chunks: u64,
    text_bytes: u64,
}

impl StreamTap {
    /// A tap for one stream. With `take_usage_chunk`, the chunk of a chat or completion stream
    /// that has usage and no choices is read and not passed on.
    pub fn new(kind: StreamKind, take_usage_chunk: bool) -> Self {
        Self {
            kind,
            take_usage_chunk,
            max_event: MAX_EVENT,
            borders: Borders::new(),
            partial: BytesMut::new(),
            held: BytesMut::new(),
            last_was_taken: false,
            ending: None,
            stated: Stated::default(),
            events: 0,
            chunks: 0,
            text_bytes: 0,
        }
    }

    /// The API of the stream.
    pub const fn kind(&self) -> StreamKind {
        self.kind
    }

    /// The same tap with another limit on one event's bytes.
    #[must_use]
    pub const fn with_max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Takes the upstream's next bytes and gives those to send now: whole events, without the
    /// one that ends the stream.
    ///
    /// # Errors
    /// The upstream's fault: an event larger than the limit, or endless bytes after the end.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        if chunk.is_empty() {
            return Ok(Bytes::new());
        }
        if self.ending.is_some() {
            return self.hold(&chunk).map(|()| Bytes::new());
        }
        let mut from = 0;
        let mut stray = false;
        if self.borders.stray_lf(&chunk) {
            if self.partial.is_empty() {
                (from, stray) = (1, !self.last_was_taken);
            } else {
                // Inside an event the LF only completes a line's end.
                from = 1;
            }
        }
        let start = if self.partial.is_empty() { from } else { 0 };
        let mut ends: SmallVec<[usize; 8]> = SmallVec::new();
        while let Some(end) = self.borders.next(&chunk, from) {
            ends.push(end);
            from = end;
        }
        let kept = self.partial.len();
        let Some(last) = ends.last().copied() else {
            self.keep(&chunk[start..])?;
            let lead = if stray { 0..1 } else { 0..0 };
            return Ok(chunk.slice(lead));
        };
        if kept == 0 {
            let rest = chunk.slice(last..);
            let out = self.sort(chunk.slice(..last), start, stray, &ends)?;
            self.rest(&rest)?;
            return Ok(out);
        }
        self.partial.extend_from_slice(&chunk[..last]);
        for end in &mut ends {
            *end += kept;
        }
        let whole = self.partial.split().freeze();
        let out = self.sort(whole, 0, false, &ends)?;
        self.rest(&chunk[last..])?;
        Ok(out)
    }

    /// The upstream has closed. Says how the stream ended; without a marker it is broken, and
    /// an event that it left unfinished is dropped, as every client would.
    pub fn finish(&mut self) -> &Ending {
        let last = self.partial.split();
        // The end marker counts, even without its empty line.
        if self.ending.is_none() && matches!(self.look(&last), Ok(Look::End)) {
            self.held.extend_from_slice(&last);
        }
        self.ending.get_or_insert(Ending::Broken)
    }

    /// How the stream ended, as soon as that is known.
    pub const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The bytes held back: the event that ended the stream and what came after it. To be sent after the exchange is recorded.
    pub fn release(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    /// The usage that the upstream has stated so far; `None` if it has not.
    pub fn usage(&self) -> Option<Usage> {
        self.stated.usage(false)
    }

    /// Events with data so far, the end marker included: the next sequence number of a stream
    /// of the Responses API.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Events so far that carry a piece of the answer: about as many as tokens, for estimates.
    pub const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Bytes of the answer's text so far, as escaped in JSON.
    pub const fn text_bytes(&self) -> u64 {
        self.text_bytes
    }
}

/// The data of each of these whole events, as a tap gives them.
pub(crate) fn data_of_events(bytes: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let (mut borders, mut from) = (Borders::new(), 0);
    std::iter::from_fn(move || {
        let end = borders.next(bytes, from)?;
        let event = event::parse(&bytes[from..end]);
        from = end;
        Some(event.data)
    })
    .flatten()
    .filter(|data| !data.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests;
