//! The money: what of each budget is gone, and what is reserved, as a fold over slices.

use std::collections::BTreeMap;

use record::id::kind;
use record::{Amount, Budget, Id, Slice};
use serde::{Deserialize, Serialize};

use crate::Seq;

/// Spans that ended longer ago than this are forgotten; the totals by day keep what they cost.
const KEEP_DAYS: u32 = 62;

/// A slice that is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSlice {
    /// The slice.
    pub slice: Slice,
    /// The entry that reserved it.
    pub seq: Seq,
}

/// What became of one budget in its span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Settled, also what was charged beyond the worst case.
    pub gone: Amount,
    /// Of this, what was charged beyond the worst case.
    pub overrun: Amount,
    /// Reserved in slices that are open.
    pub reserved: Amount,
}

/// Every budget that was drawn from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    budgets: BTreeMap<Budget, Spent>,
    open: BTreeMap<Id<kind::Slice>, OpenSlice>,
    newest_day: u32,
}

impl Books {
    /// What became of a budget.
    pub fn of(&self, budget: &Budget) -> Spent {
        self.budgets.get(budget).copied().unwrap_or_default()
    }

    /// Every budget, in order.
    pub fn budgets(&self) -> impl Iterator<Item = (&Budget, &Spent)> {
        self.budgets.iter()
    }

    /// Slices that are not settled yet.
    pub fn open(&self) -> impl Iterator<Item = &OpenSlice> {
        self.open.values()
    }

    /// A slice was reserved by the entry at `seq`.
    pub fn reserve(&mut self, slice: &Slice, seq: Seq) {
        // Applied twice where a snapshot already held it: the second time changes nothing.
        if self
            .open
            .insert(slice.id, OpenSlice { slice: *slice, seq })
            .is_some()
        {
            return;
        }
        let account = self.budgets.entry(slice.budget).or_default();
        account.reserved = account.reserved.plus(slice.reserved);
        self.forget(slice.budget.start_day);
    }

    /// A slice was settled.
    pub fn settle(&mut self, id: Id<kind::Slice>, spent: Amount, overrun: Amount) {
        let Some(open) = self.open.remove(&id) else {
            return;
        };
        let account = self.budgets.entry(open.slice.budget).or_default();
        account.reserved = account.reserved.minus(open.slice.reserved);
        account.gone = account.gone.plus(spent).plus(overrun);
        account.overrun = account.overrun.plus(overrun);
    }

    /// Forgets old spans, once for each new day.
    fn forget(&mut self, day: u32) {
        if day <= self.newest_day {
            return;
        }
        self.newest_day = day;
        let open = &self.open;
        self.budgets.retain(|budget, _| {
            budget.start_day == 0
                || budget.start_day.saturating_add(KEEP_DAYS) >= day
                || open.values().any(|slice| slice.slice.budget == *budget)
        });
    }
}
