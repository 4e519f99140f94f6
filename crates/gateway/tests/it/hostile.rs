//! Whatever a client sends: never a 5xx for its fault, never a hang, and the next one is served.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::client::{Client, request};
use crate::house::{House, house, http};
use crate::peer::{CHAT, Peer, json};

const GOOD: &str = r#"{"model":"m","messages":[{"role":"user","content":"h\u00e9"}],"max_tokens":5,"n":1,"stop":["a"],"stream_options":null,"logit_bias":{"1":2},"temperature":1.0,"tools":[],"metadata":{"a":"b"}}"#;

const PATHS: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
];

fn cases() -> u32 {
    if std::env::var_os("STILLHOUSE_SOAK").is_some() {
        10_000
    } else {
        64
    }
}

/// A good body with some of its bytes replaced, taken out or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (0..GOOD.len(), 0..4u8, any::<u8>());
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut body = GOOD.as_bytes().to_vec();
        for (at, what, byte) in edits {
            let at = at.min(body.len().saturating_sub(1));
            match what {
                0 => body[at] = byte,
                1 => drop(body.remove(at)),
                2 => body.insert(at, byte),
                _ => body.extend_from_within(at..),
            }
        }
        body
    })
}

async fn post(house: &House, path: &str, body: &[u8]) -> u16 {
    let mut client = Client::connect(house.address).await;
    let bearer = format!("Bearer {}", house.key);
    client
        .send(&request("POST", path, &[("authorization", &bearer)], body))
        .await;
    client.answer().await.status()
}

#[test]
fn no_body_of_a_client_makes_a_5xx() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    let (peer, house) = runtime.block_on(async {
        let peer = Peer::always(json("200 OK", "", CHAT)).await;
        let house = house(http(&peer)).await;
        (peer, house)
    });
    let bodies = prop_oneof![
        3 => mutated(),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => "[\\[\\]{}\",:0-9a-e \\\\]{0,80}".prop_map(String::into_bytes),
    ];
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    });
    let ran = runner.run(&(0..PATHS.len(), bodies), |(path, body)| {
        let status = runtime.block_on(post(&house, PATHS[path], &body));
        prop_assert!(
            status < 500,
            "{status} for {:?}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    });
    ran.unwrap();
    runtime.block_on(async {
        assert_eq!(house.chat(GOOD).await.status(), 200);
        // What came through went to the upstream byte for byte.
        assert!(peer.seen().iter().any(|seen| seen.body == GOOD));
        house.finish().await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_http_get_a_4xx_or_a_closed_door() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5000));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx: \x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil:443 HTTP/1.1\r\nhost: evil\r\n\r\n",
        b"GET http://evil/v1/models HTTP/1.1\r\nhost: evil\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let mut client = house.client().await;
        client.send(bytes).await;
        if let Some(head) = client.head().await {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
            assert!(
                (400..500).contains(&head.status),
                "{} for {shown}",
                head.status
            );
        }
    }
    assert_eq!(house.chat(GOOD).await.status(), 200);
    house.finish().await;
}
