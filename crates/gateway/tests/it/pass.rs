//! Answers that go well: which bytes pass, which are edited, and when the ledger has them.

use record::{Edit, Endpoint, Outcome, Prices, UsageSource};

use crate::client::SOON;
use crate::house::{Setup, house, http, http_with, route};
use crate::peer::{CHAT, EVENTS, Peer, json, stream};
use crate::puppet::{feed, puppet};

const ASK: &str = "{ \"messages\" : [{\"role\":\"user\",\"content\":\"2+2? \\u00e9\"}],\t\"model\":\"m\" , \"odd\":1.50}";
const STREAM: &str =
    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"}]}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_passes_unchanged_and_is_recorded_before_it_is_read() {
    let peer = Peer::always(json("200 OK", "x-upstream: yes\r\n", CHAT)).await;
    let mut named = route("m", http(&peer));
    named.upstream_model = Some("up".into());
    named.prices = Prices {
        input: 1000,
        cached: 100,
        output: 4000,
        reasoning: 6000,
    };
    let house = Setup::new(vec![named]).open().await;
    let more = [
        ("traceparent", "00-1-2-01"),
        ("x-secret", "mine"),
        ("User-Agent", "test/1"),
        ("Accept-Language", "fy"),
    ];
    let path = "/v1/chat/completions";
    let answer = house
        .send_with(&house.key, path, &more, ASK)
        .await
        .answer()
        .await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, CHAT));
    assert_eq!(answer.header("x-upstream"), Some("yes"));
    let seen = &peer.seen()[0];
    assert_eq!(
        seen.body,
        ASK.replace("\"m\"", "\"up\""),
        "one splice and nothing else"
    );
    assert_eq!(seen.header("traceparent"), Some("00-1-2-01"));
    assert_eq!(seen.header("x-secret"), None);
    assert_eq!(
        seen.header("authorization"),
        None,
        "the client's key stays here"
    );

    let exchange = house.exchange(&answer.id());
    assert_eq!(exchange.account, house.account);
    assert_eq!(exchange.key, Some(house.key_id(&house.key)));
    assert_eq!((exchange.grant, exchange.endpoint), (None, Endpoint::Chat));
    assert_eq!((exchange.model.as_str(), exchange.status), ("m", 200));
    assert_eq!(exchange.upstream, format!("http://{}/v1", peer.address));
    assert_eq!(exchange.outcome, Outcome::Completed);
    assert_eq!(exchange.edits, [Edit::ModelName]);
    assert_eq!(exchange.request_bytes, ASK.len() as u64);
    assert_eq!(exchange.response_bytes, CHAT.len() as u64);
    let usage = exchange.usage.unwrap();
    assert_eq!((usage.input, usage.cached_input), (10, 6));
    assert_eq!((usage.output, usage.reasoning), (4, 1));
    assert_eq!(usage.source, UsageSource::Upstream);
    // 4 fresh and 6 cached tokens of input, 3 seen and 1 reasoned of output.
    assert_eq!(
        exchange.cost.money.nanos(),
        4 * 1000 + 6 * 100 + 3 * 4000 + 6000
    );
    assert_eq!(exchange.cost.tokens, 14);
    assert_eq!(
        exchange.bodies, None,
        "nothing is kept that was not asked for"
    );
    assert_eq!(exchange.origin.user_agent, "test/1");
    assert_eq!(exchange.origin.accept_language, "fy");
    assert_eq!(exchange.origin.address, "127.0.0.1");
    assert_ne!(exchange.origin.header_order, 0);
    assert!(exchange.shares.is_empty(), "there is no budget to draw on");
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_usage_chunk_that_we_asked_for_is_taken_out_again() {
    let peer = Peer::always(stream(&EVENTS)).await;
    let house = house(http(&peer)).await;
    let answer = house.chat(STREAM).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let without = [EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[4]].concat();
    assert_eq!((answer.body, answer.whole), (without, true));
    assert!(
        peer.seen()[0]
            .body
            .contains("\"stream_options\":{\"include_usage\":true}")
    );
    let exchange = house.exchange(&answer.head.id());
    assert_eq!(exchange.edits, [Edit::IncludeUsage]);
    assert_eq!(exchange.usage.unwrap().source, UsageSource::Upstream);
    assert_eq!(exchange.cost.tokens, 14);
    assert!(exchange.streamed);

    let asked = STREAM.replace(
        "\"stream\":true",
        "\"stream\":true,\"stream_options\":{\"include_usage\":true}",
    );
    let answer = house.chat(&asked).await;
    assert_eq!(answer.body, EVENTS.concat());
    assert_eq!(peer.seen()[1].body, asked, "byte for byte");
    assert!(house.exchange(&answer.head.id()).edits.is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_pass_as_they_come_and_the_last_after_it_is_recorded() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let mut client = house.send(&house.key, "/v1/chat/completions", STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    let head = client.head().await.unwrap();
    for event in &EVENTS[..3] {
        feed(&feeder, event);
        assert_eq!(client.part().await.as_deref(), Some(*event));
    }
    assert!(house.find(&head.id()).is_none());
    feed(&feeder, EVENTS[3]);
    feed(&feeder, EVENTS[4]);
    assert_eq!(client.part().await.as_deref(), Some(EVENTS[4]));
    let exchange = house.exchange(&head.id());
    assert_eq!(
        (exchange.outcome, exchange.cost.tokens),
        (Outcome::Completed, 14)
    );
    // The upstream has not closed yet: the client does not wait for that.
    assert_eq!(client.part().await.as_deref(), Some(""));
    drop(feeder);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_that_nobody_states_is_an_estimate_and_never_zero() {
    let silent = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Four."}}]}"#;
    let events = [EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[4]];
    let peer = Peer::answers(move |seen| match seen.body.contains("stream") {
        true => stream(&events),
        false => json("200 OK", "", silent),
    })
    .await;
    let house = house(http(&peer)).await;
    for body in [ASK, STREAM] {
        let answer = house.chat(body).await;
        let usage = house.exchange(&answer.head.id()).usage.unwrap();
        assert_eq!(usage.source, UsageSource::Estimated);
        assert!(usage.input > 0 && usage.output > 0, "{usage:?}");
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_and_embeddings_pass_by_their_own_paths() {
    let embedded = r#"{"object":"list","data":[{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let completed =
        r#"{"choices":[{"index":0,"text":"4"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let peer = Peer::answers(
        move |seen| match seen.head.starts_with("POST /v1/embeddings ") {
            true => json("200 OK", "", embedded),
            false => json("200 OK", "", completed),
        },
    )
    .await;
    let house = house(http(&peer)).await;
    let ask = r#"{"model":"m","input":["one","two"]}"#;
    let answer = house.post(&house.key, "/v1/embeddings", ask).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, embedded));
    let exchange = house.exchange(&answer.id());
    assert_eq!(
        (exchange.endpoint, exchange.cost.tokens),
        (Endpoint::Embeddings, 3)
    );

    let ask = r#"{"model":"m","prompt":[[1,2,3]],"max_tokens":1,"logprobs":1,"echo":true}"#;
    let answer = house.post(&house.key, "/v1/completions", ask).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, completed));
    assert!(peer.seen()[1].head.starts_with("POST /v1/completions "));
    assert_eq!(peer.seen()[1].body, ask);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_serves_many_requests() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    let mut client = house.send(&house.key, "/v1/chat/completions", ASK).await;
    let mut ids = vec![client.answer().await.id()];
    let bearer = format!("Bearer {}", house.key);
    let again = crate::client::request(
        "POST",
        "/v1/chat/completions",
        &[("authorization", &bearer)],
        ASK.as_bytes(),
    );
    // Two at once: answered in order.
    client.send(&[again.clone(), again].concat()).await;
    ids.push(client.answer().await.id());
    ids.push(client.answer().await.id());
    let recorded: Vec<String> = house.exchanges().iter().map(|e| e.id.to_string()).collect();
    assert_eq!(recorded, ids);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_without_the_endpoint_says_so() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http_with(&peer, &[Endpoint::Chat])).await;
    let ask = r#"{"model":"m","prompt":"x"}"#;
    let answer = house.post(&house.key, "/v1/completions", ask).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (400, "endpoint_not_supported")
    );
    let done = tokio::time::timeout(SOON, house.finish()).await;
    assert!(done.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_known_by_its_sha256_opens_too() {
    use sha2::Digest as _;
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    let brought = "sk-from-elsewhere";
    house.key(house.account, |key| {
        key.hash = sha2::Sha256::digest(brought).into();
    });
    let path = "/v1/chat/completions";
    let ask = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(house.post(brought, path, ask).await.status(), 200);
    assert_eq!(house.post("sk-from-nowhere", path, ask).await.status(), 401);
    house.finish().await;
}
