//! A ledger that takes nothing: then nothing is served, and nothing that was served is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gateway::{Ended, ModelNumber, Observer, Trace, TurnedAway};
use http::HeaderValue;
use parking_lot::Mutex;
use record::Outcome;

use crate::books::{exchanges, facts_of, verify};
use crate::client::request;
use crate::house::{Setup, http, route};
use crate::peer::{CHAT, EVENTS, Peer, json};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_recorded_is_not_given() {
    let (upstream, mut questions) = puppet();
    let tally = Arc::new(Tally::default());
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.observer = Arc::clone(&tally) as Arc<dyn Observer>;
    let mut house = setup.open().await;
    let mut served = house.send(&house.key, PATH, ASK).await;
    questions.recv().await.unwrap().whole(CHAT);
    let served = served.answer().await.id();
    let mut whole = house.send(&house.key, PATH, ASK).await;
    let asked = questions.recv().await.unwrap();
    let mut stream = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    let head = stream.head().await.unwrap();

    house.facts.close().unwrap();
    asked.whole(CHAT);
    let answer = whole.answer().await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (503, "ledger_unavailable")
    );
    assert!(!answer.body.contains("Four"));
    EVENTS[1..].iter().for_each(|event| feed(&feeder, event));
    let answer = stream.rest(head).await;
    assert!(
        !answer.whole && answer.body.contains("ledger_unavailable"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("[DONE]"));
    // Soon the door knows, and asks no upstream in vain.
    house
        .until("the closed door", |house| {
            (!house.gateway.status().open).then_some(())
        })
        .await;
    let answer = house.chat(ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (503, "ledger_unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    let mut client = house.client().await;
    client.send(&request("GET", "/readyz", &[], b"")).await;
    assert_eq!(client.answer().await.status(), 503);
    assert!(questions.try_recv().is_err());
    house.stop().await;
    // What was sent is told, not what would have been: the stream's head was out.
    let mut told = tally.1.lock().clone();
    told.sort_unstable();
    assert_eq!(told, [(200, false), (200, true), (503, false)]);
    let recorded = exchanges(&facts_of(&house.facts));
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        (recorded[0].id.to_string(), recorded[0].outcome),
        (served, Outcome::Completed)
    );
    verify(house.folder.path());
}

/// How often it was told of what was recorded, of what was not, and of what was turned away; and
/// the status of each that ended, with whether it was recorded.
#[derive(Default)]
struct Tally([AtomicU32; 3], Mutex<Vec<(u16, bool)>>);

impl Observer for Tally {
    fn model(&self, _: &str) -> ModelNumber {
        0
    }
    fn trace(&self, _: Option<&HeaderValue>) -> Option<Trace> {
        None
    }
    fn ended(&self, ended: &Ended<'_>) {
        self.0[usize::from(!ended.recorded)].fetch_add(1, Ordering::Relaxed);
        self.1.lock().push((ended.status, ended.recorded));
    }
    fn turned_away(&self, _: &TurnedAway<'_>) {
        self.0[2].fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_that_cannot_be_recorded_is_not_given_and_told_once() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let tally = Arc::new(Tally::default());
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    setup.observer = Arc::clone(&tally) as Arc<dyn Observer>;
    let mut house = setup.open().await;
    let once = [("Idempotency-Key", "a")];
    let mut first = house.send_with(&house.key, PATH, &once, ASK).await;
    assert_eq!(first.answer().await.status(), 200);
    house.facts.close().unwrap();
    let mut again = house.send_with(&house.key, PATH, &once, ASK).await;
    let again = again.answer().await;
    assert_eq!(
        (again.status(), again.code().as_str()),
        (503, "ledger_unavailable")
    );
    assert!(again.header("retry-after").is_some());
    let told = tally
        .0
        .each_ref()
        .map(|count| count.load(Ordering::Relaxed));
    assert_eq!(told, [1, 1, 0]);
    assert_eq!(*tally.1.lock(), [(200, true), (503, false)]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_refuses_and_opens_again() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    // The store takes nothing for a second, and the spool holds little.
    setup.ledger = |options| {
        options.max_unfolded_bytes = 16 << 10;
        options.fold_every = Duration::from_secs(1);
    };
    let house = setup.open().await;
    let mut served = Vec::new();
    let refused = loop {
        let answer = house.chat(ASK).await;
        if answer.status() != 200 {
            break answer;
        }
        served.push(answer.id());
        assert!(served.len() < 1_000, "the spool is never full");
    };
    assert_eq!(
        (refused.status(), refused.code().as_str()),
        (503, "ledger_unavailable")
    );
    let again = house
        .until_async("an open door", || async {
            let answer = house.chat(ASK).await;
            (answer.status() == 200).then(|| answer.id())
        })
        .await;
    served.push(again);
    for id in &served {
        assert!(house.find(id).is_some(), "{id} was acknowledged");
    }
    house.finish().await;
}
