//! Holds growth: a mistaken bridge must not make one cluster of all at once. What is beyond the bound
//! waits, in the cluster where it was or in none, for the next boundary.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::{Changes, Clusters, GROWTH};

/// What growth is measured by.
pub(super) struct Growth<'g> {
    pub(super) before: &'g Clusters,
    /// Pairs that hold together, sorted.
    pub(super) strong: &'g [(u32, u32, u32)],
}

impl Growth<'_> {
    /// Cuts what grew too much.
    pub(super) fn bound(&self, groups: Vec<Vec<u32>>, changes: &mut Changes) -> Vec<Vec<u32>> {
        let mut bounded = Vec::with_capacity(groups.len());
        for group in groups {
            if group.len() <= GROWTH.0 {
                bounded.push(group);
                continue;
            }
            let mut had: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
            for account in &group {
                had.entry(self.before.of(*account))
                    .or_default()
                    .push(*account);
            }
            let loose = had.remove(&None).unwrap_or_default();
            let largest = had
                .iter()
                .max_by_key(|(id, old)| (old.len(), Reverse(**id)));
            let (first, most) = match largest.map(|(id, old)| (*id, old.len())) {
                Some((id, count)) => {
                    let base = id
                        .and_then(|id| self.before.get(id))
                        .map_or(0, |one| one.base);
                    let old = had.remove(&id).unwrap_or_default();
                    (old, count.min(base) * GROWTH.1)
                }
                None => (Vec::new(), 0),
            };
            let most = most.max(GROWTH.0);
            if group.len() <= most {
                bounded.push(group);
                continue;
            }
            let kept = self.nearest(first, &group, most);
            changes.waiting += loose.iter().filter(|one| !kept.contains(one)).count();
            for old in had.into_values() {
                let rest: Vec<u32> = old.into_iter().filter(|one| !kept.contains(one)).collect();
                if rest.len() > 1 {
                    changes.waiting += rest.len();
                    bounded.push(rest);
                }
            }
            bounded.push(kept.into_iter().collect());
        }
        bounded.sort_unstable();
        bounded
    }

    /// So many of a group, the ones that hang most strongly on the first ones first.
    fn nearest(&self, first: Vec<u32>, group: &[u32], most: usize) -> BTreeSet<u32> {
        let mut ends: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        let inside = |account: &u32| group.binary_search(account).is_ok();
        for (a, b, weight) in self
            .strong
            .iter()
            .filter(|(a, b, _)| inside(a) && inside(b))
        {
            ends.entry(*a).or_default().push((*b, *weight));
            ends.entry(*b).or_default().push((*a, *weight));
        }
        let mut open: BinaryHeap<(u32, Reverse<u32>)> = BinaryHeap::new();
        open.extend(
            first
                .into_iter()
                .map(|account| (u32::MAX, Reverse(account))),
        );
        if open.is_empty() {
            // The best connected one begins.
            let start = ends
                .iter()
                .max_by_key(|(account, to)| (to.len(), Reverse(**account)));
            open.extend(start.map(|(account, _)| (u32::MAX, Reverse(*account))));
        }
        let mut kept = BTreeSet::new();
        while let Some((_, Reverse(account))) = open.pop() {
            if kept.len() == most {
                break;
            }
            if kept.insert(account) {
                for (to, weight) in ends.get(&account).into_iter().flatten() {
                    open.push((*weight, Reverse(*to)));
                }
            }
        }
        kept
    }
}
