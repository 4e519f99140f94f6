//! Makes a data folder for a benchmark: one ledger with many accounts and keys.
//!
//! The first key's secret is `sk-test-1234`, the others' are `sk-filler-00000000` and so on, as
//! the load generator of `bench/gateway` knows them.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use ledger::facts::Facts;
use record::{Account, AccountState, Actor, Change, Id, Key, Limits, Organization, Time};

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has a source of randomness");
}

fn id<K>() -> Id<K> {
    let mut bytes = [0; 10];
    random(&mut bytes);
    Id::new(Time::from_micros(now()), bytes)
}

/// `folder DIR --accounts N --keys N [--plan NAME]`
pub(crate) fn make(arguments: &[String]) -> anyhow::Result<()> {
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str, default: usize| -> anyhow::Result<usize> {
        option(name).map_or(Ok(default), |text| text.parse().context(name.to_owned()))
    };
    let folder = arguments
        .first()
        .context("folder DIR --accounts N --keys N")?;
    let (accounts, keys) = (number("--accounts", 1)?, number("--keys", 10_001)?);
    let plan = option("--plan").map_or("default", String::as_str);
    let options = ledger::Options::new(Path::new(folder), Arc::new(now), Arc::new(random));
    let facts = Facts::open(options, env!("CARGO_PKG_VERSION"))?;
    facts.change_all(
        Actor::House,
        "benchmark",
        changes(accounts.max(1), keys.max(1), plan),
    )?;
    facts.close()?;
    Ok(())
}

fn changes(accounts: usize, keys: usize, plan: &str) -> Vec<Change> {
    let organization = Organization {
        id: id(),
        name: "bench".into(),
    };
    let accounts: Vec<Account> = (0..accounts)
        .map(|number| Account {
            id: id(),
            organization: organization.id,
            name: format!("account {number}"),
            plan: plan.to_owned(),
            state: AccountState::Active,
            limits: Limits::default(),
            spend: None,
        })
        .collect();
    let keys: Vec<Change> = (0..keys)
        .map(|number| {
            let secret = match number {
                0 => "sk-test-1234".to_owned(),
                _ => format!("sk-filler-{:08}", number - 1),
            };
            Change::KeyCreated(Key {
                id: id(),
                account: accounts[number % accounts.len()].id,
                name: format!("key {number}"),
                prefix: secret.chars().take(12).collect(),
                hash: *blake3::hash(secret.as_bytes()).as_bytes(),
                expires: None,
                spend: None,
                revoked: None,
            })
        })
        .collect();
    let mut changes = vec![Change::OrganizationCreated(organization)];
    changes.extend(accounts.into_iter().map(Change::AccountCreated));
    changes.extend(keys);
    changes
}
