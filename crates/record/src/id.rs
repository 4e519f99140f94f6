//! Typed identifiers: an account's id where a key's is meant does not compile.
//!
//! An id is a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits, so ids sort by the
//! time they were made. Clock and randomness come from the caller.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Time;

/// Says what an [`Id`] names. The prefix is part of its text, so a reader sees it too.
pub trait Kind {
    /// The letters before the underscore, such as `acct`.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

/// The kinds of things that have ids. This list only grows.
pub mod kind {
    use super::Kind;
    kinds! {
        /// A customer or a team that owns accounts.
        Organization = "org";
        /// An account: what limits, budgets and standing belong to.
        Account = "acct";
        /// A credential of an account.
        Key = "key";
        /// A leave to distill or to do other things outside an account's plan.
        Grant = "grant";
        /// One request and its answer, or its refusal.
        Exchange = "ex";
        /// A part of a budget reserved in one entry.
        Slice = "slice";
        /// Somebody who runs the house.
        Operator = "op";
        /// A credential of an operator's program.
        Token = "tok";
        /// A distillation run.
        Run = "run";
    }
}

/// An identifier of kind `K`. Its text is `prefix_` and 32 lower-case hexadecimal digits.
pub struct Id<K> {
    uuid: uuid::Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// Makes an id from the time (its milliseconds are kept) and ten random bytes.
    pub fn new(time: Time, random: [u8; 10]) -> Self {
        let millis = time.micros() / 1000;
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The id with these sixteen bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_uuid(uuid::Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes of the id, big-endian.
    pub const fn bytes(&self) -> [u8; 16] {
        self.uuid.into_bytes()
    }

    const fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.uuid.simple())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: expected `{expected}_` and 32 hexadecimal digits")]
pub struct ParseIdError {
    expected: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError {
            expected: K::PREFIX,
        };
        let hex = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|hex| hex.len() == 32)
            .ok_or(error.clone())?;
        uuid::Uuid::try_parse(hex)
            .map(Self::from_uuid)
            .map_err(|_| error)
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.bytes().serialize(serializer)
        }
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        let id: Id<kind::Account> = Id::new(Time::from_micros(1_764_000_000_123_456), [7; 10]);
        let text = id.to_string();
        assert!(text.starts_with("acct_"), "{text}");
        assert_eq!(text.parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(
            serde_json::from_str::<Id<kind::Account>>(&json).unwrap(),
            id
        );
        let bytes = postcard::to_allocvec(&id).unwrap();
        assert_eq!(bytes.len(), 16);
        assert_eq!(
            postcard::from_bytes::<Id<kind::Account>>(&bytes).unwrap(),
            id
        );
    }

    #[test]
    fn another_kind_is_refused() {
        let id: Id<kind::Account> = Id::new(Time::from_micros(1), [0; 10]);
        let error = id.to_string().parse::<Id<kind::Key>>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "not an id of this kind: expected `key_` and 32 hexadecimal digits"
        );
        assert!("acct_".parse::<Id<kind::Account>>().is_err());
        assert!("acct_zz".parse::<Id<kind::Account>>().is_err());
    }

    #[test]
    fn ids_sort_by_time() {
        let early: Id<kind::Key> = Id::new(Time::from_micros(1_000_000), [255; 10]);
        let late: Id<kind::Key> = Id::new(Time::from_micros(2_000_000), [0; 10]);
        assert!(early < late);
    }
}
