//! What each sign of one operator weighs, and what may merge: log-likelihood ratios in decibans,
//! chosen by hand and rounded down, since pairs of accounts with known operators are rare.
//! `docs/decisions/0014-links-clusters-streams.md` says why each is what it is.

use super::edges::Edge;

/// Families of signals. Each has a cap, and but for the first none merges alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(crate) enum Family {
    /// C1: a conversation goes on under another account.
    HandOff,
    /// C4: an answer is fed back under another account.
    Reuse,
    /// C3: a template that few have, with other fillings.
    Template,
    /// C5: the same template within the same five minutes.
    Synchrony,
    /// C6: what was refused here is asked there.
    Displaced,
    /// S6: payment and telephone.
    Identity,
    /// S1, S2: address.
    Source,
}

/// How many there are.
pub(crate) const FAMILIES: usize = 7;
/// Every family.
pub(crate) const ALL: [Family; FAMILIES] = [
    Family::HandOff,
    Family::Reuse,
    Family::Template,
    Family::Synchrony,
    Family::Displaced,
    Family::Identity,
    Family::Source,
];
/// So many decibans between two accounts put them together.
pub(crate) const ENOUGH: i32 = 20;
/// So many of hand-offs alone.
pub(crate) const CERTAIN: i32 = 25;
/// So many decibans of an account to a cluster put it in.
const TOGETHER: i32 = 26;
/// A family with less is not counted among those that agree.
const COUNTS: i32 = 5;

/// The most that a family says.
pub(crate) const fn cap(family: Family) -> u8 {
    match family {
        Family::HandOff => 60,
        Family::Reuse => 16,
        Family::Template => 12,
        Family::Synchrony => 6,
        Family::Displaced => 18,
        Family::Identity => 30,
        Family::Source => 10,
    }
}

/// A family's name in findings.
pub(crate) const fn name(family: Family) -> &'static str {
    match family {
        Family::HandOff => "C1.hand_off",
        Family::Reuse => "C4.answer_reuse",
        Family::Template => "C3.template",
        Family::Synchrony => "C5.synchrony",
        Family::Displaced => "C6.displaced",
        Family::Identity => "C7.registration",
        Family::Source => "C7.source",
    }
}

/// What speaks for an account and a cluster, each too weak to join a pair.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Together {
    kinds: [i32; 5],
    /// Of hand-offs, which count more.
    handed: i32,
    members: u32,
}

impl Together {
    /// Adds what is between the account and a member.
    pub(crate) fn add(&mut self, edge: &Edge) {
        let [reuse, displaced] = [Family::Reuse, Family::Displaced].map(|family| edge.of(family));
        let [template, identity, source] = [
            edge.of(Family::Template) + edge.of(Family::Synchrony),
            edge.of(Family::Identity),
            edge.of(Family::Source),
        ];
        // Each answer that is fed back is a sign of its own; templates and prints repeat each other.
        self.kinds[0] = (self.kinds[0] + reuse).min(24);
        self.kinds[1] = (self.kinds[1] + displaced).min(24);
        self.kinds[2] = self.kinds[2].max(template);
        self.kinds[3] = self.kinds[3].max(identity);
        self.kinds[4] = self.kinds[4].max(source);
        self.handed += edge.of(Family::HandOff);
        self.members += 1;
    }

    /// The decibans, if the account belongs to the cluster of so many accounts. The larger it is, the
    /// more weak signs anybody has with one of its members: three decibans more for each doubling.
    pub(crate) fn joins(&self, size: usize) -> Option<i32> {
        let agree = self.kinds.iter().filter(|kind| **kind >= COUNTS).count();
        let total: i32 = self.handed + self.kinds.iter().sum::<i32>();
        let handed = self.handed >= CERTAIN || (self.handed >= COUNTS && agree >= 1);
        let wanted = TOGETHER + 3 * (size / 8).max(1).ilog2() as i32;
        let several = agree >= 2 && self.members >= 3 && total >= wanted;
        (several || (handed && total >= ENOUGH)).then_some(total)
    }
}

/// Decibans of a pair, and whether they put it together.
pub(crate) fn joins(edge: &Edge, more: i32) -> (i32, bool) {
    let total: i32 = more + ALL.iter().map(|family| edge.of(*family)).sum::<i32>();
    // Template and synchrony are one kind of sign: both say that a program is the same.
    let kinds = [
        edge.of(Family::Reuse),
        edge.of(Family::Template) + edge.of(Family::Synchrony),
        edge.of(Family::Displaced),
        edge.of(Family::Identity),
        edge.of(Family::Source),
    ];
    let agree = kinds.iter().filter(|kind| **kind >= COUNTS).count();
    let alone = edge.of(Family::HandOff) >= CERTAIN
        || edge.of(Family::Identity) >= i32::from(cap(Family::Identity));
    let several = agree >= 2 || (agree >= 1 && edge.of(Family::HandOff) >= COUNTS);
    (total, alone || (several && total >= ENOUGH))
}

/// C1 by bytes of the conversation that is handed over.
pub(super) const fn hand_off(bytes: u32, holders: u32) -> u8 {
    let base: u8 = match bytes {
        0..64 => 0,
        64..160 => 18,
        160..400 => 28,
        _ => 34,
    };
    base.saturating_sub(match holders {
        0 | 1 => 0,
        2 => 4,
        _ => 12,
    })
}

/// C4 by fingerprints, and by how many other accounts have the carried text.
pub(super) const fn reuse(prints: u32, accounts: u32) -> u8 {
    let base: u8 = match prints {
        0 | 1 => 0,
        2 | 3 => 6,
        _ => 9,
    };
    match accounts {
        0 | 1 => base,
        2 => base / 2,
        _ => base / 4,
    }
}

/// C3 by how many accounts have the template.
pub(super) const fn template(accounts: u32) -> u8 {
    match accounts {
        0 | 1 => 0,
        2 => 10,
        3..=5 => 8,
        6..=12 => 6,
        13..=24 => 4,
        25..=60 => 2,
        _ => 0,
    }
}

/// C5, each time.
pub(super) const fn synchrony(accounts: u32) -> u8 {
    match accounts {
        0 | 1 => 0,
        2..=5 => 2,
        6..=24 => 1,
        _ => 0,
    }
}

/// C7 by how many accounts have a means of payment.
pub(super) const fn payment(accounts: u32) -> u8 {
    match accounts {
        0 | 1 => 0,
        2..=10 => 15,
        11..=60 => 12,
        61..=300 => 7,
        _ => 0,
    }
}

/// The same of a telephone number, which is verified by a message.
pub(super) const fn phone(accounts: u32) -> u8 {
    payment(accounts)
}

/// C7 by how many accounts have an address.
pub(super) const fn address(accounts: u32) -> u8 {
    match accounts {
        0 | 1 => 0,
        2 => 8,
        3..=5 => 6,
        6..=12 => 3,
        _ => 0,
    }
}

/// C6: a refused request asked elsewhere within minutes.
pub(super) const DISPLACED: u8 = 13;
/// C8: both went over to a new model within the same hour.
pub(crate) const PIVOT: i32 = 2;
/// An account was opened within two days of the suspension of the other.
pub(crate) const SUCCESSION: i32 = 4;
