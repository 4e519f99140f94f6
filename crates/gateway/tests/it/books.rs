//! What a ledger says when it is read back, and whether its sums are right.

use std::path::Path;

use ledger::facts::{Facts, decode};
use record::{Amount, BudgetOwner, Exchange, Fact};

/// Everything that a ledger says.
pub(crate) fn facts_of(facts: &Facts) -> Vec<Fact> {
    facts
        .ledger()
        .read(1..)
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let header = &entry.header;
            decode(header.kind, header.version, entry.payload().unwrap()).unwrap()
        })
        .collect()
}

/// The exchanges among facts.
pub(crate) fn exchanges(facts: &[Fact]) -> Vec<Exchange> {
    let exchange = |fact: &Fact| match fact {
        Fact::Exchange(exchange) => Some(exchange.as_ref().clone()),
        _ => None,
    };
    facts.iter().filter_map(exchange).collect()
}

/// Verifies the ledger in a folder as `stillhouse ledger verify` does.
pub(crate) fn verify(folder: &Path) {
    let reader = ledger::Reader::open(folder, None).unwrap();
    let report = ledger::verify(&reader, &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

/// What each slice was settled for is what the exchanges drew from it.
pub(crate) fn assert_books(facts: &[Fact]) {
    let mut drawn = std::collections::HashMap::<_, Amount>::new();
    for share in exchanges(facts)
        .iter()
        .flat_map(|exchange| &exchange.shares)
    {
        let sum = drawn.entry(share.slice).or_default();
        *sum = sum.plus(share.spent);
    }
    for fact in facts {
        if let Fact::SliceSettled {
            slice,
            spent,
            overrun,
        } = fact
        {
            let drawn = drawn.remove(slice).unwrap_or_default();
            assert_eq!(spent.plus(*overrun), drawn, "{slice}");
        }
    }
    assert!(
        drawn.is_empty(),
        "{drawn:?} of slices that were never settled"
    );
}

/// The most that was settled and reserved of an owner's budgets, over every prefix of the facts.
pub(crate) fn peak(facts: &[Fact], owner: BudgetOwner) -> Amount {
    let mut open = std::collections::HashMap::new();
    let (mut gone, mut peak) = (Amount::ZERO, Amount::ZERO);
    for fact in facts {
        match fact {
            Fact::SliceReserved(slice) if slice.budget.owner == owner => {
                open.insert(slice.id, slice.reserved);
            }
            Fact::SliceSettled {
                slice,
                spent,
                overrun,
            } if open.remove(slice).is_some() => gone = gone.plus(*spent).plus(*overrun),
            _ => {}
        }
        let all = open
            .values()
            .fold(gone, |sum, reserved| sum.plus(*reserved));
        peak = peak.max(all);
    }
    peak
}

/// Copies a folder's files: what a crash would leave of it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
