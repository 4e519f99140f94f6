//! A block: some hundred kilobytes of entries that are stored together, the headers apart from
//! the payloads, so that payloads can go while headers stay.

use crate::chain::{HEADER_BYTES, Header, SALT_BYTES, Salt, Seq};
use crate::entry::Sealed;
use crate::{Error, Result};

/// A payload's length where the payload is gone.
const GONE: u32 = u32::MAX;

/// Entries that are stored together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Position of the first entry.
    pub first_seq: Seq,
    /// Position of the last entry.
    pub last_seq: Seq,
    /// Time of the first entry, in microseconds since 1970.
    pub first_us: u64,
    /// Time of the last entry.
    pub last_us: u64,
    /// The headers, one behind the other, 104 bytes each.
    pub headers: Vec<u8>,
    /// For each entry: length (u32, little-endian; `0xffff_ffff` where it is gone, and nothing
    /// follows), salt, payload. `None` where all are gone.
    pub payloads: Option<Vec<u8>>,
}

/// An entry inside a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockEntry<'a> {
    /// The header as stored; `None` where it cannot be read.
    pub header: Option<Header>,
    /// Salt and payload, unless they are gone.
    pub body: Option<(&'a Salt, &'a [u8])>,
}

impl BlockEntry<'_> {
    /// Salt and payload as an owner's copy.
    #[must_use]
    pub fn sealed(&self) -> Option<Sealed> {
        self.body.map(|(salt, payload)| Sealed {
            salt: *salt,
            payload: payload.to_vec(),
        })
    }
}

impl Block {
    /// Adds an entry behind those that are in it.
    pub(crate) fn push(
        &mut self,
        header: &Header,
        bytes: &[u8; HEADER_BYTES],
        salt: &Salt,
        payload: &[u8],
    ) {
        if self.headers.is_empty() {
            self.first_seq = header.seq;
            self.first_us = header.time_us;
        }
        self.last_seq = header.seq;
        self.last_us = header.time_us;
        self.headers.extend_from_slice(bytes);
        push_payload(self.payloads.get_or_insert_default(), Some((salt, payload)));
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.headers.len() + self.payloads.as_ref().map_or(0, Vec::len)
    }

    /// The entries in it.
    ///
    /// # Errors
    /// [`Error::Damage`], naming the first entry whose bytes do not add up.
    pub fn entries(&self) -> Result<Vec<BlockEntry<'_>>> {
        let count = self.headers.len() / HEADER_BYTES;
        let damage = |place: usize, what: &str| {
            let seq = self.first_seq.saturating_add(place as u64);
            Error::damage(seq, format!("block {}", self.first_seq), what)
        };
        let (headers, rest) = self.headers.as_chunks::<HEADER_BYTES>();
        if count == 0 || !rest.is_empty() {
            return Err(damage(count, "the headers are cut"));
        }
        let mut out = Vec::with_capacity(count);
        let mut left = self.payloads.as_deref();
        for (place, bytes) in headers.iter().enumerate() {
            let mut body = None;
            if let Some(bytes) = left {
                let (found, rest) = pop_payload(bytes)
                    .ok_or_else(|| damage(place, "the payloads are cut or changed"))?;
                body = found;
                left = Some(rest);
            }
            out.push(BlockEntry {
                header: Header::decode(bytes),
                body,
            });
        }
        if left.is_some_and(|left| !left.is_empty()) {
            return Err(damage(count - 1, "more payloads than headers"));
        }
        Ok(out)
    }

    /// The payloads without those that `drop` names; `None` in the outer option where nothing
    /// would change.
    pub(crate) fn payloads_without(
        &self,
        mut drop: impl FnMut(&Header) -> bool,
    ) -> Result<Option<Option<Vec<u8>>>> {
        let (mut changed, mut left) = (false, false);
        let mut out = Vec::new();
        for entry in self.entries()? {
            let mut body = entry.body;
            if body.is_some() && entry.header.as_ref().is_some_and(&mut drop) {
                body = None;
                changed = true;
            }
            left |= body.is_some();
            push_payload(&mut out, body);
        }
        Ok(changed.then(|| left.then_some(out)))
    }
}

fn push_payload(out: &mut Vec<u8>, body: Option<(&Salt, &[u8])>) {
    match body {
        Some((salt, payload)) => {
            out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
            out.extend_from_slice(salt);
            out.extend_from_slice(payload);
        }
        None => out.extend_from_slice(&GONE.to_le_bytes()),
    }
}

type Popped<'a> = (Option<(&'a Salt, &'a [u8])>, &'a [u8]);

fn pop_payload(bytes: &[u8]) -> Option<Popped<'_>> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len);
    if len == GONE {
        return Some((None, rest));
    }
    let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
    let (payload, rest) = rest.split_at_checked(len as usize)?;
    Some((Some((salt, payload)), rest))
}
