use proptest::prelude::*;
use record::{
    AccountState, Change, GrantBudget, GrantTerms, Invitation, Limits, Operator, Role, Tier, Time,
};

use super::*;

fn id<K>(number: u8) -> Id<K> {
    Id::from_bytes([number; 16])
}

fn organization(number: u8) -> Change {
    Change::OrganizationCreated(Organization {
        id: id(number),
        name: format!("organisation {number}"),
    })
}

fn account(number: u8, organization: u8) -> Change {
    Change::AccountCreated(Account {
        id: id(number),
        organization: id(organization),
        name: format!("account {number}"),
        plan: "default".into(),
        state: AccountState::Active,
        limits: Limits::default(),
        spend: None,
    })
}

fn key(number: u8, account: u8) -> Change {
    Change::KeyCreated(Key {
        id: id(number),
        account: id(account),
        name: format!("key {number}"),
        prefix: "sk-sh-aaaaaa".into(),
        hash: [number; 32],
        expires: None,
        spend: None,
        revoked: None,
    })
}

fn terms(requests: u8) -> GrantTerms {
    GrantTerms {
        teachers: vec!["m".into()],
        purpose: "a student".into(),
        tier: Tier::Text,
        budget: GrantBudget::new(None, Some(1)).unwrap(),
        limits: Limits {
            requests_per_minute: Some(requests.into()),
            ..Limits::default()
        },
        expires: Time::from_micros(9),
    }
}

fn grant(number: u8, account: u8) -> Change {
    Change::GrantIssued(Grant {
        id: id(number),
        account: id(account),
        terms: terms(1),
        prefix: "gt-sh-aaaaaa".into(),
        hash: [number; 32],
        revoked: None,
    })
}

fn operator(number: u8, role: Role) -> Change {
    Change::OperatorCreated(Operator {
        id: id(number),
        name: format!("operator-{number}"),
        role,
        password: None,
        invitation: Some(Invitation {
            hash: [number; 32],
            expires: Time::from_micros(5),
        }),
        revoked: None,
    })
}

fn token(number: u8, operator: u8) -> Change {
    Change::TokenCreated(Token {
        id: id(number),
        operator: id(operator),
        name: format!("token {number}"),
        prefix: "ot-sh-aaaaaa".into(),
        hash: [number; 32],
        expires: None,
        revoked: None,
    })
}

fn another_role(number: u8, role: Role) -> Change {
    Change::OperatorChanged {
        operator: id(number),
        role,
        password: Some("$argon2id$v=19$…".into()),
        invitation: None,
    }
}

/// Changes over few ids, so that they often meet.
fn any_change() -> impl Strategy<Value = Change> {
    let role = prop::sample::select(Role::ALL.to_vec());
    (0..19u8, 1..5u8, 1..4u8, any::<bool>(), role).prop_map(|(sort, one, other, on, role)| {
        match sort {
            0 => organization(one),
            1 | 2 => account(one, other),
            3 => key(one, other),
            4 => grant(one, other),
            5 => Change::AccountPlan {
                account: id(one),
                plan: format!("plan {other}"),
            },
            6 => Change::AccountState {
                account: id(one),
                state: AccountState::Closed,
            },
            7 => Change::AccountErased { account: id(one) },
            8 => Change::KeyRevoked { key: id(one) },
            9 => Change::GrantChanged {
                grant: id(one),
                terms: terms(other),
            },
            10 => Change::GrantRevoked { grant: id(one) },
            11 | 12 => operator(one, role),
            13 => another_role(one, role),
            14 => Change::OperatorRevoked { operator: id(one) },
            15 => token(one, other),
            16 => Change::TokenRevoked { token: id(one) },
            17 => Change::ModelSwitched {
                model: format!("model {one}"),
                on,
            },
            _ => Change::UpstreamSwitched {
                upstream: format!("upstream {one}"),
                server: (other > 1).then(|| format!("server {other}")),
                on,
            },
        }
    })
}

fn apply_all(directory: &mut Directory, written: &[(u64, Change)]) {
    for (seq, change) in written {
        directory.apply(change, Time::from_micros(seq * 10), *seq);
    }
}

