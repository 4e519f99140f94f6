//! One budget in memory: slices that were reserved in the ledger, and what is drawn from them.
//!
//! A request draws its worst case before it is let through and settles what it cost. Only a
//! reserved slice can be drawn from, so that what is spent was written down before. The purse
//! never writes by itself: it says which entry is due.

use std::sync::Arc;

use parking_lot::Mutex;
use record::{Amount, Budget, BudgetOwner, Id, Share, Slice, Time, id::kind};
use smallvec::SmallVec;

use super::terms::Bound;

/// A slice is at most this part of its budget.
const PARTS: u64 = 100;
/// A slice should last about this long.
const SPAN_US: u64 = 1_000_000;
/// A slice that nobody drew from for this long is closed.
const IDLE_US: u64 = 5_000_000;

/// What a request may cost at most, drawn from the slices of one budget.
#[derive(Debug)]
#[must_use = "a ticket that is dropped settles for nothing"]
pub struct Ticket {
    purse: Arc<Purse>,
    parts: SmallVec<[Share; 2]>,
}

/// What came of asking for an amount.
#[derive(Debug)]
pub enum Draw {
    /// It is drawn.
    Drawn(Ticket),
    /// A slice of this amount has to be reserved in the ledger first; then [`Purse::opened`] or
    /// [`Purse::reserve_failed`] must be called, and the request asks again.
    Reserve(Budget, Amount),
    /// Somebody else is reserving a slice; ask again when that is done.
    Wait,
    /// What is left of the budget is less than the amount.
    Exhausted,
}

/// A slice that is done with: the entry that settles it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The slice.
    pub slice: Id<kind::Slice>,
    /// How much of it was spent.
    pub spent: Amount,
    /// What was charged beyond what was drawn.
    pub overrun: Amount,
}

#[derive(Debug)]
struct Open {
    id: Id<kind::Slice>,
    reserved: Amount,
    drawn: Amount,
    spent: Amount,
    overrun: Amount,
    tickets: u32,
    /// Of another span or another currency: it counts no more.
    retired: bool,
    /// The budget was lowered: it counts, but nothing more is drawn from it.
    frozen: bool,
    opened: Time,
    used: Time,
}

impl Open {
    fn free(&self) -> Amount {
        if self.retired || self.frozen {
            return Amount::ZERO;
        }
        self.reserved.minus(self.drawn).minus(self.spent)
    }
}

#[derive(Debug)]
struct State {
    bound: Bound,
    budget: Budget,
    gone: Amount,
    open: SmallVec<[Open; 2]>,
    reserving: Option<Amount>,
    last_size: Amount,
}

/// The purse of one budget's owner.
#[derive(Debug)]
pub struct Purse {
    owner: BudgetOwner,
    state: Mutex<State>,
}

impl Purse {
    /// A purse from which `gone` was spent before, in the span that `now` is in.
    pub(super) fn new(owner: BudgetOwner, bound: Bound, gone: Amount, now: Time) -> Self {
        let budget = bound.budget(owner, now);
        let state = State {
            bound,
            budget,
            gone: bound.counted(gone),
            open: SmallVec::new(),
            reserving: None,
            last_size: Amount::ZERO,
        };
        Self {
            owner,
            state: Mutex::new(state),
        }
    }

    /// Whose it is.
    pub fn owner(&self) -> BudgetOwner {
        self.owner
    }

    /// Draws the most that a request may cost.
    pub fn draw(self: &Arc<Self>, worst: Amount, now: Time) -> Draw {
        let mut state = self.state.lock();
        state.turn(self.owner, now);
        let worst = state.bound.counted(worst);
        let free = state
            .open
            .iter()
            .fold(Amount::ZERO, |sum, slice| sum.plus(slice.free()));
        if worst.fits(free) {
            return Draw::Drawn(Ticket {
                purse: Arc::clone(self),
                parts: state.take(worst, now),
            });
        }
        if state.reserving.is_some() {
            return Draw::Wait;
        }
        let left = state.left();
        let missing = worst.minus(free);
        if !missing.fits(left) {
            return Draw::Exhausted;
        }
        let size = state.next_size(worst, missing, left, now);
        state.reserving = Some(size);
        Draw::Reserve(state.budget, size)
    }

