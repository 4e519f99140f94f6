//! What an answer must be.

use super::Row;
use crate::measure::{Rule, Schema, Scorer, ScorerError, Validator, first_object};
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
    /// The answer's first JSON object or array fits the schema.
    JsonSchema {
        /// The schema.
        schema: Schema,
    },
}

impl Check {
    /// The field of the row that it looks at, beside the answer.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Expected { field, .. } => Some(field),
            _ => None,
        }
    }
}

/// A check that can be used.
pub(super) enum Verifier {
    Expected { field: String, scorer: Scorer },
    Regex(Scorer),
    Fields(Vec<String>),
    JsonSchema(Validator),
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
            Check::JsonSchema { schema } => Self::JsonSchema(Validator::new(schema)?),
        })
    }

    /// What is wrong with the row's answer, for people; `None` where it is as it must be.
    pub(super) fn fault(&self, row: &Row) -> Option<String> {
        let answer = row.answer.as_deref()?;
        let right = |scorer: &Scorer, expected: &str| {
            scorer
                .score(answer, expected)
                .is_ok_and(|score| score.right)
        };
        match self {
            Self::Expected { field, scorer } => match row.field(field) {
                None => Some(format!("the row has no field `{field}` to hold it against")),
                Some(expected) if right(scorer, &expected) => None,
                Some(_) => Some(format!("does not agree with `{field}`")),
            },
            Self::Regex(scorer) => {
                (!right(scorer, "")).then(|| "the pattern is not found in it".into())
            }
            Self::Fields(fields) => {
                let object = first_object(answer);
                let fits = object.is_some_and(|object| {
                    object.len() == fields.len() && fields.iter().all(|f| object.contains_key(f))
                });
                (!fits).then(|| "not an object of these fields".into())
            }
            Self::JsonSchema(validator) => validator.check(answer).err(),
        }
    }
}
