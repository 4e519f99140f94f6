//! Accounts that belong together, by their links: worked out anew at boundaries of ledger time from
//! all evidence, so that what no longer hangs together falls apart. Numbers of clusters stay under
//! growth, and no cluster grows beyond a bound in one pass. Nothing is decided about anybody here.

mod graph;
mod grow;
mod weak;

use std::collections::BTreeMap;

use self::graph::Graph;
use self::grow::Growth;
use crate::echo::AccountNumber;
use crate::finding::Link;
use crate::link::{ALL, Edge, Edges, Known, joins, name, succession};

/// Links that a cluster keeps, the strongest.
const LINKS: usize = 200;
/// A cluster may have so many accounts, or so many times what it had, after one pass.
const GROWTH: (usize, usize) = (512, 4);

/// A cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its number, which no other cluster ever has.
    pub id: u32,
    /// Its accounts, in order.
    pub accounts: Vec<AccountNumber>,
    /// Its strongest links.
    pub links: Vec<Link>,
    /// How many accounts the last boundary left it with: growth is measured by it.
    base: usize,
}

/// What a boundary changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Clusters that are new or have other members: their profiles are to be merged anew.
    pub changed: Vec<u32>,
    /// Clusters that are no more.
    pub gone: Vec<u32>,
    /// A cluster that is no more, and the one that has most of its members.
    pub merged: Vec<(u32, u32)>,
    /// A cluster, and a new one that took members of it.
    pub split: Vec<(u32, u32)>,
    /// Accounts that a bound keeps waiting for the next boundary.
    pub waiting: usize,
}

/// All clusters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clusters {
    all: BTreeMap<u32, Cluster>,
    /// By account, the cluster's number plus one.
    of: Vec<u32>,
    next: u32,
}

impl Clusters {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Cluster> {
        self.all.values()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Cluster> {
        self.all.get(&id)
    }

    pub(crate) fn of(&self, account: u32) -> Option<u32> {
        self.of.get(account as usize)?.checked_sub(1)
    }

    pub(crate) fn bytes(&self) -> usize {
        let members: usize = self.all.values().map(|one| one.accounts.len() * 4).sum();
        members + self.of.capacity() * 4
    }

    /// Puts two accounts together at once, if one of them is in no cluster and the other's has room to
    /// grow; where both are in one, the next boundary decides.
    pub(crate) fn join(&mut self, one: u32, other: u32) {
        let most = one.max(other) as usize + 1;
        if self.of.len() < most {
            self.of.resize(most, 0);
        }
        match (self.of(one), self.of(other)) {
            (Some(_), Some(_)) => {}
            (Some(id), None) => self.enter(id, other),
            (None, Some(id)) => self.enter(id, one),
            (None, None) => {
                let id = self.next;
                self.next += 1;
                let cluster = Cluster {
                    id,
                    ..Cluster::default()
                };
                self.all.insert(id, cluster);
                self.enter(id, one);
                self.enter(id, other);
            }
        }
    }

    fn enter(&mut self, id: u32, account: u32) {
        let Some(cluster) = self.all.get_mut(&id) else {
            return;
        };
        if cluster.accounts.len() >= GROWTH.0.max(cluster.base * GROWTH.1) {
            return;
        }
        let number = AccountNumber(account);
        if let Err(place) = cluster.accounts.binary_search(&number) {
            cluster.accounts.insert(place, number);
        }
        self.of[account as usize] = id + 1;
    }

    /// Works clusters out anew.
    pub(crate) fn update(&mut self, edges: &Edges, accounts: &[Known]) -> Changes {
        self.of.resize(accounts.len(), 0);
        let mut all: Vec<Edge> = edges.iter().copied().collect();
        all.sort_unstable_by_key(|edge| (edge.a, edge.b));
        let strong: Vec<(u32, u32, u32)> = all
            .iter()
            .filter_map(|edge| {
                let (total, together) = joins(edge, succession(edge, accounts));
                together.then_some((edge.a, edge.b, total as u32))
            })
            .collect();
        let graph = Graph::new(&strong);
        let mut groups: Vec<Vec<u32>> = graph
            .communities()
            .into_iter()
            .map(|group| {
                group
                    .iter()
                    .map(|node| graph.accounts[*node as usize])
                    .collect()
            })
            .collect();
        weak::add(&mut groups, &all, accounts);
        groups.retain(|group| group.len() > 1);
        let mut changes = Changes::default();
        let growth = Growth {
            before: self,
            strong: &strong,
        };
        let groups = growth.bound(groups, &mut changes);
        self.take(groups, &mut changes);
        self.tell_links(edges, accounts);
        changes
    }