    /// A slice that [`Draw::Reserve`] asked for is in the ledger.
    pub fn opened(&self, slice: &Slice, now: Time) {
        let mut state = self.state.lock();
        state.reserving = None;
        state.last_size = slice.reserved;
        let retired = slice.budget != state.budget;
        // The budget was lowered while this was being reserved.
        let held = state.gone.plus(state.reserved()).plus(slice.reserved);
        let frozen = !state.bound.counted(held).fits(state.bound.amount);
        state.open.push(Open {
            id: slice.id,
            reserved: slice.reserved,
            drawn: Amount::ZERO,
            spent: Amount::ZERO,
            overrun: Amount::ZERO,
            tickets: 0,
            retired,
            frozen,
            opened: now,
            used: now,
        });
    }

    /// The slice that [`Draw::Reserve`] asked for could not be written.
    pub fn reserve_failed(&self) {
        self.state.lock().reserving = None;
    }

    /// Closes slices that are of no more use: used up, of a span that is over, or not drawn from
    /// for some seconds; with `all`, every slice that no request holds a part of.
    pub fn sweep(&self, now: Time, all: bool) -> SmallVec<[Closed; 2]> {
        let mut state = self.state.lock();
        state.turn(self.owner, now);
        let mut closed = SmallVec::new();
        let mut index = 0;
        while index < state.open.len() {
            let slice = &state.open[index];
            let spent_up = slice.free() == Amount::ZERO;
            let idle = now.micros_since(slice.used) >= IDLE_US;
            if slice.tickets == 0 && (all || spent_up || idle) {
                closed.push(state.close(index));
            } else {
                index += 1;
            }
        }
        closed
    }

    /// Another bound from now on; what was spent stays spent.
    pub(super) fn rebind(&self, bound: Bound, gone: impl FnOnce(Budget) -> Amount, now: Time) {
        let mut state = self.state.lock();
        let budget = bound.budget(self.owner, now);
        if budget != state.budget
            || bound.money != state.bound.money
            || bound.tokens != state.bound.tokens
        {
            state.open.iter_mut().for_each(|slice| slice.retired = true);
            state.gone = bound.counted(gone(budget));
        } else if !state.bound.amount.fits(bound.amount) {
            // In force now, not when the open slices are used up.
            state.open.iter_mut().for_each(|slice| slice.frozen = true);
        }
        state.budget = budget;
        state.bound = bound;
    }

    /// Whether no slice is open or about to be.
    pub fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.open.is_empty() && state.reserving.is_none()
    }

    /// What was spent and what is reserved in the current span.
    pub fn standing(&self) -> (Amount, Amount) {
        let state = self.state.lock();
        (state.gone, state.reserved())
    }

    fn settle(&self, parts: &[Share], cost: Amount, now: Option<Time>) -> SmallVec<[Share; 2]> {
        let mut state = self.state.lock();
        let mut rest = state.bound.counted(cost);
        let mut shares = SmallVec::new();
        for (index, part) in parts.iter().enumerate() {
            let Some(slice) = state.open.iter_mut().find(|slice| slice.id == part.slice) else {
                continue;
            };
            let spent = rest.min(part.spent);
            rest = rest.minus(spent);
            slice.tickets -= 1;
            slice.drawn = slice.drawn.minus(part.spent);
            slice.spent = slice.spent.plus(spent);
            slice.used = now.unwrap_or(slice.used);
            let over = if index + 1 == parts.len() {
                rest
            } else {
                Amount::ZERO
            };
            slice.overrun = slice.overrun.plus(over);
            shares.push(Share {
                slice: part.slice,
                spent: spent.plus(over),
            });
        }
        shares
    }
}

