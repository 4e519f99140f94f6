//! What an answer must be.

use super::Row;
use crate::measure::{Rule, Scorer, ScorerError, first_object};
use serde::{Deserialize, Serialize};

/// The check. Rows without an answer pass: there is nothing to check yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// The answer agrees with a field of the row.
    Expected {
        /// The field. A row without it leaves.
        field: String,
        /// How it must agree.
        rule: Rule,
    },
    /// The pattern is found in the answer.
    Regex {
        /// As the crate `regex` writes patterns.
        pattern: String,
    },
    /// The answer's first JSON object has these fields, and no other.
    Fields {
        /// Their names.
        fields: Vec<String>,
    },
}

/// A check that can be used.
pub(super) enum Verifier {
    Expected { field: String, scorer: Scorer },
    Regex(Scorer),
    Fields(Vec<String>),
}

impl Verifier {
    pub(super) fn new(check: &Check) -> Result<Self, ScorerError> {
        Ok(match check {
            Check::Expected { field, rule } => Self::Expected {
                field: field.clone(),
                scorer: Scorer::new(rule)?,
            },
            Check::Regex { pattern } => Self::Regex(Scorer::new(&Rule::Regex {
                pattern: pattern.clone(),
            })?),
            Check::Fields { fields } => Self::Fields(fields.clone()),
        })
    }

    pub(super) fn passes(&self, row: &Row) -> bool {
        let Some(answer) = &row.answer else {
            return true;
        };
        match self {
            Self::Expected { field, scorer } => row.field(field).is_some_and(|expected| {
                let score = scorer.score(answer, &expected);
                score.is_ok_and(|score| score.right)
            }),
            Self::Regex(scorer) => scorer.score(answer, "").is_ok_and(|score| score.right),
            Self::Fields(fields) => first_object(answer).is_some_and(|object| {
                object.len() == fields.len() && fields.iter().all(|f| object.contains_key(f))
            }),
        }
    }
}
