//! The fold: exchanges in the order of the ledger go in, one by one and whole, and what the guard
//! knows is brought up to each. It does no IO and reads no clock: the same exchanges in the same
//! order give the same state, live and replayed.

mod accounts;

use record::Time;

pub use self::accounts::Account;
use crate::digest::{About, Digest, HashKey};
use crate::echo::{self, AccountNumber, Memory};
use crate::finding::{ACTIONS, AccountStanding, ClusterStanding, Finding};
use crate::profile::Sketcher;

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
}

impl Watch {
    /// A guard that knows nothing yet, under the key of the digests.
    pub fn new(key: &HashKey, memory: echo::Options) -> Self {
        Self {
            sketcher: Sketcher::new(key),
            memory: Memory::new(memory),
            accounts: Vec::new(),
        }
    }

    /// Takes in an account and gives it its number. Numbers count from 0.
    pub fn account(&mut self, about: About) -> AccountNumber {
        let number = self.accounts.len() as u32;
        self.accounts.push(Account::new(about));
        AccountNumber(number)
    }

    /// A model came out.
    pub fn released(&mut self, _time: Time, _model: u32) {}

    /// An account was suspended.
    pub fn suspended(&mut self, _time: Time, _account: AccountNumber) {}

    /// What stands of every account, by number.
    pub fn standings(&self) -> impl Iterator<Item = AccountStanding> + '_ {
        (0..)
            .zip(&self.accounts)
            .map(|(number, account)| AccountStanding {
                account: AccountNumber(number),
                exchanges: account.profile.exchanges.0,
                risk: 0.0,
                decibans: 0,
                cluster: None,
                first: [None; ACTIONS.len()],
                evidence: Vec::new(),
            })
    }

    /// What stands of every cluster, by number.
    pub fn clusters(&self) -> Vec<ClusterStanding> {
        Vec::new()
    }

    /// Ends the fold: what waits for a boundary of time is told now.
    pub fn finish(&mut self, _findings: &mut Vec<Finding>) {}

    /// Folds one exchange; what it changes is added to the findings.
    pub fn exchange(&mut self, folded: &Folded<'_>, _findings: &mut Vec<Finding>) {
        let found = self.memory.observe(&echo::Exchange {
            number: folded.number,
            account: folded.account,
            arrived: folded.arrived,
            digest: folded.digest,
        });
        let echoes = found.echoes(folded.digest);
        let event = self
            .sketcher
            .event(folded.number, folded.arrived, folded.digest, echoes);
        let Some(account) = self.accounts.get_mut(folded.account.0 as usize) else {
            return;
        };
        account.profile.add(&event);
    }

    /// The accounts, by number.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}
