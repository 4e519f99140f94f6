//! How rows became what a run learns from, as its folder keeps it.

use std::collections::BTreeMap;

use ::distill::kept;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ids of rows that are named for a reason.
const EXAMPLES: usize = 5;

/// Rows in, rows out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Funnel {
    /// Rows that were given, before curation; null where the run curates none.
    pub given: Option<u64>,
    /// Rows to learn from, as they were frozen with the run.
    pub items: u64,
    /// Rows of the hold-out.
    pub holdout: u64,
    /// The teacher's answers that were collected; null before, or where the run collects none.
    pub collected: Option<u64>,
    /// Rows that curation kept; likewise.
    pub kept: Option<u64>,
    /// Why the others left, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// Why rows left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Why, such as `duplicate` or `cut`.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// Ids of the first of them.
    pub examples: Vec<String>,
}

/// The funnel with the reasons counted.
pub(super) fn funnel(found: kept::Funnel) -> Funnel {
    let mut reasons: BTreeMap<String, Reason> = BTreeMap::new();
    let before = found.rows.iter().flat_map(|funnel| &funnel.stages);
    for stage in before.filter(|stage| stage.left > 0) {
        let name = stage.reason.name().to_owned();
        let ids = stage
            .examples
            .iter()
            .take(EXAMPLES)
            .map(|one| one.id.clone());
        let reason = Reason {
            reason: name.clone(),
            rows: stage.left,
            examples: ids.collect(),
        };
        reasons.insert(name, reason);
    }
    for left in found.left {
        let known = reasons
            .entry(left.reason.clone())
            .or_insert_with(|| Reason {
                reason: left.reason,
                rows: 0,
                examples: Vec::new(),
            });
        known.rows += 1;
        if known.examples.len() < EXAMPLES {
            known.examples.push(left.item);
        }
    }
    let mut reasons: Vec<Reason> = reasons.into_values().collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rows));
    Funnel {
        given: found.rows.as_ref().map(|funnel| funnel.rows),
        items: found.items,
        holdout: found.holdout,
        collected: found.collected,
        kept: found.kept,
        reasons,
    }
}

#[cfg(test)]
mod tests {
    use ::distill::curation::Left;

    use super::*;

    #[test]
    fn reasons_are_counted_and_the_most_frequent_comes_first() {
        let left = |item: usize, reason: &str| Left {
            item: format!("r{item}"),
            reason: reason.into(),
            detail: String::new(),
        };
        let mut all = vec![left(0, "empty")];
        all.extend((1..9).map(|item| left(item, "cut")));
        let made = funnel(kept::Funnel {
            rows: None,
            items: 20,
            holdout: 5,
            collected: Some(20),
            kept: Some(11),
            left: all,
        });
        let told: Vec<_> = made
            .reasons
            .iter()
            .map(|r| (r.reason.as_str(), r.rows, r.examples.len()))
            .collect();
        assert_eq!(told, [("cut", 8, 5), ("empty", 1, 1)]);
        assert_eq!(made.reasons[0].examples[0], "r1");
    }
}
