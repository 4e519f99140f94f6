use std::collections::HashMap;

use proptest::prelude::*;
use record::{Money, SpendPeriod};

use super::*;

const START: Time = Time::from_micros(1_764_000_000_000_000);

fn owner() -> BudgetOwner {
    BudgetOwner::Account(Id::from_bytes([1; 16]))
}

fn purse(nanos: u64, tokens: u64) -> Arc<Purse> {
    let bound = Bound {
        amount: amount(nanos, tokens),
        money: true,
        tokens: true,
        period: SpendPeriod::Total,
    };
    Arc::new(Purse::new(owner(), bound, Amount::ZERO, START))
}

fn amount(nanos: u64, tokens: u64) -> Amount {
    Amount {
        money: Money::from_nanos(nanos),
        tokens,
    }
}

/// The ledger's side: reserves what is asked for and keeps the two sums.
#[derive(Default)]
struct Books {
    open: HashMap<Id<kind::Slice>, Amount>,
    settled: Amount,
    next: u8,
    slices: usize,
}

impl Books {
    fn draw(&mut self, purse: &Arc<Purse>, worst: Amount, now: Time) -> Option<Ticket> {
        loop {
            match purse.draw(worst, now) {
                Draw::Drawn(ticket) => return Some(ticket),
                Draw::Exhausted => return None,
                Draw::Wait => panic!("nobody else reserves here"),
                Draw::Reserve(budget, reserved) => {
                    self.next = self.next.wrapping_add(1);
                    self.slices += 1;
                    let mut id = [0; 16];
                    id[..8].copy_from_slice(&self.slices.to_be_bytes());
                    let slice = Slice {
                        id: Id::from_bytes(id),
                        budget,
                        reserved,
                    };
                    self.open.insert(slice.id, reserved);
                    purse.opened(&slice, now);
                }
            }
        }
    }

    fn sweep(&mut self, purse: &Purse, now: Time, all: bool) {
        for closed in purse.sweep(now, all) {
            let reserved = self.open.remove(&closed.slice).expect("closed once");
            assert!(closed.spent.fits(reserved), "{closed:?} of {reserved:?}");
            self.settled = self.settled.plus(closed.spent).plus(closed.overrun);
        }
    }

    fn committed(&self) -> Amount {
        self.open
            .values()
            .fold(self.settled, |sum, slice| sum.plus(*slice))
    }
}

#[test]
fn the_last_cent_can_be_spent() {
    let purse = purse(1_000, 1_000);
    let mut books = Books::default();
    for _ in 0..100 {
        let ticket = books
            .draw(&purse, amount(10, 10), START)
            .expect("there is enough");
        let _ = ticket.settle(amount(10, 10), START);
        books.sweep(&purse, START, false);
    }
    assert!(books.draw(&purse, amount(1, 0), START).is_none());
    books.sweep(&purse, START, true);
    assert_eq!(books.settled, amount(1_000, 1_000));
}

fn lowered(purse: &Purse, nanos: u64) {
    let bound = Bound {
        amount: amount(nanos, 1_000_000),
        money: true,
        tokens: true,
        period: SpendPeriod::Total,
    };
    purse.rebind(bound, |_| panic!("the span is the same"), START);
}

#[test]
fn a_lowered_budget_holds_at_once_also_for_slices_that_are_open() {
    let purse = purse(1_000_000, 1_000_000);
    let mut books = Books::default();
    let ticket = books.draw(&purse, amount(100, 1), START).expect("enough");
    let running = books.draw(&purse, amount(100, 1), START).expect("enough");
    lowered(&purse, 90);
    assert!(books.draw(&purse, amount(10, 1), START).is_none());
    // What runs is settled; what the slice held beside comes back.
    let _ = ticket.settle(amount(50, 1), START);
    let _ = running.settle(amount(20, 1), START);
    books.sweep(&purse, START, false);
    assert_eq!(purse.standing(), (amount(70, 2), Amount::ZERO));
    assert!(books.draw(&purse, amount(21, 1), START).is_none());
    let last = books
        .draw(&purse, amount(20, 1), START)
        .expect("that is left");
    let _ = last.settle(amount(20, 1), START);
    books.sweep(&purse, START, true);
    assert_eq!(books.committed().money, Money::from_nanos(90));
}

#[test]
fn a_slice_that_comes_after_the_budget_was_lowered_is_not_drawn_from() {
    let purse = purse(1_000_000, 1_000_000);
    let Draw::Reserve(budget, reserved) = purse.draw(amount(100, 1), START) else {
        panic!("nothing is reserved yet");
    };
    lowered(&purse, 50);
    let id = Id::from_bytes([7; 16]);
    purse.opened(
        &Slice {
            id,
            budget,
            reserved,
        },
        START,
    );
    assert!(matches!(purse.draw(amount(10, 1), START), Draw::Exhausted));
    let closed = purse.sweep(START, false);
    assert_eq!(closed[0].spent, Amount::ZERO);
    assert!(matches!(
        purse.draw(amount(10, 1), START),
        Draw::Reserve(..)
    ));
}

