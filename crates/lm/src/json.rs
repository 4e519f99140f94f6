//! JSON from strangers: keys that are there twice are refused, and keys that nobody asked for are
//! named. Depth is bounded by the parser; memory is in proportion to the text.

use crate::{Error, Result};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A map whose keys are unique in the text.
#[derive(Debug)]
pub(crate) struct Unique<V>(pub(crate) BTreeMap<String, V>);

impl<V> Default for Unique<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Keys<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Keys<V> {
            type Value = Unique<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut out = Unique::default();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    out.insert(key, value)?;
                }
                Ok(out)
            }
        }
        deserializer.deserialize_map(Keys(PhantomData))
    }
}

impl<V> Unique<V> {
    /// Puts a new key in.
    pub(crate) fn insert<E: serde::de::Error>(
        &mut self,
        key: String,
        value: V,
    ) -> std::result::Result<(), E> {
        match insert(&mut self.0, key, value) {
            Some(key) => Err(E::custom(format!("key {key:?} is there twice"))),
            None => Ok(()),
        }
    }
}

/// Puts a new key in; returns one that was there.
fn insert<V>(map: &mut BTreeMap<String, V>, key: String, value: V) -> Option<String> {
    match map.entry(key) {
        std::collections::btree_map::Entry::Occupied(entry) => Some(entry.key().clone()),
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(value);
            None
        }
    }
}

/// Parses a text; `what` names the file.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, text: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::Malformed(format!("{what} is not valid UTF-8")))?;
    serde_json::from_str(text).map_err(|e| {
        // What is well-formed but not as we know it, names itself: an unknown field or variant.
        if e.is_data() {
            Error::Unsupported(format!("{what}: {e}"))
        } else {
            Error::Malformed(format!("{what}: {e}"))
        }
    })
}

/// The fields of a JSON object, taken out one by one; what is left is not known.
pub(crate) struct Fields<'a> {
    what: &'a str,
    left: BTreeMap<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(what: &'a str, text: &[u8]) -> Result<Self> {
        let Unique(left) = parse(what, text)?;
        Ok(Self { what, left })
    }

    /// The field of that name, or none where it is missing or null.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|v| !v.is_null())
    }

    /// A field of a type that serde reads, or none.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let value = self.take(name).map(serde_json::from_value);
        let what = self.what;
        value
            .transpose()
            .map_err(|_| Error::Malformed(format!("{what}: {name} has the wrong type")))
    }

    /// A count within `1..=most`, or none.
    pub(crate) fn count(&mut self, name: &str, most: usize) -> Result<Option<usize>> {
        let number: Option<u64> = self.read(name)?;
        let number = number.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        match number {
            Some(n) if !(1..=most).contains(&n) => {
                let what = self.what;
                Err(Error::Malformed(format!(
                    "{what}: {name} is not in 1..={most}"
                )))
            }
            other => Ok(other),
        }
    }

    /// A positive finite number, or none.
    pub(crate) fn positive(&mut self, name: &str) -> Result<Option<f32>> {
        let number: Option<f64> = self.read(name)?;
        let number = number.map(|n| n as f32);
        match number {
            Some(n) if !(n.is_finite() && n > 0.0) => {
                let what = self.what;
                Err(Error::Malformed(format!("{what}: {name} is {n}")))
            }
            other => Ok(other),
        }
    }

    /// The words where a field that must be there is not.
    pub(crate) fn missing(&self, name: &str) -> Error {
        Error::Malformed(format!("{}: {name} is missing", self.what))
    }

    /// Refuses a field with another value than those that change nothing.
    pub(crate) fn only(&mut self, name: &str, harmless: &[Value]) -> Result<()> {
        match self.take(name) {
            Some(value) if !harmless.contains(&value) => Err(self.unsupported(name, &value)),
            _ => Ok(()),
        }
    }

    pub(crate) fn unsupported(&self, name: &str, value: &Value) -> Error {
        let text = shortened(&value.to_string());
        Error::Unsupported(format!("{}: {name} is {text}", self.what))
    }

    /// Drops fields that say nothing about the mathematics.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        names.iter().for_each(|name| drop(self.left.remove(*name)));
    }

    /// A field that nobody asked for and that is not null, false, or empty.
    pub(crate) fn left_over(&mut self) -> Option<(String, Value)> {
        let empty = |v: &Value| {
            v.is_null()
                || *v == Value::Bool(false)
                || v.as_array().is_some_and(Vec::is_empty)
                || v.as_object().is_some_and(serde_json::Map::is_empty)
        };
        self.left
            .retain(|name, value| !name.starts_with('_') && !empty(value));
        self.left.pop_first()
    }

    /// Refuses by name what is left.
    pub(crate) fn finish(self) -> Result<()> {
        let what = self.what;
        match self
            .left
            .into_iter()
            .find(|(name, _)| !name.starts_with('_'))
        {
            Some((name, _)) => Err(Error::Unsupported(format!("{what}: key {name}"))),
            None => Ok(()),
        }
    }
}

/// At most some 300 bytes of a text, for a message.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    if text.len() <= MOST {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MOST)])
}
