//! Numbers and strings: the leaves of a JSON text, where the bytes are. Strings are passed eight
//! bytes at a time.

use super::{Scan, Scanner, Shape};

/// A longer integer may be beyond what a double holds.
const LONG_NUMBER: usize = 300;

impl Scanner<'_> {
    fn digits(&mut self) -> Scan<()> {
        let start = self.pos;
        while let Some(b'0'..=b'9') = self.peek() {
            self.pos += 1;
        }
        if self.pos == start {
            return Err(self.fault("a digit is missing"));
        }
        Ok(())
    }

    pub(super) fn number(&mut self) -> Scan<Shape> {
        let start = self.pos;
        let mut integer = true;
        if self.peek() == Some(b'-') {
            integer = false;
            self.pos += 1;
        }
        if self.peek() == Some(b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            integer = false;
            self.pos += 1;
            self.digits()?;
        }
        let mut huge = self.pos - start > LONG_NUMBER;
        if let Some(b'e' | b'E') = self.peek() {
            (integer, huge) = (false, true);
            self.pos += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.pos += 1;
            }
            self.digits()?;
        }
        // Readers differ on what a double can't hold: infinity, an error, a big integer.
        if huge {
            let finite = self.text.get(start..self.pos).map(str::parse::<f64>);
            if !matches!(finite, Some(Ok(number)) if number.is_finite()) {
                self.pos = start;
                return Err(self.fault("a number is out of range"));
            }
        }
        Ok(Shape::Number { integer })
    }

    /// The rest of a string; its opening quote is read. Says whether it has escapes.
    #[inline]
    pub(super) fn string(&mut self) -> Scan<bool> {
        let mut escaped = false;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("a control character is not escaped")),
                None => return Err(self.fault("a string does not end")),
            }
        }
    }

    /// Goes to the next quote, backslash or control character, eight bytes at a time.
    #[inline]
    fn plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        while let Some(eight) = self.bytes[self.pos..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*eight);
            let quote = word ^ (ONES * u64::from(b'"'));
            let slash = word ^ (ONES * u64::from(b'\\'));
            // The lowest marked byte is a true hit; a borrow can mark only bytes above one.
            let hits = (word.wrapping_sub(ONES * 0x20) & !word
                | quote.wrapping_sub(ONES) & !quote
                | slash.wrapping_sub(ONES) & !slash)
                & (ONES << 7);
            if hits != 0 {
                self.pos += hits.trailing_zeros() as usize / 8;
                return;
            }
            self.pos += 8;
        }
        while let Some(byte) = self.peek() {
            if byte < 0x20 || byte == b'"' || byte == b'\\' {
                return;
            }
            self.pos += 1;
        }
    }

    fn escape(&mut self) -> Scan<()> {
        self.pos += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.pos += 1;
                Ok(())
            }
            Some(b'u') => {
                self.pos += 1;
                match self.hex()? {
                    0xd800..=0xdbff if self.bytes[self.pos..].starts_with(b"\\u") => {
                        self.pos += 2;
                        match self.hex()? {
                            0xdc00..=0xdfff => Ok(()),
                            _ => Err(self.fault("half of a surrogate pair stands alone")),
                        }
                    }
                    0xd800..=0xdfff => Err(self.fault("half of a surrogate pair stands alone")),
                    _ => Ok(()),
                }
            }
            _ => Err(self.fault("an escape is not valid")),
        }
    }

    fn hex(&mut self) -> Scan<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.fault("an escape is not valid"))?;
            code = (code << 4) | digit;
            self.pos += 1;
        }
        Ok(code)
    }
}
