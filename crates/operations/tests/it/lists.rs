//! Lists in pages over a directory as large as a big house's.

use std::collections::BTreeSet;

use operations::shapes::Life;
use operations::{Error, account, grant, key, organization};
use record::{Account, AccountState, Change, Id, Key, Limits, Organization, Time};

use crate::fixture::{Fixture, operator};

const ACCOUNTS: u32 = 100_000;

/// Many accounts in two organisations, each with a key.
fn filled(accounts: u32) -> Fixture {
    let fixture = Fixture::new();
    let id = |number: u32| {
        let mut random = [0; 10];
        random[4..8].copy_from_slice(&number.to_be_bytes());
        random
    };
    let made = Time::from_micros(1_764_000_000_000_000);
    let organization = |number: u32| Organization {
        id: Id::new(made, id(number)),
        name: format!("org {number}"),
    };
    let mut changes = vec![
        Change::OrganizationCreated(organization(0)),
        Change::OrganizationCreated(organization(1)),
    ];
    for number in 0..accounts {
        let of = Id::new(made, id(number));
        changes.push(Change::AccountCreated(Account {
            id: of,
            organization: organization(number % 2).id,
            // Not in the order in which they are made.
            name: format!(
                "Account {:06}",
                u64::from(number) * 7919 % u64::from(accounts)
            ),
            plan: "default".into(),
            state: match number % 10 {
                0 => AccountState::Closed,
                _ => AccountState::Active,
            },
            limits: Limits::default(),
            spend: None,
        }));
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        changes.push(Change::KeyCreated(Key {
            id: Id::new(made, id(number)),
            account: of,
            name: format!("key {number}"),
            prefix: format!("sk-sh-{number:06}"),
            hash,
            expires: None,
            spend: None,
            revoked: None,
        }));
    }
    fixture
        .house
        .facts
        .change_all(operator(), "", changes)
        .unwrap();
    fixture
}

#[test]
fn a_hundred_thousand_accounts_come_in_pages() {
    let fixture = filled(ACCOUNTS);
    let list = |input: account::List| account::list(&fixture.house, &operator(), input).unwrap();
    let first = list(account::List::default());
    assert_eq!(
        (first.accounts.len(), first.total),
        (100, u64::from(ACCOUNTS))
    );
    assert!(first.accounts.iter().all(|account| account.keys == 1));
    // Every order begins where the opposite one ends.
    for sort in [
        "created",
        "name",
        "organization",
        "plan",
        "state",
        "spent_dollars",
        "spent_percent",
    ] {
        let page = |sort: String, after: Option<String>| {
            list(account::List {
                limit: Some(1000),
                sort: Some(sort),
                after,
                ..account::List::default()
            })
        };
        let top = page(sort.to_owned(), None);
        let second = page(sort.to_owned(), top.next.clone());
        let bottom = page(format!("-{sort}"), None);
        let ids = |page: &account::Listed| -> BTreeSet<String> {
            page.accounts
                .iter()
                .map(|account| account.id.clone())
                .collect()
        };
        assert_eq!(top.accounts.len(), 1000);
        assert!(ids(&top).is_disjoint(&ids(&second)), "{sort}");
        assert!(ids(&top).is_disjoint(&ids(&bottom)), "{sort}");
    }
    let found = list(account::List {
        search: Some("COUNT 0042".into()),
        state: Some(AccountState::Closed),
        organization: Some("org 0".into()),
        ..account::List::default()
    });
    assert_eq!((found.accounts.len(), found.total), (10, 10));
    let id = first.accounts[7].id.clone();
    let by_id = list(account::List {
        search: Some(id.clone()),
        ..account::List::default()
    });
    assert_eq!((by_id.total, &by_id.accounts[0].id), (1, &id));
}

#[test]
fn keys_and_organizations_are_filtered_and_ordered() {
    let fixture = filled(50);
    let (house, by) = (&fixture.house, operator());
    let revoke = key::Revoke {
        key: "sk-sh-000007".into(),
        revision: None,
        why: String::new(),
    };
    key::revoke(house, &by, revoke).unwrap();
    let list = |input: key::List| key::list(house, &by, input).unwrap();
    let revoked = list(key::List {
        state: Some(Life::Revoked),
        ..key::List::default()
    });
    assert_eq!(revoked.total, 1);
    assert_eq!(revoked.keys[0].name, "key 7");
    let of_one = list(key::List {
        organization: Some("org 1".into()),
        sort: Some("-account".into()),
        limit: Some(3),
        ..key::List::default()
    });
    assert_eq!((of_one.keys.len(), of_one.total), (3, 25));
    assert!(of_one.keys[0].account_name > of_one.keys[1].account_name);
    let input = organization::List {
        sort: Some("-accounts".into()),
        search: Some("ORG".into()),
        ..organization::List::default()
    };
    let organizations = organization::list(house, &by, input).unwrap();
    assert_eq!(organizations.total, 2);
    assert_eq!(organizations.organizations[0].accounts, 25);
    assert_eq!(
        grant::list(house, &by, grant::List::default())
            .unwrap()
            .total,
        0
    );
}

#[test]
fn a_list_that_cannot_be_is_refused() {
    let fixture = filled(3);
    let refused = |input: account::List| account::list(&fixture.house, &operator(), input);
    let field = |input: account::List| match refused(input) {
        Err(Error::Invalid { field, .. }) => field,
        other => format!("{other:?}"),
    };
    let list = account::List::default;
    assert_eq!(
        field(account::List {
            limit: Some(0),
            ..list()
        }),
        "limit"
    );
    assert_eq!(
        field(account::List {
            limit: Some(1001),
            ..list()
        }),
        "limit"
    );
    assert_eq!(
        field(account::List {
            sort: Some("<b>".into()),
            ..list()
        }),
        "sort"
    );
    assert_eq!(
        field(account::List {
            after: Some("7b7d".into()),
            ..list()
        }),
        "after"
    );
    let nobody = refused(account::List {
        organization: Some("nobody".into()),
        ..list()
    });
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
    let cursor = refused(account::List {
        limit: Some(1),
        ..list()
    })
    .unwrap()
    .next;
    let turned = account::List {
        after: cursor,
        sort: Some("-created".into()),
        ..list()
    };
    assert_eq!(field(turned), "after");
}
