//! Which teacher a row belongs to: decided by its data alone, once, when the run is made. Pure.

use std::collections::BTreeSet;

use trainer::protocol::Item;

use crate::drive::PART;
use crate::error::{Error, Result};
use crate::measure::Rule;
use crate::rows::Row;
use crate::spec::{Rows, Spec};

/// Values of a field that a hint names.
const NAMED: usize = 8;

impl Rows {
    /// Whether these are rows such as this one.
    pub fn fit(&self, row: &Row) -> bool {
        let value = row.text(&self.field);
        value.is_some_and(|value| self.is.contains(&value))
    }
}

/// The number of a row's teacher: the first of `[[teachers]]` whose rows it fits, else 0, that of
/// `[teacher]`.
pub fn teacher_of(spec: &Spec, row: &Row) -> usize {
    let fits = |teacher: &crate::spec::Teacher| {
        let rows = teacher.rows.as_ref();
        rows.is_some_and(|rows| rows.fit(row))
    };
    let found = spec.teachers.iter().position(fits);
    found.map_or(0, |place| place + 1)
}

/// Gives each item its teacher, and counts them by the teachers' numbers. The items are made of the
/// rows.
pub fn assign(spec: &Spec, rows: &[Row], items: &mut [Item]) -> Vec<u64> {
    let mut counts = vec![0; spec.teachers.len() + 1];
    for (row, item) in rows.iter().zip(items) {
        let number = teacher_of(spec, row);
        item.taught_by = spec.taught_by(number).map(str::to_owned);
        counts[number] += 1;
    }
    counts
}

/// Looks for teachers that would teach nothing.
///
/// # Errors
/// [`Error::Route`]: a field that no row has, a teacher that takes no row to learn from.
pub fn check(spec: &Spec, rows: &[Row], counts: &[u64]) -> Result<()> {
    for (teacher, count) in spec.teachers.iter().zip(counts.iter().skip(1)) {
        let (Some(route), 0) = (&teacher.rows, *count) else {
            continue;
        };
        let name = &teacher.name;
        let values: BTreeSet<String> = rows
            .iter()
            .filter_map(|row| row.text(&route.field))
            .collect();
        let (what, hint) = if values.is_empty() {
            (
                format!(
                    "the teacher `{name}` takes rows by `{}`, a field that no row has",
                    route.field
                ),
                nearest(&route.field, rows),
            )
        } else if rows.iter().any(|row| route.fit(row)) {
            (
                format!("the teacher `{name}` takes no row: those before it take all of its own"),
                Some("the first of [[teachers]] whose `rows` fit takes a row".to_owned()),
            )
        } else {
            let some: Vec<&str> = values.iter().map(String::as_str).take(NAMED).collect();
            let more = if values.len() > NAMED { ", ..." } else { "" };
            (
                format!(
                    "the teacher `{name}` takes no row: `{}` is nowhere {}",
                    route.field,
                    route.is.join(" or ")
                ),
                Some(format!("`{}` is {}{more}", route.field, some.join(", "))),
            )
        };
        return Err(Error::Route { what, hint });
    }
    Ok(())
}

/// The field of the rows that is likest to a name, or what there is.
fn nearest(name: &str, rows: &[Row]) -> Option<String> {
    let fields: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.fields.keys().map(String::as_str))
        .collect();
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let best = fields
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    Some(match likeness(best) > 0.8 {
        true => format!("did you mean `{best}`?"),
        false => {
            let fields: Vec<&str> = fields.into_iter().take(NAMED).collect();
            format!("rows have {}", fields.join(", "))
        }
    })
}

/// A few items, at most `most`: the first ones; where there are several teachers, as many of each.
pub fn few(spec: &Spec, items: &[Item], most: usize) -> Vec<Item> {
    let each = each_of(spec, most);
    first(spec, items, |_| each)
}

/// A few items of the hold-out to measure on. Where a teacher elsewhere scores them, they are whole
/// calls of its own, also where that is more than its part of `most`: the same calls are of use when
/// all of the hold-out is measured.
pub fn few_measured(spec: &Spec, items: &[Item], most: usize) -> Vec<Item> {
    let each = each_of(spec, most);
    let scored = spec.evaluate.scorer == Rule::Perplexity && spec.measures_teacher();
    first(spec, items, |number| {
        match scored && !spec.teacher_at(number).is_here() {
            true => (each - each % PART).max(PART),
            false => each,
        }
    })
}

/// A teacher's part of so many items.
fn each_of(spec: &Spec, most: usize) -> usize {
    (most / spec.all_teachers().count()).max(1)
}

/// Of each teacher the first items, as many as told by its number.
fn first(spec: &Spec, items: &[Item], many: impl Fn(usize) -> usize) -> Vec<Item> {
    let mut taken = vec![0; spec.all_teachers().count()];
    let mut take = |item: &&Item| {
        let number = spec.teacher_number(item.taught_by.as_deref()).unwrap_or(0);
        taken[number] += 1;
        taken[number] <= many(number)
    };
    items.iter().filter(|item| take(item)).cloned().collect()
}

#[cfg(test)]
mod tests;
