//! The borders and the fields of server-sent events (the WHATWG HTML standard, section 9.2):
//! lines end in LF, CR or CRLF, an empty line ends an event. Nothing here knows any API.

use std::borrow::Cow;

use memchr::memchr2;

/// Finds where events end, over any number of chunks. It keeps two bits between them.
#[derive(Debug, Clone)]
pub(super) struct Borders {
    line_is_empty: bool,
    /// The last byte was a CR that ended an event's last line: an LF after it belongs to it.
    after_cr: bool,
}

impl Borders {
    pub(super) const fn new() -> Self {
        Self {
            line_is_empty: true,
            after_cr: false,
        }
    }

    /// Whether the chunk begins with the second half of a CRLF whose CR ended an event in the
    /// chunk before. Asked once a chunk, before `next`.
    pub(super) fn stray_lf(&mut self, chunk: &[u8]) -> bool {
        if chunk.is_empty() || !self.after_cr {
            return false;
        }
        self.after_cr = false;
        chunk[0] == b'\n'
    }

    /// The end of the event that goes on at `from`, if it is in this chunk.
    #[inline]
    pub(super) fn next(&mut self, chunk: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let rest = chunk.get(from..)?;
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty &= rest.is_empty();
                return None;
            };
            let empty = self.line_is_empty && found == 0;
            let at = from + found;
            from = at + 1;
            self.line_is_empty = true;
            if chunk[at] == b'\r' {
                match chunk.get(from) {
                    Some(b'\n') => from += 1,
                    Some(_) => {}
                    // The LF may come with the next chunk.
                    None => {
                        self.after_cr = true;
                        return empty.then_some(from);
                    }
                }
            }
            if empty {
                return Some(from);
            }
        }
    }
}

/// The fields of one event that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// `event:`
    pub(super) name: Option<&'a [u8]>,
    /// `data:`, its lines joined by LF; `None` if there is none (a comment).
    pub(super) data: Option<Cow<'a, [u8]>>,
}

/// Reads one event's lines.
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Event<'_> {
    let mut event = Event::default();
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    while !rest.is_empty() {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if let Some(value) = field(line, b"data") {
            event.data = Some(match event.data.take() {
                None => Cow::Borrowed(value),
                Some(before) => {
                    let mut joined = before.into_owned();
                    joined.push(b'\n');
                    joined.extend_from_slice(value);
                    Cow::Owned(joined)
                }
            });
        } else if let Some(value) = field(line, b"event") {
            event.name = Some(value);
        }
    }
    event
}

/// The value of a line of this field, without the one space that may follow the colon.
#[inline]
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest.split_first() {
        None => Some(rest),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(stream: &[u8]) -> Vec<&[u8]> {
        let (mut borders, mut from, mut found) = (Borders::new(), 0, Vec::new());
        while let Some(end) = borders.next(stream, from) {
            found.push(&stream[from..end]);
            from = end;
        }
        found
    }

    #[test]
    fn every_line_end_ends_events() {
        for stream in [
            "a\n\nb\n\nc",
            "a\r\n\r\nb\r\n\r\nc",
            "a\r\rb\r\rc",
            "a\n\r\nb\r\n\nc",
        ] {
            let found = events(stream.as_bytes());
            assert_eq!(found.len(), 2, "{stream:?}");
            assert!(
                found[0].starts_with(b"a") && found[1].starts_with(b"b"),
                "{stream:?}"
            );
        }
    }

    #[test]
    fn fields_are_read() {
        let event = parse(b": hi\r\nevent: x\r\nid: 1\r\ndata: a\r\ndata:b\r\ndata\r\n\r\n");
        assert_eq!(event.name, Some(&b"x"[..]));
        assert_eq!(event.data.as_deref(), Some(&b"a\nb\n"[..]));
        assert_eq!(parse(b":\n\n"), Event::default());
        assert_eq!(parse(b"database: 1\n\n").data, None);
    }
}
