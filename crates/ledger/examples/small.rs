//! Writes a small ledger into a folder: entries, a prune, an erasure, a body; for trying
//! `dev/verify.py` and other verifiers on.
//!
//! `cargo run -p ledger --example small -- FOLDER`

use std::sync::Arc;
use std::time::SystemTime;

use ledger::{Draft, Ledger, Lock, NoFolder, Options, Prune};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder")?;
    let clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_micros() as u64)
    };
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).expect("the system has randomness");
    let options = Options::new(folder, Arc::new(clock), Arc::new(random));
    let ledger = Ledger::open(options, Box::new(NoFolder))?;
    for number in 1..=200u64 {
        let payload = format!("entry {number}");
        ledger.observe(&[Draft::new(100 + (number % 2) as u16, 1, payload.as_bytes())])?;
    }
    ledger
        .bind(&[Draft::new(200, 1, b"a binding fact")])?
        .wait()?;
    ledger.vault().put(&[b"a body"], Lock::House, u64::MAX)?;
    let prune = Prune {
        before_us: ledger.tip().time_us,
        kinds: &[100],
        pinned: &[10, 12],
    };
    ledger.prune(&prune)?;
    ledger.erase(&[21, 23, 24])?;
    ledger.observe(&[Draft::new(100, 1, b"the last")])?;
    ledger.close()?;
    Ok(())
}
