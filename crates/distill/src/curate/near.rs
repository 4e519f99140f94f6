//! Near duplicates and clusters, from signatures: which rows are so like another that they leave,
//! and which must stay on one side of a split.

use super::minhash::{BANDS, Signature, key, likeness};
use std::collections::{HashMap, HashSet};

/// Rows of a bucket that others are compared with: what bounds the time where very many rows
/// share text. The first ones by digest, so that the choice does not depend on the order of rows.
const COMPARED: usize = 8;

/// Pairs of rows, by their places, that are alike.
pub(super) struct Alike {
    /// Of each row, the earlier rows of which it is a near duplicate.
    pub(super) duplicates: Vec<Vec<(u32, f32)>>,
    /// Rows that hang together.
    pub(super) clusters: Clusters,
}

/// Compares rows that meet in a bucket. `signatures` are in the order of the rows' digests; a row
/// without one is like none. `tell` hears how many of the bands are done.
pub(super) fn alike(
    signatures: &[Option<&Signature>],
    duplicate: f64,
    cluster: f64,
    mut tell: impl FnMut(usize, usize),
) -> Alike {
    let mut duplicates: Vec<Vec<(u32, f32)>> = vec![Vec::new(); signatures.len()];
    let mut clusters = Clusters::new(signatures.len());
    let mut known: HashSet<(u32, u32)> = HashSet::new();
    for band in 0..BANDS {
        let mut buckets: HashMap<u64, Vec<u32>> = HashMap::with_capacity(signatures.len());
        for (place, signature) in (0_u32..).zip(signatures) {
            let Some(signature) = signature else { continue };
            let bucket = buckets.entry(key(signature, band)).or_default();
            for &other in bucket.iter() {
                let Some(earlier) = signatures[other as usize] else {
                    continue;
                };
                let alike = likeness(earlier, signature);
                if alike >= cluster {
                    clusters.join(other as usize, place as usize);
                }
                if alike >= duplicate && known.insert((other, place)) {
                    duplicates[place as usize].push((other, alike as f32));
                }
            }
            if bucket.len() < COMPARED {
                bucket.push(place);
            }
        }
        tell(band + 1, BANDS);
    }
    for earlier in &mut duplicates {
        earlier.sort_unstable_by_key(|(other, _)| *other);
    }
    Alike {
        duplicates,
        clusters,
    }
}

/// Sets that grow together: union-find with path halving; a cluster's name is its smallest place.
pub(super) struct Clusters(Vec<u32>);

impl Clusters {
    pub(super) fn new(rows: usize) -> Self {
        Self((0..).take(rows).collect())
    }

    pub(super) fn of(&mut self, mut place: usize) -> usize {
        while self.0[place] as usize != place {
            self.0[place] = self.0[self.0[place] as usize];
            place = self.0[place] as usize;
        }
        place
    }

    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        // Rows are bounded by `u32`.
        self.0[a.max(b)] = a.min(b) as u32;
    }
}
