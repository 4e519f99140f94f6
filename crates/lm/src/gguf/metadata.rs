//! Typed reads of metadata keys. Wrong types are the file's fault and name the key.

use super::header::Header;
use super::value::Value;
use crate::{Error, Result};

fn wrong(key: &str) -> Error {
    Error::Malformed(format!("key {key} has the wrong type"))
}

fn missing(key: &str) -> Error {
    Error::Malformed(format!("key {key} is missing"))
}

impl Header {
    /// A string that must be there.
    pub(crate) fn string(&self, key: &str) -> Result<&str> {
        self.string_or_none(key)?.ok_or_else(|| missing(key))
    }

    /// A string that may be missing.
    pub(crate) fn string_or_none(&self, key: &str) -> Result<Option<&str>> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key)),
        }
    }

    /// An array of strings that must be there.
    pub(crate) fn strings(&self, key: &str) -> Result<&[String]> {
        match self.metadata.get(key) {
            None => Err(missing(key)),
            Some(Value::Strings(texts)) => Ok(texts),
            Some(_) => Err(wrong(key)),
        }
    }

    /// A boolean that may be missing.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(_) => Err(wrong(key)),
        }
    }

    /// A count that may be missing, within `1..=most`.
    pub(crate) fn count_or_none(&self, key: &str, most: usize) -> Result<Option<usize>> {
        let number = match self.metadata.get(key) {
            None => return Ok(None),
            Some(Value::Unsigned(n)) => usize::try_from(*n).ok(),
            Some(Value::Signed(n)) => usize::try_from(*n).ok(),
            Some(_) => return Err(wrong(key)),
        };
        match number {
            Some(n) if (1..=most).contains(&n) => Ok(Some(n)),
            _ => Err(Error::Malformed(format!("key {key} is not in 1..={most}"))),
        }
    }

    /// A count that must be there, within `1..=most`.
    pub(crate) fn count(&self, key: &str, most: usize) -> Result<usize> {
        self.count_or_none(key, most)?.ok_or_else(|| missing(key))
    }

    /// A positive finite number that may be missing.
    pub(crate) fn positive_or_none(&self, key: &str) -> Result<Option<f64>> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Float(f)) if f.is_finite() && *f > 0.0 => Ok(Some(*f)),
            Some(Value::Float(f)) => Err(Error::Malformed(format!("key {key} is {f}"))),
            Some(_) => Err(wrong(key)),
        }
    }
}
