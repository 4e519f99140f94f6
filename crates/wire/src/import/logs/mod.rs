//! Logs of other gateways, line by line, to the exchanges that a traffic set has, so that the guard
//! can be tried on them. What a log lacks is absent, never filled in; credentials are kept as
//! hashes only; fields that nobody knows are passed over.
//!
//! Where each field's name comes from is said in the file of its log.

mod access;
mod fields;
mod helicone;
mod litellm;
mod stored;

use crate::seen::raw::Raw;
use crate::traffic::{self, Line, LineError};
use fields::Object;

/// A kind of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `traffic.jsonl` of a traffic set.
    Traffic,
    /// LiteLLM's spend logs or standard logging payloads.
    Litellm,
    /// Helicone's export of requests.
    Helicone,
    /// A web server's access log in JSON.
    AccessLog,
    /// OpenAI's stored completions.
    StoredCompletions,
}

/// Every kind.
pub const FORMATS: [Format; 5] = [
    Format::Traffic,
    Format::Litellm,
    Format::Helicone,
    Format::AccessLog,
    Format::StoredCompletions,
];

/// How a log is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'o> {
    /// The field that tells whose a request is, in place of the log's usual ones: a name, or names
    /// of objects one inside the other, parted by points (`metadata.customer`). A traffic set always
    /// has `account`.
    pub account: Option<&'o str>,
}

impl Format {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Litellm => "litellm",
            Self::Helicone => "helicone",
            Self::AccessLog => "access-log",
            Self::StoredCompletions => "stored-completions",
        }
    }

    /// What a line may be, by the names of its fields. `None` where no kind has such a line.
    pub fn guess(line: &str) -> Option<Self> {
        let object = Object::line(line).ok()?;
        guess(&object).or_else(|| {
            let mut first = None;
            object.get("data")?.items(|item| {
                first.get_or_insert(item);
            });
            guess(&Object::of(first?)?)
        })
    }

    /// Reads a line and hands over what it says: one exchange or event, or as many as a page of an
    /// API's answer holds.
    pub fn read<'a>(
        self,
        line: &'a str,
        options: Options<'_>,
        each: &mut dyn FnMut(Result<Line<'a>, LineError>),
    ) {
        if self == Self::Traffic {
            return each(traffic::line(line));
        }
        let object = match Object::line(line) {
            Ok(object) => object,
            Err(error) => return each(Err(error)),
        };
        match object.get("data").filter(|data| data.first() == b'[') {
            Some(page) if guess(&object) != Some(self) => {
                page.items(|item| each(self.one(item, options)));
            }
            _ => each(self.exchange(&object, options)),
        }
    }

    fn one<'a>(self, item: Raw<'a>, options: Options<'_>) -> Result<Line<'a>, LineError> {
        let object = Object::of(item).ok_or(LineError::wrong("data", "a list of objects"))?;
        self.exchange(&object, options)
    }

    fn exchange<'a>(
        self,
        object: &Object<'a>,
        options: Options<'_>,
    ) -> Result<Line<'a>, LineError> {
        let read = match self {
            Self::Litellm => litellm::read(object, options),
            Self::Helicone => helicone::read(object, options),
            Self::AccessLog => access::read(object, options),
            Self::StoredCompletions => stored::read(object, options),
            // Its lines were read above.
            Self::Traffic => Err(LineError::Other),
        };
        let mut read = read?;
        // A clock was wrong: how long it took is not known.
        if read.duration_us > traffic::LONGEST_US {
            read.duration_us = 0;
        }
        Ok(Line::Exchange(Box::new(read)))
    }
}

fn guess(object: &Object<'_>) -> Option<Format> {
    let has = |name: &str| object.get(name).is_some();
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    if has("time") && any(&["endpoint", "event", "digest"]) {
        Some(Format::Traffic)
    } else if has("standard_logging_object") || (has("call_type") && has("startTime")) {
        Some(Format::Litellm)
    } else if has("request_created_at") {
        Some(Format::Helicone)
    } else if stored::is_one(object) {
        Some(Format::StoredCompletions)
    } else if has("status") && any(access::PATHS) && any(access::TIMES) {
        Some(Format::AccessLog)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
