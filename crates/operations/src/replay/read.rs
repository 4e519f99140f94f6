//! One thread's work: a piece of a file in, digests out. Knows nothing of what was before.

use guard::digest::{Digest, Digester, Scratch};
use record::Time;
use wire::import::logs::{Format, Options};
use wire::traffic::{Exchange, Line, LineError, Said};

/// Whole lines of one file.
pub(super) struct Piece {
    /// Which file.
    pub(super) file: usize,
    /// The lines; the last one may lack its end.
    pub(super) bytes: Vec<u8>,
    /// Whether the line was longer than any may be, and its bytes were dropped.
    pub(super) too_long: bool,
}

/// What a piece holds.
pub(super) struct Batch {
    pub(super) file: usize,
    pub(super) lines: u64,
    pub(super) items: Vec<Item>,
    pub(super) bad: Vec<(u64, LineError)>,
}

/// One exchange or event.
pub(super) struct Item {
    /// The line in its piece, from 0.
    pub(super) line: u64,
    pub(super) arrived: Time,
    pub(super) ended: Time,
    pub(super) seq: Option<u64>,
    pub(super) what: What,
}

pub(super) enum What {
    Exchange(Box<Digested>),
    Released { model: u32 },
    Suspended { account: Box<str> },
}

/// An exchange behind the privacy wall.
pub(super) struct Digested {
    pub(super) id: Box<str>,
    pub(super) account: Box<str>,
    pub(super) organization: Box<str>,
    pub(super) digest: Digest,
}

/// The longest line, in MiB.
pub(super) const LONGEST_MIB: u32 = 64;

/// Reads pieces.
pub(super) struct Reader<'r> {
    digester: Digester,
    scratch: Scratch,
    format: Format,
    account: Option<&'r str>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(digester: Digester, format: Format, account: Option<&'r str>) -> Self {
        Self {
            digester,
            scratch: Scratch::default(),
            format,
            account,
        }
    }

    pub(super) fn read(&mut self, piece: &Piece) -> Batch {
        let mut batch = Batch {
            file: piece.file,
            lines: 0,
            items: Vec::new(),
            bad: Vec::new(),
        };
        if piece.too_long {
            batch.bad.push((0, LineError::TooLong(LONGEST_MIB)));
            batch.lines = 1;
            return batch;
        }
        let lines = piece.bytes.strip_suffix(b"\n").unwrap_or(&piece.bytes);
        for line in lines.split(|byte| *byte == b'\n') {
            self.line(line, &mut batch);
            batch.lines += 1;
        }
        batch
    }

    fn line(&mut self, bytes: &[u8], batch: &mut Batch) {
        let at = batch.lines;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return batch.bad.push((at, LineError::NotUtf8));
        };
        let options = Options {
            account: self.account,
        };
        self.format.read(text, options, &mut |found| {
            let item = found.and_then(|line| item(&self.digester, &mut self.scratch, at, line));
            match item {
                Ok(item) => batch.items.push(item),
                Err(error) => batch.bad.push((at, error)),
            }
        });
    }
}

fn item(
    digester: &Digester,
    scratch: &mut Scratch,
    line: u64,
    read: Line<'_>,
) -> Result<Item, LineError> {
    let event = |time, what| Item {
        line,
        arrived: time,
        ended: time,
        seq: None,
        what,
    };
    Ok(match read {
        Line::Released { time, model } => {
            let model = digester.model(&model);
            event(time, What::Released { model })
        }
        Line::Suspended { time, account } => {
            let account = account.into();
            event(time, What::Suspended { account })
        }
        Line::Exchange(exchange) => Item {
            line,
            arrived: exchange.time,
            ended: exchange.ended(),
            seq: exchange.seq,
            what: What::Exchange(Box::new(digested(digester, scratch, &exchange)?)),
        },
    })
}

fn digested(
    digester: &Digester,
    scratch: &mut Scratch,
    exchange: &Exchange<'_>,
) -> Result<Digested, LineError> {
    let digest = match &exchange.said {
        Said::Digest(text) => {
            let bytes = base64(text).ok_or(LineError::Digest("it is not base64".into()))?;
            Digest::decode(&bytes).map_err(|error| LineError::Digest(error.to_string()))?
        }
        Said::Bodies { .. } => exchange
            .seen(|seen| digester.digest(seen, scratch))
            .ok_or(LineError::Missing("request"))?,
    };
    Ok(Digested {
        id: exchange.id.as_ref().into(),
        account: exchange.account.as_ref().into(),
        organization: exchange.organization.as_ref().into(),
        digest,
    })
}

/// Base64 in either alphabet, with or without its end filled up (RFC 4648).
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut have) = (0_u32, 0_u32);
    for letter in text {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    // What is left over must be empty: one text for one value.
    (text.len() % 4 != 1 && bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_both_alphabets() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("+/+_-w==", b"\xfb\xff\xbf\xfb"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zm9vZ", "Zh==", "Zm 9v", "é"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }
}
