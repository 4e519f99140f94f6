//! Changes in force at once that drop no stream.

use gateway::Models;
use record::{Change, Limits, Outcome};

use crate::house::{house, http, route};
use crate::peer::{CHAT, EVENTS, Peer, json};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_models_and_keys_change_under_a_running_stream() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let mut client = house.send(&house.key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    let head = client.head().await.unwrap();

    // Another server answers for the model from now on, and a new one is there.
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    house.gateway.set_models(Models::new(vec![
        route("m", http(&peer)),
        route("new", http(&peer)),
    ]));
    assert_eq!(house.chat(ASK).await.status(), 200);
    assert_eq!(
        house.chat(&ASK.replace("\"m\"", "\"new\"")).await.status(),
        200
    );
    // A new key opens at once, a new limit holds at once.
    let key = house.key(house.account, |_| {});
    assert_eq!(house.post(&key, PATH, ASK).await.status(), 200);
    house.change(Change::AccountLimits {
        account: house.account,
        limits: Limits {
            concurrency: Some(1),
            ..Limits::default()
        },
        spend: None,
    });
    assert_eq!(house.chat(ASK).await.status(), 429);
    // A plan that is gone leaves no model, and plans come back.
    house.change(Change::AccountPlan {
        account: house.account,
        plan: "gone".into(),
    });
    assert_eq!(house.chat(ASK).await.code(), "model_not_found");
    let mut plan = house.table.plan("open").unwrap();
    plan.name = "gone".into();
    house.table.set_plans(vec![plan], house.clock.now());
    assert_eq!(house.chat(ASK).await.status(), 429);

    EVENTS[1..].iter().for_each(|event| feed(&feeder, event));
    let answer = client.rest(head).await;
    assert!(answer.whole);
    assert_eq!(house.exchange(&answer.id()).outcome, Outcome::Completed);
    assert_eq!(house.chat(ASK).await.status(), 200, "its place is free");
    house.finish().await;
}
