//! One exchange or refusal as a row.

use ::ledger::Entry;
use ::ledger::facts::{Directory, decode, kind};
use record::id::kind as named;
use record::{Edit, Exchange, Fact, Id, Outcome, Reason, Refusal};
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

/// Tokens, as the upstream counted them, or as they were counted here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Of the prompt.
    pub input: u64,
    /// Of these, found in a cache.
    pub cached_input: u64,
    /// Of the answer, reasoning too.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

/// An exchange or a refusal, without any text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its entry in the ledger.
    pub seq: u64,
    /// Whether it was let through.
    pub kind: Kind,
    /// The request id that the client saw.
    pub id: String,
    /// When the request arrived (RFC 3339).
    pub arrived: String,
    /// The account's id, where the credential told it.
    pub account: Option<String>,
    /// The account's name.
    pub account_name: Option<String>,
    /// The key's id.
    pub key: Option<String>,
    /// The grant's id.
    pub grant: Option<String>,
    /// The path that was asked for.
    pub endpoint: String,
    /// The model that was asked for; empty where the request did not tell.
    pub model: String,
    /// Who answered; `None` for a refusal.
    pub upstream: Option<String>,
    /// The HTTP status that the client got.
    pub status: u16,
    /// How it ended; `None` for a refusal.
    #[schemars(with = "Option<String>")]
    pub outcome: Option<Outcome>,
    /// Why it was refused; `None` for an exchange.
    #[schemars(with = "Option<String>")]
    pub reason: Option<Reason>,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// Microseconds to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// Microseconds to the last byte of the answer.
    pub duration_us: Option<u64>,
    /// Bytes of the request's body.
    pub request_bytes: Option<u64>,
    /// Bytes of the answer's body.
    pub response_bytes: Option<u64>,
    /// Tokens, where they are known.
    pub usage: Option<Usage>,
    /// What it cost, in dollars.
    pub dollars: Option<String>,
    /// What was changed in the body on its way.
    #[schemars(with = "Vec<String>")]
    pub edits: Vec<Edit>,
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

    /// As it is shown.
    pub(super) fn row(&self, seq: u64, directory: &Directory) -> Row {
        let account = self.account();
        let name = account.map(|account| account_name(directory, account));
        match self {
            Self::Exchange(exchange) => of_exchange(exchange, seq, name),
            Self::Refusal(refusal) => of_refusal(refusal, seq, name),
        }
    }
}

fn of_exchange(exchange: &Exchange, seq: u64, account_name: Option<String>) -> Row {
    let usage = exchange.usage.as_ref().map(|usage| Usage {
        input: usage.input,
        cached_input: usage.cached_input,
        output: usage.output,
        reasoning: usage.reasoning,
    });
    Row {
        seq,
        kind: Kind::Exchange,
        id: exchange.id.to_string(),
        arrived: exchange.arrived.rfc3339(),
        account: Some(exchange.account.to_string()),
        account_name,
        key: exchange.key.map(|key| key.to_string()),
        grant: exchange.grant.map(|grant| grant.to_string()),
        endpoint: exchange.endpoint.path().to_owned(),
        model: exchange.model.clone(),
        upstream: Some(exchange.upstream.clone()),
        status: exchange.status,
        outcome: Some(exchange.outcome),
        reason: None,
        streamed: exchange.streamed,
        first_byte_us: Some(exchange.first_byte_us.into()),
        duration_us: Some(exchange.duration_us),
        request_bytes: Some(exchange.request_bytes),
        response_bytes: Some(exchange.response_bytes),
        usage,
        dollars: Some(exchange.cost.money.to_string()),
        edits: exchange.edits.clone(),
    }
}

fn of_refusal(refusal: &Refusal, seq: u64, account_name: Option<String>) -> Row {
    Row {
        seq,
        kind: Kind::Refusal,
        id: refusal.id.to_string(),
        arrived: refusal.arrived.rfc3339(),
        account: refusal.account.map(|account| account.to_string()),
        account_name,
        key: refusal.key.map(|key| key.to_string()),
        grant: refusal.grant.map(|grant| grant.to_string()),
        endpoint: refusal.path.clone(),
        model: refusal.model.clone(),
        upstream: None,
        status: refusal.status,
        outcome: None,
        reason: Some(refusal.reason),
        streamed: false,
        first_byte_us: None,
        duration_us: None,
        request_bytes: None,
        response_bytes: None,
        usage: None,
        dollars: None,
        edits: Vec::new(),
    }
}
