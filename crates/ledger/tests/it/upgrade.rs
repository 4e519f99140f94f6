//! Folders of older versions, each made with the code of that time, opened by this one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::facts::{Facts, Tally, Thing};
use ledger::{Entry, Error, Options, Reader, verify};
use record::{AccountState, Id, Role};

use crate::kit::random;

/// 2025-11-25, the first of the three days in the folder, and what is in it.
const DAY: u32 = 20_417;
const REQUESTS: u64 = 48;
const REFUSALS: u64 = 10;
const NANOS: u64 = 49_128;

/// A copy that can be changed; git keeps no modes, and keys are their owner's alone.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("reads") {
        let entry = entry.expect("reads");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("reads").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("copies");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("sets");
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).expect("sets");
}

/// A copy of the folder of a version of the sums.
fn folder(version: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let golden = format!("tests/golden/folder-v{version}");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    copy(&golden, dir.path());
    dir
}

/// A clock that stands behind what the folder holds.
fn options(folder: &Path) -> Options {
    let clock = Arc::new(|| 1_764_500_000_000_000);
    Options::new(folder, clock, random())
}

fn entries(folder: &Path) -> Vec<Entry> {
    let reader = Reader::open(folder, None).expect("opens");
    reader
        .read(1..)
        .collect::<Result<_, _>>()
        .expect("entries are whole")
}

fn sum(facts: &Facts) -> Tally {
    let mut sum = Tally::default();
    for span in facts.days(0, u32::MAX).expect("reads") {
        sum.add(&span.tally);
    }
    sum
}

#[test]
fn nothing_is_lost_or_counted_twice() {
    [1, 2].into_iter().for_each(keeps_all);
}

