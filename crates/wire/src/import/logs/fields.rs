//! What every log's reader needs: an object's members, times in the forms that logs have, bodies
//! that stand as objects or as text, and hashes in place of credentials.

use std::borrow::Cow;

use record::{Endpoint, Time, Usage, UsageSource};

use crate::seen::raw::Raw;
use crate::traffic::{self, LineError};

/// The members of one object.
pub(super) struct Object<'a>(Vec<(String, Raw<'a>)>);

impl<'a> Object<'a> {
    /// A whole line.
    pub(super) fn line(line: &'a str) -> Result<Self, LineError> {
        let mut members = Vec::with_capacity(32);
        Raw::whole(line, |key, value| members.push((key.to_owned(), value)))
            .map_err(|error| LineError::json(&error))?;
        Ok(Self(members))
    }

    pub(super) fn of(raw: Raw<'a>) -> Option<Self> {
        let mut members = Vec::new();
        raw.members(|key, value| members.push((key.to_owned(), value)))
            .then_some(Self(members))
    }

    /// A member that is not null; the last one of that name.
    pub(super) fn get(&self, name: &str) -> Option<Raw<'a>> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, raw)| *raw).filter(|raw| !raw.is_null())
    }

    /// The first of these that is there; a point parts names of objects inside each other.
    pub(super) fn first(&self, paths: &[&str]) -> Option<Raw<'a>> {
        paths.iter().find_map(|path| self.at(path))
    }

    pub(super) fn at(&self, path: &str) -> Option<Raw<'a>> {
        if let Some(found) = self.get(path) {
            return Some(found);
        }
        let (name, rest) = path.split_once('.')?;
        Self::of(self.get(name)?)?.at(rest)
    }

    /// The first of these that says something: a text, or a number as it is written. Logs write
    /// `-` for nothing.
    pub(super) fn name(&self, paths: &[&str]) -> Option<Cow<'a, str>> {
        paths
            .iter()
            .filter_map(|path| name(self.at(path)?))
            .find(|name| !matches!(name.as_ref(), "" | "-"))
    }

    pub(super) fn named(&self, paths: &[&str]) -> Cow<'a, str> {
        self.name(paths).unwrap_or_default()
    }

    /// The first of these that is a number, or a text of one.
    pub(super) fn number(&self, paths: &[&str]) -> Option<f64> {
        let numbers = paths.iter().filter_map(|path| number(self.at(path)?));
        numbers.into_iter().find(|number| number.is_finite())
    }

    /// Bytes or tokens; absent where they are not said.
    pub(super) fn count(&self, paths: &[&str]) -> Option<u64> {
        self.number(paths)
            .filter(|number| *number >= 0.0)
            .map(|number| number as u64)
    }

    /// The first of these that is a time.
    pub(super) fn time(&self, paths: &[&str]) -> Option<Time> {
        paths.iter().find_map(|path| time(self.at(path)?))
    }

    /// The first of these that is a body: an object with something in it, or a text of one.
    pub(super) fn body(&self, paths: &[&str]) -> Option<Cow<'a, str>> {
        paths.iter().find_map(|path| body(self.at(path)?))
    }

    pub(super) fn usage(&self, input: &str, output: &str) -> Option<Usage> {
        Some(Usage {
            input: self.count(&[input])?,
            cached_input: 0,
            output: self.count(&[output])?,
            reasoning: 0,
            source: UsageSource::Upstream,
        })
    }

    /// Members as they stand, to go into a body that is put together.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, Raw<'a>)> {
        self.0.iter().map(|(key, raw)| (key.as_str(), *raw))
    }
}

/// The account that an option names, or else what `usual` finds; a credential is kept as its hash
/// wherever it stood.
pub(super) fn account<'a>(
    object: &Object<'a>,
    named: Option<&str>,
    usual: impl FnOnce() -> Option<Cow<'a, str>>,
) -> Result<Cow<'a, str>, LineError> {
    let found = match named {
        Some(path) => object.name(&[path]),
        None => usual(),
    };
    found.map(safe).ok_or(LineError::Missing("account"))
}