impl State {
    /// Starts a new span when the old one is over.
    fn turn(&mut self, owner: BudgetOwner, now: Time) {
        let budget = self.bound.budget(owner, now);
        if budget.start_day > self.budget.start_day {
            self.budget = budget;
            self.gone = Amount::ZERO;
            self.open.iter_mut().for_each(|slice| slice.retired = true);
        }
    }

    fn reserved(&self) -> Amount {
        let of_now = self.open.iter().filter(|slice| !slice.retired);
        of_now.fold(Amount::ZERO, |sum, slice| {
            sum.plus(slice.reserved).plus(slice.overrun)
        })
    }

    /// What is neither spent nor reserved. A currency without a bound has none left, and nothing
    /// is asked of it.
    fn left(&self) -> Amount {
        self.bound.amount.minus(self.gone).minus(self.reserved())
    }

    /// How much to reserve: about a second of traffic, at most a hundredth of the budget, at
    /// least what is missing now, and just that once the end is near.
    fn next_size(&self, worst: Amount, missing: Amount, left: Amount, now: Time) -> Amount {
        let part = |whole: Amount| Amount {
            money: record::Money::from_nanos(whole.money.nanos() / PARTS),
            tokens: whole.tokens / PARTS,
        };
        let most = part(self.bound.amount);
        let lasted = self
            .open
            .last()
            .map_or(u64::MAX, |slice| now.micros_since(slice.opened));
        let wished = if self.last_size == Amount::ZERO {
            most.min(worst.plus(worst))
        } else if lasted < SPAN_US {
            self.last_size.plus(self.last_size)
        } else {
            scaled(self.last_size, SPAN_US, lasted)
        };
        let size = self.bound.counted(wished.min(most).max(missing));
        let near = !size.plus(most.max(worst)).fits(left);
        if near { missing } else { size }
    }

    fn take(&mut self, worst: Amount, now: Time) -> SmallVec<[Share; 2]> {
        let mut rest = worst;
        let mut parts = SmallVec::new();
        for slice in &mut self.open {
            let spent = rest.min(slice.free());
            // A request that costs nothing still belongs to a slice, if there is one.
            if spent == Amount::ZERO && (rest != Amount::ZERO || slice.retired || slice.frozen) {
                continue;
            }
            slice.drawn = slice.drawn.plus(spent);
            slice.tickets += 1;
            slice.used = now;
            rest = rest.minus(spent);
            parts.push(Share {
                slice: slice.id,
                spent,
            });
            if rest == Amount::ZERO {
                break;
            }
        }
        parts
    }

    fn close(&mut self, index: usize) -> Closed {
        let slice = self.open.remove(index);
        if !slice.retired {
            self.gone = self.gone.plus(slice.spent).plus(slice.overrun);
        }
        Closed {
            slice: slice.id,
            spent: slice.spent,
            overrun: slice.overrun,
        }
    }
}

/// `amount * span / lasted`, each part by itself.
fn scaled(amount: Amount, span: u64, lasted: u64) -> Amount {
    let part = |value: u64| {
        let scaled = u128::from(value) * u128::from(span) / u128::from(lasted.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    Amount {
        money: record::Money::from_nanos(part(amount.money.nanos())),
        tokens: part(amount.tokens),
    }
}

impl Ticket {
    /// Gives back what was not needed, and says which slice bears what of the cost.
    pub fn settle(mut self, cost: Amount, now: Time) -> SmallVec<[Share; 2]> {
        let parts = std::mem::take(&mut self.parts);
        self.purse.settle(&parts, cost, Some(now))
    }
}

impl Drop for Ticket {
    /// A request that came to nothing cost nothing.
    fn drop(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        self.purse.settle(&parts, Amount::ZERO, None);
    }
}

#[cfg(test)]
mod tests;
