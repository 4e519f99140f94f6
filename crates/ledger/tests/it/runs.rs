//! Where the entries of runs are: known at once, after a start from a snapshot, and after one from a
//! snapshot of a version that did not know.

use ledger::facts::Facts;
use record::id::kind;
use record::{Amount, Fact, Id, Paid, RunEvent, Stage};

use crate::kit::options;

fn worked(run: u8) -> Fact {
    Fact::Run {
        run: Id::from_bytes([run; 16]),
        event: Box::new(RunEvent::Worked {
            stage: Stage::Smoke,
            paid: Paid {
                slice: Id::from_bytes([9; 16]),
                amount: Amount::ZERO,
            },
        }),
    }
}

fn told(facts: &Facts) -> Vec<(Id<kind::Run>, Vec<u64>)> {
    let runs = facts.runs().into_iter();
    runs.map(|run| (run, facts.entries_of_run(run, 0)))
        .collect()
}

#[test]
fn the_entries_of_runs_are_known_after_every_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let open = || Facts::open(options(dir.path()), "test").expect("opens");
    let facts = open();
    let write = |facts: &Facts, run| {
        let pending = facts.bind(&worked(run)).expect("is bound");
        pending.wait().expect("is durable").first
    };
    let (one, other) = (write(&facts, 1), write(&facts, 2));
    facts.snapshot(0).expect("is stored");
    let again = write(&facts, 1);
    let known = told(&facts);
    let id = Id::from_bytes([1; 16]);
    assert_eq!(
        known,
        [
            (id, vec![one, again]),
            (Id::from_bytes([2; 16]), vec![other])
        ]
    );
    assert_eq!(facts.entries_of_run(id, one), [again]);
    // Cut off: the snapshot is of before the last entry.
    drop(facts);
    let facts = open();
    assert_eq!(told(&facts), known);
    // The snapshot of a version that knew of no runs.
    let tip = facts.ledger().tip().seq;
    let directory = facts.directory().clone();
    let old = (2_u16, directory, facts.books());
    let bytes = postcard::to_stdvec(&old).expect("plain data is written");
    facts
        .ledger()
        .put_snapshot("facts", tip, &bytes)
        .expect("is stored");
    drop(facts);
    let facts = open();
    assert_eq!(told(&facts), known);
    facts.close().expect("closes");
}
