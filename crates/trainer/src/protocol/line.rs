//! Lines of JSON, bounded in length: a peer that never ends its line costs [`MOST_LINE`] bytes, not
//! the machine's memory.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Read, Write};

/// Most bytes of a line, its end included.
pub const MOST_LINE: usize = 64 << 20;

/// What can be wrong with lines.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is not what belongs there: its writer's fault.
    #[error("line {number}: {what}")]
    Line {
        /// Its number, from 1.
        number: u64,
        /// What is wrong.
        what: String,
    },
    /// The file or pipe failed.
    #[error("reading or writing: {0}")]
    Io(#[from] std::io::Error),
}

/// The lines of a file or pipe.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Before the first line.
    #[must_use]
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            number: 0,
        }
    }

    /// The number of the line that was read last, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line that is not empty; none at the end.
    ///
    /// # Errors
    /// [`LineError::Line`] where it is too long, cut off in the middle, or not a `T`;
    /// [`LineError::Io`].
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LineError> {
        loop {
            self.buffer.clear();
            let mut bounded = self.input.by_ref().take(MOST_LINE as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read > MOST_LINE {
                return Err(self.wrong(format!("longer than {MOST_LINE} bytes")));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let parsed = serde_json::from_slice(&self.buffer);
        parsed.map(Some).map_err(|e| self.wrong(e.to_string()))
    }

    /// Reads on to the end, whatever comes.
    pub(crate) fn skip_all(&mut self) {
        // An input that fails is at its end, too.
        let _ = std::io::copy(&mut self.input, &mut std::io::sink());
    }

    fn wrong(&self, what: String) -> LineError {
        LineError::Line {
            number: self.number,
            what,
        }
    }
}

/// Writes one line and flushes it.
///
/// # Errors
/// [`LineError::Line`] where the value is too long or no JSON (a number that is not finite),
/// [`LineError::Io`].
pub fn write_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), LineError> {
    let wrong = |what: String| LineError::Line { number: 0, what };
    let mut bytes = serde_json::to_vec(value).map_err(|e| wrong(e.to_string()))?;
    bytes.push(b'\n');
    if bytes.len() > MOST_LINE {
        return Err(wrong(format!("a line of {} bytes", bytes.len())));
    }
    out.write_all(&bytes)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_blank_ones_passed_over() {
        let mut lines = Lines::new(&b"\n 1 \n\n[2]\n3"[..]);
        let mut next = || lines.read::<u32>();
        assert_eq!(next().unwrap(), Some(1));
        assert!(next().unwrap_err().to_string().starts_with("line 4: "));
        assert_eq!(next().unwrap(), Some(3));
        assert_eq!(next().unwrap(), None);
        let endless = std::io::BufReader::new(std::io::repeat(b'1'));
        let mut lines = Lines::new(endless);
        let error = lines.read::<u32>().unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
        assert!(lines.buffer.len() <= MOST_LINE + 1);
    }
}
