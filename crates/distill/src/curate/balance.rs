//! Classes of nearly equal size: of those that are too large, some rows leave.

use super::settings::Balance;
use crate::random::mix;
use std::collections::BTreeMap;

/// Places of the rows that leave. `rows` are places, class and a hash of the row; which rows leave
/// depends on the seed and the hashes alone.
pub(super) fn leaving(how: &Balance, rows: &[(usize, u64, u64)], seed: u64) -> Vec<usize> {
    let mut classes: BTreeMap<u64, Vec<(u64, usize)>> = BTreeMap::new();
    for (place, class, hash) in rows {
        let member = (mix(hash ^ mix(seed)), *place);
        classes.entry(*class).or_default().push(member);
    }
    let smallest = classes.values().map(Vec::len).min().unwrap_or(0);
    let most = (smallest as f64 * how.most.max(1.0)) as usize;
    let mut out = Vec::new();
    for members in classes.values_mut() {
        members.sort_unstable();
        out.extend(members.iter().skip(most).map(|(_, place)| *place));
    }
    out.sort_unstable();
    out
}