#[test]
fn a_large_budget_is_reserved_seldom() {
    let purse = purse(1_000_000_000, 1_000_000_000);
    let mut books = Books::default();
    let mut now = START;
    for _ in 0..10_000 {
        let ticket = books
            .draw(&purse, amount(100, 50), now)
            .expect("there is enough");
        let _ = ticket.settle(amount(60, 20), now);
        now = now.plus_micros(100);
    }
    assert!(
        books.slices < 25,
        "{} slices for a second of traffic",
        books.slices
    );
}

#[test]
fn the_whole_remainder_can_be_drawn_although_it_lies_in_two_slices() {
    let purse = purse(1_000, 0);
    let mut books = Books::default();
    let first = books.draw(&purse, amount(5, 0), START).expect("enough");
    // The first slice has room beside this ticket; the rest of the budget is not reserved yet.
    let rest = books
        .draw(&purse, amount(995, 0), START)
        .expect("exactly what is left");
    assert!(books.draw(&purse, amount(1, 0), START).is_none());
    let _ = rest.settle(amount(995, 0), START);
    let _ = first.settle(amount(5, 0), START);
}

#[test]
fn an_idle_slice_is_given_back() {
    let purse = purse(1_000_000, 0);
    let mut books = Books::default();
    let ticket = books.draw(&purse, amount(10, 0), START).expect("enough");
    let _ = ticket.settle(amount(4, 0), START);
    books.sweep(&purse, START, false);
    assert_eq!(books.open.len(), 1);
    books.sweep(&purse, START.plus_micros(IDLE_US), false);
    assert!(books.open.is_empty());
    assert_eq!(books.settled, amount(4, 0));
}

#[test]
fn a_new_span_starts_full_and_old_tickets_still_settle() {
    let limit = record::SpendLimit {
        amount: Money::from_nanos(100),
        period: SpendPeriod::Day,
    };
    let bound = Bound::of_spend(limit);
    let purse = Arc::new(Purse::new(owner(), bound, Amount::ZERO, START));
    let mut books = Books::default();
    let old = books.draw(&purse, amount(100, 0), START).expect("enough");
    assert!(books.draw(&purse, amount(1, 0), START).is_none());
    let tomorrow = START.plus_micros(86_400_000_000);
    let new = books
        .draw(&purse, amount(100, 0), tomorrow)
        .expect("a new day");
    let shares = old.settle(amount(70, 0), tomorrow);
    assert_eq!(shares[0].spent, amount(70, 0));
    let _ = new.settle(amount(1, 0), tomorrow);
    books.sweep(&purse, tomorrow, true);
    assert_eq!(purse.standing().0, amount(1, 0));
}

#[test]
fn what_exceeds_the_worst_case_is_told_and_counted() {
    let purse = purse(1_000, 0);
    let mut books = Books::default();
    let ticket = books.draw(&purse, amount(10, 0), START).expect("enough");
    let shares = ticket.settle(amount(400, 0), START);
    assert_eq!(
        shares
            .iter()
            .fold(0, |sum, share| sum + share.spent.money.nanos()),
        400
    );
    books.sweep(&purse, START, true);
    assert_eq!(books.settled, amount(400, 0));
    assert!(books.draw(&purse, amount(601, 0), START).is_none());
    assert!(books.draw(&purse, amount(600, 0), START).is_some());
}

proptest! {
    /// Settled + reserved never exceeds the budget at any step, whatever the order; a request is
    /// turned away only if what is left is less than its worst case.
    #[test]
    fn never_over_the_budget(
        budget in 1u64..20_000,
        steps in prop::collection::vec((0u8..3, 1u64..400, 0u64..100, 0u64..2_000_000), 1..300),
    ) {
        let purse = purse(budget, budget * 2);
        let mut books = Books::default();
        let mut held: Vec<(Ticket, Amount)> = Vec::new();
        let mut now = START;
        for (what, size, percent, gap) in steps {
            now = now.plus_micros(gap);
            match what {
                0 | 1 => {
                    let worst = amount(size, size * 2);
                    match books.draw(&purse, worst, now) {
                        Some(ticket) => held.push((ticket, worst)),
                        None => {
                            let drawn = held.iter().fold(Amount::ZERO, |s, (_, w)| s.plus(*w));
                            let spent = spent(&purse);
                            let left = amount(budget, budget * 2).minus(drawn).minus(spent);
                            prop_assert!(!worst.fits(left), "refused {worst:?} of {left:?}");
                        }
                    }
                }
                _ => {
                    if let Some((ticket, worst)) = held.pop() {
                        let cost = amount(
                            worst.money.nanos() * percent / 100, worst.tokens * percent / 100);
                        let _ = ticket.settle(cost, now);
                    }
                    books.sweep(&purse, now, false);
                }
            }
            prop_assert!(books.committed().fits(amount(budget, budget * 2)));
        }
        for (ticket, _) in held {
            let _ = ticket.settle(Amount::ZERO, now);
        }
        books.sweep(&purse, now, true);
        prop_assert!(books.open.is_empty());
    }
}

fn spent(purse: &Purse) -> Amount {
    let state = purse.state.lock();
    state.open.iter().fold(state.gone, |sum, slice| {
        sum.plus(slice.spent).plus(slice.overrun)
    })
}
