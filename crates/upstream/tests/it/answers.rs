//! What is sent, and what comes back when all is well or the server itself says no.

use bytes::Bytes;
use http::HeaderValue;
use record::Endpoint;
use upstream::{AnswerBody, HttpUpstream, Kind, Secret, Settings, Upstream as _};

use crate::peer::{SSE_HEAD, always, chat, chunk, drained, json, serve, settings, upstream, whole};

#[tokio::test]
async fn a_document_comes_whole_and_the_request_is_as_promised() {
    let more =
        "x-request-id: r1\r\nserver: s\r\ndate: d\r\nset-cookie: a=b\r\nconnection: keep-alive\r\n";
    let peer = always(json("200 OK", more, "{\"a\":1}")).await;
    let mut settings = settings(vec![peer.base()]);
    settings.secret = Some(Secret::new("sk-secret\n"));
    let upstream = HttpUpstream::new(&settings).unwrap();
    let mut ask = chat();
    ask.query = Some("api-version=1".into());
    ask.headers
        .insert("traceparent", HeaderValue::from_static("00-1"));
    ask.headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer of-the-client"),
    );
    ask.headers.append("x-many", HeaderValue::from_static("1"));
    ask.headers.append("x-many", HeaderValue::from_static("2"));

    let answer = upstream.ask(ask).await.unwrap();
    assert_eq!((answer.status.as_u16(), whole(&answer)), (200, "{\"a\":1}"));
    let names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-request-id"]);
    assert_eq!(*answer.server, *peer.base());

    let sent = peer.requests.lock()[0].clone();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(
        lines.remove(0),
        "POST /v1/chat/completions?api-version=1 HTTP/1.1"
    );
    lines.sort_unstable();
    let host = format!("host: {}", peer.address);
    assert_eq!(
        lines,
        [
            "accept-encoding: identity",
            "authorization: Bearer sk-secret",
            "content-length: 13",
            "content-type: application/json",
            &host,
            "traceparent: 00-1",
            "user-agent: stillhouse/0.1.0",
            "x-many: 1",
            "x-many: 2",
        ]
    );
    assert_eq!(body, r#"{"model":"m"}"#);
}

#[tokio::test]
async fn anthropic_gets_its_own_headers() {
    let peer = always(json("200 OK", "", "{}")).await;
    let base = format!("http://{}", peer.address);
    let mut settings = Settings::new("a", Kind::Anthropic, vec![base]);
    settings.secret = Some(Secret::new("sk-ant"));
    let upstream = HttpUpstream::new(&settings).unwrap();
    let mut ask = chat();
    ask.endpoint = Endpoint::Messages;
    upstream.ask(ask.clone()).await.unwrap();
    ask.headers
        .insert("anthropic-version", HeaderValue::from_static("2099-01-01"));
    upstream.ask(ask).await.unwrap();
    let sent = peer.requests.lock().clone();
    assert!(sent[0].starts_with("POST /v1/messages HTTP/1.1\r\n"));
    assert!(sent[0].contains("x-api-key: sk-ant\r\n") && !sent[0].contains("authorization"));
    assert!(sent[0].contains("anthropic-version: 2023-06-01\r\n"));
    assert!(sent[1].contains("anthropic-version: 2099-01-01\r\n"));
    assert!(!sent[1].contains("2023-06-01"));
}

#[tokio::test]
async fn models_and_listed_paths_without_a_body_are_fetched() {
    let peer = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![peer.base()]);
    let mut ask = chat();
    ask.body = Bytes::new();
    for endpoint in [Endpoint::Models, Endpoint::Listed("/version".into())] {
        ask.endpoint = endpoint;
        upstream.ask(ask.clone()).await.unwrap();
    }
    let sent = peer.requests.lock().clone();
    assert!(
        sent[0].starts_with("GET /v1/models HTTP/1.1\r\n"),
        "{}",
        sent[0]
    );
    assert!(
        sent[1].starts_with("GET /version HTTP/1.1\r\n"),
        "{}",
        sent[1]
    );
    assert!(!sent[0].contains("content-type") && !sent[0].contains("content-length"));
}

#[tokio::test]
async fn a_stream_comes_in_parts_and_its_connection_is_used_again() {
    let peer = serve(|mut conn| async move {
        while conn.read().await.is_some() {
            conn.write(SSE_HEAD).await;
            for part in ["data: 1\n\n", "data: 2\n\n", "data: [DONE]\n\n"] {
                conn.write(&chunk(part)).await;
                tokio::task::yield_now().await;
            }
            conn.write("0\r\n\r\n").await;
        }
    })
    .await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..3 {
        let mut ask = chat();
        ask.streamed = true;
        let answer = upstream.ask(ask).await.unwrap();
        assert_eq!(upstream.health().in_flight, 1);
        let (text, error) = drained(answer).await;
        assert_eq!(
            (text.as_str(), error),
            ("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", None)
        );
    }
    assert_eq!((peer.connections(), peer.asked()), (1, 3));
    assert_eq!(upstream.health().in_flight, 0);
}

