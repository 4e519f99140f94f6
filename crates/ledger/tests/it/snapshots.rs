//! Snapshots that are taken while others write: what a start makes of one is what was live, with every
//! change and every slice.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ledger::facts::{Books, Directory, Facts, kind};
use record::{Actor, Amount, Budget, BudgetOwner, Change, Id, Organization, Slice};

use crate::kit::options;

/// Writers, and what each writes.
const WRITERS: u8 = 4;

fn rounds() -> u8 {
    match std::env::var_os("STILLHOUSE_SOAK") {
        Some(_) => 250,
        None => 40,
    }
}

fn open(folder: &Path) -> Facts {
    Facts::open(options(folder), "test").expect("opens")
}

fn budget(writer: u8) -> Budget {
    Budget {
        owner: BudgetOwner::Grant(Id::from_bytes([writer; 16])),
        start_day: 0,
    }
}

/// An organisation, and a slice that is reserved and settled, again and again.
fn write(facts: &Facts, writer: u8) {
    for round in 0..rounds() {
        let mut id = [writer; 16];
        id[15] = round;
        let organization = Organization {
            id: Id::from_bytes(id),
            name: format!("{writer} {round}"),
        };
        let change = Change::OrganizationCreated(organization);
        facts.change(Actor::House, "", change).expect("is made");
        let amount = Amount {
            tokens: 10,
            ..Amount::ZERO
        };
        let slice = Slice {
            id: Id::from_bytes(id),
            budget: budget(writer),
            reserved: amount,
        };
        let pending = facts.reserve(&slice).expect("is reserved");
        pending.wait().expect("is durable");
        facts
            .settle(slice.id, amount, Amount::ZERO)
            .expect("is settled");
    }
}

/// What a stored snapshot lacks of the entries that it says it holds: changes, and slices.
fn lacks(facts: &Facts) -> (usize, usize) {
    let stored = facts.ledger().snapshot("facts").expect("is read");
    let (at, bytes) = stored.expect("there is one");
    let (_, rest) = postcard::take_from_bytes::<u16>(&bytes).expect("a format");
    let ((directory, books), _) =
        postcard::take_from_bytes::<(Directory, Books)>(rest).expect("the folds");
    let (mut changes, mut slices) = (0, 0);
    for entry in facts.ledger().read(1..=at) {
        let of = entry.expect("is read").header.kind;
        changes += usize::from(of == kind::CHANGED);
        slices += usize::from(of == kind::SLICE_RESERVED);
    }
    let owners = (1..=WRITERS).map(|writer| books.of(&budget(writer)));
    let settled: u64 = owners.map(|spent| spent.gone.tokens).sum();
    let known = books.open().count() + settled as usize / 10;
    (changes - directory.organizations().count(), slices - known)
}

#[test]
fn a_snapshot_taken_while_others_write_lacks_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let facts = open(dir.path());
    let done = AtomicBool::new(false);
    let worst = std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|writer| {
                let facts = &facts;
                scope.spawn(move || write(facts, writer))
            })
            .collect();
        let stored = scope.spawn(|| {
            let mut worst = (0, 0);
            while !done.load(Ordering::Relaxed) && worst == (0, 0) {
                facts.snapshot(0).expect("is stored");
                worst = worst.max(lacks(&facts));
            }
            worst
        });
        for writer in writers {
            writer.join().expect("writes");
        }
        done.store(true, Ordering::Relaxed);
        stored.join().expect("looks")
    });
    assert_eq!(worst, (0, 0), "changes and slices that a snapshot lacks");
    let live = (facts.directory().clone(), facts.books());
    drop(facts);
    let again = open(dir.path());
    assert!(*again.directory() == live.0);
    assert_eq!(again.books(), live.1);
}
