//! Upstreams that fail, each in its own way: what the client is told, and what is recorded.

use std::sync::Arc;
use std::time::Duration;

use record::{Outcome, Reason};
use upstream::{HttpUpstream, Upstream};

use crate::house::{House, Setup, house, http, route, settings};
use crate::peer::{CHAT, EVENTS, Peer, SSE_HEAD, json, part};

const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

/// An upstream that gives up soon.
fn impatient(peer: &Peer) -> Arc<dyn Upstream> {
    let mut settings = settings(peer.address);
    settings.first_byte_timeout = Duration::from_millis(100);
    settings.idle_timeout = Duration::from_millis(100);
    Arc::new(HttpUpstream::new(&settings).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_hangs() {
    let peer = Peer::new(|mut conn| async move {
        if conn
            .read()
            .await
            .is_some_and(|seen| seen.body.contains("stream"))
        {
            conn.write(&format!("{SSE_HEAD}{}", part(EVENTS[0]))).await;
        }
        conn.closed().await;
    })
    .await;
    let house = house(impatient(&peer)).await;
    let answer = house.chat(ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (504, "upstream_timeout")
    );
    let exchange = house.exchange(&answer.id());
    assert_eq!(
        (exchange.outcome, exchange.status),
        (Outcome::UpstreamBroken, 504)
    );
    assert_eq!(exchange.usage, None);

    let answer = house.chat(STREAM).await;
    assert_eq!(
        (answer.status(), answer.whole),
        (200, false),
        "never a clean end"
    );
    assert!(answer.body.starts_with(EVENTS[0]) && answer.body.contains("upstream_timeout"));
    let exchange = house.exchange(&answer.id());
    assert_eq!(exchange.outcome, Outcome::UpstreamBroken);
    assert!(exchange.usage.unwrap().output > 0);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_breaks_off() {
    // Each end that is none: cut in a chunk, a clean HTTP end without the API's end marker, and
    // an answer shorter than it said.
    for (ask, bytes) in [
        (STREAM, format!("{SSE_HEAD}{}5\r\nda", part(EVENTS[0]))),
        (STREAM, format!("{SSE_HEAD}{}0\r\n\r\n", part(EVENTS[0]))),
        (STREAM, format!("{SSE_HEAD}0\r\n\r\n")),
        (
            ASK,
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"".to_owned(),
        ),
        (ASK, "HTTP/1.1 2".to_owned()),
        (ASK, String::new()),
    ] {
        let said = bytes.clone();
        let peer = Peer::new(move |mut conn| {
            let bytes = bytes.clone();
            async move {
                conn.read().await;
                conn.write(&bytes).await;
            }
        })
        .await;
        let house = house(http(&peer)).await;
        let answer = house.chat(ask).await;
        if ask == STREAM {
            assert!(!answer.whole, "never a clean end: {said:?}");
            let event = answer.body.rsplit("data: ").next().unwrap();
            let event: serde_json::Value = serde_json::from_str(event.trim()).unwrap();
            assert_eq!(event["error"]["code"], "upstream_broken", "{said:?}");
        } else {
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (502, "upstream_broken")
            );
        }
        let exchange = house.exchange(&answer.id());
        assert_eq!(exchange.outcome, Outcome::UpstreamBroken, "{said:?}");
        assert_eq!(
            peer.seen().len(),
            1,
            "what may have been paid for is not asked again"
        );
        house.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_answers_rubbish() {
    for rubbish in [
        json("200 OK", "", "<html>it works</html>"),
        json("200 OK", "", "[1]"),
        "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        "HTTP/1.1 302 Found\r\nlocation: http://evil/\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "rubbish\r\n\r\n".to_owned(),
    ] {
        let peer = Peer::always(rubbish.clone()).await;
        let house = house(http(&peer)).await;
        let answer = house.chat(ASK).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (502, "upstream_broken"),
            "{rubbish}"
        );
        assert_eq!(
            house.exchange(&answer.id()).outcome,
            Outcome::UpstreamBroken
        );
        house.finish().await;
    }
    let events = format!("{SSE_HEAD}{}", part("data: {\"usage\": rubbish\n\n"));
    let peer = Peer::always(events).await;
    let house = house(http(&peer)).await;
    let answer = house.chat(STREAM).await;
    assert!(
        !answer.whole && answer.body.contains("upstream_broken"),
        "{}",
        answer.body
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_own_errors_come_through() {
    let limit = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let fault = r#"{"error":{"message":"oops","type":"server_error","param":null,"code":null}}"#;
    let bad = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    for (status, more, body) in [
        ("429 Too Many Requests", "retry-after: 7\r\n", limit),
        ("500 Internal Server Error", "", fault),
        ("400 Bad Request", "", bad),
        ("404 Not Found", "", bad),
    ] {
        let peer = Peer::always(json(status, more, body)).await;
        let house = house(http(&peer)).await;
        let answer = house.chat(ASK).await;
        assert_eq!(
            status.split(' ').next(),
            Some(answer.status().to_string().as_str())
        );
        assert_eq!(answer.body, body, "byte for byte");
        assert_eq!(
            answer.header("retry-after"),
            (!more.is_empty()).then_some("7")
        );
        let exchange = house.exchange(&answer.id());
        assert_eq!(
            (exchange.outcome, exchange.status),
            (Outcome::UpstreamError, answer.status())
        );
        assert_eq!((exchange.usage, exchange.cost.tokens), (None, 0));
        house.finish().await;
    }
    // What is no API's error becomes one of the same status.
    let peer = Peer::always(json("500 Internal Server Error", "", "<html>")).await;
    let house = house(http(&peer)).await;
    let answer = house.chat(ASK).await;
    assert_eq!(answer.status(), 500);
    assert!(answer.json()["error"]["message"].is_string());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_mid_stream_comes_through_and_ends_it() {
    let error = "data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\",\"code\":\"oom\"}}\n\n";
    let peer = Peer::always(format!(
        "{SSE_HEAD}{}{}0\r\n\r\n",
        part(EVENTS[0]),
        part(error)
    ))
    .await;
    let house = house(http(&peer)).await;
    let answer = house.chat(STREAM).await;
    assert_eq!(answer.body, [EVENTS[0], error].concat());
    let exchange = house.exchange(&answer.id());
    assert_eq!(exchange.outcome, Outcome::UpstreamError);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_is_the_key_that_it_refuses() {
    let body = r#"{"error":{"message":"bad key sk-ours","code":"invalid_api_key"}}"#;
    let peer = Peer::always(json("401 Unauthorized", "", body)).await;
    let house = house(http(&peer)).await;
    let answer = house.chat(ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (502, "upstream_unauthorized")
    );
    assert!(!answer.body.contains("sk-ours"));
    assert_eq!(house.exchange(&answer.id()).status, 502);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_not_there() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let house = house(Arc::new(HttpUpstream::new(&settings(gone)).unwrap())).await;
    let answer = house.chat(ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (503, "upstream_unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    let refusal = house.refusal(&answer.id());
    assert_eq!(
        (refusal.reason, refusal.model.as_str()),
        (Reason::UpstreamUnavailable, "m")
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_one_client_cool_nothing_down_for_others() {
    let body = r#"{"error":{"message":"no","type":"invalid_request_error"}}"#;
    let peer = Peer::answers(move |seen| match seen.body.contains("bad") {
        true => json("404 Not Found", "", body),
        false => json("200 OK", "", CHAT),
    })
    .await;
    let house = Setup::new(vec![route("m", http(&peer))]).open().await;
    let bad = ASK.replace("[]", "[\"bad\"]");
    for _ in 0..20 {
        assert_eq!(house.chat(&bad).await.status(), 404);
    }
    assert_served(&house).await;
    house.finish().await;
}

async fn assert_served(house: &House) {
    assert_eq!(house.chat(ASK).await.status(), 200);
}
