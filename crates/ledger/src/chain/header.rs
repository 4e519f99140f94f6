//! The header of an entry: 104 bytes that stay for ever and name no person.
//! It never holds a payload, a salt, or a length that would tell of them.

use super::{ChainId, DOMAIN_ENTRY, DOMAIN_PAYLOAD, Hash, Salt, Seq};

/// Size of an encoded header.
pub const HEADER_BYTES: usize = 104;
/// Size of a salt.
pub const SALT_BYTES: usize = 16;
/// The version of the encoding, its first byte.
pub(crate) const HEADER_FORMAT: u8 = 1;

/// The header of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The chain that this entry belongs to.
    pub chain: ChainId,
    /// Its position, from 1.
    pub seq: Seq,
    /// Hash of the entry before.
    pub prev: Hash,
    /// Microseconds since 1970; never less than the entry before.
    pub time_us: u64,
    /// What the payload is; below 16 the ledger's own.
    pub kind: u16,
    /// The version of the payload's encoding.
    pub version: u16,
    /// BLAKE3(domain ‖ salt ‖ payload).
    pub commitment: Hash,
}

impl Header {
    /// The 104 bytes of this header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0u8; HEADER_BYTES];
        out[0] = HEADER_FORMAT;
        out[2..4].copy_from_slice(&self.kind.to_le_bytes());
        out[4..6].copy_from_slice(&self.version.to_le_bytes());
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..24].copy_from_slice(&self.time_us.to_le_bytes());
        out[24..40].copy_from_slice(&self.chain);
        out[40..72].copy_from_slice(&self.prev);
        out[72..104].copy_from_slice(&self.commitment);
        out
    }

    /// Reads a header; `None` where the format is another or a reserved byte is not 0.
    #[must_use]
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        if bytes[0] != HEADER_FORMAT || bytes[1] != 0 || bytes[6] != 0 || bytes[7] != 0 {
            return None;
        }
        Some(Self {
            kind: u16::from_le_bytes(part(bytes, 2)),
            version: u16::from_le_bytes(part(bytes, 4)),
            seq: u64::from_le_bytes(part(bytes, 8)),
            time_us: u64::from_le_bytes(part(bytes, 16)),
            chain: part(bytes, 24),
            prev: part(bytes, 40),
            commitment: part(bytes, 72),
        })
    }

    /// The entry's hash: BLAKE3(domain ‖ header).
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash_bytes(&self.encode())
    }

    /// Whether this salt and payload are those that the header commits to.
    #[must_use]
    pub fn commits_to(&self, salt: &Salt, payload: &[u8]) -> bool {
        commitment(salt, payload) == self.commitment
    }
}

/// The hash of a header that is already encoded.
pub(crate) fn hash_bytes(header: &[u8; HEADER_BYTES]) -> Hash {
    let mut bytes = [0u8; 24 + HEADER_BYTES];
    bytes[..24].copy_from_slice(DOMAIN_ENTRY);
    bytes[24..].copy_from_slice(header);
    *blake3::hash(&bytes).as_bytes()
}

/// What a header says of its payload: BLAKE3(domain ‖ salt ‖ payload).
#[must_use]
pub fn commitment(salt: &Salt, payload: &[u8]) -> Hash {
    // In one call over one buffer: the incremental hasher takes up to twice as long, since it
    // hashes the first kilobyte apart from the rest.
    match 40 + payload.len() {
        0..=1024 => commitment_in(&mut [0; 1024], salt, payload),
        1025..=4096 => commitment_in(&mut [0; 4096], salt, payload),
        more => commitment_in(&mut vec![0; more], salt, payload),
    }
}

fn commitment_in(room: &mut [u8], salt: &Salt, payload: &[u8]) -> Hash {
    let size = 40 + payload.len();
    room[..24].copy_from_slice(DOMAIN_PAYLOAD);
    room[24..40].copy_from_slice(salt);
    room[40..size].copy_from_slice(payload);
    *blake3::hash(&room[..size]).as_bytes()
}

/// Copies `N` bytes from a place that lies inside the header.
pub(crate) fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0u8; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
