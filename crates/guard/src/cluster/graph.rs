//! A weighted graph of accounts, and its communities: connected, and hanging together. Integers
//! only; nodes are taken in the order of their accounts, so equal graphs give equal communities
//! whatever order the links came in.

/// The resolution, as one part in so many. Two groups stay one while what is between them is at least
/// this part of what would be if they mixed at random. At 1 (plain modularity) a random sparse graph
/// already falls apart; far below, one hand-off glues whole pools together.
const RESOLUTION: i128 = 10;
/// Moves of all nodes before an unsettled community is taken as it is.
const ROUNDS: usize = 32;

/// A graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// The account of each node, in order.
    pub(super) accounts: Vec<u32>,
    /// Where each node's neighbours begin.
    starts: Vec<u32>,
    /// Neighbours and weights.
    ends: Vec<(u32, u32)>,
    /// Weight inside a node, twice: of what was joined into it.
    inside: Vec<u64>,
}

impl Graph {
    /// The graph of pairs `(a, b, weight)`, each once, sorted.
    pub(super) fn new(pairs: &[(u32, u32, u32)]) -> Self {
        let mut accounts: Vec<u32> = pairs.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let node = |account: u32| accounts.binary_search(&account).unwrap_or(0) as u32;
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(a, b, weight)| (node(*a), node(*b), *weight))
            .collect();
        let inside = vec![0; accounts.len()];
        Self::of(accounts, &pairs, inside)
    }

    fn of(accounts: Vec<u32>, pairs: &[(u32, u32, u32)], inside: Vec<u64>) -> Self {
        let mut starts = vec![0_u32; accounts.len() + 1];
        for (a, b, _) in pairs {
            starts[*a as usize + 1] += 1;
            starts[*b as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut ends = vec![(0, 0); pairs.len() * 2];
        for (a, b, weight) in pairs {
            for (from, to) in [(*a, *b), (*b, *a)] {
                ends[next[from as usize] as usize] = (to, *weight);
                next[from as usize] += 1;
            }
        }
        Self {
            accounts,
            starts,
            ends,
            inside,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Neighbours of a node, and weights.
    pub(super) fn ends(&self, node: usize) -> &[(u32, u32)] {
        &self.ends[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    fn degree(&self, node: usize) -> u64 {
        let ends = self.ends(node).iter().map(|(_, weight)| u64::from(*weight));
        ends.sum::<u64>() + self.inside[node]
    }

    /// Groups of nodes that hang together, each in order.
    pub(super) fn communities(&self) -> Vec<Vec<u32>> {
        let mut done = Vec::new();
        let mut open = self.components(&vec![0; self.len()]);
        while let Some(group) = open.pop() {
            if group.len() < 4 {
                done.push(group);
                continue;
            }
            let part = self.part(&group);
            let labels = part.louvain();
            let groups = part.components(&labels);
            if groups.len() == 1 {
                done.push(group);
                continue;
            }
            // What was split is looked at again by itself: in the whole it was small.
            let back = |part: Vec<u32>| part.into_iter().map(|at| group[at as usize]).collect();
            open.extend(groups.into_iter().map(back));
        }
        done.sort_unstable();
        done
    }

    /// Connected groups of nodes with the same label.
    fn components(&self, labels: &[u32]) -> Vec<Vec<u32>> {
        let mut seen = vec![false; self.len()];
        let mut groups = Vec::new();
        for from in 0..self.len() {
            if std::mem::replace(&mut seen[from], true) {
                continue;
            }
            let mut group = vec![from as u32];
            let mut at = 0;
            while let Some(node) = group.get(at).copied() {
                at += 1;
                for (to, _) in self.ends(node as usize) {
                    let same = labels[*to as usize] == labels[from];
                    if same && !std::mem::replace(&mut seen[*to as usize], true) {
                        group.push(*to);
                    }
                }
            }
            group.sort_unstable();
            groups.push(group);
        }
        groups
    }

    /// The graph of some nodes, in order.
    fn part(&self, group: &[u32]) -> Self {
        let mut pairs = Vec::new();
        for (place, node) in group.iter().enumerate() {
            for (to, weight) in self.ends(*node as usize) {
                if to > node
                    && let Ok(at) = group.binary_search(to)
                {
                    pairs.push((place as u32, at as u32, *weight));
                }
            }
        }
        let accounts = group.iter().map(|node| self.accounts[*node as usize]);
        Self::of(accounts.collect(), &pairs, vec![0; group.len()])
    }

    /// The community of each node (Blondel, Guillaume, Lambiotte, Lefebvre, 2008): nodes move to
    /// the neighbouring community that gains most, then communities become nodes.
    fn louvain(&self) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..self.len() as u32).collect();
        let mut graph = self.clone();
        loop {
            let (moved, communities) = graph.moved();
            for label in &mut labels {
                *label = communities[*label as usize];
            }
            if !moved {
                return labels;
            }
            graph = graph.joined(&communities);
            if graph.len() == 1 {
                return labels;
            }
        }
    }

    /// Moves nodes until none gains; gives each node's community, numbered from 0.
    fn moved(&self) -> (bool, Vec<u32>) {
        let count = self.len();
        let degrees: Vec<u64> = (0..count).map(|node| self.degree(node)).collect();
        let all: i128 = degrees.iter().map(|degree| i128::from(*degree)).sum();
        let mut labels: Vec<u32> = (0..count as u32).collect();
        let mut sums = degrees.clone();
        let mut between = vec![0_u64; count];
        let mut any = false;
        for _ in 0..ROUNDS {
            let mut moved = false;
            for node in 0..count {
                let own = labels[node];
                let mut near: Vec<u32> = Vec::with_capacity(8);
                for (to, weight) in self.ends(node) {
                    let label = labels[*to as usize];
                    if between[label as usize] == 0 {
                        near.push(label);
                    }
                    between[label as usize] += u64::from(*weight);
                }
                sums[own as usize] -= degrees[node];
                let gain = |label: u32| {
                    let expected = i128::from(degrees[node]) * i128::from(sums[label as usize]);
                    i128::from(between[label as usize]) * all * RESOLUTION - expected
                };
                let mut best = (gain(own), own);
                near.sort_unstable();
                for label in &near {
                    let one = gain(*label);
                    if one > best.0 {
                        best = (one, *label);
                    }
                }
                for label in near {
                    between[label as usize] = 0;
                }
                sums[best.1 as usize] += degrees[node];
                if best.1 != own {
                    labels[node] = best.1;
                    moved = true;
                }
            }
            any |= moved;
            if !moved {
                break;
            }
        }
        let mut names: Vec<u32> = labels.clone();
        names.sort_unstable();
        names.dedup();
        for label in &mut labels {
            *label = names.binary_search(label).unwrap_or(0) as u32;
        }
        (any, labels)
    }

    /// The graph of communities.
    fn joined(&self, labels: &[u32]) -> Self {
        let count = labels.iter().max().map_or(0, |most| *most as usize + 1);
        let mut inside = vec![0_u64; count];
        let mut pairs = Vec::new();
        for (node, label) in labels.iter().enumerate() {
            inside[*label as usize] += self.inside[node];
            for (to, weight) in self.ends(node) {
                let other = labels[*to as usize];
                if other == *label {
                    inside[*label as usize] += u64::from(*weight);
                } else if other > *label {
                    pairs.push((*label, other, *weight));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup_by(|next, sum| {
            let same = (next.0, next.1) == (sum.0, sum.1);
            if same {
                sum.2 = sum.2.saturating_add(next.2);
            }
            same
        });
        Self::of((0..count as u32).collect(), &pairs, inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(pairs: &[(u32, u32, u32)]) -> Vec<Vec<u32>> {
        let mut pairs = pairs.to_vec();
        pairs.sort_unstable();
        Graph::new(&pairs).communities()
    }

    fn ring(from: u32, many: u32, steps: &[u32]) -> Vec<(u32, u32, u32)> {
        let mut pairs = Vec::new();
        for at in 0..many {
            for step in steps {
                let (one, other) = (from + at, from + (at + step) % many);
                pairs.push((one.min(other), one.max(other), 32));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    #[test]
    fn one_bridge_does_not_join_two_pools() {
        let mut pairs = ring(0, 20, &[1, 3, 7]);
        pairs.extend(ring(20, 20, &[1, 3, 7]));
        pairs.push((4, 30, 32));
        assert_eq!(groups(&pairs).len(), 2);
    }

    #[test]
    fn a_sparse_pool_stays_whole() {
        // Steps that reach everywhere, as queues of a pool do.
        let pairs = ring(0, 3_000, &[1, 411, 1_190]);
        assert_eq!(groups(&pairs).len(), 1);
    }

    #[test]
    fn an_account_with_one_link_belongs() {
        let mut pairs = ring(0, 12, &[1, 5]);
        pairs.push((3, 40, 32));
        let groups = groups(&pairs);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].len(), 13);
    }
}
