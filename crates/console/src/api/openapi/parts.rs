//! What the description says once: credentials, errors, headers, and the routes that are no verb.

use serde_json::{Map, Value, json};

pub(super) const DESCRIPTION: &str = "Every verb of the house, as the command line and the pages \
    have it. Programs send `Authorization: Bearer ot-sh-…` (`stillhouse token create`). Lists come \
    a page at a time: `next` is the `after` of the next question, and the `Link` header holds it \
    whole. What shows one thing has an `ETag`; sent back as `If-Match`, it makes a change only \
    where nobody else made one since. Errors are problem details (RFC 9457); `field` names the \
    field that is wrong. Beside the API the same port has `/health` and `/metrics`.";

const PROBLEM: &str = "application/problem+json";

/// Routes that are no verb: what is live.
pub(super) fn beside_the_verbs() -> Vec<(&'static str, &'static str, Value)> {
    let state = json!({
        "operationId": "ledger_verify_state",
        "summary": "How far the check of the ledger is, or what the last one found.",
        "tags": ["ledger"],
        "responses": {
            "200": verification("The state."),
            "401": refused("401"),
            "403": refused("403"),
        },
    });
    let progress = json!({
        "operationId": "ledger_verify_live",
        "summary": "The check of the ledger as it goes: `progress` events, then one `done`.",
        "tags": ["ledger"],
        "responses": events("Events whose data is as `GET /ledger/verify` answers."),
    });
    let exchanges = json!({
        "operationId": "exchange_live",
        "summary": "Exchanges and refusals as the ledger takes them, without text.",
        "description": "Events `exchange` and `refusal`, each with its entry as id; `skipped` \
            where more came than are sent. `Last-Event-ID` goes on behind an event.",
        "tags": ["exchange"],
        "parameters": super::filters(),
        "responses": events("Events whose data is one exchange or refusal."),
    });
    vec![
        ("/exchanges/live", "get", exchanges),
        ("/ledger/verify", "get", state),
        ("/ledger/verify/live", "get", progress),
    ]
}

fn events(about: &str) -> Value {
    json!({
        "200": {
            "description": about,
            "content": { "text/event-stream": { "schema": { "type": "string" } } },
        },
        "400": refused("400"),
        "401": refused("401"),
        "403": refused("403"),
        "503": refused("503"),
    })
}

/// An answer with the state of the check.
pub(super) fn verification(about: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Verification" });
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

fn refused(status: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{status}") })
}

/// Everything that is referred to.
pub(super) fn components() -> Value {
    let mut report =
        operations::verb("ledger", "verify").map_or(Value::Null, |verb| (verb.output)().to_value());
    super::bare(&mut report);
    json!({
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of an operator; it may do what its operator may.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "stillhouse",
                "description": "The session of a browser; `__Host-stillhouse` with https.",
            },
        },
        "parameters": {
            "IfMatch": {
                "name": "If-Match",
                "in": "header",
                "description": "Only if it still is at this revision: the `ETag` that was shown.",
                "schema": { "type": "string" },
                "example": "\"17\"",
            },
            "Csrf": {
                "name": "X-CSRF-Token",
                "in": "header",
                "description": "The session's token; not for programs with a token of their own.",
                "schema": { "type": "string" },
            },
        },
        "headers": {
            "ETag": {
                "description": "The revision of what is shown.",
                "schema": { "type": "string" },
            },
            "Link": {
                "description": "The next page, as `rel=\"next\"`, where there is one.",
                "schema": { "type": "string" },
            },
        },
        "schemas": { "Problem": problem(), "Verification": state(&report) },
        "responses": responses(),
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why it was not done (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string", "description": "`urn:stillhouse:problem:` and its kind." },
            "title": { "type": "string", "description": "The status in words." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": { "type": "string", "description": "What happened." },
            "hint": { "type": "string", "description": "What to do." },
            "field": { "type": "string", "description": "The field that is wrong." },
        },
    })
}

fn state(report: &Value) -> Value {
    json!({
        "type": "object",
        "description": "A check of the whole ledger: one at a time.",
        "required": ["state"],
        "properties": {
            "state": { "enum": ["never", "running", "done", "failed"], "type": "string" },
            "by": { "type": ["string", "null"], "description": "Who started it." },
            "started": { "type": ["string", "null"], "description": "When (RFC 3339)." },
            "ended": { "type": ["string", "null"], "description": "When (RFC 3339)." },
            "at": { "type": "integer", "description": "The entry that is checked." },
            "of": { "type": "integer", "description": "The last entry when it was started." },
            "report": { "anyOf": [report, { "type": "null" }], "description": "What it found." },
            "error": { "type": ["string", "null"], "description": "Why it could not go on." },
        },
    })
}

fn responses() -> Value {
    let known = [
        ("400", "A field is wrong: `field` names it.", "invalid"),
        (
            "401",
            "Nobody is signed in, or the token is not good.",
            "signed_out",
        ),
        (
            "403",
            "The role does not do this: `detail` names those that do.",
            "role",
        ),
        (
            "404",
            "There is no such thing, or no such path.",
            "not_found",
        ),
        (
            "409",
            "What is there already stands against it.",
            "conflict",
        ),
        (
            "412",
            "Somebody else changed it since: read it again.",
            "stale",
        ),
        ("413", "The body is too large.", "too_large"),
        ("415", "The body is no JSON.", "media_type"),
        (
            "500",
            "The house is at fault; its log says more.",
            "internal",
        ),
        ("503", "It can't be done now.", "unavailable"),
    ];
    let answer = |(status, about, kind): (&str, &str, &str)| {
        let example = json!({
            "type": format!("urn:stillhouse:problem:{kind}"),
            "title": title(status),
            "status": status.parse::<u16>().unwrap_or_default(),
            "detail": about,
        });
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let content = json!({ PROBLEM: { "schema": schema, "example": example } });
        let said = json!({ "description": about, "content": content });
        (status.to_owned(), said)
    };
    Value::Object(known.map(answer).into_iter().collect::<Map<_, _>>())
}

fn title(status: &str) -> &'static str {
    let status = axum::http::StatusCode::from_bytes(status.as_bytes()).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}
