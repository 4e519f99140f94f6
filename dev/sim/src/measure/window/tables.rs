//! What the window test showed, as tables. Nothing is measured here.

use super::{ATTACKS, BENIGN, Costs, Found, LENGTHS, Results, SHARES, Took};
use crate::measure::metrics::Rate;
use crate::measure::table::{Cell, Table};

pub(super) fn by_length(results: &Results) -> Table {
    let mut head = vec![
        "exchanges".to_owned(),
        "test".to_owned(),
        "benign".to_owned(),
    ];
    head.extend(SHARES.map(|share| format!("{:.0}% attack", 100.0 * share)));
    let mut table = Table::new(
        "The window test, all pairs together",
        "Windows told, of benign ones (wrongly) and of windows with so large a share of attack \
         prompts. Threshold of both tests: 0.3% of benign windows, from the reference alone. Windows \
         of one split overlap, so intervals are somewhat too narrow.",
        &[],
    );
    table.head = head;
    for (length, size) in LENGTHS.into_iter().enumerate() {
        let benign = results.benign.iter().map(|all| &all[length]);
        let benign = benign.fold(Found::default(), Found::join);
        let found: Vec<Found> = (0..SHARES.len())
            .map(|share| {
                let pairs = results.attack.iter().flatten();
                pairs.fold(Found::default(), |sum, all| sum.join(&all[length][share]))
            })
            .collect();
        for (test, cell) in TESTS {
            let mut row = vec![Cell::Count(size as u64), test.into(), cell(benign)];
            row.extend(found.iter().map(|found| cell(*found)));
            table.row(row);
        }
    }
    table
}

type Shown = fn(Found) -> Cell;

/// Both tests, and how their cells are read.
const TESTS: [(&str, Shown); 2] = [("guard", Found::guard), ("MMD", Found::discrepancy)];

pub(super) fn by_benign(results: &Results) -> Table {
    let mut table = Table::new(
        "The window test, by benign set",
        "Benign windows told wrongly, all lengths; windows of 1,500 (1,000 where the set is small) \
         with 5%, of 100 with 25%.",
        &["benign", "test", "benign told", "long, 5%", "100, 25%"],
    );
    for (set, name) in BENIGN.iter().enumerate() {
        let benign = results.benign[set].iter();
        let benign = benign.fold(Found::default(), Found::join);
        let part = |length: usize, share: usize| {
            let pairs = results.attack[set].iter();
            pairs.fold(Found::default(), |sum, all| sum.join(&all[length][share]))
        };
        let long = (0..LENGTHS.len()).rev();
        let long = long
            .map(|length| part(length, 1))
            .find(|part| part.windows > 0);
        for (test, cell) in TESTS {
            table.row([
                Cell::from(*name),
                test.into(),
                cell(benign),
                cell(long.unwrap_or_default()),
                cell(part(0, 3)),
            ]);
        }
    }
    table
}

pub(super) fn more(results: &Results) -> Table {
    let mut table = Table::new(
        "The window test, benign windows of further splits",
        "Benign windows that the guard's test tells (wrongly), by length; none of them is in the tables \
         above. Asked for are 0.3%.",
        &["benign", "100", "1,500"],
    );
    let ends = [0, LENGTHS.len() - 1];
    let row = |name: &str, rates: [Rate; 2]| {
        let [short, long] = rates;
        [Cell::from(name), short.into(), long.into()]
    };
    let mut all = [Rate { hits: 0, of: 0 }; 2];
    for (set, name) in BENIGN.iter().enumerate() {
        let rates = ends.map(|length| results.more[set][length]);
        for (sum, rate) in all.iter_mut().zip(&rates) {
            sum.hits += rate.hits;
            sum.of += rate.of;
        }
        table.row(row(name, rates));
    }
    table.row(row("all", all));
    table
}

pub(super) fn cost(costs: &Costs) -> Table {
    let mut table = Table::new(
        "The window test, cost",
        "On the machine that wrote this, one thread, whatever else ran beside. Judging includes \
         drawing the window and the discrepancy.",
        &["step", "milliseconds each"],
    );
    let each = |took: Took| Cell::Number(1000.0 * took.each(), 3);
    table.row(["learning a reference".into(), each(costs.learning)]);
    table.row(["placing an exchange".into(), each(costs.placing)]);
    for (length, size) in LENGTHS.into_iter().enumerate() {
        table.row([
            format!("a test of {size}").into(),
            each(costs.testing[length]),
        ]);
        table.row([
            format!("judging {size}").into(),
            each(costs.judging[length]),
        ]);
    }
    table
}

pub(super) fn pairs(results: &Results) -> Table {
    let mut table = Table::new(
        "The window test, the ten weakest pairs",
        "Windows of 1,500 exchanges with 5% attack, of 100 with 25%.",
        &["benign", "attack", "1,500, 5%", "MMD", "100, 25%", "MMD"],
    );
    let long = LENGTHS.len() - 1;
    let mut all: Vec<(usize, usize)> = (0..BENIGN.len())
        .flat_map(|set| (0..ATTACKS.len()).map(move |attack| (set, attack)))
        .collect();
    all.sort_by_key(|(set, attack)| {
        let found = &results.attack[*set][*attack];
        found[long][1].guard + found[0][3].guard
    });
    for (set, attack) in all.into_iter().take(10) {
        let found = &results.attack[set][attack];
        table.row([
            Cell::from(BENIGN[set]),
            ATTACKS[attack].into(),
            found[long][1].guard(),
            found[long][1].discrepancy(),
            found[0][3].guard(),
            found[0][3].discrepancy(),
        ]);
    }
    table
}
