//! Whether an answer is right, and how much of it.

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema::{Schema, Validator};

/// How answers are judged, as settings write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// The answer is the expected text, but for white space at its ends.
    Exact,
    /// The expected text is somewhere in the answer.
    Contains,
    /// The pattern is found in the answer; the expected text is not looked at.
    Regex {
        /// As the crate `regex` writes patterns: no look-around, linear time.
        pattern: String,
    },
    /// The first JSON object of the answer holds the fields of the expected one.
    JsonFields {
        /// Which fields are compared. Empty: all, and the answer must have no other.
        #[serde(default)]
        fields: Vec<String>,
    },
    /// The first JSON object or array of the answer fits a schema; the expected text is not looked
    /// at.
    JsonSchema {
        /// The schema.
        schema: Schema,
    },
    /// Nothing is written: how likely the expected text is, as a perplexity over all of its tokens.
    /// Less is better.
    Perplexity,
}

impl Rule {
    /// Its name, as settings write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Regex { .. } => "regex",
            Self::JsonFields { .. } => "json_fields",
            Self::JsonSchema { .. } => "json_schema",
            Self::Perplexity => PERPLEXITY,
        }
    }
}

/// The name of the one rule of which less is better.
pub(crate) const PERPLEXITY: &str = "perplexity";

/// A rule that can be used. JSON values are compared as they are: 3, "3" and 3.0 differ.
#[derive(Debug, Clone)]
pub enum Scorer {
    /// [`Rule::Exact`].
    Exact,
    /// [`Rule::Contains`].
    Contains,
    /// [`Rule::Regex`].
    Regex(Regex),
    /// [`Rule::JsonFields`].
    JsonFields(Vec<String>),
    /// [`Rule::JsonSchema`].
    JsonSchema(Validator),
}

/// A rule that can't be used, or an expected answer that doesn't fit it: whoever wrote it is at
/// fault.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    /// The pattern does not compile.
    #[error("the scorer's pattern can't be used: {0}")]
    Pattern(#[from] regex::Error),
    /// The schema is none, or asks for what is elsewhere.
    #[error("the JSON schema can't be used: {0}")]
    Schema(String),
    /// Answers are to be judged by what judges none.
    #[error("a perplexity is of given texts: no answer is judged by it")]
    Perplexity,
    /// Fields are compared, and there are none to compare with.
    #[error("the expected answer is not a JSON object with the fields that are compared: {0}")]
    Expected(String),
}

/// How right an answer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// All of it.
    pub right: bool,
    /// The share of the fields that are right; 0 or 1 under rules without fields.
    pub share: f64,
    /// Each field and whether it is right, by name. Empty under rules without fields.
    pub fields: Vec<(String, bool)>,
}

impl Score {
    fn whole(right: bool) -> Self {
        Self {
            right,
            share: f64::from(u8::from(right)),
            fields: Vec::new(),
        }
    }
}

impl Scorer {
    /// Makes a rule ready.
    ///
    /// # Errors
    /// [`ScorerError::Pattern`], [`ScorerError::Schema`]; [`Rule::Perplexity`] judges no answer.
    pub fn new(rule: &Rule) -> Result<Self, ScorerError> {
        Ok(match rule {
            Rule::Exact => Self::Exact,
            Rule::Contains => Self::Contains,
            Rule::Regex { pattern } => Self::Regex(Regex::new(pattern)?),
            Rule::JsonFields { fields } => Self::JsonFields(fields.clone()),
            Rule::JsonSchema { schema } => Self::JsonSchema(Validator::new(schema)?),
            Rule::Perplexity => return Err(ScorerError::Perplexity),
        })
    }

    /// Judges one answer.
    ///
    /// # Errors
    /// [`ScorerError::Expected`] under `json_fields`. What the answer is never is an error.
    pub fn score(&self, answer: &str, expected: &str) -> Result<Score, ScorerError> {
        Ok(match self {
            Self::Exact => Score::whole(answer.trim() == expected.trim()),
            Self::Contains => Score::whole(answer.contains(expected.trim())),
            Self::Regex(pattern) => Score::whole(pattern.is_match(answer)),
            Self::JsonFields(fields) => fields_right(fields, answer, expected)?,
            Self::JsonSchema(validator) => Score::whole(validator.check(answer).is_ok()),
        })
    }
}

fn fields_right(fields: &[String], answer: &str, expected: &str) -> Result<Score, ScorerError> {
    let unfit = || ScorerError::Expected(expected.chars().take(200).collect());
    let expected = first_object(expected).ok_or_else(unfit)?;
    let answer = first_object(answer);
    let mut all: Vec<String>;
    let (compared, closed) = match fields {
        [] => {
            all = expected.keys().cloned().collect();
            // Maps keep their order or sort, as other crates of the build ask.
            all.sort_unstable();
            (all.as_slice(), true)
        }
        named => (named, false),
    };
    let mut judged = Vec::with_capacity(compared.len());
    for name in compared {
        let wanted = expected.get(name).ok_or_else(unfit)?;
        let given = answer.as_ref().and_then(|answer| answer.get(name));
        judged.push((name.clone(), given == Some(wanted)));
    }
    let right = judged.iter().filter(|(_, right)| *right).count();
    let others = closed && answer.is_some_and(|answer| answer.len() > judged.len());
    Ok(Score {
        right: right == judged.len() && !judged.is_empty() && !others,
        share: match judged.len() {
            0 => 0.0,
            all => right as f64 / all as f64,
        },
        fields: judged,
    })
}

/// The object that begins at the text's first brace, whatever stands before and after it.
#[must_use]
pub fn first_object(text: &str) -> Option<Map<String, Value>> {
    first(text, |c| c == '{')
}

/// The JSON that begins at the first of these characters.
pub(super) fn first<T: serde::de::DeserializeOwned>(
    text: &str,
    opening: impl FnMut(char) -> bool,
) -> Option<T> {
    let start = text.find(opening)?;
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter();
    values.next()?.ok()
}

/// exp of the mean negative log-probability (nats) of tokens; `None` for none.
#[must_use]
pub fn perplexity(logprobs: &[f64]) -> Option<f64> {
    let mean = super::interval::mean(logprobs);
    (!logprobs.is_empty()).then(|| (-mean).exp())
}
