//! The fold: exchanges in the order of the ledger go in, one by one and whole, and what the guard
//! knows is brought up to each. It does no IO and reads no clock: the same exchanges in the same
//! order give the same state, live and replayed.

mod accounts;
mod groups;
mod scored;
mod standing;
mod ways;

use std::sync::Arc;

use record::Time;

pub use self::accounts::Account;
use self::groups::{At, Groups};
use self::scored::risk;
use self::standing::evidence;
use self::ways::Others;
use crate::card::{Card, CardError, Score};
use crate::commons::Commons;
use crate::digest::{About, Declared, Digest, HashKey};
use crate::echo::{self, AccountNumber, Memory};
use crate::finding::{Finding, Subject};
use crate::link::{self, Linked, Links};
use crate::profile::{Release, Sketcher};
use crate::signal::{self, COUNT};
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

/// Bounds of the guard's memory, and what it judges by.
#[derive(Debug, Clone)]
pub struct Options {
    /// The card.
    pub card: Arc<Card>,
    /// Echoes.
    pub memory: echo::Options,
    /// Questions that many ask, 16 bytes each.
    pub commons: u32,
    /// Accounts that are kept in full, 4 KiB each; the others as coarser profiles.
    pub active: usize,
    /// A family of signals that is left out, to see what it is worth.
    pub without: Option<signal::Family>,
}

impl Options {
    /// The usual bounds, with the card that is shipped.
    ///
    /// # Errors
    /// None in a released program.
    pub fn shipped() -> Result<Self, CardError> {
        Ok(Self::with(Card::shipped()?))
    }

    /// The usual bounds, with this card.
    pub fn with(card: Card) -> Self {
        Self {
            card: Arc::new(card),
            memory: echo::Options::default(),
            commons: 1 << 21,
            active: 200_000,
            without: None,
        }
    }
}

/// The guard's state.
#[derive(Debug)]
pub struct Watch {
    card: Arc<Card>,
    without: Option<usize>,
    sketcher: Sketcher,
    memory: Memory,
    commons: Commons,
    accounts: Vec<Account>,
    /// Accounts that are kept in full, and how many may be.
    active: (usize, usize),
    links: Links,
    streams: Streams,
    groups: Groups,
    newest: Release,
    /// The hour of ledger time up to which clusters are worked out.
    hour: u64,
    /// The exchange before lay far ahead of that.
    far: bool,
    last: At,
}

/// Clusters are worked out anew at boundaries of so much ledger time.
const BOUNDARY_US: u64 = 3_600_000_000;
/// A time so many boundaries ahead is believed when the next exchange says so too.
const FAR: u64 = 24 * 90;
/// Streams are judged, and accounts cooled, each so many boundaries.
const SLOW: u64 = 12;
/// Hours without an exchange after which an account's profile is made coarser.
const REST: u32 = 7 * 24;

impl Watch {
    /// A guard that knows nothing yet, under the key of the digests.
    pub fn new(key: &HashKey, options: Options) -> Self {
        Self {
            card: options.card,
            without: options.without.map(|family| family as usize),
            sketcher: Sketcher::new(key),
            memory: Memory::new(options.memory),
            commons: Commons::new(options.commons),
            accounts: Vec::new(),
            active: (0, options.active.max(1)),
            links: Links::new(link::Options::default()),
            streams: Streams::new(stream::Options::default()),
            groups: Groups::default(),
            newest: Release::default(),
            hour: 0,
            far: false,
            last: At {
                time: Time::from_micros(0),
                exchange: 0,
            },
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
        self.newest = Release {
            model,
            hour: hour_of(time),
            number: self.newest.number.saturating_add(1),
        };
    }

    /// An account was suspended.
    pub fn suspended(&mut self, time: Time, account: AccountNumber) {
        self.links.suspended(time, account);
    }

    /// The card that it judges by.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The accounts, by number.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        let accounts: usize = self.accounts.iter().map(Account::bytes).sum();
        accounts
            + self.accounts.capacity() * size_of::<Account>()
            + self.memory.bytes()
            + self.commons.bytes()
            + self.links.bytes()
            + self.streams.bytes()
    }

    /// Forgets an account: its profile, its echoes, what it asked, its links. Its number stays taken and
    /// says nothing. Clusters are worked out anew at the next boundary.
    pub fn erase(&mut self, number: AccountNumber) {
        let cluster = self.links.cluster_of(number);
        let Some(account) = self.accounts.get_mut(number.0 as usize) else {
            return;
        };
        self.active.0 -= usize::from(account.hot().is_some());
        *account = Account::new(About::default());
        self.memory.erase(number);
        self.commons.erase(number);
        self.links.erase(number);
        self.streams.erase(number, cluster);
        self.groups.erase(number);
    }

