//! What a replay found, chosen and counted for people: plain values that a page is made of. It holds
//! the most remarkable only; the files beside it hold all.

use guard::finding::{ACTIONS, AccountStanding, Action, Band};
use record::Time;

use super::summary::Summary;

/// So many accounts are told of one by one.
pub(super) const ACCOUNTS: usize = 50;
/// So many clusters.
pub(super) const CLUSTERS: usize = 20;
/// So many streams of a cluster, and so many of its accounts by name.
pub(super) const FEW: usize = 12;

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was read, how fast.
    pub summary: Summary,
    /// What was found.
    pub found: Found,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Accounts in each band, as they stand at the end, by [`Band`]'s order.
    pub bands: [u64; 5],
    /// Whom each action would have touched, the mildest first; without `none`.
    pub touched: Vec<Touched>,
    /// Accounts by risk, at most fifty that are not unremarkable.
    pub accounts: Vec<Account>,
    /// Clusters by risk, at most twenty.
    pub clusters: Vec<Cluster>,
    /// Clusters that are left out.
    pub more_clusters: u64,
}

/// Whom an action would have touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The action.
    pub action: Action,
    /// Accounts for which, or for whose cluster, it was proposed.
    pub accounts: u64,
    /// Exchanges that these sent from then on.
    pub exchanges: u64,
}

/// An account that stands out.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its exchanges.
    pub exchanges: u64,
    /// 0 to 1.
    pub risk: f64,
    /// How sure.
    pub band: Band,
    /// The strongest action that was proposed for it, and after how many exchanges.
    pub action: Option<(Action, u64)>,
    /// Its cluster.
    pub cluster: Option<String>,
    /// Why, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The signal's name.
    pub signal: String,
    /// For (positive) or against, in decibans.
    pub decibans: i32,
    /// A plain sentence.
    pub text: String,
    /// What is behind it when the account is honest, where the guard says so.
    pub alternative: Option<String>,
}

/// Accounts that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub id: String,
    /// How many accounts.
    pub accounts: u64,
    /// The first few of them.
    pub some: Vec<String>,
    /// 0 to 1.
    pub risk: f64,
    /// How sure.
    pub band: Band,
    /// What is proposed.
    pub action: Action,
    /// What was last said of it.
    pub evidence: Vec<Evidence>,
    /// What ties its accounts: signal, links of it, the strongest's decibans.
    pub links: Vec<(String, u64, i32)>,
    /// Streams inside it that are scored apart, the first few.
    pub streams: Vec<Stream>,
    /// How many streams there are.
    pub all_streams: u64,
}

/// A stream inside a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its name.
    pub id: String,
    /// 0 to 1.
    pub risk: f64,
    /// Accounts that it went through.
    pub accounts: u64,
    /// Its exchanges.
    pub exchanges: u64,
}

impl From<&guard::finding::Evidence> for Evidence {
    fn from(evidence: &guard::finding::Evidence) -> Self {
        Self {
            signal: evidence.signal.to_owned(),
            decibans: evidence.decibans,
            text: evidence.text.to_string(),
            alternative: guard::signal::about(evidence.signal)
                .map(|about| about.alternative.to_owned()),
        }
    }
}

impl Found {
    /// Takes in what stands of an account.
    pub(super) fn account(&mut self, id: &str, standing: &AccountStanding, band: Band) {
        self.bands[band as usize] += 1;
        if self.touched.is_empty() {
            self.touched = ACTIONS[1..]
                .iter()
                .map(|action| Touched {
                    action: *action,
                    accounts: 0,
                    exchanges: 0,
                })
                .collect();
        }
        for (touched, first) in self.touched.iter_mut().zip(&standing.first[1..]) {
            if let Some(first) = first {
                touched.accounts += 1;
                touched.exchanges += standing.exchanges.saturating_sub(*first);
            }
        }
        let proposed = ACTIONS.iter().zip(standing.first);
        let action = proposed
            .skip(1)
            .filter_map(|(action, first)| Some((*action, first?)))
            .next_back();
        if band == Band::Unremarkable && action.is_none() {
            return;
        }
        let least = self.accounts.last().map_or(f64::MIN, |last| last.risk);
        if self.accounts.len() == ACCOUNTS && standing.risk <= least {
            return;
        }
        // Equal risks keep the order of the accounts.
        let at = self
            .accounts
            .partition_point(|other| other.risk >= standing.risk);
        self.accounts.insert(
            at,
            Account {
                id: id.to_owned(),
                exchanges: standing.exchanges,
                risk: standing.risk,
                band,
                action,
                cluster: standing.cluster.map(super::write::cluster_name),
                evidence: standing.evidence.iter().map(Evidence::from).collect(),
            },
        );
        self.accounts.truncate(ACCOUNTS);
    }

    /// Accounts that stand out, also those that are not told of one by one.
    pub fn remarkable(&self) -> u64 {
        self.bands[1..].iter().sum()
    }
}

/// RFC 3339, to the second.
pub(super) fn seconds(time: Time) -> String {
    let mut text = time.rfc3339();
    text.truncate(text.len().saturating_sub(8));
    text.push('Z');
    text
}
