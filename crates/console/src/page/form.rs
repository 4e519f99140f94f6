//! Forms made from the schema of a verb's input, so that a page offers every field that the verb
//! has: labels and help are the fields' own documentation, names are the input's names (nested
//! ones with a point: `limits.requests_per_minute`). Nothing here knows a verb.

mod field;
mod read;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use operations::Verb;
use serde_json::Value;

pub(crate) use field::{Field, Shape, fields};
pub(crate) use show::Look;

use super::query::Pairs;

/// What is wrong with a field: its name and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The field's whole name; one that no field has stands above the form.
    pub(crate) field: String,
    /// Why.
    pub(crate) message: String,
}

/// A value with the words for it.
pub(crate) type Choice = (String, String);

/// A form for a verb's input.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Vec<Field>,
    fixed: BTreeMap<String, String>,
    seen: BTreeMap<String, String>,
    first: BTreeMap<String, String>,
    now: BTreeMap<String, String>,
    long: Vec<String>,
}

impl Form {
    /// A form with every field of the verb.
    pub(crate) fn of(verb: &Verb) -> Self {
        Self::from_schema((verb.input)().as_value(), (verb.fields)())
    }

    /// A form with every field of a schema, those of `order` first.
    pub(crate) fn from_schema(schema: &Value, order: &[&str]) -> Self {
        Self {
            fields: fields(schema, order),
            ..Self::default()
        }
    }

    /// A field that is settled: it is sent along and not shown.
    #[must_use]
    pub(crate) fn fixed(mut self, name: &str, value: impl ToString) -> Self {
        self.fixed.insert(name.to_owned(), value.to_string());
        self
    }

    /// A field that is not shown and says what the reader saw: it holds what was sent, whatever
    /// holds by now.
    #[must_use]
    pub(crate) fn seen(mut self, name: &str, value: impl ToString) -> Self {
        self.seen.insert(name.to_owned(), value.to_string());
        self
    }

    /// What a field holds at first.
    #[must_use]
    pub(crate) fn first(mut self, name: &str, value: impl ToString) -> Self {
        self.first.insert(name.to_owned(), value.to_string());
        self
    }

    /// What holds now, said beside a field that changes it.
    #[must_use]
    pub(crate) fn now(mut self, name: &str, value: impl ToString) -> Self {
        self.now.insert(name.to_owned(), value.to_string());
        self
    }

    /// The values that a text field, a number, or a list of texts, can have.
    #[must_use]
    pub(crate) fn choices(mut self, name: &str, choices: Vec<Choice>) -> Self {
        if let Some(field) = field::find(&mut self.fields, name)
            && !choices.is_empty()
        {
            field.shape = match field.shape {
                Shape::Texts => Shape::Choices(choices),
                Shape::Whole => Shape::Pick(choices),
                _ => Shape::Choice(choices),
            };
        }
        self
    }

    /// Whether there is such a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Only these fields: the page is for one of the verb's uses.
    #[must_use]
    pub(crate) fn only(mut self, names: &[&str]) -> Self {
        self.fields
            .retain(|field| names.contains(&field.name.as_str()));
        self
    }

    /// A text of many lines.
    #[must_use]
    pub(crate) fn long(mut self, name: &str) -> Self {
        self.long.push(name.to_owned());
        self
    }

    /// The input that somebody typed, in the shapes of the schema.
    ///
    /// # Errors
    /// Each field that can't be read as what it is.
    pub(crate) fn read(&self, typed: &Pairs) -> Result<Value, Vec<Fault>> {
        let mut all = typed.clone();
        for (name, value) in &self.fixed {
            all = all.with(name, value);
        }
        read::object(&self.fields, &all)
    }
}
