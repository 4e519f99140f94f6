//! `tail`: the last entries, or those from a position on.

use ::ledger::Reader;
use ::ledger::facts::{decode, kind};
use record::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// The most entries in one answer.
const MOST: u64 = 10_000;

/// What `tail` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tail {
    /// The first entry; without it, the last ones.
    pub from: Option<u64>,
    /// The most entries, 20 where nothing is said.
    pub limit: Option<u64>,
}

/// What `tail` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tailed {
    /// In ledger order.
    pub entries: Vec<Entry>,
    /// Where to go on.
    pub next: u64,
}

/// An entry as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its position.
    pub seq: u64,
    /// When it was written.
    pub time: String,
    /// What it is.
    pub kind: String,
    /// The version of its payload.
    pub version: u16,
    /// The hash of its header, hexadecimal.
    pub hash: String,
    /// What it says; `None` where its payload is gone, or is the ledger's own.
    pub fact: Option<Value>,
    /// Whether its payload was pruned or erased.
    pub gone: bool,
}

/// The last entries, or those from a position on.
///
/// # Errors
/// The ledger's.
pub fn tail(reader: &Reader, input: &Tail) -> Result<Tailed> {
    let limit = input.limit.unwrap_or(20);
    if limit == 0 || limit > MOST {
        return Err(Error::invalid(
            "limit",
            format!("1 to {MOST} entries are possible"),
        ));
    }
    let from = match input.from {
        Some(from) => from.max(1),
        None => (super::tip(reader)? + 1).saturating_sub(limit).max(1),
    };
    let mut entries = Vec::new();
    for entry in reader.read(from..from.saturating_add(limit)) {
        entries.push(view(&entry?)?);
    }
    let next = entries.last().map_or(from, |last| last.seq + 1);
    Ok(Tailed { entries, next })
}

pub(super) fn view(entry: &::ledger::Entry) -> Result<Entry> {
    let header = &entry.header;
    let fact = match entry.payload() {
        None => None,
        Some(payload) => decode(header.kind, header.version, payload).map_err(|error| {
            let message = format!("entry {}: {error}", header.seq);
            Error::Internal {
                message,
                hint: None,
            }
        })?,
    };
    // A fact is an enum with one field, named as the kind is.
    let said = fact.map(|fact| match serde_json::to_value(fact) {
        Ok(Value::Object(one)) => one.into_iter().next().map_or(Value::Null, |(_, said)| said),
        // One without fields says no more than its kind.
        _ => Value::Null,
    });
    Ok(Entry {
        seq: header.seq,
        time: Time::from_micros(header.time_us).rfc3339(),
        kind: kind_name(header.kind),
        version: header.version,
        hash: hex::encode(entry.hash),
        fact: said
            .filter(|said| !said.is_null())
            .map(|said| shown(said, header.kind)),
        gone: entry.body.is_none(),
    })
}

fn kind_name(number: u16) -> String {
    let known = match number {
        kind::SERVER_STARTED => "server_started",
        kind::SERVER_STOPPED => "server_stopped",
        kind::CHANGED => "changed",
        kind::SLICE_RESERVED => "slice_reserved",
        kind::SLICE_SETTLED => "slice_settled",
        kind::EXCHANGE => "exchange",
        kind::REFUSAL => "refusal",
        kind::REFUSALS_COUNTED => "refusals_counted",
        kind::RUN => "run",
        0..16 => "ledger",
        _ => "unknown",
    };
    match known {
        "ledger" | "unknown" => format!("{known}_{number}"),
        _ => known.to_owned(),
    }
}

/// What a secret or a password can be checked against is nobody's to see, who only reads.
fn shown(said: Value, kind: u16) -> Value {
    let said = hashes_as_text(said);
    if kind == kind::CHANGED {
        hidden(said)
    } else {
        said
    }
}

fn hidden(value: Value) -> Value {
    let Value::Object(fields) = value else {
        return value;
    };
    let field = |(name, value): (String, Value)| match name.as_str() {
        "hash" | "password" if !value.is_null() => (name, "(not shown)".into()),
        _ => (name, hidden(value)),
    };
    fields.into_iter().map(field).collect()
}

/// 32 bytes are a hash: people and programs want them in hexadecimal.
fn hashes_as_text(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, hashes_as_text(value)))
            .collect(),
        Value::Array(items) => {
            let byte = |item: &Value| item.as_u64().and_then(|number| u8::try_from(number).ok());
            let bytes: Option<Vec<u8>> = match items.len() {
                32 => items.iter().map(byte).collect(),
                _ => None,
            };
            match bytes {
                Some(bytes) => Value::String(hex::encode(bytes)),
                None => Value::Array(items.into_iter().map(hashes_as_text).collect()),
            }
        }
        other => other,
    }
}
