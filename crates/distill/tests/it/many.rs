//! Runs in a ledger that is full of other entries: what is asked of them costs what they are, not
//! what the ledger holds.

use std::time::Instant;

use distill::runs::{self, Runs};
use record::{Amount, Fact, Id, Measure, Metric, Paid, Real, RunEvent, Stage};

use crate::house::{House, Wanted};

/// Entries of others: 200,000 in a soak.
fn others() -> u64 {
    match std::env::var_os("STILLHOUSE_SOAK") {
        Some(_) => 200_000,
        None => 20_000,
    }
}

fn step(step: u64) -> RunEvent {
    RunEvent::Step {
        stage: Stage::OnPolicy,
        step,
        items: [1; 32],
        teacher: [2; 32],
        measures: vec![Measure {
            metric: Metric::Loss,
            value: Real::new(1.0).unwrap(),
        }],
        paid: Paid {
            slice: Id::from_bytes([3; 16]),
            amount: Amount::ZERO,
        },
    }
}

#[test]
fn what_is_asked_of_runs_costs_what_they_are() {
    const STEPS: u64 = 200;
    let house = House::new();
    let run = house.make(&house.spec(&Wanted::default()));
    let facts = house.facts();
    let live = Runs::held(facts.clone());
    let (settled, others) = (Id::from_bytes([5; 16]), others());
    let noise = Fact::SliceSettled {
        slice: settled,
        spent: Amount::ZERO,
        overrun: Amount::ZERO,
    };
    for number in 1..=STEPS {
        for _ in 0..others / STEPS {
            facts.observe(&noise).unwrap();
        }
        let event = Box::new(step(number));
        let pending = facts.bind(&Fact::Run { run, event }).unwrap();
        if number % 50 == 0 {
            pending.wait().unwrap();
            live.one(run).unwrap();
        }
    }
    let tip = facts.ledger().tip().seq;
    assert!(tip > others);
    // Each of its entries was read once, though it was looked at while it went.
    assert_eq!(live.entries_read(), STEPS + 1);
    let began = Instant::now();
    live.all().unwrap();
    let board = began.elapsed();
    assert_eq!(live.entries_read(), STEPS + 1);
    let (began, anew) = (Instant::now(), Runs::held(facts.clone()));
    let told = anew.one(run).unwrap();
    let first = began.elapsed();
    assert_eq!(anew.entries_read(), STEPS + 1);
    let began = Instant::now();
    let whole = runs::state(facts.ledger().read(1..), run).unwrap();
    let read = began.elapsed();
    assert_eq!(told.state, whole);
    println!(
        "{tip} entries: read whole {read:?}; folded first {first:?} ({} entries); then {board:?} (0)",
        anew.entries_read()
    );
    drop((live, anew));
    facts.close().unwrap();
}
