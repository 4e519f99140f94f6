//! An entry on its way in ([`Draft`]) and on its way out ([`Entry`]).
//! Plain data; what a payload means is not known here.

use crate::chain::{Hash, Header, Salt, Seq};

/// What a caller wants to append.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// What the payload is; from 16 on.
    pub kind: u16,
    /// The version of the payload's encoding.
    pub version: u16,
    /// At most [`MAX_PAYLOAD`](crate::chain::MAX_PAYLOAD) bytes.
    pub payload: &'a [u8],
    /// Microseconds since 1970; `None` takes the ledger's clock. A time before the last
    /// entry's is lifted to it.
    pub time_us: Option<u64>,
}

impl<'a> Draft<'a> {
    /// A draft at the time of the ledger's clock.
    #[must_use]
    pub fn new(kind: u16, version: u16, payload: &'a [u8]) -> Self {
        Self {
            kind,
            version,
            payload,
            time_us: None,
        }
    }

    /// The same at a given time.
    #[must_use]
    pub fn at(mut self, time_us: u64) -> Self {
        self.time_us = Some(time_us);
        self
    }
}

/// Where drafts went: positions `first..=last`, the times clamped as said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first.
    pub first: Seq,
    /// Position of the last.
    pub last: Seq,
    /// Time of the last, microseconds since 1970.
    pub time_us: u64,
}

/// An entry read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The header.
    pub header: Header,
    /// The header's hash.
    pub hash: Hash,
    /// Salt and payload; `None` once pruned or erased.
    pub body: Option<Sealed>,
}

/// A payload with the salt of its commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The salt.
    pub salt: Salt,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Entry {
    /// The payload, unless it is gone.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.body.as_ref().map(|body| body.payload.as_slice())
    }
}
