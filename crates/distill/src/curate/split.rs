//! Parts of the rows by cluster, and the digests that freeze them.

use super::settings::{Settings, Split};
use crate::random::mix;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A part, as it was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 of its rows' digests in their order, in hex: what the rows are, not how they are
    /// written or ordered.
    pub digest: String,
}

/// What a curation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// The parts, as the settings order them.
    pub parts: Vec<Part>,
    /// BLAKE3 of the settings, the hold-out's rows and the parts, in hex.
    pub digest: String,
}

/// The part of each row. `rows` are a row's cluster and hash. Larger clusters are placed first, each
/// where most rows are missing; equal ones in an order that the seed and the hashes decide.
pub(super) fn parts(splits: &[Split], rows: &[(usize, u64)], seed: u64) -> Vec<usize> {
    let mut clusters: BTreeMap<usize, (u64, Vec<usize>)> = BTreeMap::new();
    for (row, (cluster, hash)) in rows.iter().enumerate() {
        let entry = clusters.entry(*cluster).or_insert((u64::MAX, Vec::new()));
        entry.0 = entry.0.min(*hash);
        entry.1.push(row);
    }
    let mut order: Vec<(usize, u64, Vec<usize>)> = clusters
        .into_values()
        .map(|(hash, rows)| (rows.len(), mix(hash ^ mix(seed ^ 1)), rows))
        .collect();
    order.sort_unstable_by_key(|(size, hash, _)| (std::cmp::Reverse(*size), *hash));
    let all: f64 = splits.iter().map(|split| split.share).sum();
    let wanted = splits.iter().map(|s| s.share / all * rows.len() as f64);
    let mut missing: Vec<f64> = wanted.collect();
    let mut out = vec![0; rows.len()];
    for (size, _, members) in order {
        // The first of equals, so that it is the same everywhere.
        let place = (0..missing.len()).fold(0, |best, part| {
            if missing[part] > missing[best] {
                part
            } else {
                best
            }
        });
        if let Some(missing) = missing.get_mut(place) {
            *missing -= size as f64;
        }
        members.into_iter().for_each(|row| out[row] = place);
    }
    out
}

/// Freezes the parts. `hold_out` are digests in their order; `rows` are each row's part and digest, in the order of digests.
pub(super) fn freeze(
    splits: &[Split],
    settings: &Settings,
    hold_out: &[[u8; 32]],
    rows: &[(usize, [u8; 32])],
) -> Frozen {
    let mut all = blake3::Hasher::new_derive_key("stillhouse 2026 curated rows");
    // Settings are numbers, texts and lists: all of it is JSON.
    all.update(
        serde_json::to_string(settings)
            .unwrap_or_default()
            .as_bytes(),
    );
    hold_out.iter().for_each(|digest| {
        all.update(digest);
    });
    let parts: Vec<Part> = splits
        .iter()
        .enumerate()
        .map(|(part, split)| {
            let mut hasher = blake3::Hasher::new();
            let mut count = 0;
            for (_, digest) in rows.iter().filter(|(of, _)| *of == part) {
                hasher.update(digest);
                count += 1;
            }
            Part {
                name: split.name.clone(),
                rows: count,
                digest: hasher.finalize().to_hex().to_string(),
            }
        })
        .collect();
    for part in &parts {
        all.update(part.name.as_bytes())
            .update(part.digest.as_bytes());
    }
    Frozen {
        parts,
        digest: all.finalize().to_hex().to_string(),
    }
}
