//! Power cuts: the disk forgets or tears what was not synced, and no promise may break. The very
//! same test must fail when a sync is left out: otherwise it proves nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ledger::{Draft, Ledger, Parts, verify};

use crate::kit::{self, Count, KIND};
use crate::memory::MemoryStore;
use crate::sim::{Ignore, Random, SimDisk};

/// What a run was promised: payload by position.
type Promised = BTreeMap<u64, Vec<u8>>;

fn rounds() -> u64 {
    if kit::soak() { 1_000 } else { 100 }
}

#[test]
fn no_power_cut_loses_what_was_promised() {
    let done = power_cuts(7, rounds(), Ignore::Nothing);
    let promised = done.expect("every promise holds");
    assert!(
        promised as u64 > rounds(),
        "the cuts came too early to show anything: {promised}"
    );
}

#[test]
fn a_left_out_file_sync_is_noticed() {
    assert_noticed(power_cuts(8, rounds(), Ignore::FileSyncs));
}

#[test]
fn a_left_out_directory_sync_is_noticed() {
    assert_noticed(power_cuts(9, rounds(), Ignore::DirSyncs));
}

/// A promise was broken, or the start refused what the cut had left.
fn assert_noticed(run: Result<usize, String>) {
    let broken = run.expect_err("something is lost");
    let said = ["lost", "durable", "damage"];
    assert!(said.iter().any(|word| broken.contains(word)), "{broken}");
}

/// Cuts the power again and again under one ledger; tells how much was promised, or what broke.
fn power_cuts(seed: u64, rounds: u64, ignore: Ignore) -> Result<usize, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SimDisk::new(seed, ignore);
    let store = Arc::new(MemoryStore::beside(&disk));
    let mut random = Random(seed);
    let mut promised = Promised::new();
    for round in 0..rounds {
        let mut options = kit::options(dir.path());
        // So small that segments are used again within a round.
        options.segment_bytes = 2 << 10;
        options.sync_within = Duration::from_millis(2);
        options.fold_every = Duration::from_millis(1);
        options.head_every = Duration::from_millis(5);
        let parts = Parts {
            disk: Arc::new(disk.clone()),
            store: store.clone(),
        };
        let ledger = Ledger::open_with(options, parts, Box::new(Count))
            .map_err(|error| format!("round {round}: {error}"))?;
        check(&ledger, &promised, round)?;
        let whole = round % 10 == 0 || round + 1 == rounds;
        if whole {
            let report =
                verify(&ledger.reader(), &mut |_| {}).map_err(|error| error.to_string())?;
            if let Some(bad) = report.first_bad() {
                return Err(format!("round {round}: lost: {bad:?}"));
            }
        }
        let most = if round % 4 == 0 { 3_000 } else { 300 };
        disk.cut_after(1 + random.below(most));
        append_until_dark(&ledger, &mut promised);
        drop(ledger);
        disk.restart();
    }
    Ok(promised.len())
}

/// One thread binds, another observes; each notes what it was promised until the lights go out.
fn append_until_dark(ledger: &Ledger, promised: &mut Promised) {
    let kept = Mutex::new(Promised::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0u64.. {
                let bytes = kit::payload(number, 40 + (number % 300) as usize);
                let drafts = [Draft::new(KIND, 1, &bytes), Draft::new(KIND, 2, &bytes)];
                let count = 1 + (number % 2) as usize;
                let Ok(pending) = ledger.bind(&drafts[..count]) else {
                    return;
                };
                let Ok(appended) = pending.wait() else { return };
                if number % 16 == 0 {
                    ledger.flush(Duration::from_millis(20));
                }
                let mut kept = kept.lock().expect("no panic inside");
                for seq in appended.first..=appended.last {
                    kept.insert(seq, bytes.clone());
                }
            }
        });
        scope.spawn(|| {
            let mut waiting = Vec::new();
            for number in 0u64.. {
                let bytes = kit::payload(number, 10 + (number % 700) as usize);
                let Ok(appended) = ledger.observe(&[Draft::new(KIND, 3, &bytes)]) else {
                    break;
                };
                waiting.push((appended.first, bytes));
                if number % 8 == 0 {
                    // So that segments are folded and used again before the lights go out.
                    ledger.flush(Duration::from_millis(20));
                }
            }
            // What the sync window had passed over is promised too.
            let synced = ledger.synced();
            waiting.retain(|(seq, _)| *seq <= synced);
            kept.lock().expect("no panic inside").extend(waiting);
        });
    });
    promised.append(&mut kept.into_inner().expect("no panic inside"));
}

fn check(ledger: &Ledger, promised: &Promised, round: u64) -> Result<(), String> {
    let Some((last, _)) = promised.last_key_value() else {
        return Ok(());
    };
    if ledger.tip().seq < *last {
        return Err(format!(
            "round {round}: lost entries behind {}",
            ledger.tip().seq
        ));
    }
    let first = last.saturating_sub(400).max(1);
    for entry in ledger.read(first..=*last) {
        let entry = entry.map_err(|error| format!("round {round}: {error}"))?;
        if let Some(bytes) = promised.get(&entry.header.seq)
            && entry.payload() != Some(bytes)
        {
            return Err(format!("round {round}: lost entry {}", entry.header.seq));
        }
    }
    Ok(())
}

#[test]
fn observations_reach_the_device_without_being_asked_to() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SimDisk::new(1, Ignore::Nothing);
    let store = Arc::new(MemoryStore::beside(&disk));
    let parts = Parts {
        disk: Arc::new(disk.clone()),
        store,
    };
    let ledger =
        Ledger::open_with(kit::options(dir.path()), parts, Box::new(Count)).expect("opens");
    // Also after a pause, when the sync thread sleeps.
    for pause in [0, 0, 250, 0] {
        thread::sleep(Duration::from_millis(pause));
        let before = disk.syncs();
        let appended = ledger
            .observe(&[Draft::new(KIND, 1, b"x")])
            .expect("appends");
        ledger.wait_synced(appended.last).expect("is synced");
        assert!(disk.syncs() > before);
    }
}
