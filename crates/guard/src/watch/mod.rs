//! The fold: exchanges in the order of the ledger go in, one by one and whole, and what the guard
//! knows is brought up to each. It does no IO and reads no clock: the same exchanges in the same
//! order give the same state, live and replayed.

mod accounts;

use std::collections::BTreeMap;

use record::Time;

pub use self::accounts::Account;
use crate::cluster::Cluster;
use crate::digest::{About, Digest, HashKey};
use crate::echo::{self, AccountNumber, Memory};
use crate::finding::{ACTIONS, AccountStanding, ClusterStanding, Finding, StreamStanding};
use crate::link::{self, Linked, Links};
use crate::profile::Sketcher;
use crate::stream::{self, Streams};

/// One exchange, at its end.
#[derive(Debug, Clone, Copy)]
pub struct Folded<'d> {
    /// A number of its own, in the order of folding.
    pub number: u64,
    /// Whose.
    pub account: AccountNumber,
    /// When its request arrived.
    pub arrived: Time,
    /// When its last byte left.
    pub ended: Time,
    /// What is seen of it.
    pub digest: &'d Digest,
}

/// The guard's state.
#[derive(Debug)]
pub struct Watch {
    sketcher: Sketcher,
    memory: Memory,
    accounts: Vec<Account>,
    links: Links,
    streams: Streams,
    /// The hour of ledger time up to which clusters are worked out.
    hour: u64,
}

/// Clusters are worked out anew at boundaries of so much ledger time.
const BOUNDARY_US: u64 = 3_600_000_000;

impl Watch {
    /// A guard that knows nothing yet, under the key of the digests.
    pub fn new(key: &HashKey, memory: echo::Options) -> Self {
        Self {
            sketcher: Sketcher::new(key),
            memory: Memory::new(memory),
            accounts: Vec::new(),
            links: Links::new(link::Options::default()),
            streams: Streams::new(stream::Options::default()),
            hour: 0,
        }
    }

    /// Takes in an account and gives it its number. Numbers count from 0.
    pub fn account(&mut self, about: About) -> AccountNumber {
        let number = self.accounts.len() as u32;
        self.links.account(AccountNumber(number), &about);
        self.accounts.push(Account::new(about));
        AccountNumber(number)
    }

    /// A model came out.
    pub fn released(&mut self, time: Time, model: u32) {
        self.links.released(time, model);
    }

    /// An account was suspended.
    pub fn suspended(&mut self, time: Time, account: AccountNumber) {
        self.links.suspended(time, account);
    }

    /// What stands of every account, by number.
    pub fn standings(&self) -> impl Iterator<Item = AccountStanding> + '_ {
        (0..)
            .zip(&self.accounts)
            .map(|(number, account)| AccountStanding {
                account: AccountNumber(number),
                exchanges: account.profile.exchanges.0,
                risk: 0.0,
                decibans: 0,
                cluster: self.links.cluster_of(AccountNumber(number)),
                first: [None; ACTIONS.len()],
                evidence: Vec::new(),
            })
    }

    /// What stands of every cluster, by number.
    pub fn clusters(&self) -> Vec<ClusterStanding> {
        let mut streams: BTreeMap<u32, Vec<StreamStanding>> = BTreeMap::new();
        for stream in self.streams.all(&self.links) {
            let of_cluster = streams.entry(stream.cluster).or_default();
            of_cluster.push(StreamStanding {
                id: stream.id,
                risk: 0.0,
                accounts: stream.accounts,
                exchanges: stream.exchanges,
            });
        }
        let standing = |cluster: &Cluster| ClusterStanding {
            id: cluster.id,
            accounts: cluster.accounts.clone(),
            risk: 0.0,
            links: cluster.links.clone(),
            streams: streams.remove(&cluster.id).unwrap_or_default(),
        };
        self.links.clusters().map(standing).collect()
    }

    /// Ends the fold: what waits for a boundary of time is told now.
    pub fn finish(&mut self, _findings: &mut Vec<Finding>) {
        self.links
            .boundary(Time::from_micros((self.hour + 1) * BOUNDARY_US));
    }

    /// Folds one exchange; what it changes is added to the findings.
    pub fn exchange(&mut self, folded: &Folded<'_>, _findings: &mut Vec<Finding>) {
        let hour = folded.ended.micros() / BOUNDARY_US;
        if hour > self.hour {
            self.hour = hour;
            self.boundary(hour);
        }
        let found = self.memory.observe(&echo::Exchange {
            number: folded.number,
            account: folded.account,
            arrived: folded.arrived,
            digest: folded.digest,
        });
        let linked = Linked {
            number: folded.number,
            account: folded.account,
            arrived: folded.arrived,
            digest: folded.digest,
            found: &found,
        };
        self.links.exchange(&linked);
        let echoes = found.echoes(folded.digest);
        let event = self
            .sketcher
            .event(folded.number, folded.arrived, folded.digest, echoes);
        let cluster = self.links.cluster_of(folded.account);
        self.streams.exchange(&linked, &event, cluster);
        let Some(account) = self.accounts.get_mut(folded.account.0 as usize) else {
            return;
        };
        account.profile.add(&event);
    }

    /// Brings clusters and their streams up to a boundary of ledger time.
    fn boundary(&mut self, hour: u64) {
        let changes = self.links.boundary(Time::from_micros(hour * BOUNDARY_US));
        self.streams.boundary(&changes, &self.links);
    }

    /// The accounts, by number.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}
