//! OpenAI's stored completions, as `GET /v1/chat/completions` lists them (platform.openai.com,
//! "List Chat Completions"), and stored responses. The list has no messages: who exports them adds
//! the list of `GET /v1/chat/completions/{id}/messages` as `messages`.
//!
//! A stored completion names no customer by itself: the account is what the caller put into
//! `metadata`, or `user`, or `safety_identifier`. `seed` is not read: the server fills it in.

use std::borrow::Cow;

use record::Endpoint;

use super::Options;
use super::fields::{self, Object};
use crate::traffic::{Exchange, LineError, Said, Source};

/// What callers name their customers by, in the order of preference.
const ACCOUNTS: &[&str] = &[
    "metadata.account",
    "metadata.account_id",
    "metadata.customer",
    "metadata.customer_id",
    "metadata.user",
    "metadata.user_id",
    "safety_identifier",
    "user",
    "input_user",
];
/// Parameters that a stored completion repeats.
const CHAT: &[&str] = &[
    "model",
    "messages",
    "tools",
    "response_format",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "logprobs",
    "top_logprobs",
    "stop",
    "reasoning_effort",
];
const RESPONSE: &[&str] = &[
    "model",
    "instructions",
    "input",
    "tools",
    "text",
    "temperature",
    "top_p",
    "max_output_tokens",
    "top_logprobs",
    "reasoning",
];

pub(super) fn is_one(object: &Object<'_>) -> bool {
    let kind = object.named(&["object"]);
    let is_kind = matches!(kind.as_ref(), "chat.completion" | "response");
    is_kind && object.first(&["created", "created_at"]).is_some()
}

pub(super) fn read<'a>(
    object: &Object<'a>,
    options: Options<'_>,
) -> Result<Exchange<'a>, LineError> {
    let is_response = object.named(&["object"]) == "response";
    const ANSWERED: [&[&str]; 2] = [&["choices", "usage"], &["status", "output", "usage"]];
    let (endpoint, asked, answered) = match is_response {
        true => (Endpoint::Responses, RESPONSE, ANSWERED[1]),
        false => (Endpoint::Chat, CHAT, ANSWERED[0]),
    };
    let account = fields::account(object, options.account, || object.name(ACCOUNTS))?;
    let time = object
        .time(&["created", "created_at"])
        .ok_or(LineError::Missing("time"))?;
    let ended = object.time(&["completed_at"]);
    let part = |names: &'static [&'static str]| {
        let there = names
            .iter()
            .filter_map(|name| Some((*name, object.get(name)?)));
        fields::write(there.map(|(name, raw)| (name, Cow::Borrowed(raw.json()))))
    };
    Ok(Exchange {
        id: object.named(&["id"]),
        time,
        duration_us: ended.map_or(0, |ended| ended.micros_since(time)),
        account,
        organization: "".into(),
        seq: None,
        cut: false,
        endpoint,
        model: object.named(&["model"]),
        status: 200,
        request_bytes: 0,
        response_bytes: 0,
        usage: None,
        source: Source::default(),
        said: Said::Bodies {
            request: part(asked).into(),
            response: Some(part(answered).into()),
        },
    })
}
