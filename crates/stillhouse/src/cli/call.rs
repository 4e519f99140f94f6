//! A verb to be called: its input as JSON, and how its output is shown to people.

use operations::Verb;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::page::Page;
use crate::failure::Result;

/// A verb, its input, and how to show its output.
pub(super) struct Call {
    pub(super) verb: &'static Verb,
    pub(super) input: Value,
    pub(super) show: Box<dyn FnOnce(Value) -> Result<Page>>,
}

impl Call {
    /// A call of a verb of the list.
    pub(super) fn new<O: DeserializeOwned + 'static>(
        noun: &str,
        verb: &str,
        input: &impl Serialize,
        show: fn(O) -> Page,
    ) -> Self {
        let verb = operations::verb(noun, verb).expect("a test compares both lists of verbs");
        let input = serde_json::to_value(input).expect("inputs are plain data with text keys");
        let show = Box::new(move |output: Value| Ok(show(read(output)?)));
        Self { verb, input, show }
    }
}

/// Reads what a server, perhaps of another version, gave.
pub(super) fn read<O: DeserializeOwned>(output: Value) -> Result<O> {
    let read = serde_json::from_value(output).map_err(|error| operations::Error::Internal {
        message: format!("the answer can't be read: {error}"),
        hint: Some("the server may be of another version; --json shows what it said".into()),
    });
    Ok(read?)
}
