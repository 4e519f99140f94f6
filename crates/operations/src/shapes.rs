//! Small shapes that several verbs take or give: money, times, limits, as people write them.

use record::id::Kind;
use record::{Id, Limits, Money, SpendLimit, SpendPeriod, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A spend limit in dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// The most that may be spent in one period, such as `12.50`.
    pub dollars: String,
    /// The period.
    #[serde(default = "month")]
    pub period: SpendPeriod,
}

const fn month() -> SpendPeriod {
    SpendPeriod::Month
}

impl Spend {
    pub(crate) fn settle(&self) -> Result<SpendLimit> {
        let amount = dollars("spend", &self.dollars)?;
        Ok(SpendLimit {
            amount,
            period: self.period,
        })
    }
}

impl From<SpendLimit> for Spend {
    fn from(limit: SpendLimit) -> Self {
        Self {
            dollars: limit.amount.to_string(),
            period: limit.period,
        }
    }
}

/// A change of limits: what is `None` stays, 0 takes the limit away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsChange {
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    pub concurrency: Option<u32>,
}

impl LimitsChange {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn on(&self, limits: &Limits) -> Limits {
        fn change<T: Copy + Default + PartialEq>(new: Option<T>, old: Option<T>) -> Option<T> {
            match new {
                None => old,
                Some(new) if new == T::default() => None,
                Some(new) => Some(new),
            }
        }
        Limits {
            requests_per_minute: change(self.requests_per_minute, limits.requests_per_minute),
            tokens_per_minute: change(self.tokens_per_minute, limits.tokens_per_minute),
            concurrency: change(self.concurrency, limits.concurrency),
        }
    }
}

/// Whether something that ends or can be revoked may be used.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It may be used.
    Live,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Life {
    pub(crate) fn of(revoked: Option<Time>, expires: Option<Time>, now: Time) -> Self {
        match (revoked, expires) {
            (Some(_), _) => Self::Revoked,
            (None, Some(end)) if end <= now => Self::Expired,
            _ => Self::Live,
        }
    }

    /// Its name, as inputs and outputs have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Dollars as a caller wrote them.
pub(crate) fn dollars(field: &str, text: &str) -> Result<Money> {
    text.parse().map_err(|error| Error::invalid(field, error))
}

/// A name for people: one line of 1 to 128 bytes.
pub(crate) fn name(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            "a name is one line of 1 to 128 bytes",
        ));
    }
    Ok(text.to_owned())
}

/// A point in time ahead of `now`: RFC 3339, a day (`2027-01-31`, its start in UTC), or a span
/// from now on (`90d`, `12h`, `30m`).
pub(crate) fn ahead(field: &str, text: &str, now: Time) -> Result<Time> {
    let time = span(text)
        .map(|micros| now.plus_micros(micros))
        .or_else(|| moment(text));
    let wrong = || {
        Error::invalid(field, format!("`{text}` is no time"))
            .with_hint("write 2027-01-31, 2027-01-31T12:00:00Z, or a span such as 90d or 12h")
    };
    let time = time.ok_or_else(wrong)?;
    if time <= now {
        return Err(Error::invalid(
            field,
            format!("{} has passed", time.rfc3339()),
        ));
    }
    Ok(time)
}

fn span(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(seconds * 1_000_000)
}

fn moment(text: &str) -> Option<Time> {
    let timestamp: jiff::Timestamp = match text.parse() {
        Ok(timestamp) => timestamp,
        Err(_) => format!("{text}T00:00:00Z").parse().ok()?,
    };
    u64::try_from(timestamp.as_microsecond())
        .ok()
        .map(Time::from_micros)
}

/// A point in time: RFC 3339, or a day (its start in UTC).
pub(crate) fn time(field: &str, text: &str) -> Result<Time> {
    moment(text).ok_or_else(|| {
        Error::invalid(field, format!("`{text}` is no time"))
            .with_hint("write 2027-01-31 or 2027-01-31T12:00:00Z")
    })
}

/// A day counted from the epoch, written `2026-11-25`.
pub(crate) fn day(field: &str, text: &str) -> Result<u32> {
    let time = moment(text).filter(|_| text.len() == 10);
    time.map(Time::day)
        .ok_or_else(|| Error::invalid(field, "a day is written 2026-11-25"))
}

/// When the thing with this id was made: an id begins with its milliseconds.
pub(crate) fn made<K: Kind>(id: Id<K>) -> Time {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&id.bytes()[..6]);
    Time::from_micros(u64::from_be_bytes(millis).saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_ahead_read_in_three_ways() {
        let now = Time::from_micros(1_764_000_000_000_000);
        let at = |text: &str| ahead("expires", text, now).map(Time::rfc3339);
        assert_eq!(at("2027-01-31").unwrap(), "2027-01-31T00:00:00.000000Z");
        assert_eq!(
            at("2027-01-31T02:00:00+02:00").unwrap(),
            "2027-01-31T00:00:00.000000Z"
        );
        assert_eq!(at("1d").unwrap(), now.plus_micros(86_400_000_000).rfc3339());
        for bad in [
            "",
            "d",
            "5",
            "2020-01-01",
            "tomorrow",
            "0h",
            "99999999999999d",
        ] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let time = Time::from_micros(1_764_000_000_123_000);
        let id: Id<record::id::kind::Account> = Id::new(time, [9; 10]);
        assert_eq!(made(id), time);
    }

    #[test]
    fn zero_takes_a_limit_away() {
        let old = Limits {
            concurrency: Some(3),
            requests_per_minute: Some(5),
            ..Limits::default()
        };
        let change = LimitsChange {
            concurrency: Some(0),
            ..LimitsChange::default()
        };
        let new = change.on(&old);
        assert_eq!((new.concurrency, new.requests_per_minute), (None, Some(5)));
    }
}
