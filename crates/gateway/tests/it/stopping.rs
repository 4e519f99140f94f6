//! The server's own end: what runs may finish, for a while.

use std::time::Duration;

use record::{Outcome, Reason};

use crate::house::{Setup, house, route};
use crate::peer::{CHAT, EVENTS};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_answers_finish() {
    let (upstream, mut questions) = puppet();
    let mut house = house(upstream).await;
    let mut whole = house.send(&house.key, PATH, ASK).await;
    let asked = questions.recv().await.unwrap();
    let mut stream = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    // A connection that has sent a part of its request when the stop comes.
    let mut late = house.client().await;
    late.send(b"POST /v1/chat/completions HTTP/1.1\r\n").await;
    house.begin_stop();
    house
        .until("the closed door", |house| {
            (!house.gateway.status().open).then_some(())
        })
        .await;
    late.send(
        format!(
            "host: a\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{ASK}",
            house.key,
            ASK.len()
        )
        .as_bytes(),
    )
    .await;
    if let Some(head) = late.head().await {
        let answer = late.rest(head).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (503, "shutting_down")
        );
        assert_eq!(house.refusal(&answer.id()).reason, Reason::ShuttingDown);
    }
    asked.whole(CHAT);
    assert_eq!(whole.answer().await.body, CHAT);
    let head = stream.head().await.unwrap();
    EVENTS.iter().for_each(|event| feed(&feeder, event));
    let answer = stream.rest(head).await;
    assert!(answer.whole);
    house.stop().await;
    let outcomes: Vec<_> = house.exchanges().iter().map(|e| e.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed, Outcome::Completed]);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_beyond_the_limit_is_cut_and_recorded() {
    let (upstream, mut questions) = puppet();
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.options.drain_limit = Duration::from_millis(100);
    let mut house = setup.open().await;
    let mut whole = house.send(&house.key, PATH, ASK).await;
    let mut asked = questions.recv().await.unwrap();
    let mut stream = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    let head = stream.head().await.unwrap();
    assert!(stream.part().await.is_some());
    house.stop().await;
    let answer = stream.rest(head).await;
    assert!(
        !answer.whole && answer.body.contains("shutting_down"),
        "{}",
        answer.body
    );
    assert!(whole.head().await.is_none_or(|head| head.status == 503));
    asked.reply.closed().await;
    feeder.closed().await;
    let outcomes: Vec<_> = house.exchanges().iter().map(|e| e.outcome).collect();
    assert_eq!(outcomes, [Outcome::ShutDown, Outcome::ShutDown]);
    house.finish().await;
}
