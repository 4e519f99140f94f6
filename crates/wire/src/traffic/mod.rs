//! Lines of a traffic set, the interchange format of the guard: accounts, exchanges and events.
//! Lines are of strangers: one that can't be read is an error value, unknown fields are passed over,
//! and nothing is guessed. Texts without escapes are borrowed from the line.

mod account;
mod error;
mod line;

use std::borrow::Cow;

use record::{Endpoint, Network, SaidAnswer, Seen, Time, Usage};

pub use self::account::{Account, account};
pub use self::error::LineError;
pub use self::line::line;
use crate::{seen, usage};

/// No exchange lasts longer, in microseconds (366 days): a clock was wrong.
pub(crate) const LONGEST_US: u64 = 366 * 86_400 * 1_000_000;

/// What one line of `traffic.jsonl`, or of another gateway's log, says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// A request and its answer.
    Exchange(Box<Exchange<'a>>),
    /// A model came out.
    Released {
        /// When.
        time: Time,
        /// Its name.
        model: Cow<'a, str>,
    },
    /// An account was suspended.
    Suspended {
        /// When.
        time: Time,
        /// Its id.
        account: Cow<'a, str>,
    },
}

/// One exchange. What its source does not say is empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange<'a> {
    /// Its id; may be empty.
    pub id: Cow<'a, str>,
    /// When its request arrived.
    pub time: Time,
    /// Microseconds until the last byte; 0 where it is not known.
    pub duration_us: u64,
    /// Whose; never empty.
    pub account: Cow<'a, str>,
    /// What the account belongs to, where a log says so; traffic sets say it of accounts.
    pub organization: Cow<'a, str>,
    /// Place in the ledger's order.
    pub seq: Option<u64>,
    /// Whether the client left before the last byte.
    pub cut: bool,
    /// The API that it came through.
    pub endpoint: Endpoint,
    /// The model asked for, where the request's body does not say.
    pub model: Cow<'a, str>,
    /// The HTTP status answered.
    pub status: u16,
    /// Bytes of the request's body, where it was not kept.
    pub request_bytes: u64,
    /// Bytes of the answer's body, where it was not kept.
    pub response_bytes: u64,
    /// Tokens, where the answer's body does not say.
    pub usage: Option<Usage>,
    /// Where it came from.
    pub source: Source<'a>,
    /// What was said.
    pub said: Said<'a>,
}

/// What was said: bodies, or what a guard kept of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<'a> {
    /// Bodies, as JSON.
    Bodies {
        /// The request's; empty where it was not kept.
        request: Cow<'a, str>,
        /// The answer's; `None` for a refusal, or where it was not kept.
        response: Option<Cow<'a, str>>,
    },
    /// The guard's digest, in base64.
    Digest(Cow<'a, str>),
}

/// Where an exchange came from, as [`record::Source`] has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source<'a> {
    /// The client's address.
    pub address: Cow<'a, str>,
    /// The number of its autonomous system.
    pub asn: Option<u32>,
    /// The kind of its network.
    pub network: Option<Network>,
    /// `User-Agent`.
    pub user_agent: Cow<'a, str>,
    /// A hash of the order and the case of the header names.
    pub header_order: Cow<'a, str>,
    /// JA4 of the TLS client.
    pub ja4: Option<Cow<'a, str>>,
    /// `Accept-Language`.
    pub accept_language: Cow<'a, str>,
}

impl Exchange<'_> {
    /// When the last byte left.
    pub fn ended(&self) -> Time {
        self.time.plus_micros(self.duration_us)
    }

    /// Reads the bodies and hands over what is seen of the exchange; `None` where there are none
    /// but a digest.
    pub fn seen<T>(&self, each: impl FnOnce(&Seen<'_>) -> T) -> Option<T> {
        let Said::Bodies { request, response } = &self.said else {
            return None;
        };
        let mut asked = match request.is_empty() {
            true => record::SaidRequest::default(),
            false => seen::request(&self.endpoint, request.as_bytes()),
        };
        if asked.model.is_empty() {
            asked.model = Cow::Borrowed(&self.model);
        }
        let body = response.as_deref().unwrap_or_default().as_bytes();
        let answered: SaidAnswer<'_> = seen::answer(&self.endpoint, body);
        let stated = usage::read(&self.endpoint, body).ok().flatten();
        let length = |body: &[u8], told| match body.len() {
            0 => told,
            kept => kept as u64,
        };
        Some(each(&Seen {
            endpoint: &self.endpoint,
            request: &asked,
            answer: &answered,
            request_bytes: length(request.as_bytes(), self.request_bytes),
            response_bytes: length(body, self.response_bytes),
            usage: stated.or(self.usage),
            duration_us: self.duration_us,
            status: self.status,
            cut: self.cut,
            source: self.source.view(),
        }))
    }
}

impl Source<'_> {
    /// The same, borrowed.
    pub fn view(&self) -> record::Source<'_> {
        record::Source {
            address: &self.address,
            asn: self.asn,
            network: self.network,
            user_agent: &self.user_agent,
            header_order: &self.header_order,
            ja4: self.ja4.as_deref(),
            accept_language: &self.accept_language,
        }
    }
}

/// The endpoint of a path, as clients write it.
pub fn endpoint(path: &str) -> Endpoint {
    match path {
        "/v1/chat/completions" => Endpoint::Chat,
        "/v1/completions" => Endpoint::Completions,
        "/v1/responses" => Endpoint::Responses,
        "/v1/embeddings" => Endpoint::Embeddings,
        "/v1/messages" => Endpoint::Messages,
        "/v1/messages/count_tokens" => Endpoint::CountTokens,
        "/v1/models" => Endpoint::Models,
        "/v1/score" => Endpoint::Score,
        other => Endpoint::Listed(other.to_owned()),
    }
}

/// The kind of a network, by its name in traffic sets.
pub fn network(name: &str) -> Option<Network> {
    Some(match name {
        "hosting" => Network::Hosting,
        "residential" => Network::Residential,
        "mobile" => Network::Mobile,
        "corporate" => Network::Corporate,
        "education" => Network::Education,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
