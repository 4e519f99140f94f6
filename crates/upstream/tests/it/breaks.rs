//! Servers that hang, break off, talk rubbish or talk too much.

use std::time::Duration;

use upstream::{Error, HttpUpstream, Upstream as _};

use crate::peer::{
    SOON, SSE_HEAD, always, chat, chunk, dead_base, drained, json, serve, settings, upstream,
};

/// Short enough for a test, long enough for a busy machine to connect in.
const SHORT: Duration = Duration::from_millis(150);

fn why(error: &Error) -> &str {
    match error {
        Error::Broken { why, .. } | Error::Unreachable { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_never_answers_times_out_and_is_left() {
    let peer = serve(|mut conn| async move {
        conn.read().await;
        conn.closed().await;
        conn.requests.lock().push("closed".to_owned());
    })
    .await;
    let mut settings = settings(vec![peer.base()]);
    settings.first_byte_timeout = SHORT;
    let upstream = HttpUpstream::new(&settings).unwrap();
    let error = upstream.ask(chat()).await.err().unwrap();
    assert_eq!(
        error,
        Error::TimedOut {
            upstream: "house".into(),
            awaited: "no first byte",
            after: SHORT
        }
    );
    // Asked once, and then the server sees us go.
    let seen = async {
        while peer.asked() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, seen).await.unwrap();
    assert_eq!(peer.requests.lock()[1], "closed");
    assert_eq!(peer.connections(), 1);
    assert!(
        upstream
            .health()
            .last_error
            .unwrap()
            .contains("no first byte")
    );
}

#[tokio::test]
async fn a_stream_that_hangs_ends_in_an_error_after_what_came() {
    let peer = serve(|mut conn| async move {
        conn.read().await;
        conn.write(SSE_HEAD).await;
        conn.write(&chunk("data: 1\n\n")).await;
        conn.closed().await;
    })
    .await;
    let mut settings = settings(vec![peer.base()]);
    settings.idle_timeout = SHORT;
    let upstream = HttpUpstream::new(&settings).unwrap();
    let (text, error) = drained(upstream.ask(chat()).await.unwrap()).await;
    assert_eq!(text, "data: 1\n\n");
    assert_eq!(
        error,
        Some(Error::TimedOut {
            upstream: "house".into(),
            awaited: "no further byte",
            after: SHORT
        })
    );
}

#[tokio::test]
async fn a_slow_stream_within_the_limit_lives_longer_than_it() {
    let peer = serve(|mut conn| async move {
        conn.read().await;
        conn.write(SSE_HEAD).await;
        for _ in 0..12 {
            conn.write(&chunk("x")).await;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        conn.write("0\r\n\r\n").await;
    })
    .await;
    let mut settings = settings(vec![peer.base()]);
    settings.idle_timeout = Duration::from_millis(500);
    let upstream = HttpUpstream::new(&settings).unwrap();
    let (text, error) = drained(upstream.ask(chat()).await.unwrap()).await;
    assert_eq!((text.len(), error), (12, None));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_never_a_clean_end() {
    let with_length = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\ndata: 1\n\n";
    for script in [
        format!("{SSE_HEAD}{}", chunk("data: 1\n\n")),
        format!("{SSE_HEAD}{}5\r\nab", chunk("data: 1\n\n")),
        format!("{SSE_HEAD}{}nonsense\r\n", chunk("data: 1\n\n")),
        with_length.to_owned(),
    ] {
        let peer = {
            let script = script.clone();
            serve(move |mut conn| {
                let script = script.clone();
                async move {
                    conn.read().await;
                    conn.write(&script).await;
                }
            })
            .await
        };
        let upstream = upstream(vec![peer.base()]);
        let (text, error) = drained(upstream.ask(chat()).await.unwrap()).await;
        assert!(text.starts_with("data: 1\n\n"), "{script:?}: {text:?}");
        let error = error.unwrap_or_else(|| panic!("a clean end of {script:?}"));
        assert!(
            why(&error).starts_with("in the middle of its answer"),
            "{error}"
        );
        assert_eq!(peer.asked(), 1);
    }
}

#[tokio::test]
async fn a_document_that_breaks_off_or_is_no_http_is_broken() {
    for script in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a\"",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
        "\0\u{1}\u{2}rubbish",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "",
    ] {
        let peer = serve(move |mut conn| async move {
            conn.read().await;
            conn.write(script).await;
        })
        .await;
        let upstream = upstream(vec![peer.base()]);
        let error = upstream.ask(chat()).await.err();
        assert!(
            matches!(error, Some(Error::Broken { .. })),
            "{script:?}: {error:?}"
        );
        assert_eq!(peer.asked(), 1, "not repeated: {script:?}");
    }
}

#[tokio::test]
async fn more_bytes_than_announced_are_not_taken_for_the_next_answer() {
    let peer =
        always(json("200 OK", "", "{}") + "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..3 {
        let answer = upstream.ask(chat()).await.unwrap();
        assert_eq!(crate::peer::whole(&answer), "{}");
    }
}

#[tokio::test]
async fn an_answer_is_bounded_whether_it_says_its_length_or_not() {
    let long = "x".repeat(2000);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk(&long)
    );
    for script in [json("200 OK", "", &long), chunked] {
        let peer = always(script).await;
        let mut settings = settings(vec![peer.base()]);
        settings.max_answer_bytes = 1999;
        let error = HttpUpstream::new(&settings)
            .unwrap()
            .ask(chat())
            .await
            .err();
        assert_eq!(
            error,
            Some(Error::TooLarge {
                upstream: "house".into(),
                limit: 1999
            })
        );
        settings.max_answer_bytes = 2000;
        HttpUpstream::new(&settings)
            .unwrap()
            .ask(chat())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_says_it_is_too_large_is_not_waited_for() {
    let peer = serve(|mut conn| async move {
        conn.read().await;
        conn.write("HTTP/1.1 200 OK\r\ncontent-length: 2001\r\n\r\n")
            .await;
        conn.closed().await;
    })
    .await;
    let mut settings = settings(vec![peer.base()]);
    settings.max_answer_bytes = 2000;
    let error = HttpUpstream::new(&settings)
        .unwrap()
        .ask(chat())
        .await
        .err();
    assert!(matches!(error, Some(Error::TooLarge { .. })), "{error:?}");
}

#[tokio::test]
async fn a_compressed_answer_and_a_redirect_are_refused() {
    for script in [
        json("200 OK", "content-encoding: gzip\r\n", "{}"),
        json(
            "307 Temporary Redirect",
            "location: http://127.0.0.1:1/\r\n",
            "",
        ),
    ] {
        let peer = always(script).await;
        let error = upstream(vec![peer.base()]).ask(chat()).await.err();
        assert!(matches!(error, Some(Error::Broken { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let upstream = upstream(vec![dead_base().await]);
    for _ in 0..5 {
        // Ejected after three, but tried all the same, as there is no other.
        let error = upstream.ask(chat()).await.err().unwrap();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(why(&error).contains("refused"), "{error}");
    }
    let health = upstream.health();
    assert_eq!((health.servers, health.in_flight), (1, 0));
    assert!(health.last_error.is_some());
}

#[tokio::test]
async fn a_path_that_no_url_can_hold_is_told() {
    let peer = always(json("200 OK", "", "{}")).await;
    let mut ask = chat();
    ask.endpoint = record::Endpoint::Listed("/a b".into());
    let error = upstream(vec![peer.base()]).ask(ask).await.err().unwrap();
    assert!(why(&error).contains("path"), "{error}");
    assert_eq!(peer.asked(), 0);
}
