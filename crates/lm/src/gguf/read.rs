//! A cursor over untrusted bytes: every read is bounds-checked and names what it was reading.
//! Never allocates more than the bytes that are there.

use crate::{Error, Result};

/// Reads little-endian values from the front of a slice.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.at as u64
    }

    fn remaining(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: u64, what: &str) -> Result<&'a [u8]> {
        if length > self.remaining() {
            return Err(self.truncated(length, what));
        }
        let start = self.at;
        // Fits: `length` is at most the rest of a slice.
        self.at += length as usize;
        Ok(&self.bytes[start..self.at])
    }

    /// An error unless at least `count * size` more bytes are there.
    pub(super) fn expect_room(&self, count: u64, size: u64, what: &str) -> Result<usize> {
        let need = count
            .checked_mul(size)
            .ok_or_else(|| Error::Malformed(format!("{what}: a count of {count} overflows")))?;
        if need > self.remaining() {
            return Err(self.truncated(need, what));
        }
        Ok(count as usize)
    }

    fn truncated(&self, length: u64, what: &str) -> Error {
        Error::Truncated {
            what: what.to_owned(),
            need: self.position().saturating_add(length),
            have: self.bytes.len() as u64,
        }
    }

    /// The next `N` bytes as an array.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64, what)?);
        Ok(out)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A string: its length as u64, then UTF-8.
    pub(super) fn string(&mut self, what: &str) -> Result<String> {
        let length = self.u64(what)?;
        let bytes = self.take(length, what)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Error::Malformed(format!("{what} is not valid UTF-8"))),
        }
    }
}
