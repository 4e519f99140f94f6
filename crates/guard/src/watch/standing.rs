//! What stands of accounts and clusters at a time, for whoever asks. Nothing changes here.

use std::collections::BTreeMap;

use super::Watch;
use super::scored::{LEAST, risk};
use crate::card::Score;
use crate::cluster::Cluster;
use crate::digest::Declared;
use crate::echo::AccountNumber;
use crate::finding::{AccountStanding, ClusterStanding, Evidence, StreamStanding};
use crate::signal::{COUNT, SIGNALS};

/// By so many decibans a cluster's evidence may exceed a member's own, and what a member's own counts
/// as at least where nothing is known.
const LIFT: i32 = 12;
const NEUTRAL: i32 = -12;
/// Pieces of evidence that are told.
const TOLD: usize = 8;

impl Watch {
    /// What stands of every account, by number.
    pub fn standings(&self) -> impl Iterator<Item = AccountStanding> + '_ {
        let numbers = (0..self.accounts.len() as u32).map(AccountNumber);
        numbers.map(|number| self.standing(number))
    }

    fn standing(&self, number: AccountNumber) -> AccountStanding {
        let account = &self.accounts[number.0 as usize];
        let cluster = self.links.cluster_of(number);
        let granted = account.about.declared == Declared::Grant;
        let scored = self.score(number).filter(|_| account.exchanges() >= LEAST);
        let own = match &scored {
            Some((_, score)) => score.decibans,
            None => account.scored.decibans,
        };
        let group = cluster.and_then(|id| self.groups.cluster(id));
        let group = group.map_or(i32::MIN, |group| group.decibans);
        // Company alone makes nobody a distiller.
        let decibans = own.max(group.min(own.max(NEUTRAL).saturating_add(LIFT)));
        let greatest = risk(decibans, &self.card).max(self.groups.share(number));
        let evidence = scored
            .map(|(values, score)| evidence(&score, &values))
            .unwrap_or_default();
        AccountStanding {
            account: number,
            exchanges: account.exchanges(),
            // What the operator gave leave for is no risk.
            risk: if granted { greatest / 1000.0 } else { greatest },
            decibans: if decibans == i32::MIN { 0 } else { decibans },
            cluster,
            first: account.scored.first(),
            evidence,
        }
    }

    /// What stands of every cluster, by number.
    pub fn clusters(&self) -> Vec<ClusterStanding> {
        let mut streams: BTreeMap<u32, Vec<StreamStanding>> = BTreeMap::new();
        for stream in self.streams.all(&self.links) {
            let of_cluster = streams.entry(stream.cluster).or_default();
            let scored = self.groups.stream(stream.id);
            of_cluster.push(StreamStanding {
                id: stream.id,
                risk: scored.map_or(0.0, |scored| risk(scored.decibans, &self.card)),
                accounts: stream.accounts,
                exchanges: stream.exchanges,
            });
        }
        let standing = |cluster: &Cluster| ClusterStanding {
            id: cluster.id,
            accounts: cluster.accounts.clone(),
            risk: self
                .groups
                .cluster(cluster.id)
                .map_or(0.0, |scored| risk(scored.decibans, &self.card)),
            links: cluster.links.clone(),
            streams: streams.remove(&cluster.id).unwrap_or_default(),
        };
        self.links.clusters().map(standing).collect()
    }
}

/// What a score rests on, the strongest first.
pub(super) fn evidence(score: &Score, values: &[f32; COUNT]) -> Vec<Evidence> {
    let mut places: Vec<usize> = (0..COUNT)
        .filter(|at| score.adds[*at].abs() >= 500)
        .collect();
    places.sort_by_key(|at| -score.adds[*at].abs());
    let told = places.into_iter().take(TOLD);
    told.map(|at| Evidence {
        signal: SIGNALS[at].name,
        decibans: score.adds[at] / 1000,
        text: SIGNALS[at].sentence(values[at]).into(),
    })
    .collect()
}
