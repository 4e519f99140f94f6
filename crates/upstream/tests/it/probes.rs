//! Servers that nobody asks are looked at; a look changes what is told, never who is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use record::Time;
use upstream::{HttpUpstream, Kind, Probes, Secret, Settings, Upstream as _};

use crate::peer::{always, chat, dead_base, json, serve, upstream};

fn at(micros: u64) -> Time {
    Time::from_micros(micros)
}

#[tokio::test]
async fn a_dead_server_is_told_of_before_anybody_asks_and_is_asked_all_the_same() {
    let live = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![dead_base().await, live.base()]);
    assert_eq!(upstream.health().ready, 2, "nothing is known yet");
    upstream.probe(at(7)).await;
    upstream.probe(at(9)).await;
    let health = upstream.health();
    assert_eq!((health.ready, health.unreachable), (1, 1));
    assert!(health.last_error.unwrap().contains("refused"));
    let servers = upstream.servers();
    assert_eq!(servers[0].unreachable_since, Some(at(7)));
    assert_eq!((servers[0].ready, servers[1].ready), (false, true));
    let counted = Probes {
        answered: 2,
        failed: 2,
    };
    assert_eq!(upstream.probes(), counted);
    for _ in 0..4 {
        assert_eq!(upstream.ask(chat()).await.unwrap().status, 200);
    }
    assert!(upstream.health().last_error.unwrap().contains("refused"));
}

#[tokio::test]
async fn any_answer_shows_that_a_server_lives() {
    for status in ["401 No", "404 Not Found", "500 Oh", "503 Busy"] {
        let peer = always(json(status, "", "{}")).await;
        let upstream = upstream(vec![peer.base()]);
        upstream.probe(at(1)).await;
        let health = upstream.health();
        assert_eq!(
            (health.ready, health.unreachable, health.last_error),
            (1, 0, None),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_look_is_a_get_with_the_credential() {
    let peer = always(json("200 OK", "", "{}")).await;
    for (tokenize, path) in [(true, "/health"), (false, "/v1/models")] {
        let mut settings = Settings::new("u", Kind::OpenAi, vec![peer.base()]);
        settings.tokenize = tokenize;
        settings.secret = Some(Secret::new("hush"));
        HttpUpstream::new(&settings).unwrap().probe(at(1)).await;
        let request = peer.requests.lock().pop().unwrap();
        assert!(
            request.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{request}"
        );
        assert!(request.contains("authorization: Bearer hush"), "{request}");
        assert!(!request.contains("content-type"), "{request}");
    }
}

/// Hangs up on every GET, and answers all else.
#[tokio::test]
async fn who_answers_real_requests_stays_in_rotation_whatever_probes_meet() {
    let odd = serve(|mut conn| async move {
        while let Some(request) = conn.read().await {
            if request.starts_with("GET") {
                return;
            }
            conn.write(&json("200 OK", "", "{}")).await;
        }
    })
    .await;
    let well = always(json("200 OK", "", "{}")).await;
    let upstream = upstream(vec![odd.base(), well.base()]);
    upstream.probe(at(1)).await;
    assert_eq!(upstream.health().unreachable, 1);
    let looks = (odd.asked(), well.asked());
    for _ in 0..10 {
        upstream.ask(chat()).await.unwrap();
    }
    let health = upstream.health();
    assert_eq!((health.ready, health.unreachable), (2, 0));
    assert_eq!((odd.asked(), well.asked()), (looks.0 + 5, looks.1 + 5));
    // It has just answered: nobody looks.
    upstream.probe(at(2)).await;
    assert_eq!((odd.asked(), well.asked()), (looks.0 + 5, looks.1 + 5));
    assert_eq!(upstream.health().ready, 2);
}

#[tokio::test]
async fn a_server_that_comes_back_is_reachable_again() {
    let away = Arc::new(AtomicBool::new(true));
    let peer = {
        let away = Arc::clone(&away);
        serve(move |mut conn| {
            let away = Arc::clone(&away);
            async move {
                while !away.load(SeqCst) && conn.read().await.is_some() {
                    conn.write(&json("200 OK", "", "{}")).await;
                }
            }
        })
        .await
    };
    let upstream = upstream(vec![peer.base()]);
    upstream.probe(at(1)).await;
    assert_eq!(upstream.health().ready, 0);
    away.store(false, SeqCst);
    upstream.probe(at(2)).await;
    assert_eq!(upstream.health().ready, 1);
    assert_eq!(upstream.servers()[0].unreachable_since, None);
    assert!(upstream.switch(&peer.base(), false));
    let asked = peer.asked();
    upstream.probe(at(3)).await;
    assert_eq!(peer.asked(), asked, "who is switched off is left alone");
}
