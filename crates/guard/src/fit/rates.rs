//! What a fit finds on accounts that it was not fitted on: one in four is held out, by its number.

use std::collections::BTreeMap;

use super::{Row, fit, interval};
use crate::card::{Made, Rate};
use crate::profile::mix;

/// One account in so many is held out.
const HELD_OUT: u64 = 4;

/// The shares of distilling accounts, held out, whose evidence at their end is above that of 99% and
/// of 99.9% of the honest ones that were held out too. They are of the same traffic as those fitted
/// on: other traffic is harder.
pub fn rates(rows: &[Row]) -> Vec<Rate> {
    let held = |row: &&Row| mix(u64::from(row.account)).is_multiple_of(HELD_OUT);
    let fitted: Vec<Row> = rows.iter().filter(|row| !held(row)).cloned().collect();
    let mut last: BTreeMap<u32, &Row> = BTreeMap::new();
    for row in rows.iter().filter(held) {
        last.insert(row.account, row);
    }
    let both = |label| fitted.iter().any(|row| row.distilling == label);
    if !both(true) || !both(false) {
        return Vec::new();
    }
    let card = fit(&fitted, Made::default());
    let scores = |label: bool| -> Vec<i32> {
        let of = last.values().filter(|row| row.distilling == label);
        of.map(|row| card.score(&row.values, None).decibans)
            .collect()
    };
    let (mut honest, distilling) = (scores(false), scores(true));
    honest.sort_unstable_by(|one, other| other.cmp(one));
    let rate = |(what, share): (&str, f64)| {
        let allowed = (share * honest.len() as f64) as usize;
        let from = *honest.get(allowed)?;
        let hits = distilling.iter().filter(|score| **score > from).count() as u64;
        let of = distilling.len() as u64;
        Some(Rate {
            what: what.to_owned(),
            counted: [hits, of],
            // Millionths: what JSON reads back as it was written, on which the card's hash rests.
            interval: interval(hits, of).map(|end| (end * 1e6).round() / 1e6),
        })
    };
    let told = [
        (
            "distilling accounts held out, found at 1% of honest ones",
            0.01,
        ),
        (
            "distilling accounts held out, found at 0.1% of honest ones",
            0.001,
        ),
    ];
    told.into_iter().filter_map(rate).collect()
}
