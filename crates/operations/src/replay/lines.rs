//! A JSON document, a list or objects over several lines, as one value a line. It looks at brackets
//! and strings only: what is no JSON stays none and is told where it is read.

use std::io::{BufRead, Read, Result};

/// What a file is, other than lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// A list of values.
    List,
    /// Objects, each over several lines.
    Objects,
}

impl Document {
    /// Told from a file's beginning; `None` for lines.
    pub(super) fn of(beginning: &[u8]) -> Option<Self> {
        let text = beginning.trim_ascii_start();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text = text.trim_ascii_start();
        match text.first()? {
            b'[' => Some(Self::List),
            b'{' => {
                let line = text.split(|byte| *byte == b'\n').next()?;
                (line.len() < text.len() && line.trim_ascii() == b"{").then_some(Self::Objects)
            }
            _ => None,
        }
    }
}

/// Reads a document as lines.
pub(super) struct AsLines<R> {
    from: R,
    /// Values begin at this depth.
    base: u32,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// A line's end is still to be given out.
    ended: bool,
}

impl<R: BufRead> AsLines<R> {
    pub(super) fn new(from: R, document: Document) -> Self {
        Self {
            from,
            base: u32::from(document == Document::List),
            depth: 0,
            in_string: false,
            escaped: false,
            ended: false,
        }
    }

    /// What is read in place of a byte.
    fn put(&mut self, byte: u8) -> u8 {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            // A string has no line's end; one that does stays broken, on one line.
            return if byte == b'\n' { 0 } else { byte };
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth <= self.base {
                    return b'\n';
                }
            }
            b'}' | b']' => {
                let outer = self.depth <= self.base;
                self.depth = self.depth.saturating_sub(1);
                if outer {
                    return b'\n';
                }
            }
            b',' if self.depth <= self.base => return b'\n',
            b'\n' | b'\r' => return b' ',
            _ => {}
        }
        byte
    }
}

impl<R: BufRead> Read for AsLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        if let Some(first) = buffer.first_mut()
            && std::mem::take(&mut self.ended)
        {
            *first = b'\n';
            written = 1;
        }
        while written == 0 && !buffer.is_empty() {
            let available = self.from.fill_buf()?;
            if available.is_empty() {
                return Ok(0);
            }
            let some: Vec<u8> = available[..available.len().min(buffer.len())].to_vec();
            let mut used = 0;
            for byte in some {
                if written == buffer.len() || self.ended {
                    break;
                }
                let was = self.depth;
                buffer[written] = self.put(byte);
                written += 1;
                used += 1;
                // A value ends with its last bracket.
                if was > self.base && self.depth == self.base && was > self.depth {
                    self.ended = true;
                    if written < buffer.len() {
                        buffer[written] = b'\n';
                        written += 1;
                        self.ended = false;
                    }
                }
            }
            self.from.consume(used);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let Some(document) = Document::of(text.as_bytes()) else {
            return text.lines().map(str::to_owned).collect();
        };
        let mut out = String::new();
        let mut reader = AsLines::new(BufReader::with_capacity(7, text.as_bytes()), document);
        reader.read_to_string(&mut out).unwrap();
        let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn documents_become_lines() {
        for (text, expected) in [
            ("{\"a\":1}\n{\"a\":2}", vec!["{\"a\":1}", "{\"a\":2}"]),
            (
                "[{\"a\":[1,\n2]},\n{\"b\":\"],[\\\"\"}]",
                vec!["{\"a\":[1, 2]}", "{\"b\":\"],[\\\"\"}"],
            ),
            ("\u{feff}[]", vec!["\u{feff}"]),
            (
                "{\n \"a\": {\"b\": 1},\n \"c\": 2\n}\n{\n \"d\": 3\n}\n",
                vec!["{  \"a\": {\"b\": 1},  \"c\": 2 }", "{  \"d\": 3 }"],
            ),
            ("[1, {}]]]{", vec!["1", "{}"]),
        ] {
            let mut found = lines(text);
            if text.ends_with('{') {
                found.truncate(2);
            }
            assert_eq!(found, expected, "{text}");
        }
    }
}
