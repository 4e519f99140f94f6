//! What the tests share: a model that is started in a moment, and asking in JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use lm::Family;
use local::{LocalUpstream, Options, Source};
use record::{Endpoint, Time};
use serde_json::Value;
use upstream::{Answer, AnswerBody, Ask, Chunks, Error, Upstream};

/// 2026-02-23T00:00:00Z, and a millisecond for each look at the clock.
const START: u64 = 1_771_804_800;

/// A tiny model, the same for all tests.
pub(crate) fn tiny() -> Arc<lm::Model> {
    Arc::new(lm::testing::tiny_model(Family::Llama, 7).unwrap())
}

/// Settings for a model: four slots, a queue of 64.
pub(crate) fn options(model: Arc<lm::Model>) -> Options {
    let (ticks, draws) = (AtomicU64::new(0), AtomicU64::new(1));
    let now = move || START * 1_000_000 + ticks.fetch_add(1000, Ordering::Relaxed);
    Options {
        source: Source::Loaded(model, [1; 32]),
        name: "tiny".to_owned(),
        threads: 1,
        context: None,
        sampling: lm::Path::Exact,
        max_sequences: 4,
        queue: 64,
        default_output: 64,
        max_output: 400,
        clock: Arc::new(move || Time::from_micros(now())),
        random: Arc::new(move || draws.fetch_add(1, Ordering::Relaxed)),
    }
}

/// The tiny model, started.
pub(crate) fn start() -> Arc<LocalUpstream> {
    LocalUpstream::start(options(tiny())).unwrap()
}

/// A request.
pub(crate) fn request(endpoint: Endpoint, body: impl Into<Vec<u8>>) -> Ask {
    Ask {
        endpoint,
        query: None,
        body: body.into().into(),
        streamed: false,
        headers: HeaderMap::new(),
        account: None,
    }
}

/// Asks, and collects the answer: its status and its bytes.
pub(crate) async fn bytes(local: &LocalUpstream, ask: Ask) -> Result<(StatusCode, Vec<u8>), Error> {
    let Answer { status, body, .. } = local.ask(ask).await?;
    match body {
        AnswerBody::Whole(bytes) => Ok((status, bytes.to_vec())),
        AnswerBody::Chunks(chunks) => Ok((status, all(chunks).await?)),
    }
}

/// The rest of a stream.
pub(crate) async fn all(chunks: Chunks) -> Result<Vec<u8>, Error> {
    Ok(chunks.collect().await?.to_bytes().to_vec())
}

/// Asks for a whole answer that must be one.
pub(crate) async fn json(local: &LocalUpstream, endpoint: Endpoint, body: Value) -> Value {
    let (status, bytes) = bytes(local, request(endpoint, body.to_string()))
        .await
        .unwrap();
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(status, 200, "{value}");
    value
}

/// Asks for a chat that must succeed.
pub(crate) async fn chat(local: &LocalUpstream, body: Value) -> Value {
    json(local, Endpoint::Chat, body).await
}

/// Asks for completions that must succeed.
pub(crate) async fn complete(local: &LocalUpstream, body: Value) -> Value {
    json(local, Endpoint::Completions, body).await
}

/// Asks for a stream and returns its events, which must end as the API's do.
pub(crate) async fn stream(
    local: &LocalUpstream,
    endpoint: Endpoint,
    mut body: Value,
) -> Vec<Value> {
    body["stream"] = true.into();
    let (status, bytes) = bytes(local, request(endpoint, body.to_string()))
        .await
        .unwrap();
    assert_eq!(status, 200);
    events(&bytes)
}

/// The events of a stream.
pub(crate) fn events(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    let text = text
        .strip_suffix("data: [DONE]\n\n")
        .expect("a stream ends with [DONE]");
    let event = |event: &str| {
        let data = event
            .strip_prefix("data: ")
            .expect("an event has data alone");
        serde_json::from_str(data).unwrap()
    };
    text.split_terminator("\n\n").map(event).collect()
}

/// Puts the chunks of choice `index` together: its text, its log-probabilities' `list`, and why
/// it ended.
pub(crate) fn gathered(events: &[Value], index: u64, list: &str) -> (String, Vec<Value>, Value) {
    let (mut text, mut tokens, mut finish) = (String::new(), Vec::new(), Value::Null);
    for event in events {
        for choice in event["choices"].as_array().unwrap() {
            if choice["index"] != index {
                continue;
            }
            let piece = choice.get("text").unwrap_or(&choice["delta"]["content"]);
            text.push_str(piece.as_str().unwrap_or_default());
            tokens.extend(
                choice["logprobs"][list]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            if !choice["finish_reason"].is_null() {
                assert!(finish.is_null(), "a choice ends once");
                finish = choice["finish_reason"].clone();
            }
        }
    }
    (text, tokens, finish)
}

/// A request of one message.
pub(crate) fn message(text: &str) -> Value {
    serde_json::json!({
        "model": "tiny",
        "messages": [{ "role": "user", "content": text }],
        "max_tokens": 24,
        "temperature": 0,
    })
}

/// The same number, but for the last digits that a JSON reader may lose.
pub(crate) fn assert_close(value: &Value, expected: f32) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - f64::from(expected)).abs() < 1e-9,
        "{value} is not {expected}"
    );
}
