//! How an account, a cluster or a stream stands by its last scoring, and what was told of it. An
//! action proposed once is told once; it falls when the evidence has fallen well below.

use crate::card::{Card, Score};
use crate::finding::{ACTIONS, Action, Band};

/// Decibans that evidence must fall below a threshold before the action is taken back.
const SLACK: i32 = 4;
/// Exchanges before which nothing is said of anybody.
pub(super) const LEAST: u64 = 8;

/// A standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scored {
    /// Evidence, in decibans: the lesser of the last two scorings, since one look is no look.
    pub(super) decibans: i32,
    last: i32,
    /// The greatest that it ever was.
    pub(super) peak: i32,
    /// What is proposed.
    pub(super) action: Action,
    /// The next scoring comes at so many exchanges.
    due: u64,
    /// Exchanges when each action was first proposed; `u32::MAX` for never.
    first: [u32; ACTIONS.len()],
}

impl Default for Scored {
    fn default() -> Self {
        Self {
            decibans: i32::MIN,
            last: i32::MIN,
            peak: i32::MIN,
            action: Action::None,
            due: LEAST,
            first: [u32::MAX; ACTIONS.len()],
        }
    }
}

impl Scored {
    /// Whether it is to be scored at so many exchanges: often at first, then each time that a
    /// sixteenth has come.
    pub(super) const fn is_due(&self, exchanges: u64) -> bool {
        exchanges >= self.due
    }

    /// Takes in a score at so many exchanges; true if what is proposed has changed.
    pub(super) fn take(
        &mut self,
        score: &Score,
        card: &Card,
        exchanges: u64,
        granted: bool,
    ) -> bool {
        self.due = exchanges + (exchanges / 16).max(4);
        self.decibans = score.decibans.min(self.last);
        self.last = score.decibans;
        self.peak = self.peak.max(self.decibans);
        let mut score = score.clone();
        score.decibans = self.decibans;
        let mut action = if granted {
            Action::None
        } else {
            card.action(&score)
        };
        if action < self.action {
            score.decibans = score.decibans.saturating_add(SLACK);
            action = card.action(&score).min(self.action);
        }
        let changed = action != self.action;
        self.action = action;
        self.propose(action, exchanges);
        changed
    }

    /// Notes that an action, and all milder ones, were proposed at so many exchanges.
    pub(super) fn propose(&mut self, action: Action, exchanges: u64) {
        let now = u32::try_from(exchanges).unwrap_or(u32::MAX - 1);
        for (first, known) in self.first.iter_mut().zip(ACTIONS) {
            if known != Action::None && known <= action && *first == u32::MAX {
                *first = now;
            }
        }
    }

    /// Its profile begins anew: scoring begins again, what was found stays.
    pub(super) const fn rest(&mut self) {
        self.due = LEAST;
    }

    pub(super) fn first(&self) -> [Option<u64>; ACTIONS.len()] {
        self.first
            .map(|at| (at != u32::MAX).then_some(u64::from(at)))
    }

    pub(super) const fn band(&self) -> Band {
        band(self.action)
    }
}

/// The words for an action's evidence.
pub(super) const fn band(action: Action) -> Band {
    match action {
        Action::None => Band::Unremarkable,
        Action::Observe => Band::Unusual,
        Action::Strip => Band::Suspected,
        Action::Pace | Action::StepUp | Action::Mark => Band::Likely,
        Action::ProposeSuspend => Band::AlmostCertain,
    }
}

/// Decibans as a number from 0 to 1: a half where the evidence is strong enough to strip.
pub(super) fn risk(decibans: i32, card: &Card) -> f64 {
    let strip = ACTIONS.iter().zip(card.reference.from);
    let strip = strip.filter(|(action, _)| **action == Action::Strip);
    let from = strip.map(|(_, from)| from).next().unwrap_or(i32::MAX);
    if decibans == i32::MIN || from == i32::MAX {
        return 0.0;
    }
    1.0 / (1.0 + 10_f64.powf(-f64::from(decibans.saturating_sub(from)) / 10.0))
}
