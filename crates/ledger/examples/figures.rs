//! How long the reads of pages take: the newest 50,000 entries backwards, and the sums of the
//! whole house by hour and by day. Over 200,000 exchanges of a year with 20 models, so that
//! nearly each has an hour and model of its own.
//!
//! `cargo run --release -p ledger --example figures`

#![expect(clippy::print_stdout, reason = "it tells its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::Options;
use ledger::facts::{Facts, decode};
use record::{
    Amount, Endpoint, Exchange, Fact, Id, Money, Origin, Outcome, Time, Usage, UsageSource,
};

type Failure = Box<dyn std::error::Error>;

const EXCHANGES: u64 = 200_000;
const MODELS: u64 = 20;
/// 2025-01-01, 00:00 UTC.
const START_US: u64 = 1_735_689_600_000_000;
const YEAR_US: u64 = 365 * 86_400_000_000;
const LOOKED_AT: usize = 50_000;
const RUNS: usize = 5;

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let time = Arc::new(AtomicU64::new(START_US));
    let clock = Arc::clone(&time);
    let options = Options::new(
        dir.path(),
        Arc::new(move || clock.load(Ordering::Relaxed)),
        Arc::new(|bytes| getrandom::fill(bytes).expect("the system has randomness")),
    );
    let facts = Facts::open(options, "figures")?;
    for number in 0..EXCHANGES {
        let at = START_US + YEAR_US / EXCHANGES * number;
        time.store(at, Ordering::Relaxed);
        facts.observe(&Fact::Exchange(Box::new(exchange(number, at))))?;
    }
    facts.ledger().flush(Duration::from_secs(600));
    let last_day = ((START_US + YEAR_US) / 86_400_000_000) as u32;
    let last_hour = last_day * 24;
    best("the newest 50,000 entries, decoded", || {
        let mut exchanges = 0;
        for entry in facts.ledger().read_back(u64::MAX).take(LOOKED_AT) {
            let entry = entry?;
            let header = &entry.header;
            if let Some(payload) = entry.payload()
                && let Some(Fact::Exchange(_)) = decode(header.kind, header.version, payload)?
            {
                exchanges += 1;
            }
        }
        Ok(exchanges)
    })?;
    best("a day by hour and model", || {
        Ok(facts.hours(last_hour - 24, last_hour)?.len())
    })?;
    best("30 days by hour and model", || {
        Ok(facts.hours(last_hour - 720, last_hour)?.len())
    })?;
    best("30 days by day and model", || {
        Ok(facts.days(last_day - 30, last_day)?.len())
    })?;
    best("a year by day and model", || {
        Ok(facts.days(last_day - 365, last_day)?.len())
    })?;
    best("30 days of one account", || {
        let account = Id::from_bytes([7; 16]);
        Ok(facts
            .costs_between(&[account], last_day - 30, last_day)?
            .len())
    })?;
    facts.close()?;
    Ok(())
}

fn best(what: &str, mut run: impl FnMut() -> Result<usize, Failure>) -> Result<(), Failure> {
    let (mut best, mut rows) = (Duration::MAX, 0);
    for _ in 0..RUNS {
        let start = Instant::now();
        rows = run()?;
        best = best.min(start.elapsed());
    }
    println!("{what}: {rows} rows, {:.2} ms", best.as_secs_f64() * 1e3);
    Ok(())
}

fn exchange(number: u64, at: u64) -> Exchange {
    let cost = Amount {
        money: Money::from_nanos(1000 + number),
        tokens: 200,
    };
    Exchange {
        id: Id::new(Time::from_micros(at), [9; 10]),
        account: Id::from_bytes([(number % 100) as u8; 16]),
        key: Some(Id::from_bytes([1; 16])),
        grant: None,
        endpoint: Endpoint::Chat,
        model: format!("model-{}", number * 7 % MODELS),
        upstream: "vllm-1".into(),
        arrived: Time::from_micros(at),
        first_byte_us: 1000,
        duration_us: 50_000,
        status: 200,
        outcome: Outcome::Completed,
        streamed: true,
        request_bytes: 500,
        response_bytes: 1000,
        usage: Some(Usage {
            input: 100,
            cached_input: 10,
            output: 100,
            reasoning: 5,
            source: UsageSource::Upstream,
        }),
        cost,
        shares: Vec::new(),
        edits: Vec::new(),
        origin: Origin {
            address: "203.0.113.7".into(),
            header_order: 7,
            user_agent: "OpenAI/Python 2.9.0".into(),
            accept_language: "de-CH".into(),
        },
        bodies: None,
        idempotency: None,
    }
}
