//! A run's teachers: who they are, where they are asked, and whose rows they take. Plain data.

use std::path::PathBuf;

use record::Prices;
use serde::{Deserialize, Serialize};

use super::Spec;

/// `[teacher]`, `[[teachers]]`: a model on this machine, or one behind an upstream of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// Its name, as the grant and the settings have it.
    pub name: String,
    /// A GGUF file or a folder of transformers: then it runs in the child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// How it is asked elsewhere; settled from the settings' model of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Served>,
    /// Whether its server answers the same `Idempotency-Key` again without a new price, as our own
    /// door does.
    #[serde(default)]
    pub idempotent: bool,
    /// Its licence, as its maker writes it.
    #[serde(default)]
    pub licence: String,
    /// The rows that it takes, of those that no one before it took. `[teacher]` has none: it takes
    /// what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// Settled where there are several: its digest, and how many rows it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

/// `rows = { field = "domain", is = ["code", "sql"] }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// A field of the rows.
    pub field: String,
    /// What it must be, one of these; a value that is no text as its JSON.
    pub is: Vec<String>,
}

/// What one of several teachers took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// BLAKE3 of its model, in hexadecimal; of its names where it is elsewhere.
    pub digest: String,
    /// Rows to learn from.
    pub items: u64,
    /// Rows of the hold-out that are measured.
    pub holdout: u64,
}

/// A teacher elsewhere: every call is bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The upstream's name in the settings.
    pub upstream: String,
    /// The upstream's own name for the model.
    pub model: String,
    /// What its tokens cost.
    pub prices: Prices,
}

impl Teacher {
    /// Whether it is on this machine, once it is settled.
    pub const fn is_here(&self) -> bool {
        self.model.is_some()
    }
}

impl Spec {
    /// Every teacher: `[teacher]` first, then those of `[[teachers]]`. Its place in this order is its
    /// number.
    pub fn all_teachers(&self) -> impl Iterator<Item = &Teacher> + Clone {
        std::iter::once(&self.teacher).chain(&self.teachers)
    }

    /// The teacher of a number.
    pub fn teacher_at(&self, number: usize) -> &Teacher {
        let further = number.checked_sub(1);
        let further = further.and_then(|number| self.teachers.get(number));
        further.unwrap_or(&self.teacher)
    }

    /// The number of the teacher that items call so; none for `[teacher]`.
    pub fn teacher_number(&self, taught_by: Option<&str>) -> Option<usize> {
        let Some(name) = taught_by else {
            return Some(0);
        };
        let found = self
            .teachers
            .iter()
            .position(|teacher| teacher.name == name);
        found.map(|place| place + 1)
    }

    /// What items call the teacher of a number.
    pub fn taught_by(&self, number: usize) -> Option<&str> {
        (number > 0).then(|| self.teacher_at(number).name.as_str())
    }

    /// Whether there are several teachers.
    pub const fn has_several_teachers(&self) -> bool {
        !self.teachers.is_empty()
    }

    /// The teachers' names, for people.
    pub fn teachers_named(&self) -> String {
        let names = self.all_teachers().map(|teacher| teacher.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }
}
