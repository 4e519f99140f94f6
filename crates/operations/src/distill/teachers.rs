//! The teachers of a run that has several: who they are, and whose rows are theirs.

use ::distill::Spec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of several teachers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Taught {
    /// Its name.
    pub teacher: String,
    /// Whether it is on this machine, or asked over HTTP.
    pub here: bool,
    /// Its licence.
    pub licence: String,
    /// The rows that it takes, such as `domain: code, sql`; null for the one that takes the others.
    pub rows: Option<String>,
    /// Rows to learn from that are its own.
    pub items: u64,
    /// Its share of all of them.
    pub share: f64,
    /// Rows of the hold-out that are its own.
    pub holdout: u64,
}

/// The teachers in their order; none where there is only one.
pub(super) fn teachers(spec: &Spec) -> Vec<Taught> {
    let shares = spec
        .all_teachers()
        .filter_map(|teacher| teacher.share.as_ref());
    let all: u64 = shares.map(|share| share.items).sum();
    let told = spec.all_teachers().filter_map(|teacher| {
        let share = teacher.share.as_ref()?;
        let rows = teacher.rows.as_ref();
        Some(Taught {
            teacher: teacher.name.clone(),
            here: teacher.is_here(),
            licence: teacher.licence.clone(),
            rows: rows.map(|rows| format!("{}: {}", rows.field, rows.is.join(", "))),
            items: share.items,
            share: share.items as f64 / all.max(1) as f64,
            holdout: share.holdout,
        })
    });
    told.collect()
}
