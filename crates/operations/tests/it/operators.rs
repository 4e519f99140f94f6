//! Operators and their tokens: who gets in, who is the last, and what is never shown.

use std::sync::atomic::Ordering;

use operations::operator::{self, State};
use operations::{Error, token};
use record::Role;

use crate::fixture::{DAY_US, Fixture, operator};

const PASSWORD: &str = "correct horse battery";

fn create(fixture: &Fixture, name: &str, role: Role) -> operator::Invitation {
    let input = operator::Create {
        name: name.into(),
        role,
        why: String::new(),
    };
    operator::create(&fixture.house, &operator(), input).unwrap()
}

fn set(name: &str) -> operator::Set {
    operator::Set {
        operator: name.into(),
        role: None,
        invite: false,
        revision: None,
        why: String::new(),
    }
}

fn revoke(name: &str) -> operator::Revoke {
    operator::Revoke {
        operator: name.into(),
        revision: None,
        why: String::new(),
    }
}

#[test]
fn an_invitation_sets_a_password_once_and_within_a_day() {
    let fixture = Fixture::new();
    let house = &fixture.house;
    let made = create(&fixture, "alice", Role::Viewer);
    assert_eq!(made.operator.state, State::Invited);
    let secret = made.invitation.unwrap();
    let link = made.link.unwrap();
    assert_eq!(link, format!("http://127.0.0.1:8181/invitation#{secret}"));
    assert!(operator::sign_in(house, "alice", "").unwrap().is_none());
    let short = operator::accept_invitation(house, &secret, "short");
    assert!(matches!(short, Err(Error::Invalid { .. })), "{short:?}");
    operator::accept_invitation(house, &secret, PASSWORD).unwrap();
    let again = operator::accept_invitation(house, &secret, PASSWORD);
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    let known = operator::sign_in(house, "ALICE", PASSWORD)
        .unwrap()
        .unwrap();
    assert_eq!((known.name.as_str(), known.role), ("alice", Role::Viewer));
    assert!(
        operator::sign_in(house, "alice", "correct horse")
            .unwrap()
            .is_none()
    );
    assert!(
        operator::sign_in(house, "mallory", PASSWORD)
            .unwrap()
            .is_none()
    );
    // A new invitation takes the password away, and does not live for ever.
    let input = operator::Set {
        invite: true,
        ..set("alice")
    };
    let anew = operator::set(house, &operator(), input).unwrap();
    assert!(
        operator::sign_in(house, "alice", PASSWORD)
            .unwrap()
            .is_none()
    );
    fixture.clock.fetch_add(DAY_US, Ordering::Relaxed);
    let late = operator::accept_invitation(house, &anew.invitation.unwrap(), PASSWORD);
    assert!(matches!(late, Err(Error::NotFound { .. })), "{late:?}");
}

#[test]
fn the_last_admin_stays() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    create(&fixture, "root", Role::Admin);
    let demote = |name: &str| {
        let input = operator::Set {
            role: Some(Role::Viewer),
            ..set(name)
        };
        operator::set(house, &by, input)
    };
    let refused = demote("root").err().unwrap();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    assert!(refused.to_string().contains("last admin"), "{refused}");
    let refused = operator::revoke(house, &by, revoke("root")).unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    create(&fixture, "second", Role::Admin);
    assert_eq!(demote("root").unwrap().operator.role, Role::Viewer);
    let first = operator::first_admin(house, "late", PASSWORD);
    assert!(matches!(first, Err(Error::Conflict { .. })));
}

