//! Fills a ledger folder with a large house: organisations, accounts, keys, grants, budgets, and
//! exchanges and refusals over days, ending now. Same arguments, same house (but for its end).
//! Goes on where it was interrupted. For measuring and for pictures; never touches a folder that
//! it did not begin itself.
//!
//! `cargo run --release -p ledger --example fill -- FOLDER ACCOUNTS EXCHANGES DAYS`

mod draw;
mod people;
mod traffic;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ledger::facts::{Facts, decode};
use ledger::{Error, Options};
use record::{Actor, Change, Fact};

use people::People;
use traffic::Traffic;

type Failure = Box<dyn std::error::Error>;

/// Written first, so that no real ledger is ever filled.
const MARK: &str = "filled-by-example";
const DAY_US: u64 = 86_400_000_000;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, accounts, exchanges, days] = arguments.as_slice() else {
        return Err("usage: fill FOLDER ACCOUNTS EXCHANGES DAYS".into());
    };
    let (accounts, exchanges, days) = (accounts.parse()?, exchanges.parse()?, days.parse()?);
    let folder = Path::new(folder);
    if !begin(folder)? {
        return Err(format!(
            "{} is a ledger that was not filled by this",
            folder.display()
        )
        .into());
    }
    let now = u64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_micros())?;
    let time = Arc::new(AtomicU64::new(now - days * DAY_US));
    let people = People {
        accounts,
        start_us: settle(folder, &time, now, days)?,
    };
    let facts = open(folder, &time)?;
    let facts = create(facts, &people, || open(folder, &time))?;
    let traffic = Traffic::new(&people, exchanges, days);
    exchange(&facts, &traffic, &time)?;
    flush(&facts);
    facts.snapshot(0)?;
    budgets(&facts, &people, now, &time)?;
    flush(&facts);
    facts.ledger().close()?;
    drop(facts);
    // The next one who opens folds the limits, and its snapshot has them.
    open(folder, &time)?.close()?;
    Ok(())
}

/// Waits until all that was appended is in the store.
fn flush(facts: &Facts) {
    while !facts.ledger().flush(Duration::from_secs(10)) {}
}

/// Whether the folder is new or was begun by this program; marks a new one.
fn begin(folder: &Path) -> Result<bool, Failure> {
    let mark = folder.join(MARK);
    if mark.exists() {
        return Ok(true);
    }
    std::fs::create_dir_all(folder)?;
    let is_new = std::fs::read_dir(folder)?.next().is_none();
    if is_new {
        std::fs::write(mark, "")?;
    }
    Ok(is_new)
}

/// When the house begins: for one that was begun before, as the mark says.
fn settle(folder: &Path, time: &AtomicU64, now: u64, days: u64) -> Result<u64, Failure> {
    let mark = folder.join(MARK);
    let written = std::fs::read_to_string(&mark)?;
    let start = match written.trim().parse() {
        Ok(start) => start,
        Err(_) => now - days * DAY_US,
    };
    std::fs::write(&mark, start.to_string())?;
    time.store(start, Ordering::Relaxed);
    Ok(start)
}

fn open(folder: &Path, time: &Arc<AtomicU64>) -> Result<Facts, Failure> {
    let clock = Arc::clone(time);
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let drawn = AtomicU64::new(1);
    // Salts: any bytes do here, and quickly.
    let random = move |bytes: &mut [u8]| {
        for part in bytes.chunks_mut(8) {
            let number = draw::mix(drawn.fetch_add(1, Ordering::Relaxed));
            part.copy_from_slice(&number.to_le_bytes()[..part.len()]);
        }
    };
    let mut options = Options::new(folder, clock, Arc::new(random));
    options.segment_bytes = 64 << 20;
    Ok(Facts::open(options, env!("CARGO_PKG_VERSION"))?)
}

/// Everybody, where nobody is there yet: appended without waiting for each, then opened anew, so
/// that the folds are the ledger's own.
fn create(
    facts: Facts,
    people: &People,
    again: impl FnOnce() -> Result<Facts, Failure>,
) -> Result<Facts, Failure> {
    if facts.directory().accounts().next().is_some() {
        return Ok(facts);
    }
    let mut last = None;
    for change in people.changes() {
        last = Some(facts.bind(&Fact::Changed {
            by: Actor::Operator("fill".to_owned()),
            why: "a house to measure".to_owned(),
            change: Box::new(change),
        })?);
    }
    if let Some(last) = last {
        last.wait()?;
    }
    // Without a snapshot: this directory has seen none of them.
    facts.ledger().close()?;
    drop(facts);
    say(&format!("{} accounts", people.accounts));
    again()
}

/// The exchanges and refusals that are not there yet.
fn exchange(facts: &Facts, traffic: &Traffic<'_>, time: &AtomicU64) -> Result<(), Failure> {
    let begun = reached(facts)?;
    for fact in traffic.from(begun) {
        let (number, at_us, fact) = fact;
        time.store(at_us, Ordering::Relaxed);
        loop {
            match facts.observe(&fact) {
                Ok(_) => break,
                // The store folds more slowly than this appends.
                Err(Error::Full { .. }) => std::thread::sleep(Duration::from_millis(200)),
                Err(error) => return Err(error.into()),
            }
        }
        if number % 500_000 == 499_999 {
            say(&format!("{} exchanges", number + 1));
            facts.snapshot(100_000)?;
        }
    }
    Ok(())
}

/// How many were written before: the newest carries its number in its id.
fn reached(facts: &Facts) -> Result<u64, Failure> {
    for entry in facts.ledger().read_back(facts.ledger().tip().seq) {
        let entry = entry?;
        let Some(payload) = entry.payload() else {
            continue;
        };
        match decode(entry.header.kind, entry.header.version, payload)? {
            Some(Fact::Exchange(exchange)) => return Ok(draw::number(exchange.id) + 1),
            Some(Fact::Refusal(refusal)) => return Ok(draw::number(refusal.id) + 1),
            // Before the people there is nothing.
            Some(Fact::Changed { .. }) => return Ok(0),
            _ => {}
        }
    }
    Ok(0)
}

/// Spend limits of some accounts, and what they have spent of them in this month.
fn budgets(facts: &Facts, people: &People, now: u64, time: &AtomicU64) -> Result<(), Failure> {
    let is_done = facts.books().budgets().next().is_some();
    time.store(now, Ordering::Relaxed);
    if is_done {
        return Ok(());
    }
    let mut last = None;
    for number in (0..people.accounts).filter(|number| people.has_budget(*number)) {
        let spent = people.spent(facts, number, now)?;
        let Some(budget) = people.budget(number, spent, now) else {
            continue;
        };
        let change: Change = budget.change;
        // Waited for with the reservation behind it.
        drop(facts.bind(&Fact::Changed {
            by: Actor::Operator("fill".to_owned()),
            why: "a budget for the month".to_owned(),
            change: Box::new(change),
        })?);
        last = Some(facts.reserve(&budget.slice)?);
        facts.settle(budget.slice.id, spent, record::Amount::ZERO)?;
    }
    if let Some(last) = last {
        last.wait()?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program that tells how far it is")]
fn say(text: &str) {
    eprintln!("fill: {text}");
}
