//! Pruning, erasing, snapshots, the vault and backups.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{
    Draft, Error, Ledger, Lock, NoFolder, Parts, Prune, Reader, Report, VaultLimits, verify,
};

use crate::kit::{self, Count, KIND, payload};
use crate::memory::MemoryStore;
use crate::sim::{Ignore, SimDisk};

const SECRET: &[u8] = b"a most private address, found nowhere else";
const LONG: Duration = Duration::from_secs(30);

/// Entries 1 to 20, ten seconds apart, every fifth of another kind; entry 7 is the secret.
fn filled(folder: &Path) -> Ledger {
    let ledger = kit::open(folder);
    for seq in 1..=20u64 {
        let bytes = if seq == 7 {
            SECRET.to_vec()
        } else {
            payload(seq, 50)
        };
        let kind = if seq % 5 == 0 { KIND + 1 } else { KIND };
        ledger
            .observe(&[Draft::new(kind, 1, &bytes).at(seq * 10_000_000)])
            .expect("appends");
    }
    ledger
}

fn gone(ledger: &Ledger) -> Vec<u64> {
    let entries = ledger.read(..).map(|entry| entry.expect("reads"));
    entries
        .filter(|entry| entry.body.is_none())
        .map(|entry| entry.header.seq)
        .collect()
}

fn check(ledger: &Ledger) -> Report {
    let report = verify(&ledger.reader(), &mut |_| {}).expect("can be read");
    assert_eq!(report.findings, []);
    report
}

/// Whether bytes stand anywhere in a folder's files.
fn stands_in(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).expect("lists").any(|item| {
        let path = item.expect("lists").path();
        if path.is_dir() {
            return stands_in(&path, bytes);
        }
        let file = fs::read(&path).expect("reads");
        memchr::memmem::find(&file, bytes).is_some()
    })
}

#[test]
fn a_prune_takes_payloads_by_age_and_kind_but_not_those_pinned() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = filled(dir.path());
    let prune = Prune {
        before_us: 120_000_000,
        kinds: &[KIND],
        pinned: &[3, 4],
    };
    let marker = ledger
        .prune(&prune)
        .expect("prunes")
        .expect("there was something");
    assert_eq!(gone(&ledger), [1, 2, 6, 7, 8, 9, 11]);
    assert_eq!(
        ledger.prune(&prune).expect("prunes"),
        None,
        "nothing is left to prune"
    );
    let report = check(&ledger);
    assert_eq!((report.gone, report.markers), (7, 1));
    assert!(marker > 20);
    assert!(matches!(
        ledger.prune(&Prune {
            before_us: 1,
            kinds: &[1],
            pinned: &[]
        }),
        Err(Error::ReservedKind(1))
    ));
    // The sums stay.
    let sums = ledger.totals("count", b"entries").expect("reads");
    assert_eq!(sums[0].1, 16);
    ledger.close().expect("closes");
    drop(ledger);
    check(&kit::open(dir.path()));
}

#[test]
fn what_is_erased_stands_in_no_file_any_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = filled(dir.path());
    ledger.put_snapshot("profiles", 20, SECRET).expect("stores");
    assert!(ledger.flush(LONG));
    assert!(
        stands_in(dir.path(), SECRET),
        "the test looks in the right place"
    );
    let marker = ledger.erase(&[7, 8]).expect("erases");
    assert_eq!(gone(&ledger), [7, 8]);
    assert_eq!(check(&ledger).stale_snapshots, ["profiles"]);
    ledger
        .put_snapshot("profiles", marker, b"without it")
        .expect("stores");
    assert_eq!(check(&ledger).stale_snapshots, [""; 0]);
    assert!(!stands_in(dir.path(), SECRET), "the secret is still there");
    ledger.close().expect("closes");
    drop(ledger);
    assert!(!stands_in(dir.path(), SECRET), "the secret is still there");
    let ledger = kit::open(dir.path());
    assert_eq!(gone(&ledger), [7, 8]);
    let refused = [
        ledger.erase(&[0]),
        ledger.erase(&[]),
        ledger.erase(&[9_999]),
    ];
    assert!(
        refused
            .iter()
            .all(|one| matches!(one, Err(Error::Argument(_)))),
        "{refused:?}"
    );
    assert!(
        matches!(ledger.erase(&[marker]), Err(Error::Argument(_))),
        "markers stay"
    );
}

