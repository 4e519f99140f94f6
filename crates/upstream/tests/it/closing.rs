//! Who stops listening makes the server stop: it sees the connection close within a second.

use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use upstream::{AnswerBody, Upstream as _};

use crate::peer::{Conn, Peer, SSE_HEAD, chat, chunk, serve, upstream};

/// What the issue promises; generous beside the microseconds that it takes.
const WITHIN: Duration = Duration::from_secs(1);

/// A server that tells when it was asked and when the client left.
async fn telling(head: &'static str) -> (Peer, mpsc::UnboundedReceiver<&'static str>) {
    let (tell, told) = mpsc::unbounded_channel();
    let peer = serve(move |mut conn: Conn| {
        let tell = tell.clone();
        async move {
            if conn.read().await.is_none() {
                return;
            }
            if !head.is_empty() {
                conn.write(head).await;
                conn.write(&chunk("data: 1\n\n")).await;
            }
            let _ = tell.send("asked");
            conn.closed().await;
            let _ = tell.send("closed");
        }
    })
    .await;
    (peer, told)
}

#[tokio::test]
async fn dropping_the_ask_closes() {
    let (peer, mut told) = telling("").await;
    let upstream = upstream(vec![peer.base()]);
    let ask = upstream.ask(chat());
    tokio::select! {
        _ = ask => panic!("nothing was answered"),
        asked = told.recv() => assert_eq!(asked, Some("asked")),
    }
    assert_eq!(
        tokio::time::timeout(WITHIN, told.recv()).await,
        Ok(Some("closed"))
    );
    assert_eq!(upstream.health().in_flight, 0);
}

#[tokio::test]
async fn dropping_the_stream_closes() {
    let (peer, mut told) = telling(SSE_HEAD).await;
    let upstream = upstream(vec![peer.base()]);
    let answer = upstream.ask(chat()).await.unwrap();
    let AnswerBody::Chunks(mut chunks) = answer.body else {
        panic!("no stream")
    };
    assert!(chunks.frame().await.unwrap().is_ok());
    assert_eq!(told.recv().await, Some("asked"));
    assert_eq!(upstream.health().in_flight, 1);
    drop(chunks);
    assert_eq!(
        tokio::time::timeout(WITHIN, told.recv()).await,
        Ok(Some("closed"))
    );
    assert_eq!(upstream.health().in_flight, 0);
}

#[tokio::test]
async fn a_stream_outlives_its_upstream() {
    let (peer, mut told) = telling(SSE_HEAD).await;
    let upstream = upstream(vec![peer.base()]);
    let answer = upstream.ask(chat()).await.unwrap();
    drop(upstream);
    let AnswerBody::Chunks(mut chunks) = answer.body else {
        panic!("no stream")
    };
    assert!(chunks.frame().await.unwrap().is_ok());
    drop(chunks);
    assert_eq!(told.recv().await, Some("asked"));
    assert_eq!(
        tokio::time::timeout(WITHIN, told.recv()).await,
        Ok(Some("closed"))
    );
}
