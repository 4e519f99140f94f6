//! How the folds come back at a start: the newest snapshot, the entries after it, and the slices
//! that a crash left open.

use std::collections::HashMap;

use parking_lot::{Mutex, RwLock};
use record::id::kind as ids;
use record::{Amount, Fact, Id, Time};
use serde::{Deserialize, Serialize};

use super::books::{Books, OpenSlice};
use super::codec::{self, kind};
use super::directory::Directory;
use super::live::Live;
use crate::{Entry, Error, Ledger, Result};

const NAME: &str = "facts";
const FORMAT: u16 = 1;

/// Both folds as they are stored.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    format: u16,
    directory: Directory,
    books: Books,
}

/// The folds as of the ledger's tip.
pub(super) fn load(ledger: &Ledger) -> Result<Live> {
    let stored = ledger.snapshot(NAME)?.and_then(|(seq, bytes)| {
        // A snapshot of another format is made anew from the entries.
        let read = postcard::from_bytes::<Snapshot>(&bytes).ok()?;
        (read.format == FORMAT).then_some((seq, read))
    });
    let (at, mut directory, mut books) = match stored {
        Some((seq, read)) => (seq, read.directory, read.books),
        None => (0, Directory::default(), Books::default()),
    };
    for entry in ledger.read(at.saturating_add(u64::from(at > 0))..) {
        let entry = entry?;
        match fact_of(&entry, |k| matches!(k, kind::CHANGED..=kind::SLICE_SETTLED))? {
            Some(Fact::Changed { change, .. }) => {
                directory.apply(&change, Time::from_micros(entry.header.time_us));
            }
            Some(Fact::SliceReserved(slice)) => books.reserve(&slice, entry.header.seq),
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
        snapshot_at: Mutex::new(at),
    })
}

/// What the recorded exchanges drew from each of these slices.
pub(super) fn drawn(ledger: &Ledger, open: &[OpenSlice]) -> Result<Vec<(OpenSlice, Amount)>> {
    let Some(first) = open.iter().map(|slice| slice.seq).min() else {
        return Ok(Vec::new());
    };
    let mut sums: HashMap<Id<ids::Slice>, (OpenSlice, Amount)> = open
        .iter()
        .map(|slice| (slice.slice.id, (*slice, Amount::ZERO)))
        .collect();
    for entry in ledger.read(first..) {
        if let Some(Fact::Exchange(exchange)) = fact_of(&entry?, |k| k == kind::EXCHANGE)? {
            for share in &exchange.shares {
                if let Some((_, sum)) = sums.get_mut(&share.slice) {
                    *sum = sum.plus(share.spent);
                }
            }
        }
    }
    let mut sums: Vec<_> = sums.into_values().collect();
    sums.sort_by_key(|(slice, _)| slice.seq);
    Ok(sums)
}

/// Stores both folds where enough was appended since the last time.
pub(super) fn save(ledger: &Ledger, live: &Live, entries: u64) -> Result<()> {
    let mut at = live.snapshot_at.lock();
    let (tip, books) = {
        let books = live.books.lock();
        let tip = ledger.tip().seq;
        if tip == 0 || tip.saturating_sub(*at) <= entries {
            return Ok(());
        }
        (tip, books.clone())
    };
    // Taken after the position: a change beyond it is applied a second time, to no effect.
    let directory = live.directory.read().clone();
    let snapshot = Snapshot {
        format: FORMAT,
        directory,
        books,
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
