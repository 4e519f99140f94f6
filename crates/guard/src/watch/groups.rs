//! Clusters and the streams inside them, judged as accounts are: their profiles are merged and read by
//! the same signals. A stream is judged apart, so that what is proposed falls on it and not on the
//! honest customers beside it.

use std::collections::BTreeMap;

use super::scored::{Scored, risk};
use super::{Account, Watch};
use crate::card::Card;
use crate::digest::About;
use crate::echo::AccountNumber;
use crate::finding::{Action, Finding, Subject};
use crate::profile::Hot;
use crate::signal::{self, View};

/// Accounts from which on a cluster is judged as a whole: two may be one person's.
const ACCOUNTS: usize = 3;
/// Exchanges from which on a stream is judged.
const STREAM: u64 = 12;

/// What stands of clusters and streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    clusters: BTreeMap<u32, Scored>,
    streams: BTreeMap<u64, Scored>,
    /// By account, the largest share of its traffic in a stream times the stream's risk.
    shares: BTreeMap<u32, f64>,
}

impl Groups {
    pub(super) fn cluster(&self, id: u32) -> Option<&Scored> {
        self.clusters.get(&id)
    }

    pub(super) fn stream(&self, id: u64) -> Option<&Scored> {
        self.streams.get(&id)
    }

    pub(super) fn erase(&mut self, account: AccountNumber) {
        self.shares.remove(&account.0);
    }

    pub(super) fn share(&self, account: AccountNumber) -> f64 {
        self.shares.get(&account.0).copied().unwrap_or(0.0)
    }
}

/// The profiles of all members that are active, as one.
fn merged(accounts: &[Account], members: &[AccountNumber]) -> Hot {
    let mut all = Hot::default();
    for member in members {
        if let Some(hot) = accounts.get(member.0 as usize).and_then(Account::hot) {
            all.merge(hot);
        }
    }
    all
}

impl Watch {
    /// Judges clusters that have grown enough since they were judged.
    pub(super) fn judge_clusters(&mut self, at: At, findings: &mut Vec<Finding>) {
        let card = self.card.clone();
        let mut standing = BTreeMap::new();
        let clusters: Vec<(u32, Vec<AccountNumber>)> = self
            .links
            .clusters()
            .filter(|cluster| cluster.accounts.len() >= ACCOUNTS)
            .map(|cluster| (cluster.id, cluster.accounts.clone()))
            .collect();
        for (id, members) in clusters {
            let mut scored = self.groups.clusters.remove(&id).unwrap_or_default();
            let exchanges = members.iter().map(|one| self.sent(*one)).sum();
            if scored.is_due(exchanges) {
                let profile = merged(&self.accounts, &members);
                let told = self.judge_group(&card, &profile, &mut scored, exchanges);
                if let Some(evidence) = told {
                    // Not to those who come later: company alone makes nobody a distiller.
                    if scored.action > Action::None {
                        for member in &members {
                            self.proposed(*member, scored.action);
                        }
                    }
                    findings.push(Finding {
                        time: at.time,
                        exchange: at.exchange,
                        subject: Subject::Cluster {
                            id,
                            accounts: members,
                        },
                        risk: risk(scored.decibans, &card),
                        band: scored.band(),
                        action: scored.action,
                        evidence,
                    });
                }
            }
            standing.insert(id, scored);
        }
        self.groups.clusters = standing;
    }

    /// Judges the streams of all clusters.
    pub(super) fn judge_streams(&mut self, at: At, findings: &mut Vec<Finding>) {
        let card = self.card.clone();
        let mut standing = BTreeMap::new();
        let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
        for stream in self.streams.all(&self.links) {
            if stream.profile.exchanges.0 < STREAM {
                continue;
            }
            let mut scored = self.groups.streams.remove(&stream.id).unwrap_or_default();
            let exchanges = stream.profile.exchanges.0;
            if scored.is_due(exchanges) {
                let told = self.judge_group(&card, &stream.profile, &mut scored, exchanges);
                if let Some(evidence) = told {
                    findings.push(Finding {
                        time: at.time,
                        exchange: at.exchange,
                        subject: Subject::Stream {
                            id: stream.id,
                            cluster: stream.cluster,
                            accounts: stream.accounts.clone(),
                        },
                        risk: risk(scored.decibans, &card),
                        band: scored.band(),
                        action: scored.action,
                        evidence,
                    });
                }
            }
            let each = stream.exchanges.len() as f64 / stream.accounts.len().max(1) as f64;
            for account in &stream.accounts {
                let part = (each / self.sent(*account).max(1) as f64).min(1.0);
                let share = shares.entry(account.0).or_default();
                *share = share.max(part * risk(scored.decibans, &card));
            }
            standing.insert(stream.id, scored);
        }
        self.groups.streams = standing;
        self.groups.shares = shares;
    }

    fn judge_group(
        &self,
        card: &Card,
        profile: &Hot,
        scored: &mut Scored,
        exchanges: u64,
    ) -> Option<Vec<crate::finding::Evidence>> {
        let about = About::default();
        let values = signal::values(&View::new(profile, &about));
        let score = card.score(&values, self.without);
        let changed = scored.take(&score, card, exchanges, false);
        changed.then(|| super::standing::evidence(&score, &values))
    }

    fn sent(&self, account: AccountNumber) -> u64 {
        let account = self.accounts.get(account.0 as usize);
        account.map_or(0, Account::exchanges)
    }

    fn proposed(&mut self, account: AccountNumber, action: Action) {
        if let Some(account) = self.accounts.get_mut(account.0 as usize) {
            let exchanges = account.exchanges();
            account.scored.propose(action, exchanges);
        }
    }
}

/// When something is found, and by which exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) time: record::Time,
    pub(super) exchange: u64,
}