#[test]
fn names_are_taken_for_good_and_plain() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    create(&fixture, "root", Role::Admin);
    create(&fixture, "alice", Role::Operator);
    operator::revoke(house, &by, revoke("alice")).unwrap();
    let refused = |name: &str| {
        let input = operator::Create {
            name: name.into(),
            role: Role::Viewer,
            why: String::new(),
        };
        operator::create(house, &by, input).err().unwrap()
    };
    assert!(matches!(refused("Alice"), Error::Conflict { .. }));
    for name in ["", "<b>x</b>", "a\nb", "uid:0", "\u{202e}evil"] {
        assert!(matches!(refused(name), Error::Invalid { .. }), "{name:?}");
    }
    let nobody = operator::set(
        house,
        &by,
        operator::Set {
            invite: true,
            ..set("nobody")
        },
    );
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
    let nothing = operator::set(house, &by, set("root"));
    assert!(matches!(nothing, Err(Error::Invalid { .. })));
    let list = operator::List {
        state: Some(State::Revoked),
        ..operator::List::default()
    };
    let listed = operator::list(house, &by, list).unwrap();
    assert_eq!(
        (listed.total, listed.operators[0].name.as_str()),
        (1, "alice")
    );
}

#[test]
fn a_token_is_good_while_it_and_its_operator_are() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    create(&fixture, "root", Role::Admin);
    create(&fixture, "robot", Role::Viewer);
    let make = |expires: Option<&str>| {
        let input = token::Create {
            operator: "robot".into(),
            name: "ci".into(),
            expires: expires.map(str::to_owned),
            why: String::new(),
        };
        token::create(house, &by, input).unwrap()
    };
    let (short, long) = (make(Some("1h")), make(None));
    assert!(long.secret.starts_with("ot-sh-"));
    assert_eq!(
        long.base_url.as_deref(),
        Some("http://127.0.0.1:8181/api/v1")
    );
    let is_good = |secret: &str| operator::by_token(house, secret).is_some();
    assert!(is_good(&short.secret) && is_good(&long.secret));
    assert!(!is_good(&long.secret[..20]) && !is_good(""));
    fixture.clock.fetch_add(DAY_US, Ordering::Relaxed);
    assert!(!is_good(&short.secret) && is_good(&long.secret));
    let input = token::Revoke {
        token: long.token.prefix.clone(),
        revision: Some(long.token.revision + 1),
        why: String::new(),
    };
    let stale = token::revoke(house, &by, input.clone());
    assert!(matches!(stale, Err(Error::Stale { current, .. }) if current == long.token.revision));
    let other = make(None);
    operator::revoke(house, &by, revoke("robot")).unwrap();
    assert!(!is_good(&other.secret));
    let listed = token::list(house, &by, token::List::default()).unwrap();
    let shown = serde_json::to_string(&listed).unwrap();
    let hash = hex::encode(blake3::hash(other.secret.as_bytes()).as_bytes());
    assert!(!shown.contains(&other.secret) && !shown.contains(&hash));
}

/// What the ledger shows of its entries holds neither hashes of passwords nor of secrets.
#[test]
fn the_ledgers_entries_tell_no_secret() {
    let fixture = Fixture::new();
    let made = create(&fixture, "root", Role::Admin);
    let secret = made.invitation.unwrap();
    operator::accept_invitation(&fixture.house, &secret, PASSWORD).unwrap();
    let shown = fixture.exported();
    assert!(shown.contains("operator_created") && shown.contains("operator_changed"));
    let hash = hex::encode(blake3::hash(secret.as_bytes()).as_bytes());
    for hidden in [secret.as_str(), "argon2", &hash] {
        assert!(!shown.contains(hidden), "{hidden} is in {shown}");
    }
}

#[test]
fn of_two_first_admins_one_comes_first() {
    let fixture = Fixture::new();
    let house = &fixture.house;
    let made: Vec<_> = std::thread::scope(|scope| {
        let tried = ["ada", "bob"]
            .map(|name| scope.spawn(move || operator::first_admin(house, name, PASSWORD)));
        tried.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (first, late): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((first.len(), late.len()), (1, 1));
    assert!(matches!(late[0], Err(Error::Conflict { .. })), "{late:?}");
    assert_eq!(house.facts.directory().operators().len(), 1);
}
