use record::{
    CapabilitySet, GrantBudget, GrantTerms, Limits, Money, Reason, SpendLimit, SpendPeriod, Tier,
};

use record::{AccountState, Amount, BudgetOwner};

use super::*;
use crate::admission::Draw;

const NOW: Time = Time::from_micros(1_764_000_000_000_000);

fn id<K>(byte: u8) -> Id<K> {
    Id::from_bytes([byte; 16])
}

fn plan() -> Plan {
    Plan {
        name: "payg".into(),
        limits: Limits {
            requests_per_minute: Some(2),
            ..Limits::default()
        },
        spend: Some(SpendLimit {
            amount: Money::from_nanos(1000),
            period: SpendPeriod::Month,
        }),
        capabilities: CapabilitySet {
            top_logprobs: Some(5),
            max_n: 2,
            ..CapabilitySet::default()
        },
        models: Some(vec!["small".into()]),
    }
}

fn account() -> Account {
    Account {
        id: id(1),
        organization: id(2),
        name: "Ada".into(),
        plan: "payg".into(),
        state: AccountState::Active,
        limits: Limits::default(),
        spend: None,
    }
}

fn key(byte: u8) -> Key {
    Key {
        id: id(byte),
        account: id(1),
        name: "laptop".into(),
        prefix: "sk-sh-aaaaaa".into(),
        hash: [byte; 32],
        expires: None,
        spend: None,
        revoked: None,
    }
}

fn grant() -> Grant {
    Grant {
        id: id(8),
        account: id(1),
        terms: GrantTerms {
            teachers: vec!["large".into()],
            purpose: "a smaller model".into(),
            tier: Tier::Score,
            budget: GrantBudget::new(None, Some(500)).unwrap(),
            limits: Limits::default(),
            expires: NOW.plus_micros(10),
        },
        prefix: "gt-sh-aaaaaa".into(),
        hash: [8; 32],
        revoked: None,
    }
}

fn table() -> Table {
    let table = Table::new(vec![plan()], Box::new(|_| Amount::ZERO));
    table.put_account(Arc::new(account()), NOW);
    table.put_key(Arc::new(key(7)));
    table
}

fn want<'a>(model: &'a str) -> Want<'a> {
    Want {
        model,
        tokens: 10,
        beyond: &|_| None,
    }
}

fn reason(table: &Table, byte: u8, want: Want<'_>, now: Time) -> Option<Reason> {
    let credential = table.find(&[byte; 32]).expect("known");
    table
        .admit(&credential, &want, now)
        .err()
        .map(|denied| denied.reason)
}

#[test]
fn each_limit_has_its_reason() {
    let table = table();
    assert!(table.find(&[99; 32]).is_none());
    assert_eq!(
        reason(&table, 7, want("large"), NOW),
        Some(Reason::ModelNotFound)
    );
    let six = |set: &CapabilitySet| {
        set.top_logprobs
            .is_none_or(|most| most < 6)
            .then_some("top_logprobs")
    };
    let logprobs = Want {
        beyond: &six,
        ..want("small")
    };
    let credential = table.find(&[7; 32]).expect("known");
    let denied = table.admit(&credential, &logprobs, NOW).unwrap_err();
    assert_eq!(denied.reason, Reason::CapabilityNotAllowed);
    assert_eq!(denied.param, Some("top_logprobs"));
    assert_eq!(reason(&table, 7, want("small"), NOW), None);
    assert_eq!(reason(&table, 7, want("small"), NOW), None);
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::RequestsPerMinute)
    );
}

#[test]
fn a_revoked_key_is_refused_and_its_holder_stays() {
    let table = table();
    let credential = table.find(&[7; 32]).expect("known");
    table.put_key(Arc::new(Key {
        revoked: Some(NOW),
        ..key(7)
    }));
    assert!(credential.is_revoked());
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::CredentialRevoked)
    );
    table.put_key(Arc::new(key(9)));
    assert_eq!(reason(&table, 9, want("small"), NOW), None);
}

#[test]
fn keys_of_one_account_share_its_limits() {
    let table = table();
    table.put_key(Arc::new(key(9)));
    assert_eq!(reason(&table, 7, want("small"), NOW), None);
    assert_eq!(reason(&table, 9, want("small"), NOW), None);
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::RequestsPerMinute)
    );
}

