//! The chain: what an entry's header is, how entries are linked, hashed and signed.
//! Pure: no IO, no clock, no randomness; all bytes are fixed by format version 1
//! (docs/reference/ledger-format.md).

mod head;
mod header;
mod link;
mod marker;

pub use head::{HEAD_BYTES, Head};
pub(crate) use header::hash_bytes as hash_header;
pub use header::{HEADER_BYTES, Header, SALT_BYTES, commitment};
pub use link::{Link, LinkError};
pub use marker::{EraseMarker, Marker, PruneMarker, SeqRange};

/// A position in the chain; the first entry is 1, and 0 is the start before it.
pub type Seq = u64;
/// A BLAKE3 hash.
pub type Hash = [u8; 32];
/// A chain's name: the first 16 bytes of BLAKE3(domain ‖ public key), so that the
/// headers themselves fix the key that signs their heads.
pub type ChainId = [u8; 16];
/// The random bytes that blind a commitment; they live and die with the payload.
pub type Salt = [u8; SALT_BYTES];

/// Kinds below this one belong to the ledger itself.
pub const FIRST_FREE_KIND: u16 = 16;
/// A signed head (payload: [`Head`]).
pub const KIND_HEAD: u16 = 1;
/// Payloads pruned by age (payload: [`PruneMarker`]).
pub const KIND_PRUNE: u16 = 2;
/// Payloads erased by position (payload: [`EraseMarker`]).
pub const KIND_ERASE: u16 = 3;

/// The largest payload of one entry; whatever is larger is a body and goes to the vault.
pub const MAX_PAYLOAD: usize = 4 << 20;

/// Each use of the hash starts with its own 24 bytes, so that no hash of one use can stand
/// for another. With them an entry's hash takes exactly two blocks of BLAKE3.
pub(crate) type Domain = [u8; 24];
pub(crate) const DOMAIN_ENTRY: &Domain = b"stillhouse.entry.v1\0\0\0\0\0";
pub(crate) const DOMAIN_START: &Domain = b"stillhouse.start.v1\0\0\0\0\0";
pub(crate) const DOMAIN_PAYLOAD: &Domain = b"stillhouse.payload.v1\0\0\0";
pub(crate) const DOMAIN_HEAD: &Domain = b"stillhouse.head.v1\0\0\0\0\0\0";
pub(crate) const DOMAIN_CHAIN: &Domain = b"stillhouse.chain.v1\0\0\0\0\0";
pub(crate) const DOMAIN_SEGMENT: &Domain = b"stillhouse.segment.v1\0\0\0";

/// What "the entry before" is for the first entry: BLAKE3(domain ‖ chain).
#[must_use]
pub fn start_hash(chain: &ChainId) -> Hash {
    let mut bytes = [0u8; 40];
    bytes[..24].copy_from_slice(DOMAIN_START);
    bytes[24..].copy_from_slice(chain);
    *blake3::hash(&bytes).as_bytes()
}

/// The chain that belongs to a signing key.
#[must_use]
pub fn chain_of(public_key: &[u8; 32]) -> ChainId {
    let mut bytes = [0u8; 56];
    bytes[..24].copy_from_slice(DOMAIN_CHAIN);
    bytes[24..].copy_from_slice(public_key);
    let mut id = [0u8; 16];
    id.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    id
}

/// Where a chain ends: position, hash and time of its last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Position of the last entry; 0 for an empty chain.
    pub seq: Seq,
    /// Its hash; [`start_hash`] for an empty chain.
    pub hash: Hash,
    /// Its time in microseconds since 1970; 0 for an empty chain.
    pub time_us: u64,
}

impl Tip {
    /// The tip of an empty chain.
    #[must_use]
    pub fn start(chain: &ChainId) -> Self {
        Self {
            seq: 0,
            hash: start_hash(chain),
            time_us: 0,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
