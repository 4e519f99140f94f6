//! Brings the sums of a store that an older version filled to what this one keeps. Nothing here
//! runs in a store that is of this version already.
//!
//! * Version 1 kept what accounts used: a namespace for each measure, a key of account, day and
//!   model, one sum a row.
//! * Version 2 kept the roll-up of the whole house beside it, by hour and by day: a key of the
//!   hour or day, the measure and the model, one sum a row.

use std::collections::HashMap;

use record::Fact;

use super::codec::{self, kind};
use super::rollup::{self, DAYS, HOURS, Tally};
use super::totals::{self, REFUSALS, read_refused};
use crate::Result;
use crate::folder::{GroupOut, Old};

/// The namespaces of what accounts used, in the order of a tally's parts.
const MEASURES: [&str; 8] = [
    "requests",
    "input",
    "cached",
    "output",
    "reasoning",
    "nanos",
    "estimated",
    "bytes",
];
/// The namespaces of the roll-up, and what takes their place.
const ROLLUP: [(&str, &str); 2] = [("hour", HOURS), ("day", DAYS)];

const HOURS_A_DAY: u32 = 24;

pub(super) fn upgrade(old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
    match old.version() {
        1 => rebuild(old, out)?,
        _ => join_rollup(old, out)?,
    }
    join_used(old, out)
}

/// A tally that has one part only.
fn one(measure: usize, sum: i64) -> Tally {
    let mut sums = Tally::default().sums();
    if let Some(place) = sums.get_mut(measure) {
        *place = sum;
    }
    Tally::read(&sums)
}

/// What accounts used: from a row for each measure to one row, and to months.
fn join_used(old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
    for (measure, namespace) in MEASURES.into_iter().enumerate() {
        each(old, namespace, |key, sum| {
            // The old key: as that of refusals, with the model in the reason's place.
            if let Some((account, day, model)) = read_refused(key) {
                totals::add_used(day, &account, model, &one(measure, sum), out);
            }
        })?;
        out.drop_totals(namespace);
    }
    Ok(())
}

/// The roll-up: from a row for each measure to one row.
fn join_rollup(old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
    for (namespace, new) in ROLLUP {
        each(old, namespace, |key, sum| {
            if let Some((at, measure, model)) = read_rollup(key) {
                let sums = one(usize::from(measure), sum).sums();
                out.add_all(new, &rollup::key(at, model), &sums);
            }
        })?;
        out.drop_totals(namespace);
    }
    Ok(())
}

fn read_rollup(key: &[u8]) -> Option<(u32, u8, &str)> {
    let (at, rest) = key.split_first_chunk::<4>()?;
    let (measure, model) = rest.split_first()?;
    let model = std::str::from_utf8(model).ok()?;
    Some((u32::from_be_bytes(*at), *measure, model))
}

fn each(old: &Old<'_>, namespace: &str, mut each: impl FnMut(&[u8], i64)) -> Result<()> {
    old.each_total(namespace, |key, sums| {
        each(key, sums.first().copied().unwrap_or_default());
    })
}

/// Sums of a day by model.
type Days = HashMap<u32, HashMap<String, Tally>>;

fn of<'a>(days: &'a mut Days, day: u32, model: &str) -> &'a mut Tally {
    let models = days.entry(day).or_default();
    if !models.contains_key(model) {
        models.insert(model.to_owned(), Tally::default());
    }
    models.entry(model.to_owned()).or_default()
}

/// Makes the roll-up of all that is folded already, from the entries that are left. What a day's
/// sums by account have beyond its entries (payloads that were pruned or erased) is put into the
/// first hour of that day.
fn rebuild(old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
    let mut seen = Days::new();
    old.each_entry(|header, payload| {
        let wanted = kind::EXCHANGE..=kind::REFUSALS_COUNTED;
        let Some(payload) = payload.filter(|_| wanted.contains(&header.kind)) else {
            return;
        };
        // What can't be read was not summed by account either.
        let Ok(Some(fact)) = codec::decode(header.kind, header.version, payload) else {
            return;
        };
        rollup::fold(&fact, out);
        match &fact {
            Fact::Exchange(exchange) => {
                of(&mut seen, exchange.arrived.day(), &exchange.model).add(&Tally::of(exchange));
            }
            // The sums by account know no model of a refusal.
            Fact::Refusal(refusal) => {
                of(&mut seen, refusal.arrived.day(), "").add(&Tally::refusals(1));
            }
            _ => {}
        }
    })?;
    for (day, models) in summed(old)? {
        for (model, whole) in models {
            let left = whole.beyond(of(&mut seen, day, &model));
            rollup::add_at(day.saturating_mul(HOURS_A_DAY), day, &model, &left, out);
        }
    }
    Ok(())
}

/// The sums by account, without the accounts.
fn summed(old: &Old<'_>) -> Result<Days> {
    let mut days = Days::new();
    for (measure, namespace) in MEASURES.into_iter().enumerate() {
        each(old, namespace, |key, sum| {
            if let Some((_, day, model)) = read_refused(key) {
                of(&mut days, day, model).add(&one(measure, sum));
            }
        })?;
    }
    each(old, REFUSALS, |key, sum| {
        if let Some((_, day, _)) = read_refused(key) {
            let count = u64::try_from(sum).unwrap_or_default();
            of(&mut days, day, "").add(&Tally::refusals(count));
        }
    })?;
    Ok(days)
}

#[cfg(test)]
mod tests;
