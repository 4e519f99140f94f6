//! What is asked again, and what never is.

use std::time::Duration;

use upstream::{Error, HttpUpstream, Upstream as _};

use crate::peer::{always, chat, dead_base, json, serve, settings, upstream, whole};

/// A server that closes each connection after one answer without saying so, at the worst moment:
/// when it has read the next request.
async fn closes_on_second() -> crate::peer::Peer {
    serve(|mut conn| async move {
        if conn.read().await.is_some() {
            conn.write(&json("200 OK", "", "{}")).await;
            conn.read().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_stale_connection_is_replaced_by_a_fresh_one() {
    let peer = closes_on_second().await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..4 {
        assert_eq!(whole(&upstream.ask(chat()).await.unwrap()), "{}");
    }
    // The first, and then twice each: on the stale connection, on the fresh one.
    assert_eq!((peer.asked(), peer.connections()), (7, 4));
    assert_eq!(
        upstream.health().last_error,
        None,
        "closing what is idle is no failure"
    );
}

#[tokio::test]
async fn after_a_stale_connection_no_other_idle_one_is_trusted() {
    let both = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let peer = serve(move |mut conn| {
        let both = std::sync::Arc::clone(&both);
        async move {
            if conn.read().await.is_some() {
                if conn.nth < 2 {
                    both.wait().await;
                }
                conn.write(&json("200 OK", "", "{}")).await;
                conn.read().await;
            }
        }
    })
    .await;
    let upstream = upstream(vec![peer.base()]);
    let (a, b) = tokio::join!(upstream.ask(chat()), upstream.ask(chat()));
    assert!(a.is_ok() && b.is_ok());
    upstream.ask(chat()).await.unwrap();
    // Two at first; then one on a stale connection and one on a fresh one.
    assert_eq!((peer.asked(), peer.connections()), (4, 3));
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_even_tried() {
    let peer = serve(|mut conn| async move {
        if conn.read().await.is_some() {
            conn.write(&json("200 OK", "", "{}")).await;
            // Long enough for the connection to be put among the idle ones.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut settings = settings(vec![peer.base()]);
    settings.retries = 0;
    let upstream = HttpUpstream::new(&settings).unwrap();
    for _ in 0..3 {
        upstream.ask(chat()).await.unwrap();
        // Let the close arrive.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((peer.asked(), peer.connections()), (3, 3));
}

#[tokio::test]
async fn stale_is_not_repeated_where_no_retries_are_set() {
    let peer = closes_on_second().await;
    let mut settings = settings(vec![peer.base()]);
    settings.retries = 0;
    let upstream = HttpUpstream::new(&settings).unwrap();
    upstream.ask(chat()).await.unwrap();
    let error = upstream.ask(chat()).await.err();
    assert!(matches!(error, Some(Error::Broken { .. })), "{error:?}");
    assert_eq!(peer.asked(), 2);
}

#[tokio::test]
async fn a_request_that_kills_connections_is_sent_twice_at_most() {
    let peer = serve(|mut conn| async move {
        let first = conn.nth == 0;
        if conn.read().await.is_some() && first {
            conn.write(&json("200 OK", "", "{}")).await;
            conn.read().await;
        }
    })
    .await;
    let mut settings = settings(vec![peer.base()]);
    settings.retries = 9;
    let upstream = HttpUpstream::new(&settings).unwrap();
    upstream.ask(chat()).await.unwrap();
    let error = upstream.ask(chat()).await.err();
    assert!(matches!(error, Some(Error::Broken { .. })), "{error:?}");
    assert_eq!(peer.asked(), 3);
}

#[tokio::test]
async fn a_half_sent_head_is_an_answer_begun_and_not_repeated() {
    let peer = serve(|mut conn| async move {
        if conn.read().await.is_some() {
            conn.write(&json("200 OK", "", "{}")).await;
            conn.read().await;
            conn.write("HTTP/1.1 200 O").await;
        }
    })
    .await;
    let upstream = upstream(vec![peer.base()]);
    upstream.ask(chat()).await.unwrap();
    let error = upstream.ask(chat()).await.err();
    assert!(matches!(error, Some(Error::Broken { .. })), "{error:?}");
    assert_eq!(peer.asked(), 2);
}

#[tokio::test]
async fn a_timeout_is_not_repeated_on_another_server() {
    let hangs = || {
        serve(|mut conn| async move {
            conn.read().await;
            conn.closed().await;
        })
    };
    let (a, b) = (hangs().await, hangs().await);
    let mut settings = settings(vec![a.base(), b.base()]);
    settings.first_byte_timeout = Duration::from_millis(100);
    let error = HttpUpstream::new(&settings)
        .unwrap()
        .ask(chat())
        .await
        .err();
    assert!(matches!(error, Some(Error::TimedOut { .. })), "{error:?}");
    assert_eq!(a.asked() + b.asked(), 1);
}

#[tokio::test]
async fn a_busy_server_is_passed_over_for_a_free_one_and_else_passed_on() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let busy = || always(json(status, "retry-after: 5\r\n", "{\"busy\":1}"));
        let (a, b, free) = (
            busy().await,
            busy().await,
            always(json("200 OK", "", "{}")).await,
        );
        let mixed = upstream(vec![a.base(), free.base()]);
        for _ in 0..2 {
            assert_eq!(mixed.ask(chat()).await.unwrap().status, 200);
        }
        assert_eq!((a.asked() > 0, free.asked()), (true, 2));
        a.requests.lock().clear();

        let all_busy = upstream(vec![a.base(), b.base()]);
        let answer = all_busy.ask(chat()).await.unwrap();
        assert_eq!(
            (answer.status.as_str(), whole(&answer)),
            (&status[..3], "{\"busy\":1}")
        );
        assert_eq!(answer.headers["retry-after"], "5");
        assert_eq!((a.asked(), b.asked()), (1, 1), "each once");

        // The other one is dead: then the busy one's answer is the best there is.
        let half_dead = upstream(vec![a.base(), dead_base().await]);
        for _ in 0..2 {
            assert_eq!(
                half_dead.ask(chat()).await.unwrap().status.as_str(),
                &status[..3]
            );
        }
    }
}

#[tokio::test]
async fn tries_are_bounded() {
    let mut bases = Vec::new();
    for _ in 0..6 {
        bases.push(dead_base().await);
    }
    let live = always(json("200 OK", "", "{}")).await;
    bases.push(live.base());
    let mut settings = settings(bases);
    settings.retries = 5;
    // Six tries at seven servers, beginning at the first: all six dead.
    let upstream = HttpUpstream::new(&settings).unwrap();
    let error = upstream.ask(chat()).await.err();
    assert!(
        matches!(error, Some(Error::Unreachable { .. })),
        "{error:?}"
    );
    settings.retries = 6;
    assert!(
        HttpUpstream::new(&settings)
            .unwrap()
            .ask(chat())
            .await
            .is_ok()
    );
}
