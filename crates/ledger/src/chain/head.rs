//! A signed head: the writer's word that the chain up to here is what it wrote.
//! Text form for the heads file, binary form for the entry; both carry the same signature.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::header::part;
use super::{ChainId, DOMAIN_HEAD, Hash, Seq};

/// Size of a head's binary form.
pub const HEAD_BYTES: usize = 128;
const SIGNED_BYTES: usize = 24 + 64;
const LINE_START: &str = "stillhouse-head-1";

/// A signed head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub chain: ChainId,
    /// The last entry that this head attests.
    pub seq: Seq,
    /// Its hash.
    pub hash: Hash,
    /// When it was signed, in microseconds since 1970.
    pub time_us: u64,
    /// Ed25519 over domain ‖ chain ‖ seq ‖ hash ‖ time.
    pub signature: [u8; 64],
}

impl Head {
    /// Signs a head.
    #[must_use]
    pub fn sign(key: &SigningKey, chain: ChainId, seq: Seq, hash: Hash, time_us: u64) -> Self {
        let mut head = Self {
            chain,
            seq,
            hash,
            time_us,
            signature: [0; 64],
        };
        head.signature = key.sign(&head.signed_bytes()).to_bytes();
        head
    }

    /// Whether the signature is that key's.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.verify_strict(
            &self.signed_bytes(),
            &Signature::from_bytes(&self.signature),
        )
        .is_ok()
    }

    fn signed_bytes(&self) -> [u8; SIGNED_BYTES] {
        let mut out = [0u8; SIGNED_BYTES];
        out[..24].copy_from_slice(DOMAIN_HEAD);
        out[24..].copy_from_slice(&self.encode()[..64]);
        out
    }

    /// The binary form: chain, seq, hash, time, signature.
    #[must_use]
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0u8; HEAD_BYTES];
        out[..16].copy_from_slice(&self.chain);
        out[16..24].copy_from_slice(&self.seq.to_le_bytes());
        out[24..56].copy_from_slice(&self.hash);
        out[56..64].copy_from_slice(&self.time_us.to_le_bytes());
        out[64..].copy_from_slice(&self.signature);
        out
    }

    /// Reads the binary form; `None` where the length is another.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == HEAD_BYTES).then(|| Self {
            chain: part(bytes, 0),
            seq: u64::from_le_bytes(part(bytes, 16)),
            hash: part(bytes, 24),
            time_us: u64::from_le_bytes(part(bytes, 56)),
            signature: part(bytes, 64),
        })
    }

    /// One line of the heads file, without its line feed.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!(
            "{LINE_START} {} {} {} {} {}",
            hex::encode(self.chain),
            self.seq,
            hex::encode(self.hash),
            self.time_us,
            hex::encode(self.signature)
        )
    }

    /// Reads one line; `None` where it is not exactly what [`Head::to_line`] writes.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next()? != LINE_START {
            return None;
        }
        let mut head = Self {
            chain: [0; 16],
            seq: 0,
            hash: [0; 32],
            time_us: 0,
            signature: [0; 64],
        };
        hex::decode_to_slice(words.next()?, &mut head.chain).ok()?;
        head.seq = words.next()?.parse().ok()?;
        hex::decode_to_slice(words.next()?, &mut head.hash).ok()?;
        head.time_us = words.next()?.parse().ok()?;
        hex::decode_to_slice(words.next()?, &mut head.signature).ok()?;
        // One spelling only: `+7`, `007` or capital digits are not what was written.
        (words.next().is_none() && head.to_line() == line).then_some(head)
    }
}
