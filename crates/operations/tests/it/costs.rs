//! Costs by account are read from sums by month and by day: whatever the span, they are those of
//! its days.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use operations::ledger::{By, Cost, Costs};
use proptest::prelude::*;
use record::time::day_text;

use crate::fixture::{DAY_US, Fixture, operator};

/// Days of the exchanges, counted from the fixture's first, 2024-10-04.
const DAYS: u32 = 120;
const FIRST: u32 = 20_000;
const ALL: [By; 3] = [By::Account, By::Model, By::Day];

fn cost(fixture: &Fixture, by: &[By], from: Option<u32>, until: Option<u32>) -> Costs {
    let input = Cost {
        by: by.to_vec(),
        from: from.map(day_text),
        until: until.map(day_text),
        limit: Some(1000),
        ..Cost::default()
    };
    let costs = operations::ledger::cost(&fixture.house, &operator(), input).unwrap();
    assert!(!costs.behind && costs.next.is_none());
    costs
}

type Sums = BTreeMap<(Option<String>, Option<String>), (u64, u64)>;

/// Requests and tokens by account and model; days are added up.
fn sums(costs: &Costs) -> Sums {
    let mut sums = Sums::new();
    for row in &costs.rows {
        let sum = sums
            .entry((row.account_name.clone(), row.model.clone()))
            .or_default();
        sum.0 += row.requests;
        sum.1 += row.input_tokens;
    }
    sums
}

#[test]
fn a_span_by_account_is_its_days() {
    let fixture = Fixture::new();
    let accounts = ["a", "b", "c"].map(|name| fixture.account(name));
    for day in 0..DAYS {
        // Days without use, and days on which not everybody did something.
        for (number, account) in accounts.iter().enumerate() {
            let draw = (day * 7 + number as u32 * 13) % 11;
            for model in ["m", "n"].iter().take((draw % 3) as usize) {
                fixture.exchange(account, model, u64::from(draw));
            }
        }
        fixture.clock.fetch_add(DAY_US, Ordering::Relaxed);
    }
    let edges = prop::option::of(FIRST - 40..FIRST + DAYS + 40);
    let config = ProptestConfig::with_cases(64);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&(edges.clone(), edges), |(from, until)| {
            let days = cost(&fixture, &ALL, from, until);
            let both = cost(&fixture, &[By::Account, By::Model], from, until);
            prop_assert_eq!(sums(&days), sums(&both));
            prop_assert_eq!(&days.sum, &both.sum);
            let account = cost(&fixture, &[By::Account], from, until);
            prop_assert_eq!(
                account.rows.iter().map(|row| row.requests).sum::<u64>(),
                days.sum.requests
            );
            prop_assert_eq!(&account.sum, &both.sum);
            let house = cost(&fixture, &[By::Day], from, until);
            prop_assert_eq!(&house.sum, &both.sum);
            Ok(())
        })
        .unwrap();
    // The months that are whole, the current one among them, and everything.
    let until = Some(FIRST + DAYS - 1);
    for from in [None, Some(FIRST + 28), Some(FIRST + 58), Some(FIRST + 59)] {
        let days = cost(&fixture, &ALL, from, until);
        let by_account = cost(&fixture, &[By::Account], from, until);
        assert_eq!(days.sum, by_account.sum);
        assert!(days.sum.requests > 100);
    }
}
