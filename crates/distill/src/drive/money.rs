//! The run's purse: a slice of the grant's budget, reserved in the ledger before any of it is
//! spent. What is settled and reserved never exceeds the run's budget or the grant's.

use ledger::facts::Facts;
use record::id::kind;
use record::{Amount, Budget, BudgetOwner, Id, Money, Slice};

use crate::error::{Error, Result};

/// A slice is at least this share of the run's budget.
const SHARE: u64 = 100;

/// One open slice at most, and what is drawn from it.
#[derive(Debug)]
pub(super) struct Purse {
    budget: Budget,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    slice: Slice,
    used: Amount,
}

/// Nothing was reserved: less is left than the worst case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short;

impl Purse {
    pub(super) fn new(grant: Id<kind::Grant>) -> Self {
        Self {
            budget: Budget {
                owner: BudgetOwner::Grant(grant),
                start_day: 0,
            },
            open: None,
        }
    }

    /// The slice that pays for something that costs at most `worst`. Where the open one has not so
    /// much left, it is settled and another reserved; `limit` is the run's whole budget, `left`
    /// what of it is not spent.
    pub(super) fn draw(
        &mut self,
        facts: &Facts,
        worst: Amount,
        (limit, left): (Amount, Amount),
        id: impl FnOnce() -> Id<kind::Slice>,
    ) -> Result<std::result::Result<Id<kind::Slice>, Short>> {
        if let Some(open) = &self.open
            && worst.fits(open.slice.reserved.minus(open.used))
        {
            return Ok(Ok(open.slice.id));
        }
        // What is open is free again once it is settled; where that is not enough it stays open, for
        // what is under way.
        let back = self.room();
        let room = left.min(self.grant_left(facts)?.plus(back));
        if !worst.fits(room) {
            return Ok(Err(Short));
        }
        self.close(facts)?;
        let part = Amount {
            money: Money::from_nanos(limit.money.nanos() / SHARE),
            tokens: limit.tokens / SHARE,
        };
        let slice = Slice {
            id: id(),
            budget: self.budget,
            reserved: worst.max(part).min(room),
        };
        facts.reserve(&slice)?.wait()?;
        self.open = Some(Open {
            slice,
            used: Amount::ZERO,
        });
        Ok(Ok(slice.id))
    }

    /// Takes what something cost out of the open slice.
    pub(super) fn spend(&mut self, amount: Amount) {
        if let Some(open) = &mut self.open {
            open.used = open.used.plus(amount);
        }
    }

    /// Takes back what was taken at worst.
    pub(super) fn refund(&mut self, amount: Amount) {
        if let Some(open) = &mut self.open {
            open.used = open.used.minus(amount);
        }
    }

    /// The most that can be taken out of the open slice.
    pub(super) fn room(&self) -> Amount {
        let open = self.open.map(|open| open.slice.reserved.minus(open.used));
        open.unwrap_or(Amount::ZERO)
    }

    /// The open slice.
    pub(super) fn slice(&self) -> Option<Id<kind::Slice>> {
        self.open.map(|open| open.slice.id)
    }

    /// Settles the open slice; the rest is free again.
    pub(super) fn close(&mut self, facts: &Facts) -> Result<()> {
        if let Some(open) = self.open.take() {
            let spent = open.used.min(open.slice.reserved);
            facts.settle(open.slice.id, spent, open.used.minus(spent))?;
        }
        Ok(())
    }

    fn grant_left(&self, facts: &Facts) -> Result<Amount> {
        let BudgetOwner::Grant(id) = self.budget.owner else {
            return Ok(Amount::ZERO);
        };
        let grant = facts.directory().grant(id).cloned();
        let grant = grant.ok_or_else(|| Error::Refused("the run's grant is gone".into()))?;
        let budget = grant.terms.budget;
        let bound = Amount {
            money: budget.money().unwrap_or(Money::from_nanos(u64::MAX)),
            tokens: budget.tokens().unwrap_or(u64::MAX),
        };
        let spent = facts.spent(&self.budget);
        Ok(bound.minus(spent.gone).minus(spent.reserved))
    }
}
