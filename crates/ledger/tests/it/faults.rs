//! Disks that are full, syncs that fail, stores that cannot be written, journals that are cut.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ledger::disk::{Disk, Mode};
use ledger::{Draft, Error, Ledger, Options, Parts, State, verify};

use crate::kit::{self, Count, KIND, payload};
use crate::memory::MemoryStore;
use crate::sim::{Ignore, Op, SimDisk};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const LONG: Duration = Duration::from_secs(30);

struct Bench {
    dir: tempfile::TempDir,
    disk: SimDisk,
    store: Arc<MemoryStore>,
}

impl Bench {
    fn new() -> Self {
        let disk = SimDisk::new(3, Ignore::Nothing);
        let store = Arc::new(MemoryStore::beside(&disk));
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            disk,
            store,
        }
    }

    fn options(&self) -> Options {
        kit::options(self.dir.path())
    }

    fn open(&self, options: Options) -> Result<Ledger, Error> {
        let parts = Parts {
            disk: Arc::new(self.disk.clone()),
            store: self.store.clone(),
        };
        Ledger::open_with(options, parts, Box::new(Count))
    }
}

fn observe(ledger: &Ledger, number: u64) -> Result<u64, Error> {
    let bytes = payload(number, 200);
    ledger
        .observe(&[Draft::new(KIND, 1, &bytes)])
        .map(|appended| appended.last)
}

#[test]
fn a_full_disk_refuses_and_leaves_no_half_entry() {
    let bench = Bench::new();
    let ledger = bench.open(bench.options()).expect("opens");
    for number in 0..10 {
        observe(&ledger, number).expect("appends");
    }
    bench.disk.fail(Op::Write, ENOSPC, 3);
    for number in 10..13 {
        let error = observe(&ledger, number).expect_err("the disk is full");
        assert!(
            matches!(error, Error::Io { .. }) && error.retry(),
            "{error}"
        );
    }
    assert_eq!(ledger.tip().seq, 10);
    // Room again: it goes on where it was.
    assert_eq!(observe(&ledger, 10).expect("appends"), 11);
    ledger.close().expect("closes");
    let report = verify(&ledger.reader(), &mut |_| {}).expect("can be read");
    assert_eq!((report.findings, report.tip), (vec![], 12));
}

#[test]
fn a_write_that_cannot_be_taken_back_stops_the_journal() {
    let bench = Bench::new();
    let ledger = bench.open(bench.options()).expect("opens");
    observe(&ledger, 0).expect("appends");
    bench.disk.fail(Op::Write, ENOSPC, 1);
    bench.disk.fail(Op::Truncate, EIO, 1);
    assert!(observe(&ledger, 1).is_err());
    assert!(matches!(observe(&ledger, 2), Err(Error::Poisoned(_))));
}

#[test]
fn no_room_for_the_next_segment_refuses_until_there_is() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.segment_bytes = 2_000;
    // No segment is made ahead: the append itself meets the full disk.
    options.fold_every = Duration::from_secs(3600);
    let ledger = bench.open(options).expect("opens");
    observe(&ledger, 0).expect("appends");
    bench.disk.fail(Op::Create, ENOSPC, u32::MAX);
    let full = (1..20)
        .find_map(|number| observe(&ledger, number).err())
        .expect("is refused");
    assert!(matches!(full, Error::Io { .. }), "{full}");
    let tip = ledger.tip().seq;
    bench.disk.heal();
    assert_eq!(observe(&ledger, 20).expect("appends"), tip + 1);
}

#[test]
fn a_failed_sync_is_final() {
    let bench = Bench::new();
    let ledger = bench.open(bench.options()).expect("opens");
    observe(&ledger, 0).expect("appends");
    ledger.wait_synced(1).expect("is synced");
    bench.disk.fail(Op::Sync, EIO, 1);
    let pending = ledger.bind(&[Draft::new(KIND, 1, b"x")]);
    // The sync may fail before or after the append; in no case is the entry acknowledged.
    let error = pending
        .and_then(ledger::Pending::wait)
        .expect_err("it must not take effect");
    assert!(matches!(error, Error::Poisoned(_)), "{error}");
    // The disk would sync again; the journal does not believe it.
    assert!(matches!(observe(&ledger, 2), Err(Error::Poisoned(_))));
    assert_eq!(ledger.health().state, State::Poisoned);
    drop(ledger);
    bench.disk.heal();
    let ledger = bench
        .open(bench.options())
        .expect("a new start reads what is there");
    observe(&ledger, 3).expect("appends");
}

#[test]
fn entries_wait_in_the_journal_while_the_store_fails() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.max_unfolded_bytes = 40_000;
    // So little memory that most must be read back from the journal.
    options.fold_buffer_bytes = 4_000;
    let ledger = bench.open(options).expect("opens");
    bench.store.set_down(Some("read-only"));
    let mut count = 0;
    let full = loop {
        match observe(&ledger, count) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Full { .. }) && full.retry(), "{full}");
    assert!(count > 100, "{count}");
    while ledger.health().error.is_none() {
        thread::yield_now();
    }
    let health = ledger.health();
    assert!(health.error.expect("is told").contains("read-only"));
    assert_eq!((health.appended, health.folded), (count, 0));
    bench.store.set_down(None);
    assert!(ledger.flush(LONG));
    observe(&ledger, count).expect("appends again");
    assert!(ledger.flush(LONG));
    let counted = ledger.totals("count", b"entries").expect("reads");
    assert_eq!(counted[0].1 as u64, count + 1);
    ledger.close().expect("closes");
    let report = verify(&ledger.reader(), &mut |_| {}).expect("can be read");
    assert_eq!((report.findings, report.tip), (vec![], count + 2));
}