#[tokio::test]
async fn refusals_of_the_server_come_through_as_they_are() {
    for (status, more) in [
        ("400 Bad Request", ""),
        ("404 Not Found", ""),
        ("429 Too Many Requests", "retry-after: 7\r\n"),
        ("500 Internal Server Error", ""),
        ("503 Service Unavailable", "retry-after: 9\r\n"),
    ] {
        let body = r#"{"error":{"code":"c","param":"p"}}"#;
        let peer = always(json(status, more, body)).await;
        let upstream = upstream(vec![peer.base()]);
        let answer = upstream.ask(chat()).await.unwrap();
        assert_eq!(answer.status.as_str(), &status[..3]);
        assert_eq!(whole(&answer), body);
        let retry_after = more.trim_end().strip_prefix("retry-after: ");
        assert_eq!(
            answer
                .headers
                .get("retry-after")
                .map(|v| v.to_str().unwrap()),
            retry_after
        );
        assert_eq!(peer.asked(), 1, "{status} is not asked again");
    }
}

#[tokio::test]
async fn a_document_in_many_parts_is_put_together() {
    let peer = serve(|mut conn| async move {
        while conn.read().await.is_some() {
            conn.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .await;
            for part in ["[1", ",2", ",3]"] {
                conn.write(&chunk(part)).await;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            conn.write("0\r\n\r\n").await;
        }
    })
    .await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..2 {
        assert_eq!(whole(&upstream.ask(chat()).await.unwrap()), "[1,2,3]");
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn connections_are_reused_one_at_a_time_and_in_parallel() {
    let peer = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..20 {
        upstream.ask(chat()).await.unwrap();
    }
    assert_eq!((peer.connections(), peer.asked()), (1, 20));
    let asks = (0..8).map(|_| upstream.ask(chat()));
    for answer in futures_util::future::join_all(asks).await {
        assert!(matches!(answer.unwrap().body, AnswerBody::Whole(_)));
    }
    let opened = peer.connections();
    assert!(opened <= 8, "{opened}");
    let asks = (0..opened).map(|_| upstream.ask(chat()));
    futures_util::future::join_all(asks).await;
    assert_eq!(peer.connections(), opened);
}

#[tokio::test]
async fn a_connection_that_the_server_will_close_is_not_used_again() {
    let peer = serve(|mut conn| async move {
        if conn.read().await.is_some() {
            conn.write(&json("200 OK", "connection: close\r\n", "{}"))
                .await;
        }
    })
    .await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..3 {
        assert_eq!(whole(&upstream.ask(chat()).await.unwrap()), "{}");
    }
    assert_eq!((peer.connections(), peer.asked()), (3, 3));
}

#[tokio::test]
async fn no_more_idle_connections_than_set() {
    let peer = always(json("200 OK", "", "{}")).await;
    let mut settings = settings(vec![peer.base()]);
    settings.max_idle = 0;
    let upstream = HttpUpstream::new(&settings).unwrap();
    for _ in 0..3 {
        upstream.ask(chat()).await.unwrap();
    }
    assert_eq!(peer.connections(), 3);
}

#[tokio::test]
async fn the_secret_is_never_printed() {
    let peer = always(json("200 OK", "", "{}")).await;
    let mut settings = settings(vec![peer.base()]);
    settings.secret = Some(Secret::new("sk-hidden"));
    let upstream = HttpUpstream::new(&settings).unwrap();
    upstream.ask(chat()).await.unwrap();
    assert!(peer.requests.lock()[0].contains("sk-hidden"), "it is sent");
    settings.secret = Some(Secret::new("sk-hidden\u{7}"));
    let refused = HttpUpstream::new(&settings).unwrap_err();
    for text in [
        format!("{settings:?}"),
        format!("{upstream:?}"),
        format!("{refused:?} {refused}"),
    ] {
        assert!(!text.contains("sk-hidden"), "{text}");
    }
}

#[tokio::test]
async fn large_bodies_go_both_ways() {
    let answer = "y".repeat(5 << 20);
    let peer = always(json("200 OK", "", &answer)).await;
    let upstream = upstream(vec![peer.base()]);
    let mut ask = chat();
    ask.body = Bytes::from("x".repeat(3 << 20));
    for _ in 0..2 {
        assert!(whole(&upstream.ask(ask.clone()).await.unwrap()) == answer);
    }
    assert!(peer.requests.lock()[1].ends_with("xx") && peer.requests.lock()[1].len() > 3 << 20);
    assert_eq!(peer.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_at_once_each_get_their_own_answer_and_some_leave() {
    let peer = serve(|mut conn| async move {
        while let Some(request) = conn.read().await {
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            if body.ends_with('s') {
                conn.write(&format!("{SSE_HEAD}{}", chunk(body))).await;
                conn.write(&format!("{}0\r\n\r\n", chunk(body))).await;
            } else {
                conn.write(&json("200 OK", "", body)).await;
            }
        }
    })
    .await;
    let upstream = std::sync::Arc::new(upstream(vec![peer.base()]));
    let tasks = (0..16).map(|task| {
        let upstream = std::sync::Arc::clone(&upstream);
        tokio::spawn(async move {
            for turn in 0..60 {
                let mut ask = chat();
                let body = format!("{task}-{turn}-{}", if turn % 3 == 0 { "s" } else { "w" });
                ask.body = Bytes::from(body.clone());
                if turn % 7 == 0 {
                    let given_up = std::time::Duration::from_micros(turn * 20);
                    let _ = tokio::time::timeout(given_up, upstream.ask(ask)).await;
                    continue;
                }
                let answer = upstream.ask(ask).await.unwrap();
                if turn % 3 == 0 {
                    assert_eq!(drained(answer).await, (body.repeat(2), None));
                } else {
                    assert_eq!(whole(&answer), body);
                }
            }
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(upstream.health().in_flight, 0);
    assert_eq!(upstream.health().last_error, None);
}
