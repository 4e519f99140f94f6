//! Many at once: batches that change nothing, a queue with a bound, clients that leave or read
//! slowly, and a model whose thread dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt;
use local::LocalUpstream;
use record::{Endpoint, Time};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use upstream::{AnswerBody, Chunks, Error, Upstream};

use crate::house::{all, chat, events, gathered, message, options, request, start, tiny};

/// A chat that goes on until the context is full.
fn endless() -> Value {
    let mut body = message("on and on");
    body["max_tokens"] = 400.into();
    body["logit_bias"] = json!({"0": -100, "2": -100});
    body["stream"] = true.into();
    body
}

async fn open(local: &LocalUpstream, body: &Value) -> Chunks {
    match local
        .ask(request(Endpoint::Chat, body.to_string()))
        .await
        .unwrap()
        .body
    {
        AnswerBody::Chunks(chunks) => chunks,
        AnswerBody::Whole(_) => panic!("a stream was asked for"),
    }
}

/// Lets other tasks and threads go on until this is so.
async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if is() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("waited in vain until {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_changes_nobodys_answer() {
    let local = start();
    let bodies: Vec<Value> = (0..12)
        .map(|i| {
            let mut body = message(&format!("{} and the rest", "the ring ".repeat(i * 7)));
            body["max_tokens"] = (5 + 3 * i).into();
            body["n"] = (1 + i % 3).into();
            body["temperature"] = json!(if i % 2 == 0 { 0.0 } else { 1.0 });
            body["seed"] = i.into();
            body["logprobs"] = true.into();
            body
        })
        .collect();
    let mut alone = Vec::new();
    for body in &bodies {
        alone.push(chat(&local, body.clone()).await);
    }
    let mut crowd = JoinSet::new();
    for (i, body) in bodies.into_iter().enumerate() {
        let local = Arc::clone(&local);
        crowd.spawn(async move { (i, chat(&local, body).await) });
    }
    for (i, answer) in crowd.join_all().await {
        assert_eq!(answer["choices"], alone[i]["choices"]);
        assert_eq!(answer["usage"], alone[i]["usage"]);
    }
    until("all is given back", || local.health().in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_back() {
    let mut settings = options(tiny());
    (settings.max_sequences, settings.queue) = (1, 1);
    let local = LocalUpstream::start(settings).unwrap();
    let first = open(&local, &endless()).await;
    let mut second = Box::pin(local.ask(request(Endpoint::Chat, message("b").to_string())));
    assert!(futures_pending(&mut second).await);
    let third = local
        .ask(request(Endpoint::Chat, message("c").to_string()))
        .await;
    match third {
        Err(Error::QueueFull {
            retry_after,
            upstream,
        }) => {
            assert_eq!(upstream, "tiny");
            assert!(retry_after.as_secs() >= 1);
        }
        other => panic!("not refused: {:?}", other.map(|answer| answer.status)),
    }
    assert_eq!(local.health().in_flight, 2);
    // The first leaves in mid-stream: the second gets its slot, and a third its place.
    drop(first);
    assert_eq!(second.await.unwrap().status, 200);
    until("a place is free", || local.health().in_flight == 0).await;
    chat(&local, message("c")).await;
}

/// Polls once; whether it still waits.
async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_waiting_leaves_nothing() {
    let mut settings = options(tiny());
    settings.max_sequences = 1;
    let local = LocalUpstream::start(settings).unwrap();
    let first = open(&local, &endless()).await;
    for _ in 0..5 {
        let mut waiting = Box::pin(local.ask(request(Endpoint::Chat, endless().to_string())));
        assert!(futures_pending(&mut waiting).await);
        drop(waiting);
    }
    until("only the first is left", || local.health().in_flight == 1).await;
    drop(first);
    until("nobody is left", || local.health().in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_keep_no_slot_and_lose_nothing() {
    let mut settings = options(tiny());
    settings.max_sequences = 1;
    let local = LocalUpstream::start(settings).unwrap();
    let mut sampled = endless();
    (sampled["temperature"], sampled["seed"]) = (json!(1.0), json!(5));
    let bodies = [endless(), sampled];
    let mut slow = Vec::new();
    // They read nothing, and there is one slot: the second begins when the first rests.
    for body in &bodies {
        slow.push(open(&local, body).await);
    }
    for i in 0..10 {
        chat(&local, message(&format!("meanwhile {i}"))).await;
    }
    // They are not finished: their lines are bounded.
    until("only they are left", || local.health().in_flight == 2).await;
    for (slow, body) in slow.into_iter().zip(&bodies) {
        let slow = events(&all(slow).await.unwrap());
        let quick = events(&all(open(&local, body).await).await.unwrap());
        let (text, _, finish) = gathered(&slow, 0, "content");
        assert_eq!(text, gathered(&quick, 0, "content").0);
        assert_eq!(finish, "length");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_thread_is_told_to_all() {
    let dies = Arc::new(AtomicBool::new(false));
    let mut settings = options(tiny());
    settings.max_sequences = 1;
    let (death, clock) = (Arc::clone(&dies), settings.clock);
    settings.clock = Arc::new(move || -> Time {
        let here = std::thread::current();
        if death.load(Ordering::SeqCst) && here.name() == Some("local-scheduler") {
            panic!("the clock fell off the wall");
        }
        clock()
    });
    let local = LocalUpstream::start(settings).unwrap();
    assert_eq!(local.health().ready, 1);
    let mut stream = open(&local, &endless()).await;
    let mut waiting = Box::pin(local.ask(request(Endpoint::Chat, message("b").to_string())));
    assert!(futures_pending(&mut waiting).await);
    dies.store(true, Ordering::SeqCst);
    let broken = loop {
        match stream.frame().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("a stream that broke off ended cleanly"),
        }
    };
    let why = "the clock fell off the wall";
    assert!(
        matches!(&broken, Error::Broken { why: w, .. } if w.contains(why)),
        "{broken}"
    );
    // It was waiting, or came too late: it is told either way.
    let waited = waiting
        .await
        .err()
        .expect("nobody is left to answer")
        .to_string();
    assert!(waited.contains(why), "{waited}");
    let late = local
        .ask(request(Endpoint::Chat, message("c").to_string()))
        .await;
    assert!(matches!(late, Err(Error::Unreachable { .. })));
    let health = local.health();
    assert_eq!((health.ready, health.servers), (0, 1));
    assert!(health.last_error.unwrap().contains(why));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_model_breaks_its_streams() {
    let local = start();
    let mut stream = open(&local, &endless()).await;
    drop(local);
    let broken = loop {
        match stream.frame().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("a stream that broke off ended cleanly"),
        }
    };
    assert!(broken.to_string().contains("stopped"), "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_does_not_keep_others_out() {
    let mut settings = options(tiny());
    settings.max_sequences = 2;
    let local = LocalUpstream::start(settings).unwrap();
    let batch = json!({
        "model": "tiny", "prompt": vec!["a"; 200], "max_tokens": 100, "temperature": 0,
        "logit_bias": {"0": -100, "2": -100},
    });
    // Somebody has to take what the batch writes: one that nobody reads rests, with its places.
    let asker = std::sync::Arc::clone(&local);
    let batch = tokio::spawn(async move {
        let asked = asker.ask(request(Endpoint::Completions, batch.to_string()));
        drop(asked.await);
    });
    until("the batch is there", || local.health().in_flight > 0).await;
    chat(&local, message("only one")).await;
    assert!(!batch.is_finished(), "the batch has 20,000 tokens to write");
    batch.abort();
    until("nobody is left", || local.health().in_flight == 0).await;
}
