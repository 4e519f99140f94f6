//! Follows a chain entry by entry and says at which one it breaks, and why.
//! It looks at headers only; payloads are the caller's.

use super::{ChainId, Hash, Header, Seq, Tip};

/// Why an entry does not continue a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Another chain's entry.
    #[error("it belongs to another chain")]
    Chain,
    /// A position was skipped or repeated.
    #[error("its position is {found}, expected {expected}")]
    Seq {
        /// The position in the header.
        found: Seq,
        /// The position that comes next.
        expected: Seq,
    },
    /// The hash of the entry before is another.
    #[error("it does not link to the entry before")]
    Prev,
    /// Time went backwards.
    #[error("its time lies before the entry before")]
    Time,
}

/// A walk along one chain.
#[derive(Clone, Debug)]
pub struct Link {
    chain: ChainId,
    tip: Tip,
}

impl Link {
    /// Starts at the beginning of a chain.
    #[must_use]
    pub fn start(chain: ChainId) -> Self {
        Self::at(chain, Tip::start(&chain))
    }

    /// Goes on behind a known tip.
    #[must_use]
    pub fn at(chain: ChainId, tip: Tip) -> Self {
        Self { chain, tip }
    }

    /// The last entry that was taken.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Takes the next header, and returns its hash.
    ///
    /// # Errors
    /// The first thing about it that does not fit; the walk then stays where it was.
    pub fn take(&mut self, header: &Header) -> Result<Hash, LinkError> {
        let expected = self.tip.seq + 1;
        if header.chain != self.chain {
            return Err(LinkError::Chain);
        }
        if header.seq != expected {
            return Err(LinkError::Seq {
                found: header.seq,
                expected,
            });
        }
        if header.prev != self.tip.hash {
            return Err(LinkError::Prev);
        }
        if header.time_us < self.tip.time_us {
            return Err(LinkError::Time);
        }
        let hash = header.hash();
        self.tip = Tip {
            seq: header.seq,
            hash,
            time_us: header.time_us,
        };
        Ok(hash)
    }
}