    /// Takes new groups in place of the old ones: each number goes on with the group that has most of
    /// its members.
    fn take(&mut self, groups: Vec<Vec<u32>>, changes: &mut Changes) {
        let mut claims: Vec<(usize, u32, usize)> = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            let mut had: BTreeMap<u32, usize> = BTreeMap::new();
            for id in group.iter().filter_map(|account| self.of(*account)) {
                *had.entry(id).or_default() += 1;
            }
            claims.extend(had.into_iter().map(|(id, count)| (count, id, place)));
        }
        // Most members first, then the lowest number.
        claims.sort_unstable_by_key(|(count, id, place)| (usize::MAX - count, *id, *place));
        let mut ids: Vec<Option<u32>> = vec![None; groups.len()];
        let mut goes_on: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, id, place) in &claims {
            if ids[*place].is_none() && !goes_on.contains_key(id) {
                ids[*place] = Some(*id);
                goes_on.insert(*id, *place);
            }
        }
        let mut next = self.next;
        let named: Vec<u32> = ids
            .iter()
            .map(|id| {
                id.unwrap_or_else(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        for (_, id, place) in &claims {
            if !goes_on.contains_key(id) && !changes.merged.iter().any(|(gone, _)| gone == id) {
                changes.merged.push((*id, named[*place]));
            }
            if ids[*place].is_none() {
                changes.split.push((*id, named[*place]));
            }
        }
        let before = std::mem::take(&mut self.all);
        changes.gone = before
            .keys()
            .copied()
            .filter(|id| !goes_on.contains_key(id))
            .collect();
        self.next = next;
        self.of.fill(0);
        for (group, id) in groups.into_iter().zip(named) {
            for account in &group {
                self.of[*account as usize] = id + 1;
            }
            let accounts: Vec<AccountNumber> = group.into_iter().map(AccountNumber).collect();
            let base = accounts.len();
            // Who came since the last boundary is there already, with a past still to be gathered.
            let same = |old: &Cluster| old.accounts == accounts && old.base == base;
            if !before.get(&id).is_some_and(same) {
                changes.changed.push(id);
            }
            let cluster = Cluster {
                id,
                accounts,
                links: Vec::new(),
                base,
            };
            self.all.insert(id, cluster);
        }
        changes.changed.sort_unstable();
        changes.merged.sort_unstable();
        changes.split.sort_unstable();
    }

    /// The strongest links of every cluster.
    fn tell_links(&mut self, edges: &Edges, accounts: &[Known]) {
        let mut best: BTreeMap<u32, Vec<(i32, Edge)>> = BTreeMap::new();
        for edge in edges.iter() {
            let id = self.of(edge.a);
            if let (Some(id), true) = (id, id == self.of(edge.b)) {
                let (total, _) = joins(edge, succession(edge, accounts));
                let links = best.entry(id).or_default();
                links.push((total, *edge));
                if links.len() >= 4 * LINKS {
                    keep(links);
                }
            }
        }
        for (id, mut links) in best {
            keep(&mut links);
            let Some(cluster) = self.all.get_mut(&id) else {
                continue;
            };
            let told = links.iter().flat_map(|(_, edge)| {
                let families = ALL.into_iter().filter(|family| edge.of(*family) > 0);
                families.map(|family| Link {
                    a: AccountNumber(edge.a),
                    b: AccountNumber(edge.b),
                    signal: name(family),
                    decibans: edge.of(family),
                })
            });
            cluster.links = told.take(LINKS).collect();
        }
    }
}

/// Keeps the strongest.
fn keep(links: &mut Vec<(i32, Edge)>) {
    links.sort_unstable_by_key(|(total, edge)| (-total, edge.a, edge.b));
    links.truncate(LINKS);
}
