//! What an observer is told agrees with what the ledger has, and a trace goes on to the upstream.

use std::sync::Arc;

use gateway::{Ended, ModelNumber, Observer, Trace, TraceParent, TurnedAway};
use http::HeaderValue;
use parking_lot::Mutex;
use record::{Outcome, Reason};

use crate::house::{House, Setup, http, route};
use crate::peer::{CHAT, EVENTS, Peer, json, stream};

const ASK: &str = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"}]}";
const STREAM: &str =
    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"}]}";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Reason, status, the model's number, whether there is such a path.
type Turned = (Reason, u16, Option<ModelNumber>, bool);

/// Notes everything.
#[derive(Default)]
struct Notes {
    ended: Mutex<Vec<Told>>,
    turned: Mutex<Vec<Turned>>,
}

struct Told {
    id: String,
    outcome: Outcome,
    added_us: u64,
    duration_us: u64,
    model: Option<ModelNumber>,
    upstream: String,
    upstream_model: String,
    finish: Vec<String>,
    answered_model: Option<String>,
}

impl Observer for Notes {
    fn model(&self, name: &str) -> ModelNumber {
        name.len() as ModelNumber
    }
    fn trace(&self, traceparent: Option<&HeaderValue>) -> Option<Trace> {
        let parent = TraceParent::read(traceparent?)?;
        Some(Trace {
            id: parent.id,
            parent: Some(parent.span),
            server: [1; 8],
            client: [2; 8],
        })
    }
    fn ended(&self, ended: &Ended<'_>) {
        assert!(ended.recorded);
        let seen = ended.trace.map(|(_, seen)| seen.clone());
        let seen = seen.unwrap_or_default();
        self.ended.lock().push(Told {
            id: ended.exchange.id.to_string(),
            outcome: ended.exchange.outcome,
            added_us: ended.timings.added_us(ended.exchange.streamed),
            duration_us: ended.timings.ended_us,
            model: ended.model,
            upstream: ended.upstream.to_owned(),
            upstream_model: ended.upstream_model.to_owned(),
            finish: seen.finish_reasons,
            answered_model: seen.model,
        });
    }
    fn turned_away(&self, turned: &TurnedAway<'_>) {
        let known = turned.endpoint.is_some();
        let note = (turned.reason, turned.status, turned.model, known);
        self.turned.lock().push(note);
    }
}

async fn observed(peer: &Peer) -> (House, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let mut named = route("m", http(peer));
    named.upstream_model = Some("up".into());
    let mut setup = Setup::new(vec![named]);
    setup.observer = Arc::clone(&notes) as Arc<dyn Observer>;
    (setup.open().await, notes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_exchange_is_told_once_and_as_the_ledger_has_it() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let (house, notes) = observed(&peer).await;
    for _ in 0..3 {
        assert_eq!(house.chat(ASK).await.status(), 200);
    }
    let exchanges = house.exchanges();
    let told = notes.ended.lock();
    let ids: Vec<String> = exchanges.iter().map(|e| e.id.to_string()).collect();
    assert_eq!(told.iter().map(|t| t.id.clone()).collect::<Vec<_>>(), ids);
    for told in told.iter() {
        assert_eq!(told.outcome, Outcome::Completed);
        assert_eq!(told.model, Some(1), "the number that was given out");
        assert_eq!(
            (told.upstream.as_str(), told.upstream_model.as_str()),
            ("peer", "up")
        );
        assert!(told.added_us <= told.duration_us);
        assert!(told.finish.is_empty(), "looked for where it is traced only");
    }
    assert_eq!(house.gateway.status().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_on_to_the_upstream_and_notes_how_the_answer_ended() {
    let peer = Peer::always(stream(&EVENTS)).await;
    let (house, notes) = observed(&peer).await;
    let more = [("traceparent", PARENT), ("tracestate", "a=1")];
    let path = "/v1/chat/completions";
    let mut sent = house.send_with(&house.key, path, &more, STREAM).await;
    assert_eq!(sent.answer().await.status(), 200);
    let seen = &peer.seen()[0];
    let ours = PARENT.replace("b7ad6b7169203331", "0202020202020202");
    assert_eq!(seen.header("traceparent"), Some(ours.as_str()));
    assert_eq!(seen.header("tracestate"), Some("a=1"));
    let told = notes.ended.lock();
    assert_eq!(told[0].finish, ["stop"]);
    assert_eq!(told[0].answered_model.as_deref(), Some("up"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_is_told_with_its_reason() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let (house, notes) = observed(&peer).await;
    house
        .post("sk-sh-nobody", "/v1/chat/completions", ASK)
        .await;
    house.post(&house.key, "/v1/nowhere", ASK).await;
    house.chat(&ASK.replace("\"m\"", "\"x\"")).await;
    house.chat("[]").await;
    let told = notes.turned.lock();
    assert_eq!(
        *told,
        [
            (Reason::InvalidApiKey, 401, None, true),
            (Reason::UnknownEndpoint, 404, None, false),
            (Reason::ModelNotFound, 404, None, true),
            (Reason::InvalidRequest, 400, None, true),
        ]
    );
    assert!(notes.ended.lock().is_empty());
}
