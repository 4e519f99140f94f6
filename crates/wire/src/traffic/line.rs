//! A line of `traffic.jsonl`, read once: its members are taken as they stand and looked into only
//! where they are known. Of a key that stands twice the last one counts.

use std::borrow::Cow;

use record::Time;

use super::{Exchange, LONGEST_US, Line, LineError, Said, Source, endpoint, network};
use crate::seen::raw::Raw;

/// The members of a line that are known.
#[derive(Default)]
struct Members<'a> {
    id: Option<Raw<'a>>,
    time: Option<Raw<'a>>,
    duration_ms: Option<Raw<'a>>,
    account: Option<Raw<'a>>,
    source: Option<Raw<'a>>,
    seq: Option<Raw<'a>>,
    digest: Option<Raw<'a>>,
    cut: Option<Raw<'a>>,
    endpoint: Option<Raw<'a>>,
    event: Option<Raw<'a>>,
    model: Option<Raw<'a>>,
    request: Option<Raw<'a>>,
    status: Option<Raw<'a>>,
    response: Option<Raw<'a>>,
}

/// Reads a line of `traffic.jsonl`.
///
/// # Errors
/// What is no JSON object; an exchange without time, account, endpoint or anything said; an event
/// that is not known or has no object; a field of another type.
pub fn line(line: &str) -> Result<Line<'_>, LineError> {
    let mut found = Members::default();
    let read = Raw::whole(line, |key, value| {
        if value.is_null() {
            return;
        }
        let place = match key {
            "id" => &mut found.id,
            "time" => &mut found.time,
            "duration_ms" => &mut found.duration_ms,
            "account" => &mut found.account,
            "source" => &mut found.source,
            "seq" => &mut found.seq,
            "digest" => &mut found.digest,
            "cut" => &mut found.cut,
            "endpoint" => &mut found.endpoint,
            "event" => &mut found.event,
            "model" => &mut found.model,
            "request" => &mut found.request,
            "status" => &mut found.status,
            "response" => &mut found.response,
            _ => return,
        };
        *place = Some(value);
    });
    read.map_err(|error| LineError::json(&error))?;
    match found.event {
        Some(event) => found.event(event),
        None => found.exchange().map(Box::new).map(Line::Exchange),
    }
}

impl<'a> Members<'a> {
    fn event(&self, event: Raw<'a>) -> Result<Line<'a>, LineError> {
        let time = time("time", need("time", self.time)?)?;
        match event.text().as_deref() {
            Some("model_released") => Ok(Line::Released {
                time,
                model: named("model", self.model)?,
            }),
            Some("account_suspended") => Ok(Line::Suspended {
                time,
                account: named("account", self.account)?,
            }),
            _ => Err(LineError::Event),
        }
    }

    fn exchange(&self) -> Result<Exchange<'a>, LineError> {
        let time = time("time", need("time", self.time)?)?;
        let account = named("account", self.account)?;
        let said = match self.digest {
            Some(digest) => Said::Digest(text("digest", digest)?),
            None => Said::Bodies {
                request: Cow::Borrowed(body("request", need("request", self.request)?)?),
                response: self
                    .response
                    .map(|raw| body("response", raw).map(Cow::Borrowed))
                    .transpose()?,
            },
        };
        // What a digest stands for says its endpoint too.
        let endpoint = match (self.endpoint, &said) {
            (Some(path), _) => endpoint(&text("endpoint", path)?),
            (None, Said::Digest(_)) => endpoint(""),
            (None, Said::Bodies { .. }) => return Err(LineError::Missing("endpoint")),
        };
        let status = match self.status {
            Some(raw) => raw
                .number()
                .filter(|number| (0.0..1000.0).contains(number))
                .map(|number| number as u16)
                .ok_or(LineError::wrong("status", "an HTTP status"))?,
            None => 200,
        };
        Ok(Exchange {
            id: optional("id", self.id)?,
            time,
            duration_us: match self.duration_ms {
                Some(raw) => duration(raw)?,
                None => 0,
            },
            account,
            organization: Cow::Borrowed(""),
            seq: self.seq.map(|raw| count("seq", raw)).transpose()?,
            cut: self.cut.is_some_and(Raw::flag),
            endpoint,
            model: optional("model", self.model)?,
            status,
            request_bytes: 0,
            response_bytes: 0,
            usage: None,
            source: self.source.map(source).transpose()?.unwrap_or_default(),
            said,
        })
    }
}

fn source<'a>(raw: Raw<'a>) -> Result<Source<'a>, LineError> {
    let mut source = Source::default();
    let mut wrong = None;
    let object = raw.members(|key, value| {
        if value.is_null() {
            return;
        }
        let mut set = |field, place: &mut Cow<'a, str>| match text(field, value) {
            Ok(found) => *place = found,
            Err(error) => _ = wrong.get_or_insert(error),
        };
        match key {
            "ip" => set("source.ip", &mut source.address),
            "user_agent" => set("source.user_agent", &mut source.user_agent),
            "header_order" => set("source.header_order", &mut source.header_order),
            "accept_language" => set("source.accept_language", &mut source.accept_language),
            "ja4" => set("source.ja4", source.ja4.get_or_insert_default()),
            "asn" => source.asn = value.count(),
            "network" => source.network = value.text().as_deref().and_then(network),
            _ => {}
        }
    });
    match wrong {
        Some(error) => Err(error),
        None if object => Ok(source),
        None => Err(LineError::wrong("source", "an object")),
    }
}

fn need<'a>(field: &'static str, raw: Option<Raw<'a>>) -> Result<Raw<'a>, LineError> {
    raw.ok_or(LineError::Missing(field))
}

/// A text that must be there and say something.
fn named<'a>(field: &'static str, raw: Option<Raw<'a>>) -> Result<Cow<'a, str>, LineError> {
    let found = text(field, need(field, raw)?)?;
    match found.is_empty() {
        true => Err(LineError::Missing(field)),
        false => Ok(found),
    }
}

fn optional<'a>(field: &'static str, raw: Option<Raw<'a>>) -> Result<Cow<'a, str>, LineError> {
    raw.map_or(Ok(Cow::Borrowed("")), |raw| text(field, raw))
}

pub(super) fn text<'a>(field: &'static str, raw: Raw<'a>) -> Result<Cow<'a, str>, LineError> {
    raw.text().ok_or(LineError::wrong(field, "a string"))
}

pub(super) fn time(field: &'static str, raw: Raw<'_>) -> Result<Time, LineError> {
    let text = raw.text();
    let time = text.as_deref().and_then(Time::from_rfc3339);
    time.ok_or(LineError::wrong(field, "a time of RFC 3339 after 1970"))
}

fn body<'a>(field: &'static str, raw: Raw<'a>) -> Result<&'a str, LineError> {
    match raw.first() {
        b'{' => Ok(raw.json()),
        _ => Err(LineError::wrong(field, "an object")),
    }
}

fn duration(raw: Raw<'_>) -> Result<u64, LineError> {
    let micros = count("duration_ms", raw)?.saturating_mul(1000);
    match micros {
        ..=LONGEST_US => Ok(micros),
        _ => Err(LineError::wrong("duration_ms", "a time below a year")),
    }
}

/// A whole number that is not negative; a fraction is cut off.
fn count(field: &'static str, raw: Raw<'_>) -> Result<u64, LineError> {
    // Digits alone are read without rounding.
    if let Ok(number) = raw.json().parse() {
        return Ok(number);
    }
    raw.number()
        .filter(|number| *number >= 0.0)
        .map(|number| number as u64)
        .ok_or(LineError::wrong(field, "a number from 0 on"))
}
