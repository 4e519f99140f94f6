//! How digests are written: one byte of version, then postcard. Random bits are written as they
//! are, sorted hashes by their differences.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Digest;

/// The version that is written.
const VERSION: u8 = 1;
/// No digest is longer, encoded, in bytes.
pub const LONGEST: usize = 2048;

/// Why bytes are no digest. It is the fault of who stored or sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Longer than any digest.
    #[error("a digest has {LONGEST} bytes at most, not {0}; was something else stored here?")]
    TooLong(usize),
    /// Written by a version that this one does not know.
    #[error("the digest is of version {0}, this program reads version {VERSION}; update it")]
    Version(u8),
    /// Cut off, or not a digest.
    #[error("the bytes are no whole digest; were they cut off on their way?")]
    Broken,
}

impl Digest {
    /// The digest as bytes. The same digest is the same bytes, everywhere.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.push(VERSION);
        // Memory does not fail, and no part of a digest refuses to be written.
        postcard::to_extend(self, out).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// What is too long, of another version, or not exactly one digest.
    pub fn decode(bytes: &[u8]) -> Result<Self, DigestError> {
        if bytes.len() > LONGEST {
            return Err(DigestError::TooLong(bytes.len()));
        }
        let (version, rest) = bytes.split_first().ok_or(DigestError::Broken)?;
        if *version != VERSION {
            return Err(DigestError::Version(*version));
        }
        let (digest, after) =
            postcard::take_from_bytes::<Self>(rest).map_err(|_| DigestError::Broken)?;
        // One digest has one form: bytes that would be written otherwise are not ours.
        if after.is_empty() && digest.encode() == bytes {
            Ok(digest)
        } else {
            Err(DigestError::Broken)
        }
    }
}

/// Writes bytes as they are, without their number.
pub(super) fn raw<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
    let mut tuple = out.serialize_tuple(bytes.len())?;
    for byte in bytes {
        tuple.serialize_element(byte)?;
    }
    tuple.end()
}

/// `N` words of `W` bytes, as they are.
pub(super) struct Raw<const N: usize, const W: usize>(pub(super) [[u8; W]; N]);

impl<'de, const N: usize, const W: usize> Deserialize<'de> for Raw<N, W> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_tuple(N * W, RawVisitor::<N, W>).map(Self)
    }
}

struct RawVisitor<const N: usize, const W: usize>;

impl<'de, const N: usize, const W: usize> Visitor<'de> for RawVisitor<N, W> {
    type Value = [[u8; W]; N];

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", N * W)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Self::Value, A::Error> {
        let mut words = [[0; W]; N];
        for (place, byte) in words.iter_mut().flatten().enumerate() {
            *byte = bytes
                .next_element()?
                .ok_or_else(|| serde::de::Error::invalid_length(place, &"more bytes"))?;
        }
        Ok(words)
    }
}

/// Sorted hashes, each by its difference to the one before.
pub(super) mod sorted {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        hashes: &[u64],
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        let differences = hashes.iter().map(|hash| {
            let difference = hash.wrapping_sub(before);
            before = *hash;
            difference
        });
        differences.collect::<Vec<u64>>().serialize(out)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Vec<u64>, D::Error> {
        let mut hashes = Vec::<u64>::deserialize(input)?;
        let mut before = 0_u64;
        for hash in &mut hashes {
            before = before.wrapping_add(*hash);
            *hash = before;
        }
        Ok(hashes)
    }
}
