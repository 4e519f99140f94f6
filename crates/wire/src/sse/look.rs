//! What one event means to the watcher. A search for a few words decides whether it is worth
//! parsing; the words can't stand inside a JSON string, where quotes are escaped.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use serde_json::Value;

use super::event::{self, Event};
use super::{Ending, StreamKind, StreamTap};
use crate::error::{ApiError, Error};
use crate::usage::Stated;

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It is passed on.
    Pass,
    /// It is taken out.
    Take,
    /// It ends the stream, and is held back.
    End,
}

/// A word that is searched for; made ready once, as every stream needs the same.
type Word = LazyLock<Finder<'static>>;

static USAGE: Word = LazyLock::new(|| Finder::new(b"\"usage\""));
static ERROR: Word = LazyLock::new(|| Finder::new(b"\"error\""));

/// The name of the member that holds the answer's text.
fn text_of(kind: StreamKind) -> &'static Finder<'static> {
    static CONTENT: Word = LazyLock::new(|| Finder::new(b"\"content\":"));
    static TEXT: Word = LazyLock::new(|| Finder::new(b"\"text\":"));
    static DELTA: Word = LazyLock::new(|| Finder::new(b"\"delta\":"));
    match kind {
        StreamKind::Chat => &CONTENT,
        StreamKind::Completions | StreamKind::Messages => &TEXT,
        StreamKind::Responses => &DELTA,
    }
}

impl StreamTap {
    /// Keeps the bytes of an unfinished event.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.partial.len() + bytes.len() > self.max_event {
            return Err(Error::EventTooLarge {
                limit: self.max_event,
            });
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Keeps what follows the last whole event: a part of the next, or what follows the end.
    pub(super) fn rest(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.ending.is_some() {
            self.hold(bytes)
        } else {
            self.keep(bytes)
        }
    }

    pub(super) fn hold(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.held.len() + bytes.len() > self.max_event.saturating_mul(2) {
            return Err(Error::AfterEnd);
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Looks at the whole events in `bytes`, which end at `ends`, the first starting at `start`
    /// (or before it, where an LF that strayed from the last event is to be sent with it).
    pub(super) fn sort(
        &mut self,
        bytes: Bytes,
        start: usize,
        stray: bool,
        ends: &[usize],
    ) -> Result<Bytes, Error> {
        let mut out = Runs::new(&bytes, if stray { 0 } else { start });
        let mut from = start;
        for end in ends.iter().copied() {
            if end - from > self.max_event {
                return Err(Error::EventTooLarge {
                    limit: self.max_event,
                });
            }
            let look = self.look(&bytes[from..end])?;
            self.last_was_taken = look == Look::Take;
            match look {
                Look::Pass => out.pass(end),
                Look::Take => out.skip(from, end),
                Look::End => {
                    out.skip(from, bytes.len());
                    self.hold(&bytes[from..])?;
                    break;
                }
            }
            from = end;
        }
        Ok(out.finish())
    }

    /// Reads one event.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<Look, Error> {
        let Event { name, data } = event::parse(bytes);
        let Some(data) = data else {
            return Ok(Look::Pass);
        };
        let data = data.trim_ascii();
        if data.is_empty() {
            return Ok(Look::Pass);
        }
        if data == b"[DONE]" {
            self.end(Ending::Complete);
            return Ok(Look::End);
        }
        self.events += 1;
        let kind = self.type_of(name, data)?;
        let failed = matches!(&*kind, b"error" | b"response.failed");
        if failed || says(&ERROR, data) {
            let value = parsed(data)?;
            if let Some(error) = error_in(failed, &value) {
                self.end(Ending::Failed(error));
                return Ok(Look::End);
            }
        }
        let mut only_usage = false;
        if says(&USAGE, data) {
            only_usage = self.read_usage(&parsed(data)?);
        }
        if matches!(
            &*kind,
            b"message_stop" | b"response.completed" | b"response.incomplete"
        ) {
            self.end(Ending::Complete);
            return Ok(Look::End);
        }
        if only_usage {
            return Ok(if self.take_usage_chunk {
                Look::Take
            } else {
                Look::Pass
            });
        }
        self.measure(&kind, data);
        Ok(Look::Pass)
    }

    fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// Notes a stated usage; says whether the event has nothing else.
    fn read_usage(&mut self, value: &Value) -> bool {
        let inner = match self.kind {
            StreamKind::Chat | StreamKind::Completions => value.get("usage"),
            StreamKind::Responses => value.get("response").and_then(|whole| whole.get("usage")),
            StreamKind::Messages => value
                .get("usage")
                .or_else(|| value.get("message").and_then(|whole| whole.get("usage"))),
        };
        let Some(usage) = inner.filter(|usage| usage.is_object()) else {
            return false;
        };
        self.stated = Stated::read_value(usage).after(self.stated);
        matches!(self.kind, StreamKind::Chat | StreamKind::Completions)
            && value
                .get("choices")
                .and_then(Value::as_array)
                .is_some_and(Vec::is_empty)
    }

    /// The event's type: at the start of its data, by its name, or wherever it is. Chat and
    /// completion streams have none.
    fn type_of<'a>(&self, name: Option<&'a [u8]>, data: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        if matches!(self.kind, StreamKind::Chat | StreamKind::Completions) {
            // Some servers name their error events.
            return Ok(Cow::Borrowed(name.unwrap_or_default()));
        }
        if let Some(rest) = data.strip_prefix(b"{\"type\":\"")
            && let Some(end) = memchr::memchr2(b'"', b'\\', rest)
            && rest[end] == b'"'
        {
            return Ok(Cow::Borrowed(&rest[..end]));
        }
        if let Some(name) = name {
            return Ok(Cow::Borrowed(name));
        }
        let value = parsed(data)?;
        let kind = value
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Cow::Owned(kind.as_bytes().to_vec()))
    }

    /// Counts a piece of the answer.
    fn measure(&mut self, kind: &[u8], data: &[u8]) {
        let word = text_of(self.kind);
        let text = word.find(data).map(|at| {
            let after = data[at + word.needle().len()..].trim_ascii_start();
            after.strip_prefix(b"\"").map_or(0, string_len)
        });
        self.text_bytes += text.unwrap_or(0) as u64;
        let piece = match self.kind {
            // Without text it may be reasoning or a part of a tool's call.
            StreamKind::Chat | StreamKind::Completions => text != Some(0),
            StreamKind::Responses => text.is_some(),
            StreamKind::Messages => kind == b"content_block_delta",
        };
        self.chunks += u64::from(piece);
    }
}

