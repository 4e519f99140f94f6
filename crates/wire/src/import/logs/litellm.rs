//! LiteLLM: a standard logging payload (its documentation, "StandardLoggingPayload Specification",
//! docs.litellm.ai/docs/proxy/logging_spec) or a row of the table `LiteLLM_SpendLogs`
//! (schema.prisma). The table keeps prompts only where `store_prompts_in_spend_logs` is set, and
//! then in `proxy_server_request`.
//!
//! The account is the key, by LiteLLM's own hash of it; its organisation is the organisation or
//! else the team. A failure without an error code counts as 500.

use std::borrow::Cow;

use record::Endpoint;

use super::Options;
use super::fields::{self, Object};
use crate::seen::raw::Raw;
use crate::traffic::{self, Exchange, LineError, Said, Source};

pub(super) fn read<'a>(
    object: &Object<'a>,
    options: Options<'_>,
) -> Result<Exchange<'a>, LineError> {
    // What a custom callback dumps holds the payload inside.
    if let Some(inner) = object.get("standard_logging_object").and_then(Object::of) {
        return read(&inner, options);
    }
    let time = object
        .time(&["startTime", "start_time"])
        .ok_or(LineError::Missing("time"))?;
    let ended = object.time(&["endTime", "end_time"]);
    let account = fields::account(object, options.account, || {
        let key = object.name(&["metadata.user_api_key_hash", "api_key"]);
        let user = || object.name(&["metadata.user_api_key_user_id", "user", "end_user"]);
        key.map(hashed).or_else(user)
    })?;
    let endpoint = endpoint(object)?;
    let request = object.body(&["proxy_server_request.body", "proxy_server_request"]);
    let request = request.or_else(|| put_together(object, &endpoint));
    Ok(Exchange {
        id: object.named(&["id", "request_id", "litellm_call_id"]),
        time,
        duration_us: ended.map_or(0, |ended| ended.micros_since(time)),
        account,
        organization: object.named(&[
            "metadata.user_api_key_org_id",
            "organization_id",
            "metadata.user_api_key_team_id",
            "team_id",
        ]),
        seq: None,
        cut: false,
        endpoint,
        model: object.named(&["model_group", "model"]),
        status: status(object),
        request_bytes: 0,
        response_bytes: 0,
        usage: object.usage("prompt_tokens", "completion_tokens"),
        source: Source {
            address: object.named(&["requester_ip_address", "metadata.requester_ip_address"]),
            user_agent: agent(object),
            ..Source::default()
        },
        said: Said::Bodies {
            request: request.unwrap_or_default(),
            response: object.body(&["response"]),
        },
    })
}

/// LiteLLM writes the SHA-256 of a key; anything else in its place may be a key.
fn hashed(key: Cow<'_, str>) -> Cow<'_, str> {
    let is_hash = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_name = key.starts_with("litellm");
    match is_hash || is_name {
        true => key,
        false => Cow::Owned(fields::credential(&key)),
    }
}

fn endpoint(object: &Object<'_>) -> Result<Endpoint, LineError> {
    if let Some(route) = object.name(&["metadata.user_api_key_request_route"]) {
        return Ok(fields::endpoint(&route));
    }
    let call = object.named(&["call_type"]);
    Ok(match call.strip_prefix('a').unwrap_or(&call) {
        "completion" => Endpoint::Chat,
        "text_completion" => Endpoint::Completions,
        "embedding" => Endpoint::Embeddings,
        "responses" => Endpoint::Responses,
        "nthropic_messages" => Endpoint::Messages,
        "" => return Err(LineError::Missing("call_type")),
        _ => traffic::endpoint(&call),
    })
}

fn status(object: &Object<'_>) -> u16 {
    let code = object.count(&[
        "error_information.error_code",
        "metadata.error_information.error_code",
    ]);
    let code = code.and_then(|code| u16::try_from(code).ok());
    match (object.named(&["status"]).as_ref(), code) {
        ("failure", Some(code @ 400..=599)) => code,
        ("failure", _) => 500,
        _ => 200,
    }
}

/// The payload holds messages and parameters apart.
fn put_together<'a>(object: &Object<'a>, endpoint: &Endpoint) -> Option<Cow<'a, str>> {
    let messages = object.get("messages")?;
    let text = messages.text();
    // `redacted-by-litellm` is what stands where messages are not logged.
    if text
        .as_deref()
        .is_some_and(|text| text.starts_with("redacted-by-"))
    {
        return None;
    }
    let is_empty = matches!(messages.json(), "{}" | "[]" | "\"\"" | "\"{}\"");
    if is_empty {
        return None;
    }
    let (name, said) = match endpoint {
        Endpoint::Completions => ("prompt", said(messages, text, false)),
        Endpoint::Responses | Endpoint::Embeddings => ("input", said(messages, text, false)),
        _ => ("messages", said(messages, text, true)),
    };
    let parameters = object.get("model_parameters").and_then(Object::of);
    let parameters: Vec<(&str, Cow<'_, str>)> = parameters
        .iter()
        .flat_map(Object::each)
        .filter(|(key, _)| *key != name)
        .map(|(key, raw)| (key, Cow::Borrowed(raw.json())))
        .collect();
    let whole = parameters.into_iter().chain([(name, said)]);
    Some(Cow::Owned(fields::write(whole)))
}

/// Messages as they stand, or in the text that holds them; a bare text is what the user said.
fn said<'a>(raw: Raw<'a>, text: Option<Cow<'a, str>>, list: bool) -> Cow<'a, str> {
    match text {
        Some(text) if text.starts_with('[') && Raw::value(&text).is_some() => text,
        Some(text) if list => {
            let content = fields::quoted(&text);
            Cow::Owned(format!(r#"[{{"role":"user","content":{content}}}]"#))
        }
        _ => Cow::Borrowed(raw.json()),
    }
}

/// LiteLLM keeps the client's name among the tags, in a short and a long form.
fn agent<'a>(object: &Object<'a>) -> Cow<'a, str> {
    let mut agent = Cow::Borrowed("");
    if let Some(tags) = object.get("request_tags") {
        tags.items(|tag| {
            let tag = tag.text().unwrap_or_default();
            if let Some(name) = tag.strip_prefix("User-Agent: ")
                && name.len() > agent.len()
            {
                agent = Cow::Owned(name.to_owned());
            }
        });
    }
    agent
}
