//! How profiles are written: one byte of version and kind, then every part in order; numbers in
//! seven-bit groups, the least first. The same profile is the same bytes.

use super::{Cold, Hot, Profile};

const HOT: u8 = 1;
const COLD: u8 = 2;
/// No profile is longer, encoded, in bytes.
pub const LONGEST: usize = 8192;

/// Why bytes are no profile. It is the fault of who stored or sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Written by a version that this one does not know.
    #[error("the profile is of kind {0}, which this program does not know; update it")]
    Kind(u8),
    /// Cut off, or not a profile.
    #[error("the bytes are no whole profile; were they cut off on their way?")]
    Broken,
}

impl Profile {
    /// The profile as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        match self {
            Self::Hot(hot) => {
                out.push(HOT);
                hot.write(&mut out);
            }
            Self::Cold(cold) => {
                out.push(COLD);
                cold.write(&mut out);
            }
        }
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// What is of another version, or not exactly one profile.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProfileError> {
        if bytes.len() > LONGEST {
            return Err(ProfileError::Broken);
        }
        let (kind, rest) = bytes.split_first().ok_or(ProfileError::Broken)?;
        let mut from = Reader(rest);
        let profile = match *kind {
            HOT => Hot::read(&mut from).map(|hot| Self::Hot(Box::new(hot))),
            COLD => Cold::read(&mut from).map(|cold| Self::Cold(Box::new(cold))),
            other => return Err(ProfileError::Kind(other)),
        };
        // One profile has one form: bytes that would be written otherwise are not ours.
        profile
            .filter(|profile| from.0.is_empty() && profile.encode() == bytes)
            .ok_or(ProfileError::Broken)
    }
}

/// Writes a number.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes that are yet to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    pub(super) fn array<T: TryFrom<u64> + Copy + Default, const N: usize>(
        &mut self,
    ) -> Option<[T; N]> {
        let mut all = [T::default(); N];
        for one in &mut all {
            *one = self.small()?;
        }
        Some(all)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }
}