#[test]
fn what_is_erased_stands_in_no_segment_that_is_used_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = kit::options(dir.path());
    options.segment_bytes = 4 << 10;
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    for number in 0..40 {
        // Folded one by one, so that segments come back as spare ones.
        ledger
            .observe(&[
                Draft::new(KIND, 1, SECRET),
                Draft::new(KIND, 1, &payload(number, 600)),
            ])
            .expect("appends");
        assert!(ledger.flush(LONG));
    }
    assert!(stands_in(&dir.path().join("journal"), SECRET));
    let secrets: Vec<u64> = (0..40).map(|number| number * 2 + 1).collect();
    ledger.erase(&secrets).expect("erases");
    assert!(!stands_in(dir.path(), SECRET), "the secret is still there");
}

#[test]
fn an_erasure_that_was_cut_short_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SimDisk::new(5, Ignore::Nothing);
    let store = Arc::new(MemoryStore::beside(&disk));
    let open = || {
        let parts = Parts {
            disk: Arc::new(disk.clone()),
            store: store.clone(),
        };
        Ledger::open_with(kit::options(dir.path()), parts, Box::new(NoFolder)).expect("opens")
    };
    let ledger = open();
    for _ in 0..10 {
        ledger
            .observe(&[Draft::new(KIND, 1, b"x")])
            .expect("appends");
    }
    store.keep_payloads(true);
    assert!(
        ledger.erase(&[7]).is_err(),
        "what could not be finished is told"
    );
    assert_eq!(gone(&ledger), [0; 0]);
    drop(ledger);
    store.keep_payloads(false);
    let ledger = open();
    let until = std::time::Instant::now() + LONG;
    while gone(&ledger) != [7] && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(gone(&ledger), [7]);
    check(&ledger);
}

#[test]
fn bodies_are_kept_once_sealed_and_until_their_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = kit::options(dir.path());
    options.vault = VaultLimits {
        body_bytes: 1_000,
        total_bytes: 3_000,
    };
    let ledger = Ledger::open(options, Box::new(NoFolder)).expect("opens");
    let vault = ledger.vault();
    let key = [9u8; 32];
    let hashes = vault
        .put(&[SECRET, b"two"], Lock::House, 100)
        .expect("keeps");
    let own = vault.put(&[SECRET], Lock::Key(&key), 50).expect("keeps");
    assert_eq!(hashes[0], own[0]);
    let get = |lock| vault.get(&hashes[0], lock).expect("opens");
    assert_eq!(get(Lock::House).as_deref(), Some(SECRET));
    assert_eq!(get(Lock::Key(&key)).as_deref(), Some(SECRET));
    assert_eq!(get(Lock::Key(&[8; 32])), None);
    assert!(
        !stands_in(dir.path(), SECRET),
        "bodies are encrypted at rest"
    );
    let report = check(&ledger).vault.expect("a vault");
    assert_eq!((report.opened, report.sealed), (2, 1));
    // The same body again: kept once, until the later time.
    vault.put(&[SECRET], Lock::House, 200).expect("keeps");
    assert_eq!(vault.prune(100).expect("prunes"), 2);
    assert_eq!(
        (get(Lock::House).as_deref(), get(Lock::Key(&key))),
        (Some(SECRET), None)
    );
    assert_eq!(vault.remove(&hashes).expect("removes"), 1);
    let large = vault.put(&[&[0; 1_001]], Lock::House, 1);
    assert!(matches!(large, Err(Error::TooLarge { what: "a body", .. })));
    let all: Vec<Vec<u8>> = (0..4u8).map(|fill| vec![fill; 900]).collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let full = vault.put(&all, Lock::House, 1);
    assert!(matches!(
        full,
        Err(Error::TooLarge {
            what: "the vault",
            ..
        })
    ));
    assert_eq!(
        check(&ledger).vault.expect("a vault").opened,
        0,
        "all or none"
    );
}