/// Whether the data has this word with something other than `null` behind it.
fn says(needle: &Finder<'_>, data: &[u8]) -> bool {
    needle.find_iter(data).any(|at| {
        let after = data[at + needle.needle().len()..].trim_ascii_start();
        let value = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_none_or(|value| !value.starts_with(b"null"))
    })
}

/// The length of a JSON string's text, its opening quote read.
fn string_len(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = rest
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if rest[at] == b'"' {
            return at;
        }
        at += 2;
    }
    rest.len()
}

fn parsed(data: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(data).map_err(|_| Error::Answer("a stream event is not JSON".into()))
}

/// The error that an event tells of, if it does; `failed`: its type says that it does.
fn error_in(failed: bool, value: &Value) -> Option<ApiError> {
    let told = value
        .get("error")
        .is_some_and(|error| error.is_object() || error.is_string());
    let older = value.get("object").and_then(Value::as_str) == Some("error");
    if !(told || older || failed) {
        return None;
    }
    // The error of a failed response is inside of it.
    let inner = value.get("response").filter(|_| !told);
    Some(ApiError::from_value(None, inner.unwrap_or(value)))
}

/// The parts of a chunk that are passed on: one slice of it, or a copy where a part is left out.
struct Runs<'a> {
    bytes: &'a Bytes,
    start: usize,
    end: usize,
    before: BytesMut,
}

impl<'a> Runs<'a> {
    fn new(bytes: &'a Bytes, start: usize) -> Self {
        Self {
            bytes,
            start,
            end: start,
            before: BytesMut::new(),
        }
    }

    fn pass(&mut self, end: usize) {
        self.end = end;
    }

    fn skip(&mut self, from: usize, to: usize) {
        // Up to `from` everything is passed on, a stray LF too.
        self.before.extend_from_slice(&self.bytes[self.start..from]);
        (self.start, self.end) = (to, to);
    }

    fn finish(mut self) -> Bytes {
        if self.before.is_empty() {
            return self.bytes.slice(self.start..self.end);
        }
        self.before
            .extend_from_slice(&self.bytes[self.start..self.end]);
        self.before.freeze()
    }
}
