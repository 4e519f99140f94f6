//! Load goes where there is least of it, and around servers that fail, until they are back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use upstream::Upstream as _;

use crate::peer::{SOON, always, chat, dead_base, json, serve, serve_on, upstream};

#[tokio::test]
async fn ties_rotate() {
    let ok = json("200 OK", "", "{}");
    let (a, b) = (always(ok.clone()).await, always(ok).await);
    let upstream = upstream(vec![a.base(), b.base()]);
    for _ in 0..10 {
        upstream.ask(chat()).await.unwrap();
    }
    assert_eq!((a.asked(), b.asked()), (5, 5));
}

#[tokio::test]
async fn the_server_with_least_under_way_is_asked() {
    let gate = Arc::new(Semaphore::new(0));
    let slow = {
        let gate = Arc::clone(&gate);
        serve(move |mut conn| {
            let gate = Arc::clone(&gate);
            async move {
                while conn.read().await.is_some() {
                    gate.acquire().await.unwrap().forget();
                    conn.write(&json("200 OK", "", "{}")).await;
                }
            }
        })
        .await
    };
    let quick = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![slow.base(), quick.base()]);
    let first = upstream.ask(chat());
    let rest = async {
        while slow.asked() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(upstream.health().in_flight, 1);
        for _ in 0..9 {
            upstream.ask(chat()).await.unwrap();
        }
        gate.add_permits(1);
    };
    let (first, ()) = tokio::join!(first, rest);
    first.unwrap();
    assert_eq!((slow.asked(), quick.asked()), (1, 9));
}

#[tokio::test]
async fn a_dead_server_costs_no_request_and_is_ejected() {
    let live = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![dead_base().await, live.base()]);
    for _ in 0..20 {
        assert_eq!(upstream.ask(chat()).await.unwrap().status, 200);
    }
    assert_eq!(live.asked(), 20);
    assert!(upstream.health().last_error.unwrap().contains("refused"));
}

#[tokio::test]
async fn a_failing_server_is_ejected_and_comes_back_by_a_probe() {
    let ill = Arc::new(AtomicBool::new(true));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sick = {
        let ill = Arc::clone(&ill);
        serve_on(listener, move |mut conn| {
            let ill = Arc::clone(&ill);
            async move {
                while conn.read().await.is_some() {
                    let status = if ill.load(SeqCst) { "500 Oh" } else { "200 OK" };
                    conn.write(&json(status, "", "{}")).await;
                }
            }
        })
    };
    let well = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![sick.base(), well.base()]);
    while sick.asked() < 3 {
        upstream.ask(chat()).await.unwrap();
    }
    for _ in 0..40 {
        upstream.ask(chat()).await.unwrap();
    }
    // In rotation it would have got 20 of them; probes come a second and more apart.
    assert!(sick.asked() < 10, "{}", sick.asked());
    ill.store(false, SeqCst);
    let asked_while_ill = sick.asked();
    let back = async {
        while sick.asked() < asked_while_ill + 3 {
            assert_eq!(upstream.ask(chat()).await.unwrap().status, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, back).await.unwrap();
    assert_eq!(upstream.health().ready, 2);
}

#[tokio::test]
async fn an_ejected_server_that_is_the_only_one_is_still_asked() {
    let peer = always(json("500 Oh", "", "{\"e\":1}")).await;
    let upstream = upstream(vec![peer.base()]);
    for _ in 0..6 {
        assert_eq!(upstream.ask(chat()).await.unwrap().status, 500);
    }
    assert_eq!(peer.asked(), 6);
}

#[tokio::test]
async fn a_clients_mistakes_cool_nothing_down() {
    for status in ["400 Bad", "404 Not Found", "422 No", "429 Slow"] {
        let peer = always(json(status, "", "{}")).await;
        let upstream = upstream(vec![peer.base()]);
        for _ in 0..10 {
            upstream.ask(chat()).await.unwrap();
        }
        let health = upstream.health();
        assert_eq!((health.ready, health.last_error), (1, None), "{status}");
    }
}

#[tokio::test]
async fn a_server_that_is_switched_off_gets_nothing_new() {
    let ok = json("200 OK", "", "{}");
    let (a, b) = (always(ok.clone()).await, always(ok).await);
    let upstream = upstream(vec![a.base(), b.base()]);
    assert!(upstream.switch(&a.base(), false));
    assert!(!upstream.switch("http://nowhere.invalid/v1", false));
    for _ in 0..4 {
        upstream.ask(chat()).await.unwrap();
    }
    assert_eq!((a.asked(), b.asked()), (0, 4));
    let servers = upstream.servers();
    assert_eq!((servers[0].on, servers[1].on), (false, true));
    assert_eq!(upstream.health().ready, 1);
    assert!(upstream.switch(&b.base(), false));
    let error = upstream.ask(chat()).await.err().unwrap().to_string();
    assert!(error.contains("every server is switched off"), "{error}");
    assert!(upstream.switch(&a.base(), true));
    upstream.ask(chat()).await.unwrap();
    assert_eq!((a.asked(), b.asked()), (1, 4));
}

#[tokio::test]
async fn only_good_answers_are_timed() {
    let good = always(json("200 OK", "", "{}")).await;
    let wrong = always(json("400 Bad Request", "", "{}")).await;
    let upstream = upstream(vec![good.base(), wrong.base()]);
    for _ in 0..10 {
        upstream.ask(chat()).await.unwrap();
    }
    let servers = upstream.servers();
    let (timed, not) = (servers[0].latency, servers[1].latency);
    assert_eq!((timed.answers, not.answers), (5, 0));
    let (first, whole) = (timed.first_byte.unwrap(), timed.whole.unwrap());
    assert!(first.p50_us > 0 && first.p50_us <= whole.p50_us);
    assert!(whole.p95_us >= whole.p50_us);
    assert_eq!(not.whole, None);
    assert_eq!(
        upstream.latency(),
        timed,
        "all that was timed came from one"
    );
}
