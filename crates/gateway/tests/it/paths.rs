//! The other paths: health, models, what the operator listed; and where a client comes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use record::{Endpoint, Outcome, UsageSource};

use upstream::{HttpUpstream, Kind, Settings};

use crate::client::request;
use crate::house::{Setup, house, http, route};
use crate::peer::{CHAT, Peer, json};

const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_needs_no_key() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    for path in ["/health", "/healthz", "/readyz"] {
        let mut client = house.client().await;
        client.send(&request("GET", path, &[], b"")).await;
        let answer = client.answer().await;
        assert_eq!(answer.status(), 200, "{path}");
    }
    assert!(house.gateway.status().open);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_nobody_to_ask_is_not_ready_once_a_probe_says_so() {
    let away = Arc::new(AtomicBool::new(true));
    let peer = {
        let away = Arc::clone(&away);
        Peer::new(move |mut conn| {
            let away = Arc::clone(&away);
            async move {
                while !away.load(Ordering::SeqCst) && conn.read().await.is_some() {
                    conn.write(&json("200 OK", "", CHAT)).await;
                }
            }
        })
        .await
    };
    let servers = vec![format!("http://{}/v1", peer.address)];
    let dead = Arc::new(HttpUpstream::new(&Settings::new("u", Kind::OpenAi, servers)).unwrap());
    let house = house(Arc::<HttpUpstream>::clone(&dead)).await;
    let ready = async || {
        let mut client = house.client().await;
        client.send(&request("GET", "/readyz", &[], b"")).await;
        client.answer().await
    };
    assert_eq!(ready().await.status(), 200, "nothing is known yet");
    dead.probe(record::Time::from_micros(1)).await;
    let answer = ready().await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (503, "upstream_unavailable")
    );
    away.store(false, Ordering::SeqCst);
    // The door is open all the same, and an answer shows that there is somebody.
    assert_eq!(house.chat(ASK).await.status(), 200);
    assert_eq!(ready().await.status(), 200);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_are_those_of_the_plan() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut large = route("org/large", http(&peer));
    large.context_tokens = Some(8192);
    let mut setup = Setup::new(vec![
        route("m", http(&peer)),
        large,
        route("secret", http(&peer)),
    ]);
    setup.plan.models = Some(vec!["m".into(), "org/large".into()]);
    let house = setup.open().await;
    let bearer = format!("Bearer {}", house.key);
    let get = |path: &'static str, more: Option<(&'static str, &'static str)>| {
        let (house, bearer) = (&house, &bearer);
        async move {
            let mut client = house.client().await;
            let headers: Vec<_> = [Some(("authorization", bearer.as_str())), more]
                .into_iter()
                .flatten()
                .collect();
            client.send(&request("GET", path, &headers, b"")).await;
            client.answer().await
        }
    };
    let listed = get("/v1/models", None).await.json();
    let ids: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].clone())
        .collect();
    assert_eq!(
        (listed["object"].as_str(), ids),
        (Some("list"), vec!["m".into(), "org/large".into()])
    );
    let one = get("/v1/models/org%2Flarge", None).await.json();
    assert_eq!(
        (&one["id"], &one["object"]),
        (&"org/large".into(), &"model".into())
    );
    assert_eq!(get("/v1/models/org/large", None).await.status(), 200);
    assert_eq!(
        get("/v1/models/secret", None).await.code(),
        "model_not_found"
    );
    let anthropic = get("/v1/models", Some(("anthropic-version", "2023-06-01")))
        .await
        .json();
    assert_eq!(anthropic["data"][0]["type"], "model");
    let answer = house.chat(&ASK.replace("\"m\"", "\"secret\"")).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (404, "model_not_found")
    );
    let mut client = house.client().await;
    client.send(&request("GET", "/v1/models", &[], b"")).await;
    assert_eq!(client.answer().await.status(), 401);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_of_one_organisation_is_unknown_to_the_others() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    let own = {
        let directory = house.facts.directory();
        directory.account(house.account).map(|a| a.organization)
    };
    let only = |model: &str, only| gateway::Route {
        only,
        ..route(model, http(&peer))
    };
    let other = Some(record::Id::from_bytes([9; 16]));
    house.gateway.set_models(gateway::Models::new(vec![
        route("m", http(&peer)),
        only("candidate/ours", own),
        only("candidate/theirs", other),
    ]));
    let bearer = format!("Bearer {}", house.key);
    let get = async |path: &str| {
        let mut client = house.client().await;
        let headers = [("authorization", bearer.as_str())];
        client.send(&request("GET", path, &headers, b"")).await;
        client.answer().await
    };
    let listed = get("/v1/models").await.json();
    let ids = listed["data"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["candidate/ours", "m"]);
    assert_eq!(get("/v1/models/candidate/theirs").await.status(), 404);
    let ours = house
        .chat(&ASK.replace("\"m\"", "\"candidate/ours\""))
        .await;
    assert_eq!(ours.status(), 200);
    // Nothing in the refusal tells that there is such a model, but for the name that was asked.
    let refusal = async |model: &str| {
        let answer = house
            .chat(&ASK.replace("\"m\"", &format!("\"{model}\"")))
            .await;
        (
            answer.status(),
            answer.json().to_string().replace(model, ""),
        )
    };
    let theirs = refusal("candidate/theirs").await;
    assert_eq!(theirs.0, 404);
    assert_eq!(theirs, refusal("candidate/nobody").await);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listed_paths_pass_and_are_metered_by_bytes() {
    let peer = Peer::always(json(
        "200 OK",
        "",
        r#"{"results":[{"index":0,"score":0.9}]}"#,
    ))
    .await;
    let mut priced = route("m", http(&peer));
    priced.prices.input = 100;
    let mut setup = Setup::new(vec![priced]);
    setup.options.listed_paths = vec!["/v1/rerank".into()];
    let house = setup.open().await;
    for ask in [r#"{"model":"m","query":"q","n":"odd"}"#, r#"{"query":"q"}"#] {
        let answer = house.post(&house.key, "/v1/rerank?top=1", ask).await;
        assert_eq!(answer.status(), 200, "{}", answer.body);
        let seen = peer.seen().pop().unwrap();
        assert!(
            seen.head.starts_with("POST /v1/rerank?top=1 "),
            "{}",
            seen.head
        );
        assert_eq!(seen.body, ask);
        let exchange = house.exchange(&answer.id());
        assert_eq!(exchange.endpoint, Endpoint::Listed("/v1/rerank".into()));
        assert_eq!(exchange.outcome, Outcome::Completed);
        assert_eq!(exchange.usage.unwrap().source, UsageSource::Estimated);
        assert!(exchange.cost.money.nanos() > 0);
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_client_comes_from() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    setup.options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let behind = setup.open().await;
    let before = house(http(&peer)).await;
    let path = "/v1/chat/completions";
    let told = [("X-Forwarded-For", "6.6.6.6, 203.0.113.9")];
    let answer = behind
        .send_with(&behind.key, path, &told, ASK)
        .await
        .answer()
        .await;
    assert_eq!(behind.exchange(&answer.id()).origin.address, "203.0.113.9");
    let answer = before
        .send_with(&before.key, path, &told, ASK)
        .await
        .answer()
        .await;
    assert_eq!(
        before.exchange(&answer.id()).origin.address,
        "127.0.0.1",
        "nobody is trusted"
    );

    // The order and the case of names make the print, values don't.
    let mut prints = Vec::new();
    for headers in [
        [("User-Agent", "a"), ("Accept", "b")],
        [("User-Agent", "c"), ("Accept", "d")],
        [("Accept", "b"), ("User-Agent", "a")],
        [("user-agent", "a"), ("Accept", "b")],
    ] {
        let answer = before
            .send_with(&before.key, path, &headers, ASK)
            .await
            .answer()
            .await;
        prints.push(before.exchange(&answer.id()).origin.header_order);
    }
    assert_eq!(prints[0], prints[1]);
    assert_ne!(prints[0], prints[2]);
    assert_ne!(prints[0], prints[3]);
    behind.finish().await;
    before.finish().await;
}
