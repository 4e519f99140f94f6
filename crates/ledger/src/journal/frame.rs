//! One entry as it stands in the journal: length, lag, check, header, salt, payload.
//! Random bytes read as a frame give an answer, never a panic.

use crate::chain::{
    ChainId, HEADER_BYTES, Hash, Header, MAX_PAYLOAD, SALT_BYTES, Salt, commitment,
};

const PREAMBLE: usize = 16;
/// Bytes of a frame that are not payload.
pub(crate) const FRAME_OVERHEAD: usize = PREAMBLE + HEADER_BYTES + SALT_BYTES;
const LEAST: usize = HEADER_BYTES + SALT_BYTES;

/// A frame inside a buffer. Only its shape was looked at; see [`Frame::verify`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    pub(crate) header_bytes: &'a [u8; HEADER_BYTES],
    pub(crate) salt: Salt,
    pub(crate) payload: &'a [u8],
    /// How many entries before this one (it included) were not known to be durable when it was
    /// written: what tells a torn tail from damage.
    pub(crate) lag: u32,
    check: [u8; 8],
}

/// What stands at a place in the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parsed<'a> {
    Frame(Frame<'a>),
    /// Nothing was written here: no bytes, or zeros.
    End,
    /// A frame that needs so many bytes in all.
    Short(usize),
    /// No frame.
    Bad(&'static str),
}

/// Appends a frame to a buffer and returns the entry's hash.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    header: &Header,
    salt: &Salt,
    payload: &[u8],
    lag: u32,
) -> Hash {
    let bytes = header.encode();
    let hash = header.hash();
    let len = (LEAST + payload.len()) as u32;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&lag.to_le_bytes());
    out.extend_from_slice(&check(&hash, len, lag));
    out.extend_from_slice(&bytes);
    out.extend_from_slice(salt);
    out.extend_from_slice(payload);
    hash
}

/// The entry's own hash does the work of a checksum: header and (through its commitment) salt
/// and payload are covered by it; length and lag are mixed in.
fn check(hash: &Hash, len: u32, lag: u32) -> [u8; 8] {
    let mut check = [0u8; 8];
    check.copy_from_slice(&hash[..8]);
    for (byte, mix) in check
        .iter_mut()
        .zip(len.to_le_bytes().into_iter().chain(lag.to_le_bytes()))
    {
        *byte ^= mix;
    }
    check
}

/// Looks at the first bytes of a buffer.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((preamble, rest)) = bytes.split_first_chunk::<PREAMBLE>() else {
        return if bytes.iter().all(|byte| *byte == 0) {
            Parsed::End
        } else {
            Parsed::Short(PREAMBLE)
        };
    };
    let (len, lag) = (word(preamble, 0), word(preamble, 4));
    if len == 0 {
        let empty = preamble.iter().all(|byte| *byte == 0);
        return if empty {
            Parsed::End
        } else {
            Parsed::Bad("a frame of no length")
        };
    }
    let len = len as usize;
    if !(LEAST..=LEAST + MAX_PAYLOAD).contains(&len) {
        return Parsed::Bad("a length that cannot be");
    }
    if rest.len() < len {
        return Parsed::Short(PREAMBLE + len);
    }
    let Some((header_bytes, rest)) = rest[..len].split_first_chunk::<HEADER_BYTES>() else {
        return Parsed::Bad("a length that cannot be");
    };
    let Some((salt, payload)) = rest.split_first_chunk::<SALT_BYTES>() else {
        return Parsed::Bad("a length that cannot be");
    };
    let Some(header) = Header::decode(header_bytes) else {
        return Parsed::Bad("a header of another format");
    };
    let mut check = [0u8; 8];
    check.copy_from_slice(&preamble[8..]);
    Parsed::Frame(Frame {
        header,
        header_bytes,
        salt: *salt,
        payload,
        lag,
        check,
    })
}

/// The whole, unchanged frames of a chain anywhere in these bytes, aligned or not.
pub(crate) fn search<'a>(bytes: &'a [u8], chain: &'a ChainId) -> impl Iterator<Item = Frame<'a>> {
    // In a frame the chain's name stands behind the preamble and 24 bytes of header.
    const NAME_AT: usize = PREAMBLE + 24;
    let starts = memchr::memmem::find_iter(bytes, chain).filter_map(|at| at.checked_sub(NAME_AT));
    starts.filter_map(|start| match parse(&bytes[start..]) {
        Parsed::Frame(frame) if frame.verify().is_ok() => Some(frame),
        _ => None,
    })
}

fn word(bytes: &[u8; PREAMBLE], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Frame<'_> {
    /// The bytes that it takes in the journal.
    pub(crate) fn size(&self) -> usize {
        FRAME_OVERHEAD + self.payload.len()
    }

    /// Checks header, salt and payload, and returns the entry's hash.
    pub(crate) fn verify(&self) -> Result<Hash, &'static str> {
        let hash = self.header.hash();
        if check(&hash, (LEAST + self.payload.len()) as u32, self.lag) != self.check {
            return Err("the header or the frame around it was changed");
        }
        if commitment(&self.salt, self.payload) != self.header.commitment {
            return Err("the payload is not what the header commits to");
        }
        Ok(hash)
    }

    /// The last entry that was known to be durable when this frame was written.
    pub(crate) fn claims_durable(&self) -> u64 {
        self.header.seq.saturating_sub(u64::from(self.lag))
    }
}
