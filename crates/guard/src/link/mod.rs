//! Links between accounts: signs that two of them have one operator, each a log-likelihood ratio in
//! decibans with a cap by family. Exchanges come in the order of the ledger; nothing is drawn by
//! chance, no text is kept, and every table has a bound. What the links put together is `cluster`'s.

mod edges;
mod holders;
mod recent;
mod signs;
mod weigh;

use record::Time;

use self::holders::Table;
use self::recent::{Handed, Refused, Ring};
use crate::cluster::{Changes, Cluster, Clusters};
use crate::digest::{About, Digest};
use crate::echo::{self, AccountNumber};
use crate::finding::Link;
use crate::profile::mix;

pub(crate) use self::edges::{Edge, Edges};
pub(crate) use self::weigh::{ALL, Family, joins, name};

/// An hour of ledger time.
const HOUR_US: u64 = 3_600_000_000;
/// Templates of an account that are remembered.
const TEMPLATES: usize = 20;

/// Bounds of the tables; each grows up to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Pairs of accounts with evidence, 20 bytes each.
    pub pairs: u32,
    /// Means of payment, telephones: 48 bytes each.
    pub identities: u32,
    /// Addresses and templates, 48 bytes each.
    pub things: u32,
}

impl Default for Options {
    /// 42, 50 and 25 MB at most.
    fn default() -> Self {
        Self {
            pairs: 1 << 21,
            identities: 1 << 20,
            things: 1 << 19,
        }
    }
}

/// One exchange, with what the memory of echoes found in it.
#[derive(Debug, Clone, Copy)]
pub struct Linked<'e> {
    /// Its number.
    pub number: u64,
    /// Whose.
    pub account: AccountNumber,
    /// When it arrived.
    pub arrived: Time,
    /// What is seen of it.
    pub digest: &'e Digest,
    /// What it carries of others' answers.
    pub found: &'e echo::Found,
}

/// What is known of an account here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// Print of its verified organisation; 0 without one.
    pub(crate) organization: u64,
    /// The hour it was opened; 0 where unknown.
    pub(crate) created: u32,
    /// The hour it was suspended; 0 if it was not.
    pub(crate) suspended: u32,
    /// The hour it first used the newest model, and that release's number.
    pub(crate) pivot: (u32, u32),
    /// The last address, so that it is noted once.
    address: u32,
    /// Templates that it used lately and others too, or twice; 0 is none.
    pub(crate) templates: [u32; TEMPLATES],
}

/// The links.
#[derive(Debug, Clone)]
pub struct Links {
    accounts: Vec<Known>,
    identities: Table,
    things: Table,
    edges: Edges,
    handed: Ring<Handed>,
    refused: Ring<Refused>,
    release: (u32, u32, u32),
    clusters: Clusters,
    dirty: bool,
}

