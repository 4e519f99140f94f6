//! A clock that steps, forwards and backwards: streams go on, limits recover, time in the ledger
//! never runs back.

use std::time::Duration;

use record::{Money, Outcome, SpendLimit, SpendPeriod};

use crate::house::{Setup, http, route};
use crate::peer::{CHAT, EVENTS, Peer, json};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const HOUR: i64 = 3600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_drop_no_stream_and_lock_nobody_out() {
    let (upstream, mut questions) = puppet();
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = Setup::new(vec![route("m", upstream), route("quick", http(&peer))])
        .open()
        .await;
    let mut client = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    let head = client.head().await.unwrap();
    let account = house.account(|account| {
        account.limits.requests_per_minute = Some(600);
        account.spend = Some(SpendLimit {
            amount: Money::from_nanos(1_000_000),
            period: SpendPeriod::Day,
        });
    });
    let key = house.key(account, |_| {});
    let quick = ASK.replace("\"m\"", "\"quick\"");
    for step in [0, 48 * HOUR, -96 * HOUR, 48 * HOUR] {
        house.clock.step(step);
        // Longer than it takes to look at all streams.
        tokio::time::sleep(Duration::from_millis(300)).await;
        for _ in 0..3 {
            let answer = house.post(&key, PATH, &quick).await;
            assert_eq!(
                answer.status(),
                200,
                "after a step of {step} s: {}",
                answer.body
            );
        }
    }
    EVENTS[1..].iter().for_each(|event| feed(&feeder, event));
    let answer = client.rest(head).await;
    assert!(answer.whole);
    assert_eq!(house.exchange(&answer.id()).outcome, Outcome::Completed);
    let times: Vec<u64> = house
        .facts
        .ledger()
        .read(1..)
        .map(|entry| entry.unwrap().header.time_us)
        .collect();
    assert!(times.is_sorted());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_refills_after_the_clock_was_put_back() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = Setup::new(vec![route("m", http(&peer))]).open().await;
    let account = house.account(|account| account.limits.requests_per_minute = Some(1));
    let key = house.key(account, |_| {});
    assert_eq!(house.post(&key, PATH, ASK).await.status(), 200);
    house.clock.step(-10 * HOUR);
    assert_eq!(house.post(&key, PATH, ASK).await.status(), 429);
    house.clock.step(61);
    assert_eq!(house.post(&key, PATH, ASK).await.status(), 200);
    house.finish().await;
}
