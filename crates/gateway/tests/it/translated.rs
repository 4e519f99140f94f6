//! Responses and Messages for an upstream that has chat completions only. Which events are made
//! of which is tested where they are made; here it is that all of it comes through the gateway.

use record::{Edit, Endpoint, Outcome, UsageSource};

use crate::client::Answer;
use crate::house::{House, house, http};
use crate::peer::{CHAT, EVENTS, Peer, SSE_HEAD, json, part, stream};
use crate::puppet::puppet;

const MESSAGES: &str =
    r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"2+2?"}]}"#;
const RESPONSES: &str = r#"{"model":"m","max_output_tokens":5,"input":"2+2?"}"#;

fn streamed(body: &str) -> String {
    body.replace("\"model\"", "\"stream\":true,\"model\"")
}

/// The names of a stream's events.
fn names(answer: &Answer) -> Vec<&str> {
    let lines = answer.body.lines();
    lines
        .filter_map(|line| line.strip_prefix("event: "))
        .collect()
}

async fn talking() -> (Peer, House) {
    let peer = Peer::answers(|seen| match seen.body.contains("\"stream\":true") {
        true => stream(&EVENTS),
        false => json("200 OK", "", CHAT),
    })
    .await;
    let house = house(http(&peer)).await;
    (peer, house)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_answers_in_the_clients_shape() {
    let (peer, house) = talking().await;
    let answer = house.post(&house.key, "/v1/messages", MESSAGES).await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    let message = answer.json();
    assert_eq!(
        (&message["type"], &message["role"]),
        (&"message".into(), &"assistant".into())
    );
    assert_eq!(message["content"][0]["text"], "Four.");
    // Anthropic counts what was cached by itself.
    assert_eq!(message["usage"]["input_tokens"], 4);
    assert_eq!(message["usage"]["cache_read_input_tokens"], 6);
    assert_eq!(message["usage"]["output_tokens"], 4);
    let exchange = house.exchange(&answer.id());
    assert_eq!(
        (exchange.endpoint, exchange.outcome),
        (Endpoint::Messages, Outcome::Completed)
    );
    assert_eq!(exchange.edits, [Edit::Translated]);
    assert_eq!(exchange.cost.tokens, 14);
    assert_eq!(exchange.response_bytes, answer.body.len() as u64);

    let answer = house.post(&house.key, "/v1/responses", RESPONSES).await;
    let response = answer.json();
    assert_eq!(
        (&response["object"], &response["status"]),
        (&"response".into(), &"completed".into())
    );
    assert_eq!(response["usage"]["total_tokens"], 14);
    assert_eq!(
        house.exchange(&answer.id()).usage.unwrap().source,
        UsageSource::Upstream
    );
    assert!(
        peer.seen()
            .iter()
            .all(|seen| seen.head.starts_with("POST /v1/chat/completions "))
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_in_the_clients_shape() {
    let (_peer, house) = talking().await;
    let answer = house
        .post(&house.key, "/v1/messages", &streamed(MESSAGES))
        .await;
    assert!(answer.whole);
    assert_eq!(names(&answer).first(), Some(&"message_start"));
    assert_eq!(names(&answer).last(), Some(&"message_stop"));
    let exchange = house.exchange(&answer.id());
    assert_eq!(
        (exchange.outcome, exchange.cost.tokens),
        (Outcome::Completed, 14)
    );
    assert_eq!(exchange.response_bytes, answer.body.len() as u64);

    let answer = house
        .post(&house.key, "/v1/responses", &streamed(RESPONSES))
        .await;
    assert!(answer.whole);
    assert_eq!(names(&answer).first(), Some(&"response.created"));
    assert_eq!(names(&answer).last(), Some(&"response.completed"));
    let numbers: Vec<u64> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap())
        .map(|event| event["sequence_number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(house.exchange(&answer.id()).cost.tokens, 14);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_stream_is_an_error_in_the_clients_shape() {
    let peer = Peer::always(format!("{SSE_HEAD}{}0\r\n\r\n", part(EVENTS[0]))).await;
    let house = house(http(&peer)).await;
    for (path, body, name) in [
        ("/v1/messages", MESSAGES, "message_stop"),
        ("/v1/responses", RESPONSES, "response.completed"),
    ] {
        let answer = house.post(&house.key, path, &streamed(body)).await;
        assert!(!answer.whole);
        assert_eq!(names(&answer).last(), Some(&"error"), "{}", answer.body);
        assert!(!names(&answer).contains(&name));
        assert_eq!(
            house.exchange(&answer.id()).outcome,
            Outcome::UpstreamBroken
        );
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstreams_error_is_told_in_the_clients_shape() {
    let body = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let peer = Peer::always(json("429 Too Many Requests", "retry-after: 3\r\n", body)).await;
    let house = house(http(&peer)).await;
    let answer = house.post(&house.key, "/v1/messages", MESSAGES).await;
    assert_eq!(
        (answer.status(), answer.header("retry-after")),
        (429, Some("3"))
    );
    let error = answer.json();
    assert_eq!(
        (&error["type"], &error["error"]["type"]),
        (&"error".into(), &"rate_limit_error".into())
    );
    assert_eq!(error["error"]["message"], "slow down");
    assert_eq!(house.exchange(&answer.id()).outcome, Outcome::UpstreamError);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_chat_cannot_do_is_refused_before_it_is_asked() {
    let (peer, house) = talking().await;
    let ask = RESPONSES.replace("\"model\"", "\"previous_response_id\":\"resp_1\",\"model\"");
    let answer = house.post(&house.key, "/v1/responses", &ask).await;
    assert_eq!(
        (answer.status(), answer.param().as_deref()),
        (400, Some("previous_response_id"))
    );
    assert_eq!(house.refusal(&answer.id()).status, 400);
    assert!(peer.seen().is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_counted_by_who_can() {
    let (upstream, mut questions) = puppet();
    let counting = house(upstream).await;
    let body = MESSAGES.replace("\"max_tokens\":5,", "");
    let path = "/v1/messages/count_tokens";
    let answer = counting.post(&counting.key, path, &body).await;
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (200, r#"{"input_tokens":42}"#)
    );
    let exchange = counting.exchange(&answer.id());
    assert_eq!(
        (exchange.endpoint, exchange.cost.tokens),
        (Endpoint::CountTokens, 0)
    );
    assert!(questions.try_recv().is_err(), "nothing is generated for it");
    counting.finish().await;

    let (_peer, house) = talking().await;
    let answer = house.post(&house.key, path, &body).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.body.contains("count tokens"), "{}", answer.body);
    house.finish().await;
}
