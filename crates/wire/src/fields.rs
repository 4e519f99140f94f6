//! Reads an object's fields one by one, each refused by its own name. Fields that nobody asked
//! for are passed over, as the public APIs' own servers do.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ApiError;

/// The fields of one object of a request, not yet looked into.
pub(crate) struct Fields<'a> {
    map: BTreeMap<String, &'a RawValue>,
    /// Where the object is, such as `input[3]`; empty for the body itself.
    path: String,
}

impl<'a> Fields<'a> {
    /// The body's own fields.
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Self, ApiError> {
        let map = serde_json::from_slice(body).map_err(|error| {
            let message = format!(
                "The body is not a JSON object (line {}, column {}).",
                error.line(),
                error.column()
            );
            let mut error = ApiError::invalid("", "invalid_json", message);
            error.param = None;
            error
        })?;
        let path = String::new();
        Ok(Self { map, path })
    }

    /// The fields of an object inside.
    pub(crate) fn of_object(path: String, raw: &'a RawValue) -> Result<Self, ApiError> {
        match serde_json::from_str(raw.get()) {
            Ok(map) => Ok(Self { map, path }),
            Err(_) => Err(wrong_type(path, "an object")),
        }
    }

    /// The full name of a field, for errors.
    pub(crate) fn name(&self, field: &str) -> String {
        if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.path)
        }
    }

    /// A field as it stands; `null` is absent.
    pub(crate) fn raw(&self, field: &str) -> Option<&'a RawValue> {
        self.map
            .get(field)
            .copied()
            .filter(|raw| raw.get() != "null")
    }

    /// A field of a type, which `expected` tells in words.
    pub(crate) fn get<T: Deserialize<'a>>(
        &self,
        field: &str,
        expected: &str,
    ) -> Result<Option<T>, ApiError> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        match serde_json::from_str(raw.get()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(wrong_type(self.name(field), expected)),
        }
    }

    /// A field that must be there.
    pub(crate) fn need<T: Deserialize<'a>>(
        &self,
        field: &str,
        expected: &str,
    ) -> Result<T, ApiError> {
        self.get(field, expected)?.ok_or_else(|| {
            let message = format!("Missing required parameter: '{}'.", self.name(field));
            ApiError::invalid(self.name(field), "missing_required_parameter", message)
        })
    }

    /// A text.
    pub(crate) fn text(&self, field: &str) -> Result<Option<String>, ApiError> {
        self.get(field, "a string")
    }

    /// Whether a flag is set.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, ApiError> {
        Ok(self.get(field, "true or false")?.unwrap_or(false))
    }

    /// A number within bounds, both included.
    pub(crate) fn number(&self, field: &str, low: f64, high: f64) -> Result<Option<f64>, ApiError> {
        let expected = format!("a number from {low} to {high}");
        match self.get::<f64>(field, &expected)? {
            Some(number) if !(low..=high).contains(&number) => {
                Err(wrong_value(self.name(field), &expected))
            }
            number => Ok(number),
        }
    }

    /// A whole number within bounds, both included.
    pub(crate) fn integer(
        &self,
        field: &str,
        low: u32,
        high: u32,
    ) -> Result<Option<u32>, ApiError> {
        let expected = format!("an integer from {low} to {high}");
        match self.get::<u64>(field, &expected)? {
            None => Ok(None),
            Some(number) => match u32::try_from(number) {
                Ok(number) if (low..=high).contains(&number) => Ok(Some(number)),
                _ => Err(wrong_value(self.name(field), &expected)),
            },
        }
    }

    /// A list, each item as it stands with its path.
    pub(crate) fn list(&self, field: &str) -> Result<Vec<(String, &'a RawValue)>, ApiError> {
        let items: Vec<&RawValue> = self.get(field, "a list")?.unwrap_or_default();
        let name = self.name(field);
        let named = items.into_iter().enumerate();
        Ok(named
            .map(|(index, raw)| (format!("{name}[{index}]"), raw))
            .collect())
    }

    /// An object inside, if it is there.
    pub(crate) fn object(&self, field: &str) -> Result<Option<Self>, ApiError> {
        self.raw(field)
            .map(|raw| Self::of_object(self.name(field), raw))
            .transpose()
    }

    /// Refuses fields that this server does not do, unless they are `null`, `false` or empty.
    pub(crate) fn refuse(&self, fields: &[&str], why: &str) -> Result<(), ApiError> {
        for field in fields {
            if let Some(raw) = self.raw(field)
                && !matches!(raw.get(), "false" | "[]" | "{}" | "\"\"")
            {
                return Err(ApiError::unsupported(self.name(field), why.to_owned()));
            }
        }
        Ok(())
    }
}

/// 400: a field of another type than expected.
pub(crate) fn wrong_type(name: String, expected: &str) -> ApiError {
    let message = format!("Invalid type for '{name}': expected {expected}.");
    ApiError::invalid(name, "invalid_type", message)
}

/// 400: a field with a value that it can't have.
pub(crate) fn wrong_value(name: String, expected: &str) -> ApiError {
    let message = format!("Invalid value for '{name}': expected {expected}.");
    ApiError::invalid(name, "invalid_value", message)
}
