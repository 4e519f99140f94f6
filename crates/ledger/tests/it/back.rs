//! Reading backwards gives what reading forwards gives, wherever the entries are.

use std::time::Duration;

use ledger::{Draft, Entry, Ledger, Reader};

use crate::kit::{Count, KIND, options, payload};

fn forwards(ledger: &Ledger, last: u64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = ledger
        .read(..=last)
        .collect::<Result<_, _>>()
        .expect("entries are whole");
    entries.reverse();
    entries
}

fn same(ledger: &Ledger, reader: &Reader, from: u64) {
    let expected = forwards(ledger, from);
    let back: Result<Vec<Entry>, _> = ledger.read_back(from).collect();
    assert!(
        back.expect("whole") == expected,
        "the server's own, from {from}"
    );
    let back: Result<Vec<Entry>, _> = reader.read_back(from).collect();
    assert!(back.expect("whole") == expected, "a reader's, from {from}");
}

fn append(ledger: &Ledger, from: u64, count: u64) {
    for number in from..from + count {
        let payload = payload(number, 600);
        ledger
            .observe(&[Draft::new(KIND, 1, &payload)])
            .expect("is taken");
    }
}

#[test]
fn backwards_is_forwards_turned_round() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = options(dir.path());
    options.segment_bytes = 1 << 20;
    options.fold_every = Duration::from_secs(3600);
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    let reader = ledger.reader();
    same(&ledger, &reader, u64::MAX);
    // More than a block, then more than a piece of the journal that is not folded.
    append(&ledger, 0, 3000);
    same(&ledger, &reader, u64::MAX);
    assert!(ledger.flush(Duration::from_secs(20)));
    append(&ledger, 3000, 5000);
    for from in [0, 1, 700, 2999, 3000, 3001, 7999, 8000, u64::MAX] {
        same(&ledger, &reader, from);
    }
}

#[test]
fn what_was_erased_is_passed_over_as_an_entry_without_a_payload() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(options(dir.path()), Box::new(Count)).expect("opens");
    append(&ledger, 0, 10);
    ledger.erase(&[4]).expect("erases");
    let bodies: Vec<bool> = ledger
        .read_back(5)
        .map(|entry| entry.expect("whole").body.is_some())
        .collect();
    assert_eq!(bodies, [true, false, true, true, true]);
}
