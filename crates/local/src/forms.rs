//! The forms that answers can be bound to: from a request's `response_format` to the engine's grammar.
//! The vocabulary is read for it when the first such request comes.

use std::sync::{Arc, OnceLock};

use lm::{Grammar, Grammars, Tokenizer};
use wire::ApiError;
use wire::openai::ResponseFormat;

/// Makes grammars for one model.
pub(crate) struct Forms {
    tokenizer: Arc<Tokenizer>,
    grammars: OnceLock<Result<Grammars, String>>,
}

impl Forms {
    pub(crate) fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self {
            tokenizer,
            grammars: OnceLock::new(),
        }
    }

    /// The grammar of a form; none for plain text. A schema that can't be kept to is told with its
    /// field and the reason.
    pub(crate) fn read(&self, form: &ResponseFormat) -> Result<Option<Grammar>, ApiError> {
        if *form == ResponseFormat::Text {
            return Ok(None);
        }
        let make = || Grammars::new(&self.tokenizer).map_err(|error| error.to_string());
        let grammars = self.grammars.get_or_init(make).as_ref();
        let grammars = grammars.map_err(|why| {
            let message = format!("This model answers with plain text only: {why}.");
            ApiError::unsupported("response_format", message)
        })?;
        let made = match form {
            ResponseFormat::JsonSchema { schema, .. } => grammars.json_schema(schema),
            _ => grammars.json_object(),
        };
        let field = match form {
            ResponseFormat::JsonSchema { field, .. } => field.as_str(),
            _ => "response_format",
        };
        made.map(Some).map_err(|error| {
            let message = format!("Invalid value for '{field}': {error}.");
            ApiError::invalid(field.to_owned(), "invalid_value", message)
        })
    }
}