fn name(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw.first() {
        b'"' => raw.text(),
        b'0'..=b'9' => Some(Cow::Borrowed(raw.json())),
        _ => None,
    }
}

fn number(raw: Raw<'_>) -> Option<f64> {
    match raw.text() {
        Some(text) => text.trim().parse().ok(),
        None => raw.number(),
    }
}

pub(super) fn body(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let text = match raw.first() {
        b'{' => Cow::Borrowed(raw.json()),
        b'"' => raw.text()?,
        _ => return None,
    };
    let has_more = Raw::read(&text).is_some_and(|object| object.len() > 0);
    has_more.then_some(text)
}

/// RFC 3339, the same without a zone (UTC), the common log format's, or seconds, milliseconds or
/// microseconds since 1970.
pub(super) fn time(raw: Raw<'_>) -> Option<Time> {
    if let Some(number) = number(raw) {
        let micros = match number {
            ..0.0 => return None,
            ..1e11 => number * 1e6,
            ..1e14 => number * 1e3,
            _ => number,
        };
        return (micros < 2.6e17).then(|| Time::from_micros(micros.round() as u64));
    }
    let text = raw.text()?;
    let text = text.trim();
    Time::from_rfc3339(text)
        .or_else(|| Time::from_rfc3339(&format!("{text}Z")))
        .or_else(|| with_short_zone(text))
        .or_else(|| common(text))
}

/// `2026-05-01T00:00:00+00`, `…+0000`: what databases write.
fn with_short_zone(text: &str) -> Option<Time> {
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let (before, zone) = text.split_at(at);
    match zone.len() {
        3 => Time::from_rfc3339(&format!("{text}:00")),
        5 => {
            let (hours, minutes) = zone.split_at_checked(3)?;
            Time::from_rfc3339(&format!("{before}{hours}:{minutes}"))
        }
        _ => None,
    }
}

/// `10/Oct/2000:13:55:36 -0700`
fn common(text: &str) -> Option<Time> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let (date, rest) = text.split_once(':')?;
    let (clock, zone) = rest.split_once(' ')?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    let (hours, minutes) = zone.split_at_checked(3)?;
    Time::from_rfc3339(&format!("{year}-{month:02}-{day}T{clock}{hours}:{minutes}"))
}

/// A hash in place of a credential: what tells it again and does not open a door.
pub(super) fn credential(text: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("stillhouse import: credential of a log");
    hasher.update(text.as_bytes());
    format!("key:{}", &hasher.finalize().to_hex()[..16])
}

/// A name, or its hash where it looks like a credential.
fn safe(name: Cow<'_, str>) -> Cow<'_, str> {
    const LEADS: [&str; 5] = ["sk-", "Bearer ", "bearer ", "Basic ", "basic "];
    match LEADS.iter().any(|lead| name.starts_with(lead)) {
        true => Cow::Owned(credential(&name)),
        false => name,
    }
}

/// The endpoint of a path or an address as logs write them: with or without host, query and what
/// a proxy puts before.
pub(super) fn endpoint(path: &str) -> Endpoint {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => path,
    };
    let path = path.trim_end_matches('/');
    const ENDS: [(&str, &str); 6] = [
        ("/chat/completions", "/v1/chat/completions"),
        ("/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/completions", "/v1/completions"),
        ("/responses", "/v1/responses"),
        ("/embeddings", "/v1/embeddings"),
        ("/messages", "/v1/messages"),
    ];
    let known = ENDS.iter().find(|(end, _)| path.ends_with(end));
    traffic::endpoint(known.map_or(path, |(_, whole)| whole))
}

/// A JSON object of members as they stand.
pub(super) fn write<'a>(members: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>) -> String {
    let mut out = String::from("{");
    for (key, value) in members {
        if out.len() > 1 {
            out.push(',');
        }
        // A text of ours or a key that was read: it can be written.
        out.push_str(&serde_json::to_string(key).unwrap_or_default());
        out.push(':');
        out.push_str(&value);
    }
    out.push('}');
    out
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> Cow<'static, str> {
    Cow::Owned(serde_json::to_string(text).unwrap_or_default())
}
