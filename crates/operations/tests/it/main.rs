//! The verbs over a real ledger, as values: what they change, and what they refuse.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

mod changes;
mod costs;
mod fixture;
mod lists;
mod needs;
mod operators;
mod replay;
mod revisions;
mod runs;
mod traffic;

use std::sync::atomic::Ordering;

use operations::ledger::{By, Cost, Erase, Prune};
use operations::shapes::LimitsChange;
use operations::{Error, grant, key};
use record::Tier;

use fixture::{DAY_US, Fixture, operator};

pub(crate) fn issue(account: &str) -> grant::Issue {
    grant::Issue {
        account: account.into(),
        teachers: vec!["m".into(), "n".into()],
        purpose: "a student".into(),
        tier: Tier::Score,
        budget_dollars: Some("10".into()),
        budget_tokens: None,
        limits: LimitsChange {
            concurrency: Some(4),
            ..LimitsChange::default()
        },
        expires: "30d".into(),
        why: String::new(),
    }
}

pub(crate) fn narrow(grant: &str) -> grant::Narrow {
    grant::Narrow {
        grant: grant.into(),
        teachers: None,
        tier: None,
        budget_dollars: None,
        budget_tokens: None,
        limits: LimitsChange::default(),
        expires: None,
        revision: None,
        why: String::new(),
    }
}

#[test]
fn a_grant_only_gets_narrower() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let id = grant::issue(house, &by, issue("a")).unwrap().grant.id;
    let narrowed = grant::narrow(
        house,
        &by,
        grant::Narrow {
            teachers: Some(vec!["n".into()]),
            tier: Some(Tier::Judge),
            budget_dollars: Some("5".into()),
            budget_tokens: Some(100),
            expires: Some("1d".into()),
            ..narrow(&id)
        },
    )
    .unwrap();
    assert_eq!(
        (narrowed.tier, narrowed.budget_tokens),
        (Tier::Judge, Some(100))
    );
    assert_eq!(
        narrowed.limits.concurrency,
        Some(4),
        "what is not named stays"
    );
    let wider = [
        grant::Narrow {
            teachers: Some(vec!["m".into()]),
            ..narrow(&id)
        },
        grant::Narrow {
            teachers: Some(vec![]),
            ..narrow(&id)
        },
        grant::Narrow {
            tier: Some(Tier::Topk),
            ..narrow(&id)
        },
        grant::Narrow {
            budget_dollars: Some("5.01".into()),
            ..narrow(&id)
        },
        grant::Narrow {
            budget_tokens: Some(101),
            ..narrow(&id)
        },
        grant::Narrow {
            expires: Some("2d".into()),
            ..narrow(&id)
        },
        grant::Narrow {
            limits: LimitsChange {
                concurrency: Some(5),
                ..LimitsChange::default()
            },
            ..narrow(&id)
        },
        narrow(&id),
    ];
    for one in wider {
        let refused = grant::narrow(house, &by, one.clone());
        assert!(
            matches!(refused, Err(Error::Invalid { .. })),
            "{one:?}: {refused:?}"
        );
    }
}

#[test]
fn what_a_grant_needs_is_asked_for() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let refused = |input: grant::Issue| grant::issue(house, &by, input).err().unwrap();
    let none = grant::Issue {
        budget_dollars: None,
        ..issue("a")
    };
    assert!(matches!(refused(none), Error::Invalid { .. }));
    let unknown = grant::Issue {
        teachers: vec!["x".into()],
        ..issue("a")
    };
    assert!(matches!(refused(unknown), Error::NotFound { .. }));
    let past = grant::Issue {
        expires: "2001-01-01".into(),
        ..issue("a")
    };
    assert!(matches!(refused(past), Error::Invalid { .. }));
    assert!(matches!(refused(issue("b")), Error::NotFound { .. }));
}

#[test]
fn a_secret_is_found_by_its_hash_alone() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let create = key::Create {
        account: "a".into(),
        name: "k".into(),
        expires: None,
        spend: None,
        why: String::new(),
    };
    let made = key::create(house, &by, create).unwrap();
    let hash = *blake3::hash(made.secret.as_bytes()).as_bytes();
    let directory = house.facts.directory();
    assert_eq!(directory.keys().next().unwrap().hash, hash);
    drop(directory);
    assert!(!fixture.exported().contains(&made.secret));
}

#[test]
fn an_erased_account_leaves_its_costs_and_no_name() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let (gone, stays) = (fixture.account("jane"), fixture.account("other"));
    grant::issue(house, &by, issue("jane")).unwrap();
    fixture.exchange(&gone, "m", 5);
    fixture.exchange(&stays, "m", 7);
    assert!(fixture.exported().contains("192.0.2.77"));
    let erase = |name: &str| {
        let input = Erase {
            account: name.into(),
            revision: None,
            why: String::new(),
        };
        operations::ledger::erase(house, &by, input)
    };
    // Account, grant, exchange; nothing of the other's.
    assert_eq!(erase("jane").unwrap().entries, 3);
    let left = fixture.exported();
    assert!(!left.contains("\"jane\""), "{left}");
    assert_eq!(left.matches("192.0.2.77").count(), 1);
    assert!(left.contains("\"other\""));
    // Again, by id, as after a crash: nothing is left to erase.
    assert_eq!(erase(&gone.id).unwrap().entries, 0);
    let costs = operations::ledger::cost(house, &by, Cost::default()).unwrap();
    assert_eq!(costs.sum.dollars, "0.000000012");
    let reader = house.facts.ledger().reader();
    house.facts.ledger().sign_head().unwrap();
    assert!(
        operations::ledger::verify(&reader, &Default::default())
            .unwrap()
            .sound
    );
}

#[test]
fn pruning_drops_old_payloads_and_keeps_the_sums() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let account = fixture.account("a");
    fixture.exchange(&account, "m", 5);
    fixture.clock.fetch_add(3 * DAY_US, Ordering::Relaxed);
    fixture.exchange(&account, "n", 7);
    let prune = |days| {
        operations::ledger::prune(
            house,
            &by,
            Prune {
                older_than_days: days,
                why: "room".into(),
            },
        )
    };
    assert!(matches!(prune(0), Err(Error::Invalid { .. })));
    assert!(prune(2).unwrap().marker.is_some());
    assert_eq!(fixture.exported().matches("192.0.2.77").count(), 1);
    let by_model = Cost {
        by: vec![By::Model],
        ..Cost::default()
    };
    let costs = operations::ledger::cost(house, &by, by_model).unwrap();
    let rows: Vec<_> = costs
        .rows
        .iter()
        .map(|row| (row.model.as_deref().unwrap(), row.requests))
        .collect();
    assert_eq!(rows, [("m", 1), ("n", 1)]);
    assert_eq!(costs.sum.dollars, "0.000000012");
    let by_day = Cost {
        by: vec![By::Day],
        ..Cost::default()
    };
    assert_eq!(
        operations::ledger::cost(house, &by, by_day)
            .unwrap()
            .rows
            .len(),
        2
    );
}
