//! The form that an answer is to have: OpenAI's `response_format`, and vLLM's `guided_json` and
//! `structured_outputs`. Schemas are kept as they were written and are not looked into here.

use crate::error::ApiError;
use crate::fields::{Fields, wrong_value};

/// The form that the answer is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ResponseFormat {
    /// Any text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of a given schema.
    JsonSchema {
        /// The field that holds the schema.
        field: String,
        /// The schema as JSON text.
        schema: String,
    },
}

impl ResponseFormat {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        fields.refuse(
            &["guided_regex", "guided_choice", "guided_grammar"],
            "This model's answers can be bound to JSON only.",
        )?;
        if let Some(form) = Self::schema(fields, "guided_json")? {
            return Ok(form);
        }
        if let Some(outputs) = fields.object("structured_outputs")? {
            outputs.refuse(
                &["regex", "choice", "grammar", "structural_tag"],
                "This model's answers can be bound to JSON only.",
            )?;
            if let Some(form) = Self::schema(&outputs, "json")? {
                return Ok(form);
            }
            if outputs.flag("json_object")? {
                return Ok(Self::JsonObject);
            }
        }
        let Some(format) = fields.object("response_format")? else {
            return Ok(Self::Text);
        };
        match format.need::<String>("type", "a string")?.as_str() {
            "text" => Ok(Self::Text),
            "json_object" => Ok(Self::JsonObject),
            "json_schema" => {
                let missing = |name: String| wrong_value(name, "an object with a `schema`");
                let outer = format.object("json_schema")?;
                let outer = outer.ok_or_else(|| missing(format.name("json_schema")))?;
                Self::schema(&outer, "schema")?.ok_or_else(|| missing(format.name("json_schema")))
            }
            _ => Err(wrong_value(
                format.name("type"),
                "one of text, json_object, json_schema",
            )),
        }
    }

    /// A schema as an object, or as a string that holds one, as vLLM takes both.
    fn schema(fields: &Fields<'_>, field: &str) -> Result<Option<Self>, ApiError> {
        let Some(raw) = fields.raw(field) else {
            return Ok(None);
        };
        let schema = match raw.get() {
            text if text.starts_with('"') => fields.text(field)?.unwrap_or_default(),
            text => text.to_owned(),
        };
        Ok(Some(Self::JsonSchema {
            field: fields.name(field),
            schema,
        }))
    }
}
