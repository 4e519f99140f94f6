//! One exchange or refusal as a row.

use ::ledger::facts::{Directory, decode, kind};
use ::ledger::{Entry, Header};
use record::id::kind as named;
use record::{Exchange, Fact, Id, Outcome, Reason, Refusal, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::key::account_name;

/// Whether it was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It was.
    Exchange,
    /// It was not.
    Refusal,
}

/// An exchange or a refusal in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its entry in the ledger.
    pub seq: u64,
    /// The request's id, which the client saw too.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// When its entry was written: at its end. Lists are in this order.
    pub time: String,
    /// The account's id, where it is known.
    pub account: Option<String>,
    /// The account's name.
    pub account_name: Option<String>,
    /// The model that was asked for.
    pub model: String,
    /// The path.
    pub endpoint: String,
    /// The HTTP status that the client got.
    pub status: u16,
    /// How an exchange ended.
    pub outcome: Option<Outcome>,
    /// Why a request was refused.
    pub reason: Option<Reason>,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// Microseconds until the answer's first byte.
    pub first_byte_us: Option<u64>,
    /// Microseconds until the answer's last byte.
    pub duration_us: Option<u64>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// What it cost.
    pub dollars: Option<String>,
    /// Whether its text was kept; it may have expired since.
    pub has_text: bool,
}

/// What an entry says of traffic.
pub(super) enum Seen {
    Exchange(Box<Exchange>),
    Refusal(Box<Refusal>),
}

impl Seen {
    /// The exchange or refusal of an entry; `None` for all other entries, and for one whose
    /// payload is gone.
    pub(super) fn of(entry: &Entry) -> Result<Option<Self>> {
        let header = &entry.header;
        let (kind::EXCHANGE | kind::REFUSAL, Some(payload)) = (header.kind, entry.payload()) else {
            return Ok(None);
        };
        let fact = decode(header.kind, header.version, payload);
        let fact = fact.map_err(|error| Error::Internal {
            message: format!("entry {}: {error}", header.seq),
            hint: None,
        })?;
        Ok(match fact {
            Some(Fact::Exchange(exchange)) => Some(Self::Exchange(exchange)),
            Some(Fact::Refusal(refusal)) => Some(Self::Refusal(refusal)),
            _ => None,
        })
    }

    pub(super) fn account(&self) -> Option<Id<named::Account>> {
        match self {
            Self::Exchange(exchange) => Some(exchange.account),
            Self::Refusal(refusal) => refusal.account,
        }
    }

    pub(super) fn model(&self) -> &str {
        match self {
            Self::Exchange(exchange) => &exchange.model,
            Self::Refusal(refusal) => &refusal.model,
        }
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Exchange(exchange) => exchange.status,
            Self::Refusal(refusal) => refusal.status,
        }
    }

    /// As it is shown; `header` is its entry's.
    pub(super) fn row(&self, header: &Header, directory: &Directory) -> Row {
        let account = self.account();
        let name = account.map(|account| account_name(directory, account));
        match self {
            Self::Exchange(exchange) => of_exchange(exchange, header, name),
            Self::Refusal(refusal) => of_refusal(refusal, header, name),
        }
    }
}

fn of_exchange(exchange: &Exchange, header: &Header, account_name: Option<String>) -> Row {
    let usage = exchange.usage.as_ref();
    Row {
        seq: header.seq,
        id: exchange.id.to_string(),
        kind: Kind::Exchange,
        time: written(header),
        account: Some(exchange.account.to_string()),
        account_name,
        model: exchange.model.clone(),
        endpoint: exchange.endpoint.path().to_owned(),
        status: exchange.status,
        outcome: Some(exchange.outcome),
        reason: None,
        streamed: exchange.streamed,
        first_byte_us: first_byte(exchange),
        duration_us: Some(exchange.duration_us),
        input_tokens: usage.map(|usage| usage.input),
        output_tokens: usage.map(|usage| usage.output),
        dollars: Some(exchange.cost.money.to_string()),
        has_text: exchange.bodies.is_some(),
    }
}

fn written(header: &Header) -> String {
    Time::from_micros(header.time_us).rfc3339()
}

/// The largest number says that no byte came.
fn first_byte(exchange: &Exchange) -> Option<u64> {
    (exchange.first_byte_us != u32::MAX).then(|| exchange.first_byte_us.into())
}

fn of_refusal(refusal: &Refusal, header: &Header, account_name: Option<String>) -> Row {
    Row {
        seq: header.seq,
        id: refusal.id.to_string(),
        kind: Kind::Refusal,
        time: written(header),
        account: refusal.account.map(|account| account.to_string()),
        account_name,
        model: refusal.model.clone(),
        endpoint: refusal.path.clone(),
        status: refusal.status,
        outcome: None,
        reason: Some(refusal.reason),
        streamed: false,
        first_byte_us: None,
        duration_us: None,
        input_tokens: None,
        output_tokens: None,
        dollars: None,
        has_text: false,
    }
}
