//! A JSON value as it was written, looked into one level at a time. Builds no tree, and never
//! goes deeper than it is asked to.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON value, as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a>(&'a str);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Raw<'a> {
    /// A whole body, if it is a JSON object.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let raw: &'a RawValue = serde_json::from_str(text).ok()?;
        raw.get().starts_with('{').then(|| Self(raw.get()))
    }

    /// One value of any kind, whole.
    pub(crate) fn value(text: &'a str) -> Option<Self> {
        let raw: &'a RawValue = serde_json::from_str(text).ok()?;
        Some(Self(raw.get()))
    }

    /// Hands over each member of an object that is all of a text, which is read once; says where
    /// it is no object, or no JSON.
    pub(crate) fn whole(
        text: &'a str,
        each: impl FnMut(&str, Self),
    ) -> Result<(), serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        (&mut deserializer).deserialize_map(Members(each))?;
        deserializer.end()
    }

    pub(crate) const fn json(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        if !self.0.starts_with('"') {
            return None;
        }
        serde_json::from_str::<Text<'a>>(self.0)
            .ok()
            .map(|text| text.0)
    }

    pub(crate) fn number(self) -> Option<f64> {
        serde_json::from_str(self.0).ok()
    }

    /// A count; beyond the range it stays at its end.
    pub(crate) fn count(self) -> Option<u32> {
        // `as` keeps to the range of the type and takes what is no number for 0.
        self.number().map(|number| number as u32)
    }

    pub(crate) fn flag(self) -> bool {
        self.0 == "true"
    }

    /// Hands over each member of an object; says whether it was one.
    pub(crate) fn members(self, each: impl FnMut(&str, Self)) -> bool {
        self.0.starts_with('{')
            && serde_json::Deserializer::from_str(self.0)
                .deserialize_map(Members(each))
                .is_ok()
    }

    /// Hands over each item of a list; says whether it was one.
    pub(crate) fn items(self, each: impl FnMut(Self)) -> bool {
        self.0.starts_with('[')
            && serde_json::Deserializer::from_str(self.0)
                .deserialize_seq(Items(each))
                .is_ok()
    }

    /// How many members or items there are; 0 for anything else.
    pub(crate) fn len(self) -> u32 {
        let mut len = 0_u32;
        match self.0.as_bytes().first() {
            Some(b'{') => {
                self.members(|_, _| len = len.saturating_add(1));
            }
            Some(b'[') => {
                let mut deserializer = serde_json::Deserializer::from_str(self.0);
                len = (&mut deserializer).deserialize_seq(Length).unwrap_or(0);
            }
            _ => {}
        }
        len
    }

    /// The first byte, by which the kind of a value is known.
    pub(crate) fn first(self) -> u8 {
        self.0.as_bytes().first().copied().unwrap_or(0)
    }
}

struct Members<F>(F);

impl<'a, F: FnMut(&str, Raw<'a>)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
            (self.0)(&key.0, Raw(value.get()));
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'a, F: FnMut(Raw<'a>)> Visitor<'a> for Items<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<&'a RawValue>()? {
            (self.0)(Raw(value.get()));
        }
        Ok(())
    }
}

struct Length;

impl<'a> Visitor<'a> for Length {
    type Value = u32;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<u32, A::Error> {
        let mut len = 0_u32;
        while list.next_element::<IgnoredAny>()?.is_some() {
            len = len.saturating_add(1);
        }
        Ok(len)
    }
}
