//! How the folds come back at a start: the newest snapshot, the entries after it, and the slices
//! that a crash left open.

use std::collections::HashMap;

use parking_lot::{Mutex, RwLock};
use record::id::kind as ids;
use record::{Amount, Call, Fact, Id, RunEvent, Time};
use serde::{Deserialize, Serialize};

use super::books::{Books, OpenSlice};
use super::codec::{self, kind};
use super::directory::{Directory, DirectoryV1};
use super::live::Live;
use super::runs::RunEntries;
use crate::{Entry, Error, Ledger, Result, Seq};

const NAME: &str = "facts";
const FORMAT: u16 = 3;

/// The folds as they are stored.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    format: u16,
    directory: Directory,
    books: Books,
    runs: RunEntries,
}

/// The second format: it did not know where the entries of runs are.
#[derive(Deserialize)]
struct SnapshotV2 {
    directory: Directory,
    books: Books,
}

/// The first format: its directory had no operators, switches and revisions.
#[derive(Deserialize)]
struct SnapshotV1 {
    directory: DirectoryV1,
    books: Books,
}

/// Where to go on from.
#[derive(Default)]
struct From {
    directory: Directory,
    books: Books,
    runs: RunEntries,
    /// The last entry that the directory holds.
    directory_at: Seq,
    /// The last entry that the books hold.
    books_at: Seq,
    /// The last entry that was looked at for runs.
    runs_at: Seq,
}

impl From {
    /// The entry to go on behind.
    fn at(&self) -> Seq {
        self.directory_at.min(self.books_at).min(self.runs_at)
    }
}

/// Reads a snapshot; `None` for one of another format, so that all is made anew.
fn read(seq: Seq, bytes: &[u8]) -> Option<From> {
    let (format, rest) = postcard::take_from_bytes::<u16>(bytes).ok()?;
    match format {
        FORMAT => {
            let Snapshot {
                directory,
                books,
                runs,
                ..
            } = postcard::from_bytes(bytes).ok()?;
            Some(From {
                directory,
                books,
                runs,
                directory_at: seq,
                books_at: seq,
                runs_at: seq,
            })
        }
        2 => {
            let SnapshotV2 { directory, books } = postcard::from_bytes(rest).ok()?;
            Some(From {
                directory,
                books,
                directory_at: seq,
                books_at: seq,
                ..From::default()
            })
        }
        1 => {
            let SnapshotV1 { directory, books } = postcard::from_bytes(rest).ok()?;
            Some(From {
                directory: directory.into(),
                books,
                // What was erased is in the snapshot only; the changes that are left, applied
                // over it once more, tell the revisions.
                books_at: seq,
                ..From::default()
            })
        }
        _ => None,
    }
}

/// The folds as of the ledger's tip.
pub(super) fn load(ledger: &Ledger) -> Result<Live> {
    let stored = ledger.snapshot(NAME)?;
    let from = stored.and_then(|(seq, bytes)| read(seq, &bytes));
    let from = from.unwrap_or_default();
    let at = from.at();
    let From {
        mut directory,
        mut books,
        mut runs,
        directory_at,
        books_at,
        ..
    } = from;
    for entry in ledger.read(at + 1..) {
        let entry = entry?;
        let seq = entry.header.seq;
        runs.take(&entry)?;
        match fact_of(&entry, |k| matches!(k, kind::CHANGED..=kind::SLICE_SETTLED))? {
            Some(Fact::Changed { .. }) if seq <= directory_at => {}
            Some(Fact::Changed { change, .. }) => {
                let time = Time::from_micros(entry.header.time_us);
                directory.apply(&change, time, seq);
            }
            _ if seq <= books_at => {}
            Some(Fact::SliceReserved(slice)) => books.reserve(&slice, seq),
            Some(Fact::SliceSettled {
                slice,
                spent,
                overrun,
            }) => {
                books.settle(slice, spent, overrun);
            }
            _ => {}
        }
    }
    Ok(Live {
        directory: RwLock::new(directory),
        books: Mutex::new(books),
        runs: Mutex::new(runs),
        // One of an older format is due to be stored anew.
        snapshot_at: Mutex::new(at),
    })
}

