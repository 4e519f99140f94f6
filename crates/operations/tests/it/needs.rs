//! What an overview tells a person of: budgets near their ends among all that there are, and
//! whether there is a backup.

use std::sync::atomic::Ordering;

use operations::ledger::{Backup, BackupState, backup};
use operations::server;
use operations::shapes::Spend;

use operations::{Nothing, account, grant};
use record::{Amount, Budget, BudgetOwner, Id, Money, Slice, SpendPeriod, Time};

use crate::fixture::{DAY_US, Fixture, operator};
use crate::issue;

/// Takes dollars and tokens out of a budget.
fn spend(fixture: &Fixture, owner: BudgetOwner, dollars: u64, tokens: u64, number: u8) {
    let now = Time::from_micros(fixture.clock.load(Ordering::Relaxed));
    let spent = Amount {
        money: Money::from_nanos(dollars * 1_000_000_000),
        tokens,
    };
    let slice = Slice {
        id: Id::new(now, [number; 10]),
        budget: Budget {
            owner,
            start_day: 0,
        },
        reserved: spent,
    };
    let facts = &fixture.house.facts;
    facts.reserve(&slice).unwrap().wait().unwrap();
    facts.settle(slice.id, spent, Amount::ZERO).unwrap();
}

#[test]
fn the_nearest_to_its_end_comes_first_whatever_others_spend() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    for number in 0..30 {
        let name = format!("a{number}");
        let id = fixture.account(&name).id;
        // The last spends least, and has least left.
        let (limit, spent) = if number == 29 { (4, 3) } else { (1_000, 100) };
        let set = account::Set {
            account: name.clone(),
            plan: None,
            limits: Default::default(),
            spend: Some(Spend {
                dollars: limit.to_string(),
                period: SpendPeriod::Total,
            }),
            no_spend: false,
            state: None,
            revision: None,
            why: String::new(),
        };
        account::set(house, &by, set).unwrap();
        let owner = BudgetOwner::Account(id.parse().unwrap());
        spend(&fixture, owner, spent, 0, number);
        let issued = grant::Issue {
            budget_dollars: Some("1000".into()),
            budget_tokens: (number == 29).then_some(200),
            ..issue(&name)
        };
        let id = grant::issue(house, &by, issued).unwrap().grant.id;
        let owner = BudgetOwner::Grant(id.parse().unwrap());
        let tokens = if number == 29 { 199 } else { 1 };
        spend(&fixture, owner, spent, tokens, 100 + number);
    }
    fixture.account("without a limit");
    let list = account::List {
        sort: Some("-spent_percent".into()),
        ..account::List::default()
    };
    let accounts = account::list(house, &by, list).unwrap().accounts;
    let told = |one: &account::Account| (one.name.clone(), one.spent_percent);
    assert_eq!(told(&accounts[0]), ("a29".to_owned(), Some(75)));
    assert_eq!(accounts[1].spent_percent, Some(10));
    assert_eq!(
        told(&accounts[30]),
        ("without a limit".to_owned(), None),
        "it has no end"
    );
    let list = grant::List {
        sort: Some("-spent_percent".into()),
        ..grant::List::default()
    };
    let grants = grant::list(house, &by, list).unwrap().grants;
    let told = |one: &grant::Grant| (one.account_name.clone(), one.spent_percent);
    assert_eq!(told(&grants[0]), ("a29".to_owned(), 99), "by its tokens");
    assert_eq!(grants[1].spent_percent, 10);
}

#[test]
fn a_backup_is_told_of_until_there_is_a_young_one() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let told = || server::status(house, &by, Nothing {}).unwrap().backup;
    assert_eq!((told().state, told().made), (BackupState::None, None));
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    let input = Backup {
        to: to.clone(),
        with_keys: false,
    };
    backup(house, &by, input).unwrap();
    fixture.clock.fetch_add(7 * DAY_US - 1, Ordering::Relaxed);
    assert_eq!((told().state, told().days), (BackupState::Good, Some(6)));
    std::fs::remove_dir_all(&to).unwrap();
    assert_eq!(told().state, BackupState::Moved);
    fixture.clock.fetch_add(1, Ordering::Relaxed);
    assert_eq!((told().state, told().days), (BackupState::Old, Some(7)));
}
