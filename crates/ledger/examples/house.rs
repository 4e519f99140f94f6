//! Writes the ledger of a small house into a folder, the same bytes at each run: people, keys, a
//! grant, exchanges and refusals of three days, a prune and an erasure.
//! The folders in `tests/golden` were made by it, each with the code of its version; a later
//! version makes its own folder beside them.
//!
//! `cargo run -p ledger --example house -- FOLDER`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::facts::{Facts, kind};
use ledger::{Options, Prune};
use record::{
    Account, AccountState, Actor, Amount, Budget, BudgetOwner, Change, Endpoint, Exchange, Fact,
    Grant, GrantBudget, GrantTerms, Id, Key, Limits, Money, Organization, Origin, Outcome, Reason,
    Refusal, Share, Slice, Tier, Time, Usage, UsageSource,
};

type Failure = Box<dyn std::error::Error>;

/// 2025-11-25, 00:00 UTC.
const START_US: u64 = 1_764_028_800_000_000;
const HOUR_US: u64 = 3_600_000_000;

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("name a folder")?;
    let time = Arc::new(AtomicU64::new(START_US));
    let clock = Arc::clone(&time);
    let drawn = AtomicU64::new(1);
    let random = move |bytes: &mut [u8]| {
        for byte in bytes {
            // Any bytes do that are the same at each run.
            let number = drawn.fetch_add(1, Ordering::Relaxed);
            *byte = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
    };
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let mut options = Options::new(folder, clock, Arc::new(random));
    options.segment_bytes = 64 << 10;
    let facts = Facts::open(options, "0.1.0")?;
    people(&facts)?;
    for number in 0..48u64 {
        time.store(START_US + number * 90 * 60_000_000, Ordering::Relaxed);
        traffic(&facts, number)?;
    }
    facts.ledger().flush(std::time::Duration::from_secs(10));
    facts.snapshot(0)?;
    facts.ledger().prune(&Prune {
        before_us: START_US + 30 * HOUR_US,
        kinds: &[kind::EXCHANGE, kind::REFUSAL],
        pinned: &[],
    })?;
    erase(&facts)?;
    facts.snapshot(0)?;
    facts.close()?;
    Ok(())
}

fn id<K>(number: u8) -> Id<K> {
    Id::from_bytes([number; 16])
}

fn people(facts: &Facts) -> Result<(), Failure> {
    let by = || Actor::Operator("uid:1000".into());
    let mut changes = vec![Change::OrganizationCreated(Organization {
        id: id(1),
        name: "Analytical Engines".into(),
    })];
    for (number, name) in [(11, "ada"), (12, "charles"), (13, "grace")] {
        changes.push(Change::AccountCreated(Account {
            id: id(number),
            organization: id(1),
            name: name.into(),
            plan: "default".into(),
            state: AccountState::Active,
            limits: Limits::default(),
            spend: None,
        }));
        changes.push(Change::KeyCreated(Key {
            id: id(number + 10),
            account: id(number),
            name: format!("{name}'s key"),
            prefix: "sk-sh-aaaaaa".into(),
            hash: [number; 32],
            expires: None,
            spend: None,
            revoked: None,
        }));
    }
    changes.push(Change::GrantIssued(Grant {
        id: id(31),
        account: id(11),
        terms: terms(60),
        prefix: "gt-sh-aaaaaa".into(),
        hash: [31; 32],
        revoked: None,
    }));
    for change in changes {
        facts.change(by(), "the first day", change)?;
    }
    let later = [
        Change::GrantChanged {
            grant: id(31),
            terms: terms(30),
        },
        Change::AccountPlan {
            account: id(12),
            plan: "team".into(),
        },
        Change::KeyRevoked { key: id(22) },
    ];
    for change in later {
        facts.change(by(), "as agreed", change)?;
    }
    Ok(())
}

fn terms(requests: u32) -> GrantTerms {
    GrantTerms {
        teachers: vec!["large".into()],
        purpose: "a student of its own".into(),
        tier: Tier::Topk,
        budget: GrantBudget::new(None, Some(1_000_000)).expect("it has a bound"),
        limits: Limits {
            requests_per_minute: Some(requests),
            ..Limits::default()
        },
        expires: Time::from_micros(START_US + 1000 * HOUR_US),
    }
}