    /// Signals and score of an account that is active.
    pub fn score(&self, account: AccountNumber) -> Option<([f32; COUNT], Score)> {
        let account = self.accounts.get(account.0 as usize)?;
        let values = signal::values(&account.view()?);
        let score = self.card.score(&values, self.without);
        Some((values, score))
    }

    /// The greatest evidence that an account ever showed, in decibans; `None` for one that was never
    /// judged.
    pub fn peak(&self, account: AccountNumber) -> Option<i32> {
        let peak = self.accounts.get(account.0 as usize)?.scored.peak;
        (peak != i32::MIN).then_some(peak)
    }

    /// Ends the fold: what waits for a boundary of time is told now.
    pub fn finish(&mut self, findings: &mut Vec<Finding>) {
        self.boundary(self.hour + 1, findings);
        self.judge_streams(self.last, findings);
    }

    /// Folds one exchange; what it changes is added to the findings.
    pub fn exchange(&mut self, folded: &Folded<'_>, findings: &mut Vec<Finding>) {
        let hour = folded.ended.micros() / BOUNDARY_US;
        // A clock that jumps far ahead once would put an end to all later boundaries.
        let far = self.hour > 0 && hour > self.hour + FAR;
        if hour > self.hour && (!far || self.far) {
            self.boundary(hour, findings);
        }
        self.far = far;
        self.last = At {
            time: folded.ended,
            exchange: folded.number,
        };
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
        let mut event = self
            .sketcher
            .event(folded.number, folded.arrived, folded.digest, echoes);
        let template = u64::from(event.template()) << 31 | 1 << 63;
        let others = Others {
            ask: self.commons.ask(folded.digest.ask.exact, folded.account),
            template: self.commons.ask(template, folded.account),
        };
        let Some(account) = self.accounts.get_mut(folded.account.0 as usize) else {
            return;
        };
        let new = account.add(&mut event, |last| last.ways(folded, &found, others));
        account
            .course
            .add(hour_of(folded.arrived), folded.digest.model, self.newest);
        self.active.0 += usize::from(new);
        let cluster = self.links.cluster_of(folded.account);
        self.streams.exchange(&linked, &event, cluster);
        self.judge(folded, findings);
        if self.active.0 > self.active.1 {
            self.cool(0);
        }
    }

    fn judge(&mut self, folded: &Folded<'_>, findings: &mut Vec<Finding>) {
        let Some(account) = self.accounts.get_mut(folded.account.0 as usize) else {
            return;
        };
        let Some(view) = account.view() else { return };
        let active = view.exchanges();
        if !account.scored.is_due(active) {
            return;
        }
        let values = signal::values(&view);
        let score = self.card.score(&values, self.without);
        let granted = account.about.declared == Declared::Grant;
        if account.scored.take(&score, &self.card, active, granted) {
            findings.push(Finding {
                time: folded.ended,
                exchange: folded.number,
                subject: Subject::Account(folded.account),
                risk: risk(account.scored.decibans, &self.card),
                band: account.scored.band(),
                action: account.scored.action,
                evidence: evidence(&score, &values),
            });
        }
    }

    /// Brings clusters and their streams up to a boundary of ledger time.
    fn boundary(&mut self, hour: u64, findings: &mut Vec<Finding>) {
        let slow = hour / SLOW != self.hour / SLOW;
        self.hour = hour;
        let changes = self.links.boundary(Time::from_micros(hour * BOUNDARY_US));
        self.streams.boundary(&changes, &self.links);
        self.judge_clusters(self.last, findings);
        if slow {
            self.judge_streams(self.last, findings);
            self.cool(u32::try_from(hour).unwrap_or(u32::MAX).saturating_sub(REST));
        }
    }

    /// Makes the profiles coarser of accounts whose last exchange lies before this hour, and then of
    /// the longest idle until a quarter of the room is free again.
    fn cool(&mut self, before: u32) {
        let mut before = before;
        if self.active.0 > self.active.1 {
            let active = self.accounts.iter().filter(|one| one.hot().is_some());
            let mut hours: Vec<u32> = active.map(Account::newest).collect();
            hours.sort_unstable();
            let quarter = hours.get(hours.len() / 4).copied().unwrap_or(0);
            before = before.max(quarter + 1);
        }
        let mut active = 0;
        for account in &mut self.accounts {
            if account.hot().is_some() {
                if account.newest() < before {
                    account.cool();
                } else {
                    active += 1;
                }
            }
        }
        self.active.0 = active;
    }
}

/// The hour of a time.
fn hour_of(time: Time) -> u32 {
    u32::try_from(time.micros() / BOUNDARY_US).unwrap_or(u32::MAX)
}