fn keeps_all(version: u32) {
    let dir = folder(version);
    let before = entries(dir.path());
    assert!(
        before.iter().any(|entry| entry.body.is_none()),
        "some was pruned"
    );
    for _ in 0..2 {
        let facts = Facts::open(options(dir.path()), "2").expect("opens");
        assert!(facts.ledger().flush(Duration::from_secs(10)));
        let sum = sum(&facts);
        assert_eq!((sum.requests, sum.refusals), (REQUESTS, REFUSALS));
        assert_eq!(sum.nanos, NANOS);
        by_day_as_by_account(&facts);
        facts.close().expect("closes");
    }
    let after = entries(dir.path());
    assert_eq!(after[..before.len()], before, "the same entries");
    let reader = Reader::open(dir.path(), None).expect("opens");
    let report = verify(&reader, &mut |_| {}).expect("reads");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// The roll-up says of each day and model what the sums by account say, and so do months.
fn by_day_as_by_account(facts: &Facts) {
    type By = BTreeMap<(u32, String), Tally>;
    let mut by_account = By::new();
    let mut accounts = BTreeMap::<_, Tally>::new();
    facts
        .each_cost(DAY, DAY + 3, |day, account, model, tally| {
            let sums = by_account.entry((day, model.to_owned())).or_default();
            sums.add(tally);
            let of = accounts.entry((account, model.to_owned())).or_default();
            of.add(tally);
        })
        .expect("reads");
    let mut months = BTreeMap::<_, Tally>::new();
    facts
        .each_used(0, u32::MAX, true, |account, model, tally| {
            let of = months.entry((account, model.to_owned())).or_default();
            of.add(tally);
        })
        .expect("reads");
    assert_eq!(months, accounts);
    let mut days = By::new();
    let mut hours = By::new();
    for span in facts.days(DAY, DAY + 3).expect("reads") {
        days.insert((span.at, span.model), span.tally);
    }
    for span in facts.hours(DAY * 24, (DAY + 3) * 24).expect("reads") {
        hours
            .entry((span.at / 24, span.model))
            .or_default()
            .add(&span.tally);
    }
    assert_eq!(hours, days);
    days.retain(|_, tally| tally.requests > 0);
    // Neither refusals nor errors are counted by account and model.
    for tally in days.values_mut() {
        (tally.refusals, tally.errors) = (0, 0);
    }
    assert_eq!(days, by_account);
}

#[test]
fn hours_are_told_where_entries_are_left() {
    let dir = folder(1);
    let told = Arc::new(AtomicU64::new(0));
    let mut options = options(dir.path());
    let telling = Arc::clone(&told);
    options.upgrading = Arc::new(move |at, of| {
        assert!(at <= of);
        telling.store(at, Ordering::Relaxed);
    });
    let facts = Facts::open(options, "2").expect("opens");
    assert!(told.load(Ordering::Relaxed) > 0, "progress is told");
    // Pruned: the whole first day is in its first hour.
    let first = facts.hours(DAY * 24, DAY * 24 + 24).expect("reads");
    assert!(first.iter().all(|span| span.at == DAY * 24), "{first:?}");
    // The last exchange, of an account that was not erased: 69 hours in.
    let last = facts.hours(DAY * 24 + 69, DAY * 24 + 70).expect("reads");
    let [small] = last.as_slice() else {
        panic!("one model: {last:?}");
    };
    assert_eq!((small.model.as_str(), small.tally.nanos), ("small", 1046));
    // A slice was left open, and is settled.
    assert_eq!(facts.books().open().count(), 0);
    let costs = facts.costs_between(&[Id::from_bytes([11; 16])], DAY, DAY + 1);
    let all = facts.costs_between(&[Id::from_bytes([11; 16])], 0, u32::MAX);
    let all = all.expect("reads");
    let costs = costs.expect("reads");
    assert!(!costs.is_empty() && costs.len() < all.len());
    assert!(costs.iter().all(|cost| cost.day == DAY));
    facts.close().expect("closes");
}

#[test]
fn people_are_who_they_were_and_have_revisions() {
    let dir = folder(1);
    let facts = Facts::open(options(dir.path()), "2").expect("opens");
    let directory = facts.directory();
    assert_eq!(directory.accounts().len(), 3);
    // Erased: its creation is gone from the entries, and it is known by the snapshot alone.
    let erased = directory.account(Id::from_bytes([13; 16])).expect("kept");
    assert_eq!(
        (erased.name.as_str(), erased.state),
        ("", AccountState::Closed)
    );
    let charles = directory.account(Id::from_bytes([12; 16])).expect("kept");
    assert_eq!(
        (charles.name.as_str(), charles.plan.as_str()),
        ("charles", "team")
    );
    let key = directory.key(Id::from_bytes([22; 16])).expect("kept");
    assert!(key.revoked.is_some());
    let grant = directory.grant(Id::from_bytes([31; 16])).expect("kept");
    assert_eq!(grant.terms.limits.requests_per_minute, Some(30));
    for thing in [
        Thing::Organization(Id::from_bytes([1; 16])),
        Thing::Account(erased.id),
        Thing::Account(charles.id),
        Thing::Key(key.id),
        Thing::Grant(grant.id),
    ] {
        assert!(directory.revision(&thing) > 0, "{thing:?}");
    }
    assert!(
        directory.revision(&Thing::Account(erased.id)) > directory.revision(&Thing::Key(key.id))
    );
    assert!(
        directory
            .operators()
            .all(|operator| operator.role == Role::Admin)
    );
    let books = facts.books();
    let gone: u64 = books
        .budgets()
        .map(|(_, spent)| spent.gone.money.nanos())
        .sum();
    // The last slice was open when the exchange that drew on it was erased.
    assert_eq!(gone, NANOS - 1047);
}

#[test]
fn a_newer_folder_is_refused() {
    for (key, place) in [("format", "ledger.sqlite"), ("folds", "the sums")] {
        let dir = folder(1);
        Facts::open(options(dir.path()), "2")
            .expect("opens")
            .close()
            .expect("closes");
        let store = rusqlite::Connection::open(dir.path().join("ledger.sqlite")).expect("opens");
        let newer = 99u64.to_le_bytes();
        store
            .execute(
                "update meta set value = ?2 where key = ?1",
                (key, &newer[..]),
            )
            .expect("writes");
        drop(store);
        let refused = Facts::open(options(dir.path()), "2")
            .err()
            .expect("refused");
        assert!(matches!(
            refused,
            Error::Format {
                found: 99,
                known: 2..=3,
                ..
            }
        ));
        assert!(refused.to_string().contains(place), "{refused}");
    }
}