/// Every 90 minutes: an exchange that draws on a slice of its own, sometimes a refusal beside.
fn traffic(facts: &Facts, number: u64) -> Result<(), Failure> {
    let arrived = Time::from_micros(START_US + number * 90 * 60_000_000);
    let account = id(11 + (number % 3) as u8);
    let cost = Amount {
        money: Money::from_nanos(1000 + number),
        tokens: 30 + number,
    };
    let slice: Slice = Slice {
        id: id(100 + number as u8),
        budget: Budget {
            owner: BudgetOwner::Account(account),
            start_day: arrived.day(),
        },
        reserved: cost.plus(cost),
    };
    facts.reserve(&slice)?.wait()?;
    facts.observe(&Fact::Exchange(Box::new(exchange(
        number, arrived, account, cost, slice.id,
    ))))?;
    // The last one stays open, as after a crash.
    if number != 47 {
        facts.settle(slice.id, cost, Amount::ZERO)?;
    }
    if number.is_multiple_of(5) {
        facts.observe(&Fact::Refusal(Box::new(Refusal {
            id: id(200 + (number / 5) as u8),
            account: number.is_multiple_of(2).then_some(account),
            key: None,
            grant: None,
            path: "/v1/chat/completions".into(),
            model: if number.is_multiple_of(2) {
                "large"
            } else {
                ""
            }
            .into(),
            arrived,
            status: 429,
            reason: Reason::RequestsPerMinute,
            origin: Origin::default(),
        })))?;
    }
    Ok(())
}

fn exchange(
    number: u64,
    arrived: Time,
    account: Id<record::id::kind::Account>,
    cost: Amount,
    slice: Id<record::id::kind::Slice>,
) -> Exchange {
    let outcome = match number % 8 {
        3 => Outcome::UpstreamError,
        5 => Outcome::UpstreamBroken,
        6 => Outcome::ClientLeft,
        _ => Outcome::Completed,
    };
    Exchange {
        id: id(50 + number as u8),
        account,
        key: None,
        grant: None,
        endpoint: Endpoint::Chat,
        model: if number.is_multiple_of(4) {
            "large"
        } else {
            "small"
        }
        .into(),
        upstream: "vllm-1".into(),
        arrived,
        first_byte_us: 1000,
        duration_us: 50_000,
        status: if outcome == Outcome::UpstreamError {
            500
        } else {
            200
        },
        outcome,
        streamed: true,
        request_bytes: 500,
        response_bytes: 1000 + number,
        usage: (outcome != Outcome::UpstreamError).then_some(Usage {
            input: 20 + number,
            cached_input: number % 7,
            output: 10,
            reasoning: number % 3,
            source: match number % 6 {
                0 => UsageSource::Estimated,
                _ => UsageSource::Upstream,
            },
        }),
        cost,
        shares: vec![Share { slice, spent: cost }],
        edits: Vec::new(),
        origin: Origin::default(),
        bodies: None,
        idempotency: None,
    }
}

/// As the operator's erasure does it: the fold forgets, then what names a person goes.
fn erase(facts: &Facts) -> Result<(), Failure> {
    let account = id(13);
    let change = Change::AccountErased { account };
    facts.change(Actor::Operator("uid:1000".into()), "asked for", change)?;
    let mut seqs = Vec::new();
    for entry in facts.ledger().read(1..) {
        let entry = entry?;
        let header = &entry.header;
        let Some(payload) = entry.payload() else {
            continue;
        };
        let theirs = match ledger::facts::decode(header.kind, header.version, payload)? {
            Some(Fact::Exchange(exchange)) => exchange.account == account,
            Some(Fact::Changed { change, .. }) => match &*change {
                Change::AccountCreated(new) => new.id == account,
                Change::KeyCreated(new) => new.account == account,
                _ => false,
            },
            _ => false,
        };
        if theirs {
            seqs.push(header.seq);
        }
    }
    facts.ledger().erase(&seqs)?;
    Ok(())
}
