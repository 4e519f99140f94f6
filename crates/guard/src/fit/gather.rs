//! Watches labelled traffic and keeps what signals showed, for a fit, and how honest accounts score,
//! for a reference. It learns nothing by itself.

use super::Row;
use crate::card::Card;
use crate::digest::{About, HashKey};
use crate::echo::AccountNumber;
use crate::finding::Finding;
use crate::signal;
use crate::watch::{Folded, Options, Watch};

/// Exchanges at which an account's signals are looked at, beside its end: what a value is worth must
/// hold for young accounts and for old ones.
const AT: [u64; 5] = [12, 25, 60, 150, 400];
/// Fewer exchanges say nothing.
const LEAST: u64 = 8;

/// What an account truly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Honest, an honest reseller included.
    Honest,
    /// Distilling without leave, in whole or in part.
    Distilling,
    /// Neither right nor wrong to be found: it distils with leave, or nobody knows.
    Neither,
}

/// Labelled traffic under watch.
#[derive(Debug)]
pub struct Gather {
    watch: Watch,
    labels: Vec<Label>,
    kinds: Vec<u32>,
    seen: Vec<(u32, Row)>,
    findings: Vec<Finding>,
}

impl Gather {
    /// Watches under a card; a blank one for a fit.
    pub fn new(key: &HashKey, card: Card) -> Self {
        Self {
            watch: Watch::new(key, Options::with(card)),
            labels: Vec::new(),
            kinds: Vec::new(),
            seen: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Takes in an account, what it truly is, and of which kind among those.
    pub fn account(&mut self, about: About, label: Label, kind: u32) -> AccountNumber {
        self.labels.push(label);
        self.kinds.push(kind);
        self.watch.account(about)
    }

    /// A model came out.
    pub fn released(&mut self, time: record::Time, model: u32) {
        self.watch.released(time, model);
    }

    /// An account was suspended.
    pub fn suspended(&mut self, time: record::Time, account: AccountNumber) {
        self.watch.suspended(time, account);
    }

    /// Takes in an exchange.
    pub fn exchange(&mut self, folded: &Folded<'_>) {
        self.findings.clear();
        self.watch.exchange(folded, &mut self.findings);
        let account = folded.account.0;
        let label = self.labels.get(account as usize);
        if label.is_some_and(|label| *label != Label::Neither) && AT.contains(&self.sent(account)) {
            self.look(account);
        }
    }

    /// Rows of all accounts, each account with the weight of one.
    pub fn rows(mut self) -> Vec<Row> {
        for account in 0..self.labels.len() as u32 {
            let sent = self.sent(account);
            let known = self.labels[account as usize] != Label::Neither;
            if known && sent >= LEAST && !AT.contains(&sent) {
                self.look(account);
            }
        }
        let mut of = vec![0_u32; self.labels.len()];
        for (account, _) in &self.seen {
            of[*account as usize] += 1;
        }
        let weigh = |(account, row): (u32, Row)| Row {
            weight: 1.0 / f64::from(of[account as usize]),
            ..row
        };
        self.seen.into_iter().map(weigh).collect()
    }

    /// The greatest evidence that each account of a label ever showed, in decibans.
    pub fn peaks(&self, label: Label) -> Vec<i32> {
        let wanted = (0..).zip(&self.labels).filter(|(_, one)| **one == label);
        wanted
            .filter_map(|(account, _)| self.watch.peak(AccountNumber(account)))
            .collect()
    }

    fn sent(&self, account: u32) -> u64 {
        self.watch.accounts()[account as usize].exchanges()
    }

    fn look(&mut self, account: u32) {
        let known = &self.watch.accounts()[account as usize];
        let Some(view) = known.view() else { return };
        let row = Row {
            values: signal::values(&view),
            distilling: self.labels[account as usize] == Label::Distilling,
            weight: 1.0,
            kind: self.kinds[account as usize],
            account,
        };
        self.seen.push((account, row));
    }
}