/// What the recorded exchanges, and the work and the bought calls of runs, drew from each of these
/// slices. A call that was asked and has no answer in the ledger counts at its worst case, but
/// where the server answers it again without a new price.
pub(super) fn drawn(ledger: &Ledger, open: &[OpenSlice]) -> Result<Vec<(OpenSlice, Amount)>> {
    let Some(first) = open.iter().map(|slice| slice.seq).min() else {
        return Ok(Vec::new());
    };
    let mut sums: HashMap<Id<ids::Slice>, (OpenSlice, Amount)> = open
        .iter()
        .map(|slice| (slice.slice.id, (*slice, Amount::ZERO)))
        .collect();
    let mut asked: HashMap<(Id<ids::Run>, Call), (Id<ids::Slice>, Amount)> = HashMap::new();
    let mut add = |slice: Id<ids::Slice>, amount: Amount| {
        if let Some((_, sum)) = sums.get_mut(&slice) {
            *sum = sum.plus(amount);
        }
    };
    for entry in ledger.read(first..) {
        match fact_of(&entry?, |k| matches!(k, kind::EXCHANGE | kind::RUN))? {
            Some(Fact::Exchange(exchange)) => {
                for share in &exchange.shares {
                    add(share.slice, share.spent);
                }
            }
            Some(Fact::Run { run, event }) => match *event {
                RunEvent::Asked {
                    call,
                    slice,
                    worst,
                    idempotent,
                    ..
                } => {
                    let counted = if idempotent { Amount::ZERO } else { worst };
                    asked.insert((run, call), (slice, counted));
                }
                RunEvent::Bought {
                    call, slice, spent, ..
                }
                | RunEvent::Lost {
                    call, slice, spent, ..
                } => {
                    asked.remove(&(run, call));
                    add(slice, spent);
                }
                RunEvent::Step { paid, .. }
                | RunEvent::Evaluated { paid, .. }
                | RunEvent::Worked { paid, .. }
                | RunEvent::Quoted { paid, .. } => add(paid.slice, paid.amount),
                _ => {}
            },
            _ => {}
        }
    }
    for (slice, worst) in asked.into_values() {
        add(slice, worst);
    }
    let mut sums: Vec<_> = sums.into_values().collect();
    sums.sort_by_key(|(slice, _)| slice.seq);
    Ok(sums)
}

/// Stores the folds where enough was appended since the last time. Whoever appends an entry of a fold
/// holds its lock until it is applied (`changing` is the directory's): so a fold that is copied
/// together with the tip lacks nothing before it.
pub(super) fn save(
    ledger: &Ledger,
    (live, changing): (&Live, &Mutex<()>),
    entries: u64,
) -> Result<()> {
    let mut at = live.snapshot_at.lock();
    let (tip, directory, books, runs) = {
        let _turn = changing.lock();
        let (books, runs) = (live.books.lock(), live.runs.lock());
        let tip = ledger.tip().seq;
        if tip == 0 || tip.saturating_sub(*at) <= entries {
            return Ok(());
        }
        let directory = live.directory.read().clone();
        (tip, directory, books.clone(), runs.clone())
    };
    let snapshot = Snapshot {
        format: FORMAT,
        directory,
        books,
        runs,
    };
    let bytes = postcard::to_stdvec(&snapshot).expect("plain data is written to memory");
    ledger.put_snapshot(NAME, tip, &bytes)?;
    *at = tip;
    Ok(())
}

/// The fact of an entry whose kind is wanted, where its payload is still there.
fn fact_of(entry: &Entry, wanted: impl Fn(u16) -> bool) -> Result<Option<Fact>> {
    let (kind, version) = (entry.header.kind, entry.header.version);
    let Some(payload) = entry.payload().filter(|_| wanted(kind)) else {
        return Ok(None);
    };
    codec::decode(kind, version, payload).map_err(|error| Error::Damage {
        seq: entry.header.seq,
        place: "payload".into(),
        what: error.to_string(),
    })
}