impl Links {
    /// Links of nobody.
    pub fn new(options: Options) -> Self {
        Self {
            accounts: Vec::new(),
            identities: Table::new(options.identities),
            things: Table::new(options.things),
            edges: Edges::new(options.pairs),
            handed: Ring::new(1 << 16),
            refused: Ring::new(1 << 14),
            release: (0, 0, 0),
            clusters: Clusters::default(),
            dirty: false,
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.identities.bytes()
            + self.things.bytes()
            + self.edges.bytes()
            + self.handed.bytes()
            + self.refused.bytes()
            + self.accounts.capacity() * size_of::<Known>()
            + self.clusters.bytes()
    }

    /// Pairs that had to make room since the beginning.
    pub fn displaced(&self) -> u64 {
        self.edges.displaced()
    }

    /// Takes in an account. Numbers come in order.
    pub fn account(&mut self, number: AccountNumber, about: &About) {
        let place = number.0 as usize;
        if self.accounts.len() <= place {
            self.accounts.resize(place + 1, Known::default());
        }
        let created = about.created.map_or(0, hour);
        self.accounts[place] = Known {
            organization: about.organization,
            created,
            ..Known::default()
        };
        let prints = [
            (1, about.payment, weigh::payment as fn(u32) -> u8),
            (2, about.phone, weigh::phone),
            (3, about.email, weigh::phone),
        ];
        for (kind, print, weight) in prints {
            if print == 0 {
                continue;
            }
            let key = mix(print ^ kind);
            let before = self.identities.note(key, number.0, 0, created);
            for other in before.others.into_iter().flatten() {
                self.link(
                    number.0,
                    other,
                    Family::Identity,
                    weight(before.accounts),
                    created,
                );
            }
        }
    }

    /// An account was suspended.
    pub fn suspended(&mut self, time: Time, account: AccountNumber) {
        if let Some(known) = self.accounts.get_mut(account.0 as usize) {
            known.suspended = hour(time);
        }
    }

    /// A model came out.
    pub fn released(&mut self, time: Time, model: u32) {
        self.release = (model, hour(time), self.release.2 + 1);
    }

    /// Forgets an account: its links, and with the next boundary its place in a cluster.
    pub fn erase(&mut self, account: AccountNumber) {
        if let Some(known) = self.accounts.get_mut(account.0 as usize) {
            *known = Known::default();
        }
        self.edges.erase(account.0);
        self.identities.erase(account.0);
        self.things.erase(account.0);
        self.handed.retain(|one| !one.names(account.0));
        self.refused.retain(|one| one.account != account.0);
        self.dirty = true;
    }

    /// Takes in an exchange, after the memory of echoes.
    pub fn exchange(&mut self, linked: &Linked<'_>) {
        let Linked {
            account,
            digest,
            arrived,
            ..
        } = *linked;
        if account.0 as usize >= self.accounts.len() {
            return;
        }
        let hour = hour(arrived);
        if digest.status >= 300 {
            self.refuse(linked);
            return;
        }
        self.hand_off(linked, hour);
        self.reuse(linked, hour);
        self.displaced_to(linked, hour);
        self.template(linked, hour);
        self.source(linked, hour);
        let known = &mut self.accounts[account.0 as usize];
        let (model, _, release) = self.release;
        if release > 0 && digest.model == model && known.pivot.1 != release {
            known.pivot = (hour, release);
        }
    }

    /// Brings clusters up to all evidence. Called at boundaries of ledger time.
    pub fn boundary(&mut self, _time: Time) -> Changes {
        if !std::mem::take(&mut self.dirty) {
            return Changes::default();
        }
        let changes = self.clusters.update(&self.edges, &self.accounts);
        self.dirty = changes.waiting > 0;
        changes
    }

    /// Every cluster, by number.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.all()
    }

    /// A cluster.
    pub fn cluster(&self, id: u32) -> Option<&Cluster> {
        self.clusters.get(id)
    }

    /// The cluster of an account.
    pub fn cluster_of(&self, account: AccountNumber) -> Option<u32> {
        self.clusters.of(account.0)
    }

    /// Every pair with evidence of a family, for measuring: account, account, decibans by name.
    pub fn pairs(&self) -> impl Iterator<Item = Link> + '_ {
        self.edges.iter().flat_map(|edge| {
            ALL.into_iter()
                .filter(|family| edge.of(*family) > 0)
                .map(|family| Link {
                    a: AccountNumber(edge.a),
                    b: AccountNumber(edge.b),
                    signal: name(family),
                    decibans: edge.of(family),
                })
        })
    }

    /// Adds evidence between two accounts, if it counts between these two.
    fn link(&mut self, one: u32, other: u32, family: Family, decibans: u8, hour: u32) {
        let organization = |account: u32| {
            self.accounts
                .get(account as usize)
                .map_or(0, |known| known.organization)
        };
        // Accounts of one verified organisation may share everything.
        let own = organization(one);
        if decibans == 0 || (own != 0 && own == organization(other)) {
            return;
        }
        let edge = self.edges.add((one, other), family, decibans, hour);
        self.dirty = true;
        let (total, together) = joins(&edge, succession(&edge, &self.accounts));
        if together && total >= weigh::AT_ONCE {
            self.clusters.join(one, other);
        }
    }
}

/// What two accounts' histories add to their evidence: both went over to a new model within the same
/// hour (C8); one was opened after the other was suspended.
pub(crate) fn succession(edge: &Edge, accounts: &[Known]) -> i32 {
    let of = |account: u32| accounts.get(account as usize).copied().unwrap_or_default();
    let (one, other) = (of(edge.a), of(edge.b));
    let pivot = one.pivot.1 > 0 && one.pivot == other.pivot;
    let after = |gone: &Known, new: &Known| {
        gone.suspended > 0 && (gone.suspended..gone.suspended + 48).contains(&new.created)
    };
    let follows = after(&one, &other) || after(&other, &one);
    i32::from(pivot) * weigh::PIVOT + i32::from(follows) * weigh::SUCCESSION
}

/// The hour of a time.
fn hour(time: Time) -> u32 {
    u32::try_from(time.micros() / HOUR_US).unwrap_or(u32::MAX)
}
