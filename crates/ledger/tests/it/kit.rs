//! What the tests share: options with a clock of their own, and drafts to append.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::{Clock, Folder, GroupOut, Header, Ledger, Options, Random};

/// A kind that the tests use.
pub(crate) const KIND: u16 = 100;

/// A clock that moves on by a millisecond at each look.
pub(crate) fn clock() -> Clock {
    let time = AtomicU64::new(1_700_000_000_000_000);
    Arc::new(move || time.fetch_add(1_000, Ordering::Relaxed))
}

/// The system's randomness.
pub(crate) fn random() -> Random {
    Arc::new(|bytes| getrandom::fill(bytes).expect("the system has randomness"))
}

/// Options for a small and quick ledger.
pub(crate) fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder, clock(), random());
    options.segment_bytes = 64 << 10;
    options.fold_every = Duration::from_millis(10);
    options
}

/// Counts entries and payload bytes.
#[derive(Debug)]
pub(crate) struct Count;

impl Folder for Count {
    fn fold(&mut self, header: &Header, payload: &[u8], out: &mut GroupOut) {
        if header.kind == KIND {
            out.add("count", b"entries", 1);
            out.add("count", b"bytes", payload.len() as i64);
            out.put("last", b"seq", &header.seq.to_le_bytes(), None);
        }
    }
}

/// Opens a ledger that counts.
pub(crate) fn open(folder: &Path) -> Ledger {
    Ledger::open(options(folder), Box::new(Count)).expect("the ledger opens")
}

/// A payload that tells its number.
pub(crate) fn payload(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(size.max(8), (number % 251) as u8);
    bytes
}

/// Whether the full counts were asked for.
pub(crate) fn soak() -> bool {
    std::env::var_os("STILLHOUSE_SOAK").is_some_and(|value| value == "1")
}
