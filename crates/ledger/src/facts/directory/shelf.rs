//! Things of one kind by id, each with the entry that changed it last. No rule is known here.

use std::collections::{BTreeMap, btree_map};
use std::fmt::Display;
use std::sync::Arc;

use record::Time;
use serde::{Deserialize, Serialize};

use super::Impossible;
use crate::Seq;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held<T> {
    value: Arc<T>,
    revision: Seq,
}

/// Things by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shelf<I: Ord, T> {
    held: BTreeMap<I, Held<T>>,
}

impl<I: Ord, T> Default for Shelf<I, T> {
    fn default() -> Self {
        Self {
            held: BTreeMap::new(),
        }
    }
}

impl<I: Ord, T> From<BTreeMap<I, Arc<T>>> for Shelf<I, T> {
    /// From before revisions were kept.
    fn from(values: BTreeMap<I, Arc<T>>) -> Self {
        let held = |(id, value)| (id, Held { value, revision: 0 });
        Self {
            held: values.into_iter().map(held).collect(),
        }
    }
}

impl<I: Ord + Display, T: Clone> Shelf<I, T> {
    pub(super) fn values(&self) -> Values<'_, I, T> {
        Values(self.held.values())
    }

    pub(super) fn get(&self, id: &I) -> Option<&Arc<T>> {
        self.held.get(id).map(|held| &held.value)
    }

    pub(super) fn revision(&self, id: &I) -> Seq {
        self.held.get(id).map_or(0, |held| held.revision)
    }

    pub(super) fn put(&mut self, id: I, value: &T, revision: Seq) -> Arc<T> {
        let value = Arc::new(value.clone());
        let held = Held {
            value: Arc::clone(&value),
            revision,
        };
        self.held.insert(id, held);
        value
    }

    pub(super) fn edit(
        &mut self,
        id: &I,
        revision: Seq,
        change: impl FnOnce(&mut T),
    ) -> Option<Arc<T>> {
        let held = self.held.get_mut(id)?;
        change(Arc::make_mut(&mut held.value));
        held.revision = revision;
        Some(Arc::clone(&held.value))
    }

    pub(super) fn present(&self, id: &I, what: &'static str) -> Result<&Arc<T>, Impossible> {
        self.get(id).ok_or_else(|| Impossible::Missing {
            what,
            id: id.to_string(),
        })
    }

    pub(super) fn absent(&self, id: &I, what: &'static str) -> Result<(), Impossible> {
        match self.held.contains_key(id) {
            true => Err(Impossible::Exists {
                what,
                id: id.to_string(),
            }),
            false => Ok(()),
        }
    }

    /// It is there, and was not revoked.
    pub(super) fn live(
        &self,
        id: &I,
        what: &'static str,
        revoked: fn(&T) -> Option<Time>,
    ) -> Result<&Arc<T>, Impossible> {
        let found = self.present(id, what)?;
        match revoked(found) {
            Some(_) => Err(Impossible::Revoked {
                what,
                id: id.to_string(),
            }),
            None => Ok(found),
        }
    }
}

/// The things of a shelf in the order of their ids, from either end.
pub(super) struct Values<'a, I, T>(btree_map::Values<'a, I, Held<T>>);

impl<'a, I, T> Iterator for Values<'a, I, T> {
    type Item = &'a Arc<T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|held| &held.value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<I, T> DoubleEndedIterator for Values<'_, I, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|held| &held.value)
    }
}

impl<I, T> ExactSizeIterator for Values<'_, I, T> {}