fn stored(directory: &Directory) -> Directory {
    postcard::from_bytes(&postcard::to_stdvec(directory).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is read back is what was live: from the entries, from a snapshot and the entries
    /// behind it, and where entries are applied a second time over a snapshot.
    #[test]
    fn replay_is_live(tried in prop::collection::vec(any_change(), 0..120), cut in 0..120usize) {
        let mut live = Directory::default();
        let mut written = Vec::new();
        for (change, seq) in tried.into_iter().zip(1..) {
            if live.check(&change).is_ok() {
                written.push((seq, change));
                apply_all(&mut live, &written[written.len() - 1..]);
            }
        }
        let cut = cut.min(written.len());
        let mut replayed = Directory::default();
        apply_all(&mut replayed, &written[..cut]);
        let mut from_snapshot = stored(&replayed);
        prop_assert_eq!(&from_snapshot, &replayed);
        apply_all(&mut replayed, &written[cut..]);
        prop_assert_eq!(&replayed, &live);
        apply_all(&mut from_snapshot, &written[cut..]);
        prop_assert_eq!(&from_snapshot, &live);
        let mut twice = live.clone();
        apply_all(&mut twice, &written[cut..]);
        prop_assert_eq!(&twice, &live);
    }

    /// The indexes say what a walk says, and an admin is never lost.
    #[test]
    fn indexes_and_rules_hold(tried in prop::collection::vec(any_change(), 0..120)) {
        let mut live = Directory::default();
        let mut had_admin = false;
        for (change, seq) in tried.into_iter().zip(1..) {
            if live.check(&change).is_ok() {
                live.apply(&change, Time::from_micros(seq), seq);
            }
            let is_admin = |one: &&Arc<Operator>| one.role == Role::Admin && one.revoked.is_none();
            let has_admin = live.operators().any(|one| is_admin(&one));
            prop_assert!(has_admin || !had_admin);
            had_admin = has_admin;
        }
        for one in live.accounts() {
            let walked: Vec<_> = live.keys().filter(|key| key.account == one.id).collect();
            prop_assert_eq!(live.keys_of(one.id).collect::<Vec<_>>(), walked);
            let walked: Vec<_> = live.grants().filter(|g| g.account == one.id).collect();
            prop_assert_eq!(live.grants_of(one.id).collect::<Vec<_>>(), walked);
        }
        for one in live.organizations() {
            let walked: Vec<_> = live.accounts().filter(|a| a.organization == one.id).collect();
            prop_assert_eq!(live.accounts_of(one.id).collect::<Vec<_>>(), walked);
        }
        for one in live.operators() {
            prop_assert_eq!(live.operator_named(&one.name.to_uppercase()), Some(one));
            let alive = live.tokens_of(one.id).any(|token| token.revoked.is_none());
            prop_assert!(!alive || one.revoked.is_none());
        }
        for one in live.tokens() {
            prop_assert_eq!(live.token_by_hash(&one.hash), Some(one));
        }
    }
}

/// A directory of these changes, by entries numbered from 1.
fn made(changes: &[Change]) -> Directory {
    let mut directory = Directory::default();
    for (change, seq) in changes.iter().zip(1..) {
        directory.check(change).unwrap();
        directory.apply(change, Time::from_micros(seq), seq);
    }
    directory
}

#[test]
fn the_last_admin_stays() {
    let directory = made(&[operator(1, Role::Admin), operator(2, Role::Viewer)]);
    let last = Impossible::LastAdmin {
        name: "operator-1".into(),
    };
    let revoke = |number| Change::OperatorRevoked {
        operator: id(number),
    };
    assert_eq!(directory.check(&revoke(1)), Err(last.clone()));
    assert_eq!(
        directory.check(&another_role(1, Role::Operator)),
        Err(last.clone())
    );
    assert_eq!(directory.check(&another_role(1, Role::Admin)), Ok(()));
    assert_eq!(directory.check(&revoke(2)), Ok(()));
    // Both at once would leave none: each is checked after the one before.
    let two = made(&[operator(1, Role::Admin), operator(2, Role::Admin)]);
    let last = Impossible::LastAdmin {
        name: "operator-2".into(),
    };
    assert_eq!(two.check(&revoke(1)), Ok(()));
    assert_eq!(two.check_all(&[revoke(1), revoke(2)]), Err(last));
}

#[test]
fn operators_names_are_their_own_for_ever() {
    let revoke = Change::OperatorRevoked { operator: id(1) };
    let directory = made(&[operator(1, Role::Viewer), revoke]);
    let mut again = operator(2, Role::Viewer);
    let Change::OperatorCreated(new) = &mut again else {
        unreachable!("it was made above");
    };
    new.name = "Operator-1".into();
    let exists = Impossible::Exists {
        what: "operator",
        id: "operator-1".into(),
    };
    assert_eq!(directory.check(&again), Err(exists));
    let Change::OperatorCreated(new) = &mut again else {
        unreachable!("it was made above");
    };
    new.name = "uid:0".into();
    assert!(matches!(
        directory.check(&again),
        Err(Impossible::Name { .. })
    ));
}

#[test]
fn whoever_is_revoked_can_do_nothing_more() {
    let revoke = Change::OperatorRevoked { operator: id(1) };
    let directory = made(&[
        operator(1, Role::Operator),
        token(5, 1),
        token(6, 1),
        revoke,
    ]);
    let one = directory.operator(id(1)).unwrap();
    assert_eq!(
        (one.password.as_ref(), one.invitation.as_ref()),
        (None, None)
    );
    assert!(
        directory
            .tokens_of(id(1))
            .all(|token| token.revoked.is_some())
    );
    assert!(matches!(
        directory.check(&token(7, 1)),
        Err(Impossible::Revoked {
            what: "operator",
            ..
        })
    ));
    assert!(matches!(
        directory.check(&another_role(1, Role::Admin)),
        Err(Impossible::Revoked { .. })
    ));
    assert_eq!(directory.revision(&Thing::Token(id(5))), 4);
}

#[test]
fn switches_are_on_until_they_are_turned() {
    let model = |on| Change::ModelSwitched {
        model: "m".into(),
        on,
    };
    let server = Change::UpstreamSwitched {
        upstream: "u".into(),
        server: Some("http://a".into()),
        on: false,
    };
    let directory = made(&[model(false), model(true), model(false), server]);
    assert!(!directory.model_is_on("m") && directory.model_is_on("n"));
    assert_eq!(directory.models_off().collect::<Vec<_>>(), ["m"]);
    assert!(directory.upstream_is_on("u", None));
    assert!(!directory.upstream_is_on("u", Some("http://a")));
    assert_eq!(directory.revision(&Thing::Model("m".into())), 3);
    assert_eq!(directory.revision(&Thing::Model("n".into())), 0);
}

#[test]
fn an_erasure_is_a_revision_of_all_it_touches() {
    let erase = Change::AccountErased { account: id(2) };
    let directory = made(&[
        organization(1),
        account(2, 1),
        key(3, 2),
        grant(4, 2),
        erase,
    ]);
    for thing in [
        Thing::Account(id(2)),
        Thing::Key(id(3)),
        Thing::Grant(id(4)),
    ] {
        assert_eq!(directory.revision(&thing), 5);
    }
    assert_eq!(directory.revision(&Thing::Organization(id(1))), 1);
}
