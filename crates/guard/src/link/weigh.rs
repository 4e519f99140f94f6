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
pub(crate) const ENOUGH: i32 = 24;
/// So many put them together at once, before a boundary of time.
pub(super) const AT_ONCE: i32 = 34;
/// So many of hand-offs alone.
pub(crate) const CERTAIN: i32 = 25;
/// A family with less is not counted among those that agree.
const COUNTS: i32 = 5;

/// The most that a family says.
pub(crate) const fn cap(family: Family) -> u8 {
    match family {
        Family::HandOff => 60,
        Family::Reuse => 16,
        Family::Template => 12,
        Family::Synchrony => 6,
        Family::Displaced => 24,
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

/// Decibans of a pair, and whether they put it together.
pub(crate) fn joins(edge: &Edge, more: i32) -> (i32, bool) {
    let total: i32 = more + ALL.iter().map(|family| edge.of(*family)).sum::<i32>();
    // Signs that two operators seldom have in common.
    let strong = [edge.of(Family::Displaced), edge.of(Family::Identity)];
    // Signs that two users of one recipe, one application or one office have in common. Template and
    // synchrony are one: both say that a program is the same.
    let soft = [
        edge.of(Family::Reuse),
        edge.of(Family::Template) + edge.of(Family::Synchrony),
        edge.of(Family::Source),
    ];
    let agree = |kinds: &[i32]| kinds.iter().filter(|kind| **kind >= COUNTS).count();
    let handed = edge.of(Family::HandOff);
    let alone = handed >= CERTAIN || strong[1] >= i32::from(cap(Family::Identity));
    let (strong, soft) = (agree(&strong), agree(&soft));
    let several = match (handed >= COUNTS, strong, soft) {
        (true, 1.., _) | (true, 0, 2..) | (false, 2, _) | (false, 1, 1..) => true,
        (_, 0, 3) => total >= ENOUGH + 10,
        _ => false,
    };
    (total, alone || (several && total >= ENOUGH))
}

/// C1 by bytes of the conversation that is handed over.
pub(super) const fn hand_off(bytes: u32, holders: u32) -> u8 {
    let base: u8 = match bytes {
        0..64 => 0,
        64..160 => 26,
        160..400 => 30,
        _ => 34,
    };
    base.saturating_sub(match holders {
        0 | 1 => 0,
        2 => 12,
        _ => 24,
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
pub(super) const DISPLACED: u8 = 18;
/// C8: both went over to a new model within the same hour.
pub(crate) const PIVOT: i32 = 2;
/// An account was opened within two days of the suspension of the other.
pub(crate) const SUCCESSION: i32 = 4;