#[test]
fn a_change_of_limits_holds_at_once() {
    let table = table();
    let limits = Limits {
        requests_per_minute: Some(0),
        ..Limits::default()
    };
    table.put_account(
        Arc::new(Account {
            limits,
            ..account()
        }),
        NOW,
    );
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::RequestsPerMinute)
    );
    table.put_account(
        Arc::new(Account {
            state: AccountState::Closed,
            ..account()
        }),
        NOW,
    );
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::AccountClosed)
    );
}

#[test]
fn a_plan_that_is_gone_opens_no_model() {
    let table = table();
    table.set_plans(vec![], NOW);
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::ModelNotFound)
    );
}

#[test]
fn a_grant_has_its_own_models_rate_and_budget() {
    let table = table();
    table.put_grant(Arc::new(grant()), NOW);
    for _ in 0..5 {
        assert_eq!(reason(&table, 8, want("large"), NOW), None);
    }
    assert_eq!(
        reason(&table, 8, want("small"), NOW),
        Some(Reason::ModelNotFound)
    );
    let credential = table.find(&[8; 32]).expect("known");
    let purses = table.purses(&credential, NOW);
    assert_eq!(purses.len(), 1);
    assert_eq!(purses[0].owner(), BudgetOwner::Grant(id(8)));
    let end = NOW.plus_micros(10);
    assert_eq!(
        reason(&table, 8, want("large"), end),
        Some(Reason::CredentialExpired)
    );
}

#[test]
fn a_grant_that_was_narrowed_keeps_what_it_spent() {
    let table = table();
    table.put_grant(Arc::new(grant()), NOW);
    let credential = table.find(&[8; 32]).expect("known");
    let purse = table.purses(&credential, NOW)[0].clone();
    let Draw::Reserve(budget, reserved) = purse.draw(
        Amount {
            tokens: 400,
            ..Amount::ZERO
        },
        NOW,
    ) else {
        panic!("a slice has to be reserved first")
    };
    purse.opened(
        &record::Slice {
            id: id(3),
            budget,
            reserved,
        },
        NOW,
    );
    let Draw::Drawn(ticket) = purse.draw(
        Amount {
            tokens: 400,
            ..Amount::ZERO
        },
        NOW,
    ) else {
        panic!("it was reserved")
    };
    let narrowed = GrantTerms {
        budget: GrantBudget::new(None, Some(450)).unwrap(),
        ..grant().terms
    };
    table.put_grant(
        Arc::new(Grant {
            terms: narrowed,
            ..grant()
        }),
        NOW,
    );
    let credential = table.find(&[8; 32]).expect("known");
    let purse = table.purses(&credential, NOW)[0].clone();
    let fifty_one = Amount {
        tokens: 51,
        ..Amount::ZERO
    };
    assert!(matches!(purse.draw(fifty_one, NOW), Draw::Exhausted));
    let _ = ticket.settle(
        Amount {
            tokens: 10,
            ..Amount::ZERO
        },
        NOW,
    );
    // What the slice held beside is free once its settling is written.
    assert_eq!(purse.sweep(NOW, false).len(), 1);
    assert!(!matches!(purse.draw(fifty_one, NOW), Draw::Exhausted));
}

#[test]
fn a_grant_that_changed_still_ends_what_it_opened_before() {
    let table = table();
    table.put_grant(Arc::new(grant()), NOW);
    let before = table.find(&[8; 32]).expect("known");
    let sooner = GrantTerms {
        expires: NOW.plus_micros(5),
        ..grant().terms
    };
    let changed = Grant {
        terms: sooner,
        ..grant()
    };
    table.put_grant(Arc::new(changed.clone()), NOW);
    let end = NOW.plus_micros(5);
    assert_eq!(before.ended(NOW), None);
    assert_eq!(
        before.ended(end).map(|denied| denied.reason),
        Some(Reason::CredentialExpired)
    );
    let revoked = Grant {
        revoked: Some(NOW),
        ..changed
    };
    table.put_grant(Arc::new(revoked), NOW);
    assert!(before.is_revoked());
}

#[test]
fn a_place_is_given_back() {
    let table = table();
    let limits = Limits {
        requests_per_minute: Some(100),
        concurrency: Some(1),
        ..Limits::default()
    };
    table.put_account(
        Arc::new(Account {
            limits,
            ..account()
        }),
        NOW,
    );
    let credential = table.find(&[7; 32]).expect("known");
    let permit = table.admit(&credential, &want("small"), NOW).unwrap();
    assert_eq!(
        reason(&table, 7, want("small"), NOW),
        Some(Reason::Concurrency)
    );
    drop(permit);
    assert_eq!(reason(&table, 7, want("small"), NOW), None);
}
