//! `exchange text`: what was asked and answered, where it was kept. The look is in the ledger, on
//! the device, before anything is shown.

use ::ledger::Lock;
use record::{Actor, Change};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::Seen;
use super::{find, none_at};
use crate::error::{Error, Result};
use crate::house::House;

/// What `text` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The exchange's entry in the ledger.
    pub seq: u64,
    /// Why somebody has to look; it is kept in the ledger with who did.
    pub why: String,
}

/// What `text` gives.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Texts {
    /// The exchange's entry in the ledger.
    pub seq: u64,
    /// What was asked.
    pub request: Body,
    /// What was answered.
    pub response: Body,
}

/// A body as it was kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Body {
    /// Its text. What is no UTF-8 is shown by the replacement character.
    pub text: String,
    /// Whether every byte of it is text.
    pub is_text: bool,
    /// Its bytes.
    pub bytes: u64,
}

/// The text of an exchange, where it was kept.
///
/// # Errors
/// No reason why; no such exchange; its text was not kept, or has expired; the ledger's.
pub fn text(house: &House, by: &Actor, input: Text) -> Result<Texts> {
    if input.why.trim().is_empty() {
        let error = Error::invalid("why", "a look at text needs a reason");
        return Err(error.with_hint("it is kept in the ledger with who looked"));
    }
    let seq = input.seq;
    let (_, seen) = find(house, seq)?;
    let Seen::Exchange(exchange) = seen else {
        return Err(none_at(seq));
    };
    let not_kept = || {
        let hint = "text is kept for `store: true`, or under a grant; nothing else has it";
        let message = format!("the text of exchange {seq} was not kept");
        Error::missing(message, Some(hint.to_owned()))
    };
    let [request, response] = exchange.bodies.ok_or_else(not_kept)?;
    let vault = house.facts.ledger().vault();
    let gone = || {
        let hint = "what is kept has an end; `ledger prune` and `ledger erase` come before it";
        let message = format!("the text of exchange {seq} has expired or was removed");
        Error::missing(message, Some(hint.to_owned()))
    };
    let request = vault.get(&request, Lock::House)?.ok_or_else(gone)?;
    let response = vault.get(&response, Lock::House)?.ok_or_else(gone)?;
    house.change(by, &input.why, Change::TextViewed { seq })?;
    Ok(Texts {
        seq,
        request: body(request),
        response: body(response),
    })
}

fn body(bytes: Vec<u8>) -> Body {
    let size = bytes.len() as u64;
    let (text, is_text) = match String::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => (
            String::from_utf8_lossy(error.as_bytes()).into_owned(),
            false,
        ),
    };
    Body {
        text,
        is_text,
        bytes: size,
    }
}
