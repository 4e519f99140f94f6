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

/// Reads the next line that is not empty; none at the end. `buffer` is only room; `number` is the
/// line's for errors.
///
/// # Errors
/// [`LineError::Line`] where it is too long, cut off in the middle, or not a `T`; [`LineError::Io`].
pub fn read_line<T: DeserializeOwned>(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    number: u64,
) -> Result<Option<T>, LineError> {
    let wrong = |what: String| LineError::Line { number, what };
    loop {
        buffer.clear();
        let most = MOST_LINE as u64;
        let read = input.by_ref().take(most + 1).read_until(b'\n', buffer)?;
        if read > MOST_LINE {
            return Err(wrong(format!("longer than {MOST_LINE} bytes")));
        }
        if read == 0 {
            return Ok(None);
        }
        if !buffer.trim_ascii().is_empty() {
            break;
        }
    }
    let parsed = serde_json::from_slice(buffer);
    parsed.map(Some).map_err(|e| wrong(e.to_string()))
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
        let mut input = &b"\n 1 \n\n[2]\n3"[..];
        let mut buffer = Vec::new();
        let mut next = |n| read_line::<u32>(&mut input, &mut buffer, n);
        assert_eq!(next(1).unwrap(), Some(1));
        assert!(next(2).unwrap_err().to_string().starts_with("line 2: "));
        assert_eq!(next(3).unwrap(), Some(3));
        assert_eq!(next(4).unwrap(), None);
        let endless = std::io::repeat(b'1').take(u64::MAX);
        let error = read_line::<u32>(&mut std::io::BufReader::new(endless), &mut buffer, 1);
        assert!(error.unwrap_err().to_string().contains("longer than"));
        assert!(buffer.len() <= MOST_LINE + 1);
    }
}
