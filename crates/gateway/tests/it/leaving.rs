//! Clients that go: before the answer, in the middle of it, or that stay and do not read.

use std::time::Duration;

use gateway::ClientGone;
use record::{Outcome, UsageSource};

use crate::client::SOON;
use crate::house::{House, Setup, house, http, route};
use crate::peer::{CHAT, EVENTS, Peer, SSE_HEAD, part};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

fn first(house: &House) -> Option<record::Exchange> {
    house.exchanges().into_iter().next()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_mid_stream_the_upstream_is_let_go_and_the_usage_is_an_estimate() {
    let peer = Peer::new(|mut conn| async move {
        conn.read().await;
        conn.write(&format!("{SSE_HEAD}{}{}", part(EVENTS[0]), part(EVENTS[1])))
            .await;
        // It would go on for ever, and watches whether anybody is there.
        conn.closed().await;
    })
    .await;
    let house = house(http(&peer)).await;
    let mut client = house.send(&house.key, PATH, STREAM).await;
    assert!(client.head().await.is_some() && client.part().await.is_some());
    drop(client);
    let closed = tokio::time::timeout(SOON, peer.closed.acquire()).await;
    assert!(closed.is_ok(), "the upstream's call ends");
    let exchange = house.until("the exchange", first).await;
    assert_eq!(
        (exchange.outcome, exchange.status),
        (Outcome::ClientLeft, 200)
    );
    let usage = exchange.usage.unwrap();
    assert_eq!((usage.source, usage.output), (UsageSource::Estimated, 2));
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_answer() {
    let peer = Peer::new(|mut conn| async move {
        conn.read().await;
        conn.closed().await;
    })
    .await;
    let house = house(http(&peer)).await;
    let account = house.account(|account| account.limits.concurrency = Some(1));
    let key = house.key(account, |_| {});
    let client = house.send(&key, PATH, ASK).await;
    house
        .until("the question", |_| (!peer.seen().is_empty()).then_some(()))
        .await;
    drop(client);
    let closed = tokio::time::timeout(SOON, peer.closed.acquire()).await;
    assert!(closed.is_ok(), "the upstream's call ends");
    let exchange = house.until("the exchange", first).await;
    assert_eq!(
        (exchange.outcome, exchange.status),
        (Outcome::ClientLeft, 499)
    );
    assert_eq!(exchange.usage.unwrap().source, UsageSource::Estimated);
    // Its place is free again.
    let again = house.send(&key, PATH, ASK).await;
    house
        .until("the next question", |_| {
            (peer.seen().len() == 2).then_some(())
        })
        .await;
    drop(again);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_set_the_upstream_is_read_to_its_end() {
    let (upstream, mut questions) = puppet();
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.options.client_gone = ClientGone::Drain(Duration::from_secs(60));
    let house = setup.open().await;
    let mut client = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    assert!(client.head().await.is_some() && client.part().await.is_some());
    drop(client);
    house.alone().await;
    for event in &EVENTS[1..] {
        feed(&feeder, event);
    }
    let exchange = house.until("the exchange", first).await;
    assert_eq!(exchange.outcome, Outcome::ClientLeft);
    let usage = exchange.usage.unwrap();
    assert_eq!(
        (usage.source, usage.input, usage.output),
        (UsageSource::Upstream, 10, 4)
    );

    // The same before the answer.
    let client = house.send(&house.key, PATH, ASK).await;
    let asked = questions.recv().await.unwrap();
    drop(client);
    house.alone().await;
    asked.whole(CHAT);
    let exchange = house
        .until("the exchange", |house| house.exchanges().into_iter().nth(1))
        .await;
    assert_eq!(exchange.usage.unwrap().source, UsageSource::Upstream);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_has_an_end() {
    let (upstream, mut questions) = puppet();
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.options.client_gone = ClientGone::Drain(Duration::from_millis(100));
    let house = setup.open().await;
    for body in [STREAM, ASK] {
        let mut client = house.send(&house.key, PATH, body).await;
        let asked = questions.recv().await.unwrap();
        if body == STREAM {
            let feeder = asked.stream();
            feed(&feeder, EVENTS[0]);
            assert!(client.head().await.is_some() && client.part().await.is_some());
            drop(client);
            assert!(tokio::time::timeout(SOON, feeder.closed()).await.is_ok());
        } else {
            drop(client);
            let mut reply = asked.reply;
            assert!(tokio::time::timeout(SOON, reply.closed()).await.is_ok());
        }
    }
    let left = house
        .until("both exchanges", |house| {
            let all = house.exchanges();
            (all.len() == 2).then_some(all)
        })
        .await;
    for exchange in left {
        assert_eq!(exchange.outcome, Outcome::ClientLeft);
        assert_eq!(exchange.usage.unwrap().source, UsageSource::Estimated);
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut() {
    let (upstream, mut questions) = puppet();
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.options.stall_timeout = Duration::from_millis(200);
    let house = setup.open().await;
    let client = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    // More than both sockets' buffers hold.
    let event = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(1 << 20)
    );
    for _ in 0..32 {
        feed(&feeder, &event);
    }
    assert!(tokio::time::timeout(SOON, feeder.closed()).await.is_ok());
    let exchange = house.until("the exchange", first).await;
    assert_eq!(exchange.outcome, Outcome::ClientLeft);
    drop(client);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_upstream_is_no_stalled_client() {
    let (upstream, mut questions) = puppet();
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.options.stall_timeout = Duration::from_millis(50);
    let house = setup.open().await;
    let client = &mut house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    let head = client.head().await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    EVENTS[1..].iter().for_each(|event| feed(&feeder, event));
    assert!(client.rest(head).await.whole);
    house.finish().await;
}
