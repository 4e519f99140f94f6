//! One exchange or refusal in depth: all that is known without its text.

use ::ledger::Entry;
use ::ledger::facts::Directory;
use record::{Edit, Origin, UsageSource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::{Row, Seen};

/// An exchange or a refusal as far as it is known without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// What a list has of it.
    pub summary: Row,
    /// When the request arrived.
    pub arrived: String,
    /// The hash of the entry's header, hexadecimal.
    pub hash: String,
    /// The organisation's id, where it is known.
    pub organization: Option<String>,
    /// The organisation's name.
    pub organization_name: Option<String>,
    /// The key that was used.
    pub key: Option<String>,
    /// The grant that was drawn on.
    pub grant: Option<String>,
    /// The upstream that answered.
    pub upstream: Option<String>,
    /// Of the tokens of the prompt, those that the upstream had cached.
    pub cached_tokens: Option<u64>,
    /// Of the tokens of the answer, those of hidden reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Who counted the tokens.
    pub counted_by: Option<UsageSource>,
    /// Bytes of the request's body.
    pub request_bytes: Option<u64>,
    /// Bytes of the answer's body.
    pub response_bytes: Option<u64>,
    /// What was changed in the request's body on its way.
    pub edits: Vec<Edit>,
    /// The client's address.
    pub address: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// The client's `Accept-Language`.
    pub accept_language: String,
}

/// All that is known of it.
pub(super) fn whole(directory: &Directory, entry: &Entry, seen: &Seen) -> Exchange {
    let (exchange, arrived, origin, key, grant) = match seen {
        Seen::Exchange(one) => (Some(one), one.arrived, &one.origin, one.key, one.grant),
        Seen::Refusal(one) => (None, one.arrived, &one.origin, one.key, one.grant),
    };
    let Origin {
        address,
        user_agent,
        accept_language,
        ..
    } = origin.clone();
    let usage = exchange.and_then(|exchange| exchange.usage);
    let account = seen
        .account()
        .and_then(|account| directory.account(account));
    let organization = account.and_then(|known| directory.organization(known.organization));
    Exchange {
        summary: seen.row(&entry.header, directory),
        arrived: arrived.rfc3339(),
        hash: hex::encode(entry.hash),
        organization: organization.map(|known| known.id.to_string()),
        organization_name: organization.map(|known| known.name.clone()),
        key: key.map(|id| id.to_string()),
        grant: grant.map(|id| id.to_string()),
        upstream: exchange.map(|exchange| exchange.upstream.clone()),
        cached_tokens: usage.map(|usage| usage.cached_input),
        reasoning_tokens: usage.map(|usage| usage.reasoning),
        counted_by: usage.map(|usage| usage.source),
        request_bytes: exchange.map(|exchange| exchange.request_bytes),
        response_bytes: exchange.map(|exchange| exchange.response_bytes),
        edits: exchange
            .map(|exchange| exchange.edits.clone())
            .unwrap_or_default(),
        address,
        user_agent,
        accept_language,
    }
}
