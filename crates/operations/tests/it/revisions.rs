//! Changes only at the revision that was seen, and many at once without a lost one.

use operations::shapes::LimitsChange;
use operations::{Error, account, grant, key, model, upstream};

use crate::fixture::{Fixture, operator};
use crate::{issue, narrow};

fn set(account: &str) -> account::Set {
    account::Set {
        account: account.into(),
        plan: None,
        limits: LimitsChange::default(),
        spend: None,
        no_spend: false,
        state: None,
        revision: None,
        why: String::new(),
    }
}

fn current<T: std::fmt::Debug>(result: Result<T, Error>) -> u64 {
    match result {
        Err(Error::Stale { current, .. }) => current,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_changed_in_the_meantime_is_not_changed() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let first = fixture.account("a");
    let close = |revision| {
        let input = account::Set {
            state: Some(record::AccountState::Closed),
            limits: LimitsChange {
                concurrency: Some(3),
                ..LimitsChange::default()
            },
            revision,
            ..set("a")
        };
        account::set(house, &by, input)
    };
    let closed = close(Some(first.revision)).unwrap();
    // Both changes are in; the thing's revision is the last of them.
    assert_eq!(closed.limits.concurrency, Some(3));
    assert_eq!(closed.revision, first.revision + 2);
    assert_eq!(current(close(Some(first.revision))), closed.revision);
    assert_eq!(close(None).unwrap().revision, closed.revision + 2);
    let erase = operations::ledger::Erase {
        account: "a".into(),
        revision: Some(first.revision),
        why: String::new(),
    };
    let stale = operations::ledger::erase(house, &by, erase);
    assert_eq!(current(stale), closed.revision + 2);
}

#[test]
fn keys_and_grants_have_revisions_of_their_own() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let issued = grant::issue(house, &by, issue("a")).unwrap().grant;
    let narrower = |tokens, revision| {
        let input = grant::Narrow {
            budget_tokens: Some(tokens),
            revision,
            ..narrow(&issued.id)
        };
        grant::narrow(house, &by, input)
    };
    let narrowed = narrower(10, Some(issued.revision)).unwrap();
    assert_eq!(
        current(narrower(9, Some(issued.revision))),
        narrowed.revision
    );
    let revoke = grant::Revoke {
        grant: issued.id.clone(),
        revision: Some(0),
        why: String::new(),
    };
    assert_eq!(
        current(grant::revoke(house, &by, revoke)),
        narrowed.revision
    );
    let create = key::Create {
        account: "a".into(),
        name: "<script>alert(1)</script>".into(),
        expires: None,
        spend: None,
        why: String::new(),
    };
    let made = key::create(house, &by, create).unwrap().key;
    assert_eq!(made.name, "<script>alert(1)</script>", "a name is text");
    let revoke = |revision| key::Revoke {
        key: made.id.clone(),
        revision: Some(revision),
        why: String::new(),
    };
    assert_eq!(current(key::revoke(house, &by, revoke(1))), made.revision);
    let revoked = key::revoke(house, &by, revoke(made.revision)).unwrap();
    assert!(revoked.revision > made.revision);
}

#[test]
fn changes_at_the_same_time_lose_none() {
    let fixture = Fixture::new();
    let house = &fixture.house;
    fixture.account("a");
    let limits = [
        LimitsChange {
            concurrency: Some(7),
            ..LimitsChange::default()
        },
        LimitsChange {
            requests_per_minute: Some(8),
            ..LimitsChange::default()
        },
        LimitsChange {
            tokens_per_minute: Some(9),
            ..LimitsChange::default()
        },
    ];
    std::thread::scope(|scope| {
        for limits in limits {
            scope.spawn(move || {
                let input = account::Set { limits, ..set("a") };
                account::set(house, &operator(), input).unwrap()
            });
        }
    });
    let show = account::Show {
        account: "a".into(),
    };
    let shown = account::show(house, &operator(), show).unwrap().limits;
    let all = (
        shown.concurrency,
        shown.requests_per_minute,
        shown.tokens_per_minute,
    );
    assert_eq!(all, (Some(7), Some(8), Some(9)));
}

#[test]
fn models_and_servers_are_switched() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let switch = |model: &str, on, revision| {
        let input = model::Set {
            model: model.into(),
            on,
            revision,
            why: "it answers nonsense".into(),
        };
        model::set(house, &by, input)
    };
    let off = switch("m", false, Some(0)).unwrap();
    assert!(!off.on && off.revision > 0);
    assert_eq!(switch("m", false, None).unwrap().revision, off.revision);
    assert_eq!(current(switch("m", true, Some(0))), off.revision);
    assert!(matches!(
        switch("x", true, None),
        Err(Error::NotFound { .. })
    ));
    let switch = |upstream: &str, server: Option<&str>| {
        let input = upstream::Set {
            upstream: upstream.into(),
            server: server.map(str::to_owned),
            on: false,
            revision: Some(0),
            why: String::new(),
        };
        upstream::set(house, &by, input)
    };
    let off = switch("u", Some("http://127.0.0.1:1/v1/")).unwrap();
    assert!(off.on && !off.servers[0].on && off.servers[0].revision > 0);
    assert_eq!(off.models, ["m", "n"]);
    assert!(!switch("u", None).unwrap().on);
    assert!(matches!(
        switch("u", Some("http://other")),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(switch("w", None), Err(Error::NotFound { .. })));
}