#[test]
fn a_backup_of_a_running_ledger_opens_and_verifies() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = filled(dir.path());
    ledger
        .vault()
        .put(&[b"a body"], Lock::House, u64::MAX)
        .expect("keeps");
    ledger.sign_head().expect("signs");
    let to = tempfile::tempdir().expect("a folder");
    let (with, without) = (to.path().join("with"), to.path().join("without"));
    std::thread::scope(|scope| {
        // It runs on meanwhile.
        scope.spawn(|| {
            for number in 0..2_000 {
                let bytes = payload(number, 300);
                ledger
                    .observe(&[Draft::new(KIND, 1, &bytes)])
                    .expect("appends");
            }
        });
        ledger.backup(&with, true).expect("copies");
        ledger.backup(&without, false).expect("copies");
    });
    assert!(
        matches!(ledger.backup(&with, true), Err(Error::Argument(_))),
        "not empty"
    );
    ledger.close().expect("closes");
    for copy in [&with, &without] {
        let reader = Reader::open(copy, None).expect("opens");
        let report = verify(&reader, &mut |_| {}).expect("can be read");
        assert_eq!(report.findings, [], "{copy:?}");
        assert!(report.tip >= 21 && report.attested == 21);
    }
    let copy = kit::open(&with);
    copy.observe(&[Draft::new(KIND, 1, b"goes on")])
        .expect("appends");
    let refused = Ledger::open(kit::options(&without), Box::new(NoFolder));
    assert!(
        matches!(refused, Err(Error::Key { .. })),
        "there is no key in it"
    );
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    kit::open(dir.path()).close().expect("closes");
    let key = dir.path().join("keys/signing.key");
    assert_eq!(
        fs::metadata(&key).expect("is there").permissions().mode() & 0o777,
        0o600
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("sets");
    let refused = Ledger::open(kit::options(dir.path()), Box::new(NoFolder));
    assert!(matches!(refused, Err(Error::Key { .. })));
}

#[test]
fn a_reader_follows_beside_the_server() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = kit::open(dir.path());
    let reader = Reader::open(dir.path(), None).expect("opens");
    assert!(reader.is_served());
    let mut next = 1;
    for number in 0..300 {
        let bytes = payload(number, 900);
        ledger
            .observe(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
        for entry in reader.read(next..) {
            assert_eq!(entry.expect("reads").header.seq, next);
            next += 1;
        }
        assert_eq!(next, number + 2);
    }
}

#[test]
fn readers_beside_are_not_misled_by_segments_that_are_used_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = kit::options(dir.path());
    options.segment_bytes = 4 << 10;
    options.fold_every = Duration::from_millis(1);
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    let writing = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..3_000 {
                let bytes = payload(number, 40 + (number * 37 % 900) as usize);
                ledger
                    .observe(&[Draft::new(KIND, 1, &bytes)])
                    .expect("appends");
                if number % 16 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            writing.store(false, Ordering::SeqCst);
        });
        let reader = Reader::open(dir.path(), None).expect("opens");
        while writing.load(Ordering::SeqCst) {
            let tip = ledger.tip().seq;
            let first = tip.saturating_sub(40).max(1);
            for (entry, seq) in reader.read(first..=tip).zip(first..) {
                assert_eq!(entry.expect("reads").header.seq, seq);
            }
            let report = verify(&reader, &mut |_| {}).expect("can be read");
            assert_eq!(report.findings, []);
            assert!(report.tip >= tip);
        }
    });
    assert_eq!(ledger.tip().seq, ledger.read(1..).count() as u64);
}