#[test]
fn a_store_that_fails_refuses_at_once_where_that_is_asked_for() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.refuse_when_store_down = true;
    let ledger = bench.open(options).expect("opens");
    bench.store.set_down(Some("gone"));
    let refused = loop {
        if let Err(error) = observe(&ledger, 0) {
            break error;
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert!(matches!(refused, Error::StoreDown(_)), "{refused}");
}

#[test]
fn an_unfolded_spool_is_folded_by_the_next_start() {
    let bench = Bench::new();
    bench.store.set_down(Some("gone"));
    let mut options = bench.options();
    options.segment_bytes = 4_000;
    let ledger = bench.open(options);
    assert!(
        ledger.is_err(),
        "a store that cannot be written at the start is told"
    );
    bench.store.set_down(None);
    let mut options = bench.options();
    options.segment_bytes = 4_000;
    let ledger = bench.open(options).expect("opens");
    bench.store.set_down(Some("gone"));
    for number in 0..200 {
        observe(&ledger, number).expect("appends");
    }
    assert!(
        ledger.close().is_err(),
        "what could not be finished is told"
    );
    drop(ledger);
    bench.store.set_down(None);
    let ledger = bench.open(bench.options()).expect("opens");
    assert!(ledger.flush(LONG));
    assert_eq!(ledger.totals("count", b"entries").expect("reads")[0].1, 200);
    ledger.close().expect("closes");
    // What is folded is gone from the journal: the segment in use stays, and one made ahead.
    assert!(bench.disk.files(&bench.dir.path().join("journal")).len() <= 2);
}

/// A journal of several segments, none folded.
fn spooled(bench: &Bench) -> Vec<std::path::PathBuf> {
    let mut options = bench.options();
    options.segment_bytes = 2_000;
    options.fold_every = Duration::from_secs(3600);
    options.head_every = Duration::from_secs(3600);
    let ledger = bench.open(options).expect("opens");
    for number in 0..20 {
        let bytes = payload(number, 200);
        let bound = ledger
            .bind(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
        bound.wait().expect("durable");
    }
    bench.store.set_down(Some("gone"));
    bench.disk.fail(Op::Write, EIO, u32::MAX);
    drop(ledger);
    bench.disk.heal();
    bench.store.set_down(None);
    bench
        .disk
        .files(&bench.dir.path().join("journal"))
        .into_iter()
        // Behind the header: a spare that was made in time holds nothing.
        .filter(|file| file.1.iter().skip(72).any(|byte| *byte != 0))
        .map(|file| file.0)
        .collect()
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let bench = Bench::new();
    let paths = spooled(&bench);
    let last = paths.last().expect("segments");
    // The last entry is not whole: nothing says that it ever was.
    let mut cut = 0;
    bench.disk.edit(last, |bytes| {
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("entries");
        cut = end;
        bytes.truncate(end - 20);
    });
    let ledger = bench.open(bench.options()).expect("opens");
    assert_eq!(ledger.tip().seq, 19);
    assert!(ledger.health().cut_bytes > 0);
    assert_eq!(observe(&ledger, 20).expect("appends"), 20);
}

#[test]
fn damage_that_is_no_torn_tail_is_refused() {
    for (segment, size) in [(0, Some(900)), (0, Some(10)), (1, None)] {
        let bench = Bench::new();
        let paths = spooled(&bench);
        assert!(paths.len() > 3, "{paths:?}");
        let journal = bench.dir.path().join("journal");
        // One that was made ahead and never used: it would be removed, were all else well.
        let ahead = journal.join("000000000999.log");
        let made = bench.disk.open(&ahead, Mode::Create).expect("is new");
        made.allocate(2_000).expect("has room");
        match size {
            Some(size) => bench
                .disk
                .edit(&paths[segment], |bytes| bytes.truncate(size)),
            None => bench.disk.edit(&paths[segment], |bytes| bytes[400] ^= 1),
        }
        let before = bench.disk.files(&journal);
        let Err(error) = bench.open(bench.options()) else {
            panic!("{segment} {size:?} opened")
        };
        assert!(matches!(error, Error::Damage { .. }), "{error}");
        let after = bench.disk.files(&journal);
        assert!(before == after, "something was changed");
    }
}

/// With a journal that turns many times, files are made at the beginning only.
#[test]
fn folded_segments_are_used_again() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.segment_bytes = 4 << 10;
    let ledger = bench.open(options.clone()).expect("opens");
    for number in 0..200 {
        observe(&ledger, number).expect("appends");
        assert!(ledger.flush(LONG));
    }
    let made = bench.disk.made();
    assert!(made < 10, "{made} files for a journal of 16 segments");
    for number in 200..230 {
        observe(&ledger, number).expect("appends");
    }
    let tip = ledger.tip().seq;
    drop(ledger);
    // Remains of older entries are neither entries nor damage.
    let ledger = bench.open(options).expect("opens");
    assert!(ledger.tip().seq >= tip);
    assert_eq!(ledger.health().cut_bytes, 0);
    let report = verify(&ledger.reader(), &mut |_| {}).expect("can be read");
    assert_eq!(report.findings, []);
}
