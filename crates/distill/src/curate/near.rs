//! Near duplicates and clusters, from signatures: which rows are so like another that they leave,
//! and which must stay on one side of a split.

use super::minhash::{BANDS, Signature, key, likeness};
use crate::random::mix;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

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
    let bands = if duplicate < 1.0 || cluster < 1.0 {
        BANDS
    } else {
        0
    };
    // One band at a time, so that the memory is that of one.
    let mut buckets: HashMap<u64, Bucket, Mixed> = HashMap::default();
    for band in 0..bands {
        buckets.clear();
        for (place, signature) in (0_u32..).zip(signatures) {
            let Some(signature) = signature else { continue };
            let bucket = buckets.entry(mix(key(signature, band))).or_default();
            for &other in bucket.rows() {
                let Some(earlier) = signatures[other as usize] else {
                    continue;
                };
                let alike = likeness(earlier, signature);
                if alike >= cluster && cluster < 1.0 {
                    clusters.join(other as usize, place as usize);
                }
                if alike >= duplicate && duplicate < 1.0 && known.insert((other, place)) {
                    duplicates[place as usize].push((other, alike as f32));
                }
            }
            bucket.push(place);
        }
        tell(band + 1, bands);
    }
    for earlier in &mut duplicates {
        earlier.sort_unstable_by_key(|(other, _)| *other);
    }
    Alike {
        duplicates,
        clusters,
    }
}

/// The first rows that met under a key.
#[derive(Default)]
struct Bucket {
    rows: [u32; COMPARED],
    count: usize,
}

impl Bucket {
    fn rows(&self) -> &[u32] {
        &self.rows[..self.count]
    }

    fn push(&mut self, row: u32) {
        if let Some(free) = self.rows.get_mut(self.count) {
            *free = row;
            self.count += 1;
        }
    }
}

/// Keys are mixed already: hashing them again would be most of the work.
type Mixed = BuildHasherDefault<AsIs>;

#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
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
