//! Changes through the front: what was seen must still be so, and several are all or none.

use std::path::Path;
use std::sync::Arc;

use ledger::facts::{ChangeError, Expected, Facts, Thing, Touched};
use parking_lot::Mutex;
use record::{
    Account, AccountState, Actor, Change, Id, Limits, Operator, Organization, Role, Token,
};

use crate::kit::options;

fn by() -> Actor {
    Actor::Operator("alice".into())
}

fn open(folder: &Path) -> Facts {
    Facts::open(options(folder), "test").expect("opens")
}

fn people(facts: &Facts) -> u64 {
    let organization = Organization {
        id: Id::from_bytes([1; 16]),
        name: "one".into(),
    };
    let account = Account {
        id: Id::from_bytes([2; 16]),
        organization: organization.id,
        name: "ada".into(),
        plan: "default".into(),
        state: AccountState::Active,
        limits: Limits::default(),
        spend: None,
    };
    let changes = vec![
        Change::OrganizationCreated(organization),
        Change::AccountCreated(account),
    ];
    facts.change_at(by(), "", changes, None).expect("is made")
}

fn edits(plan: &str, account: u8) -> Vec<Change> {
    let account = Id::from_bytes([account; 16]);
    let (plan, state) = (plan.to_owned(), AccountState::Closed);
    vec![
        Change::AccountPlan { account, plan },
        Change::AccountState { account, state },
    ]
}

#[test]
fn a_change_of_what_was_changed_since_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let facts = open(dir.path());
    let made = people(&facts);
    let thing = Thing::Account(Id::from_bytes([2; 16]));
    assert_eq!(facts.directory().revision(&thing), made);
    let seen = |revision| {
        let thing = thing.clone();
        Some(Expected { thing, revision })
    };
    let changed = facts
        .change_at(by(), "", edits("team", 2), seen(made))
        .expect("nobody was quicker");
    assert_eq!(changed, made + 2, "the last of the two");
    assert_eq!(facts.directory().revision(&thing), changed);
    let stale = facts.change_at(by(), "", edits("big", 2), seen(made));
    assert!(matches!(stale, Err(ChangeError::Stale { current }) if current == changed));
    let account = facts.directory().account(Id::from_bytes([2; 16])).cloned();
    assert_eq!(account.expect("it is there").plan, "team");
    facts.close().expect("closes");
    drop(facts);
    let again = open(dir.path());
    assert_eq!(again.directory().revision(&thing), changed);
}

#[test]
fn of_many_at_once_one_wins() {
    let dir = tempfile::tempdir().expect("a folder");
    let facts = open(dir.path());
    let revision = people(&facts);
    let won: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|number| {
                let facts = facts.clone();
                scope.spawn(move || {
                    let thing = Thing::Account(Id::from_bytes([2; 16]));
                    let seen = Some(Expected { thing, revision });
                    let edits = edits(&format!("plan {number}"), 2);
                    usize::from(facts.change_at(by(), "", edits, seen).is_ok())
                })
            })
            .collect();
        tries
            .into_iter()
            .map(|one| one.join().expect("no panic"))
            .sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn where_one_makes_no_sense_none_is_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let facts = open(dir.path());
    let tip = people(&facts);
    let mut changes = edits("team", 2);
    changes.extend(edits("team", 9));
    let refused = facts.change_at(by(), "", changes, None);
    assert!(matches!(refused, Err(ChangeError::Impossible(_))));
    let account = facts.directory().account(Id::from_bytes([2; 16])).cloned();
    assert_eq!(account.expect("it is there").plan, "default");
    assert_eq!(
        facts
            .directory()
            .revision(&Thing::Account(Id::from_bytes([2; 16]))),
        tip
    );
}

#[test]
fn followers_hear_of_switches_and_of_tokens_that_went() {
    let dir = tempfile::tempdir().expect("a folder");
    let facts = open(dir.path());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    facts.follow(Box::new(move |touched| {
        hearing.lock().push(touched.clone())
    }));
    let operator = |number, name: &str| {
        Change::OperatorCreated(Operator {
            id: Id::from_bytes([number; 16]),
            name: name.into(),
            role: Role::Admin,
            password: None,
            invitation: None,
            revoked: None,
        })
    };
    let token = Token {
        id: Id::from_bytes([5; 16]),
        operator: Id::from_bytes([3; 16]),
        name: "job".into(),
        prefix: "ot-sh-aaaaaa".into(),
        hash: [6; 32],
        expires: None,
        revoked: None,
    };
    let switch = Change::ModelSwitched {
        model: "m".into(),
        on: false,
    };
    let revoke = Change::OperatorRevoked {
        operator: Id::from_bytes([3; 16]),
    };
    let changes = vec![
        operator(3, "alice"),
        operator(4, "bob"),
        Change::TokenCreated(token),
        switch,
        revoke,
    ];
    facts.change_at(by(), "", changes, None).expect("is made");
    let heard = heard.lock();
    let switched =
        |one: &Touched| matches!(one, Touched::Model { model, on: false } if model == "m");
    assert!(heard.iter().any(switched));
    let gone = |one: &Touched| matches!(one, Touched::Token(token) if token.revoked.is_some());
    assert!(heard.iter().any(gone));
    assert_eq!(heard.len(), 6);
}
