//! What is kept of bodies: the answer to an `Idempotency-Key`, and the text of `store: true`.

use std::sync::Arc;
use std::time::Duration;

use gateway::ClientGone;
use ledger::Lock;
use record::{Amount, Endpoint, Outcome, Reason};

use crate::books::copy;
use crate::client::Answer;
use crate::house::{House, Setup, house, http, http_with, route};
use crate::peer::{CHAT, EVENTS, Peer, json, stream};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

async fn once(house: &House, key: &str, name: &str, body: &str) -> Answer {
    let mut client = house
        .send_with(key, PATH, &[("Idempotency-Key", name)], body)
        .await;
    client.answer().await
}

async fn talking() -> Peer {
    Peer::answers(|seen| match seen.body.contains("stream") {
        true => stream(&EVENTS),
        false => json("200 OK", "", CHAT),
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_and_body_get_the_first_answer_paid_once() {
    let peer = talking().await;
    let house = house(http(&peer)).await;
    for (name, body) in [("a", ASK), ("b", STREAM)] {
        let before = peer.seen().len();
        let first = once(&house, &house.key, name, body).await;
        assert_eq!(
            (first.status(), first.header("idempotency-replayed")),
            (200, None)
        );
        let again = once(&house, &house.key, name, body).await;
        assert_eq!((again.status(), &again.body), (200, &first.body));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(peer.seen().len(), before + 1, "the upstream is asked once");
        let kept = house.exchange(&first.id()).idempotency.unwrap();
        assert_eq!(kept.answer, *blake3::hash(first.body.as_bytes()).as_bytes());
        let vault = house.facts.ledger().vault();
        assert!(
            vault
                .get(&kept.answer, Lock::House)
                .map_or(true, |found| found.is_none()),
            "nobody opens it without the client's key"
        );
    }
    let replays: Vec<_> = house
        .exchanges()
        .into_iter()
        .filter(|exchange| exchange.upstream == "idempotency")
        .collect();
    assert_eq!(replays.len(), 2, "each repetition is recorded");
    for replay in replays {
        assert_eq!((replay.cost, replay.usage), (Amount::ZERO, None));
        assert!(replay.shares.is_empty(), "and paid once");
    }
    assert_eq!(house.exchanges().len(), 4);
    let other = ASK.replace('5', "6");
    let answer = once(&house, &house.key, "a", &other).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (409, "idempotency_conflict")
    );
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(
        house.refusal(&answer.id()).reason,
        Reason::IdempotencyConflict
    );
    // The key of another credential is another key, even of the same account.
    let neighbour = house.key(house.account, |_| {});
    let answer = once(&house, &neighbour, "a", &other).await;
    assert_eq!(
        (answer.status(), answer.header("idempotency-replayed")),
        (200, None)
    );
    for bad in ["", &"x".repeat(256)] {
        let answer = once(&house, &house.key, bad, ASK).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (400, "invalid_idempotency_key")
        );
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_counts_as_a_request_and_as_nothing_else() {
    let peer = talking().await;
    let house = house(http(&peer)).await;
    let account = house.account(|account| {
        account.limits.requests_per_minute = Some(3);
        account.limits.tokens_per_minute = Some(1000);
    });
    let key = house.key(account, |_| {});
    assert_eq!(once(&house, &key, "a", ASK).await.status(), 200);
    // What the first used is known when it is recorded: from then on the level stands still.
    let again = once(&house, &key, "a", ASK).await;
    let tokens = again.header("x-ratelimit-remaining-tokens").unwrap();
    let tokens: u64 = tokens.parse().unwrap();
    let last = once(&house, &key, "a", ASK).await;
    assert_eq!(last.header("idempotency-replayed"), Some("true"));
    assert_eq!(last.header("x-ratelimit-remaining-requests"), Some("0"));
    let left = last.header("x-ratelimit-remaining-tokens").unwrap();
    assert!(left.parse::<u64>().unwrap() >= tokens);
    let refused = once(&house, &key, "a", ASK).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("idempotency-replayed"), None);
    assert_eq!(
        house.refusal(&refused.id()).reason,
        Reason::RequestsPerMinute
    );
    assert_eq!(peer.seen().len(), 1);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_first_runs_the_second_waits_elsewhere() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let more = [("Idempotency-Key", "a")];
    let mut first = house.send_with(&house.key, PATH, &more, ASK).await;
    let asked = questions.recv().await.unwrap();
    let second = once(&house, &house.key, "a", ASK).await;
    assert_eq!(
        (second.status(), second.code().as_str()),
        (409, "idempotency_key_in_use")
    );
    asked.whole(CHAT);
    assert_eq!(first.answer().await.status(), 200);
    assert_eq!(once(&house, &house.key, "a", ASK).await.body, CHAT);

    // A first that fails leaves the key free.
    let mut failed = house
        .send_with(&house.key, PATH, &[("Idempotency-Key", "b")], ASK)
        .await;
    drop(questions.recv().await.unwrap());
    assert_eq!(failed.answer().await.status(), 502);
    let mut again = house
        .send_with(&house.key, PATH, &[("Idempotency-Key", "b")], ASK)
        .await;
    questions.recv().await.unwrap().whole(CHAT);
    let again = again.answer().await;
    assert_eq!(
        (again.status(), again.header("idempotency-replayed")),
        (200, None)
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_survives_a_restart_for_a_day() {
    let peer = talking().await;
    let house = house(http(&peer)).await;
    let key = house.key.clone();
    let first = once(&house, &key, "a", STREAM).await;
    // What holds the ledger is dropped with the house: the next one takes the folder.
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    let stopped = house.finish().await;
    copy(stopped.path(), setup.folder.path());
    setup.options.drain_limit = Duration::from_secs(1);
    let house = setup.open().await;
    let again = once(&house, &key, "a", STREAM).await;
    assert_eq!((again.status(), again.body), (200, first.body));
    assert_eq!(again.head.header("idempotency-replayed"), Some("true"));
    assert_eq!(peer.seen().len(), 1);
    house.clock.step(24 * 3600 + 100);
    assert_eq!(once(&house, &key, "c", ASK).await.status(), 200);
    let folder = house.finish().await;

    // A day later, after another restart, the key is new.
    let setup = Setup::new(vec![route("m", http(&peer))]);
    copy(folder.path(), setup.folder.path());
    let house = setup.open().await;
    house.clock.step(24 * 3600 + 200);
    let late = once(&house, &key, "a", STREAM).await;
    assert_eq!(
        (late.status(), late.head.header("idempotency-replayed")),
        (200, None)
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_answer_is_there_for_the_client_that_comes_back() {
    let (upstream, mut questions) = puppet();
    let mut setup = Setup::new(vec![route("m", upstream)]);
    setup.options.client_gone = ClientGone::Drain(Duration::from_secs(60));
    let house = setup.open().await;
    let more = [("Idempotency-Key", "a")];
    let mut first = house.send_with(&house.key, PATH, &more, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    assert!(first.head().await.is_some() && first.part().await.is_some());
    drop(first);
    house.alone().await;
    EVENTS[1..].iter().for_each(|event| feed(&feeder, event));
    let left = house
        .until("the exchange", |house| house.exchanges().pop())
        .await;
    assert_eq!(left.outcome, Outcome::ClientLeft);
    let again = house
        .until_async("the key", || async {
            let again = once(&house, &house.key, "a", STREAM).await;
            (again.status() == 200).then_some(again)
        })
        .await;
    let events = [EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[4]].concat();
    assert_eq!(
        (again.body.as_str(), again.header("idempotency-replayed")),
        (events.as_str(), Some("true"))
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_kept_for_a_literal_true_and_for_nothing_else() {
    let peer = talking().await;
    let house = house(http(&peer)).await;
    for (body, kept) in [
        (ASK.replace("\"max", "\"store\":true,\"max"), true),
        (STREAM.replace("\"stream", "\"store\":true,\"stream"), true),
        (ASK.replace("\"max", "\"store\":false,\"max"), false),
        (ASK.replace("\"max", "\"store\":null,\"max"), false),
        (ASK.to_owned(), false),
    ] {
        let answer = house.chat(&body).await;
        assert_eq!(answer.status(), 200);
        let bodies = house.exchange(&answer.head.id()).bodies;
        assert_eq!(bodies.is_some(), kept, "{body}");
        let Some([request, reply]) = bodies else {
            let hash = blake3::hash(body.as_bytes());
            let found = house
                .facts
                .ledger()
                .vault()
                .get(hash.as_bytes(), Lock::House)
                .unwrap();
            assert_eq!(found, None);
            continue;
        };
        let vault = house.facts.ledger().vault();
        let text =
            |hash| String::from_utf8(vault.get(&hash, Lock::House).unwrap().unwrap()).unwrap();
        assert_eq!((text(request), text(reply)), (body, answer.body));
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_too_large_to_keep_is_given_all_the_same() {
    let peer = talking().await;
    let mut setup = Setup::new(vec![route("m", http_with(&peer, &[Endpoint::Chat]))]);
    setup.options.keep_max_bytes = 100;
    let house = Arc::new(setup.open().await);
    for body in [ASK, STREAM] {
        let answer = once(&house, &house.key, "a", body).await;
        assert_eq!((answer.status(), answer.whole), (200, true));
        assert_eq!(house.exchange(&answer.id()).idempotency, None);
    }
    Arc::into_inner(house).unwrap().finish().await;
}
