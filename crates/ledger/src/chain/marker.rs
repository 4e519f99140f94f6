//! The ledger's own entries about payloads that are gone: pruned by age, erased by position.
//! A marker says what may be missing; it never says what was in it.

use super::header::part;
use super::{KIND_ERASE, KIND_PRUNE, Seq};

/// Positions `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeqRange {
    /// The first position.
    pub first: Seq,
    /// The last position, inclusive.
    pub last: Seq,
}

impl SeqRange {
    /// Sorts positions and joins neighbours.
    #[must_use]
    pub fn join(seqs: &[Seq]) -> Vec<Self> {
        let mut sorted = seqs.to_vec();
        sorted.sort_unstable();
        let mut out: Vec<Self> = Vec::new();
        for seq in sorted {
            match out.last_mut() {
                Some(range) if seq <= range.last.saturating_add(1) => range.last = seq,
                _ => out.push(Self {
                    first: seq,
                    last: seq,
                }),
            }
        }
        out
    }

    /// Whether a position lies inside.
    #[must_use]
    pub fn contains(&self, seq: Seq) -> bool {
        self.first <= seq && seq <= self.last
    }
}

/// Payloads of these kinds, in these positions and before this time, may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneMarker {
    /// Entries before this time, in microseconds since 1970.
    pub before_us: u64,
    /// The positions looked at.
    pub range: SeqRange,
    /// The kinds that were dropped, ascending.
    pub kinds: Vec<u16>,
    /// Positions that were kept all the same, ascending.
    pub pinned: Vec<SeqRange>,
}

/// Payloads at these positions may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraseMarker {
    /// Ascending, not touching one another.
    pub ranges: Vec<SeqRange>,
}

/// Either marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Kind 2.
    Prune(PruneMarker),
    /// Kind 3.
    Erase(EraseMarker),
}

impl Marker {
    /// The kind of the entry that carries it.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::Prune(_) => KIND_PRUNE,
            Self::Erase(_) => KIND_ERASE,
        }
    }

    /// The payload of version 1, integers little-endian.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Prune(prune) => {
                out.extend_from_slice(&prune.before_us.to_le_bytes());
                out.extend_from_slice(&prune.range.first.to_le_bytes());
                out.extend_from_slice(&prune.range.last.to_le_bytes());
                out.extend_from_slice(&(prune.kinds.len() as u64).to_le_bytes());
                for kind in &prune.kinds {
                    out.extend_from_slice(&kind.to_le_bytes());
                }
                push_ranges(&mut out, &prune.pinned);
            }
            Self::Erase(erase) => {
                push_ranges(&mut out, &erase.ranges);
            }
        }
        out
    }

    /// Reads a payload of version 1; `None` where it is no such thing.
    #[must_use]
    pub fn decode(kind: u16, payload: &[u8]) -> Option<Self> {
        match kind {
            KIND_PRUNE => {
                let (fixed, rest) = payload.split_first_chunk::<32>()?;
                let count = usize::try_from(u64::from_le_bytes(part(fixed, 24))).ok()?;
                let (kinds, pinned) = rest.split_at_checked(count.checked_mul(2)?)?;
                Some(Self::Prune(PruneMarker {
                    before_us: u64::from_le_bytes(part(fixed, 0)),
                    range: range_at(fixed, 8),
                    kinds: kinds
                        .chunks_exact(2)
                        .map(|kind| u16::from_le_bytes([kind[0], kind[1]]))
                        .collect(),
                    pinned: ranges(pinned)?,
                }))
            }
            KIND_ERASE => Some(Self::Erase(EraseMarker {
                ranges: ranges(payload)?,
            })),
            _ => None,
        }
    }

    /// Whether the payload of such an entry may be missing.
    #[must_use]
    pub fn allows(&self, seq: Seq, kind: u16, time_us: u64) -> bool {
        match self {
            Self::Prune(prune) => {
                prune.range.contains(seq)
                    && time_us < prune.before_us
                    && prune.kinds.binary_search(&kind).is_ok()
                    && !holds(&prune.pinned, seq)
            }
            Self::Erase(erase) => holds(&erase.ranges, seq),
        }
    }

    /// The positions between which payloads may be missing.
    #[must_use]
    pub fn span(&self) -> SeqRange {
        match self {
            Self::Prune(prune) => prune.range,
            Self::Erase(erase) => SeqRange {
                first: erase.ranges.first().map_or(1, |range| range.first),
                last: erase.ranges.last().map_or(0, |range| range.last),
            },
        }
    }
}

fn holds(ranges: &[SeqRange], seq: Seq) -> bool {
    let after = ranges.partition_point(|range| range.first <= seq);
    after > 0 && ranges[after - 1].contains(seq)
}

fn push_ranges(out: &mut Vec<u8>, ranges: &[SeqRange]) {
    for range in ranges {
        out.extend_from_slice(&range.first.to_le_bytes());
        out.extend_from_slice(&range.last.to_le_bytes());
    }
}

fn ranges(bytes: &[u8]) -> Option<Vec<SeqRange>> {
    let whole = bytes.len().is_multiple_of(16);
    whole.then(|| {
        (0..bytes.len() / 16)
            .map(|i| range_at(bytes, i * 16))
            .collect()
    })
}

fn range_at(bytes: &[u8], at: usize) -> SeqRange {
    SeqRange {
        first: u64::from_le_bytes(part(bytes, at)),
        last: u64::from_le_bytes(part(bytes, at + 8)),
    }
}
