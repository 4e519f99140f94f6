//! Whether an answer's JSON fits a schema (JSON Schema, by default draft 2020-12). Nothing is fetched:
//! a schema that refers to another document is refused. Patterns are matched in linear time.

use std::sync::Arc;

use jsonschema::PatternOptions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ScorerError;
use super::scorer::first;

/// Characters of a fault that are told.
const TOLD: usize = 160;

/// A schema, as settings write it: a table, or a text that holds its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Schema(Value);

impl TryFrom<Value> for Schema {
    type Error = String;
    fn try_from(written: Value) -> Result<Self, String> {
        let value = match written {
            Value::String(text) => serde_json::from_str(&text)
                .map_err(|error| format!("the JSON schema is no JSON: {error}"))?,
            other => other,
        };
        match value {
            Value::Object(_) => Ok(Self(value)),
            _ => Err("a JSON schema is an object, or a text that holds one".into()),
        }
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        schema.0
    }
}

/// A schema that can be used.
#[derive(Debug, Clone)]
pub struct Validator(Arc<jsonschema::Validator>);

impl Validator {
    /// Makes a schema ready.
    ///
    /// # Errors
    /// [`ScorerError::Schema`]: it is none, a pattern of it needs look-around, or it refers to another document.
    pub fn new(schema: &Schema) -> Result<Self, ScorerError> {
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let built = options.build(&schema.0);
        let built = built.map_err(|error| ScorerError::Schema(error.to_string()))?;
        Ok(Self(Arc::new(built)))
    }

    /// Looks at the first JSON object or array of an answer, whatever stands before and after it.
    ///
    /// # Errors
    /// The first fault, in words, with where in the document it is.
    pub fn check(&self, answer: &str) -> Result<(), String> {
        let found: Option<Value> = first(answer, |c| matches!(c, '{' | '['));
        let found = found.ok_or("no JSON object or array is in it")?;
        self.0.validate(&found).map_err(|fault| {
            let told = match fault.instance_path().as_str() {
                "" => fault.to_string(),
                place => format!("{place}: {fault}"),
            };
            told.chars().take(TOLD).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Result<Validator, String> {
        let schema = Schema::try_from(Value::String(text.into()))?;
        Validator::new(&schema).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_are_held_against_a_schema() {
        let person = schema(
            r##"{"type": "object", "required": ["name", "age"], "additionalProperties": false,
                "properties": {"name": {"type": "string", "pattern": "^[A-Z]"},
                               "age": {"$ref": "#/$defs/years"}},
                "$defs": {"years": {"type": "integer", "minimum": 0}}}"##,
        )
        .unwrap();
        for good in [
            r#"{"name": "Ada", "age": 36}"#,
            "It is {\"age\": 0, \"name\": \"Bo\"} I think",
        ] {
            assert_eq!(person.check(good), Ok(()), "{good}");
        }
        for (bad, says) in [
            (r#"{"name": "Ada", "age": "36"}"#, "/age: "),
            (r#"{"name": "ada", "age": 36}"#, "/name: "),
            (r#"{"name": "Ada", "age": -1}"#, "/age: "),
            (r#"{"name": "Ada"}"#, "age"),
            (r#"{"name": "Ada", "age": 1, "job": ""}"#, "job"),
            ("no", "no JSON"),
            (r#"{"name": "Ada", "age": 36"#, "no JSON"),
            ("[1]", "object"),
        ] {
            let fault = person.check(bad).unwrap_err();
            assert!(fault.contains(says), "{bad}: {fault}");
            assert!(fault.chars().count() <= TOLD);
        }
        let long = format!(r#"{{"name": "{}", "age": 1}}"#, "a".repeat(1000));
        assert!(person.check(&long).unwrap_err().chars().count() <= TOLD);
        let list = schema(r#"{"type": "array", "minItems": 2}"#).unwrap();
        assert_eq!(list.check("so: [1, 2]"), Ok(()));
        assert!(list.check("[1]").is_err());
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for (bad, says) in [
            ("{", "no JSON"),
            ("[]", "an object"),
            (r#"{"type": "objekt"}"#, "can't be used"),
            (r#"{"pattern": "(?=x)"}"#, "can't be used"),
            (r#"{"$ref": "https://example.com/s.json"}"#, "can't be used"),
            (r#"{"$ref": "file:///etc/hostname"}"#, "can't be used"),
        ] {
            let why = schema(bad).unwrap_err();
            assert!(why.contains(says), "{bad}: {why}");
        }
        assert!(Schema::try_from(serde_json::json!({"type": "object"})).is_ok());
    }
}
