//! Grants: a token as key or as URL prefix, with a budget, a rate and a ladder of its own.

use record::{
    BudgetOwner, Change, GrantBudget, Limits, Money, Outcome, Reason, SpendLimit, SpendPeriod, Tier,
};

use crate::books::peak;
use crate::client::request;
use crate::house::{House, Setup, house, http, route};
use crate::peer::{CHAT, EVENTS, Peer, json};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

async fn calm() -> (Peer, House) {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let routes = vec![route("m", http(&peer)), route("other", http(&peer))];
    let house = Setup::new(routes).open().await;
    (peer, house)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_a_key_or_a_prefix_of_the_url() {
    let (peer, house) = calm().await;
    let (id, token) = house.grant(|_| {});
    let answer = house.post(&token, PATH, ASK).await;
    assert_eq!(answer.status(), 200);
    let by_key = house.exchange(&answer.id());
    assert_eq!(
        (by_key.grant, by_key.key, by_key.account),
        (Some(id), None, house.account)
    );
    // A trainer that sends no credential, and one that sends a meaningless one.
    for headers in [&[][..], &[("Authorization", "Bearer EMPTY")]] {
        let mut client = house.client().await;
        let path = format!("/g/{token}{PATH}");
        client
            .send(&request("POST", &path, headers, ASK.as_bytes()))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(house.exchange(&answer.id()).grant, Some(id));
    }
    assert!(
        peer.seen()
            .iter()
            .all(|seen| seen.head.starts_with("POST /v1/chat/completions "))
    );
    let mut client = house.client().await;
    client
        .send(&request("GET", &format!("/g/{token}/v1/models"), &[], b""))
        .await;
    let listed = client.answer().await.json();
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        1,
        "its teachers alone"
    );
    assert_eq!(house.post("gt-sh-nobody", PATH, ASK).await.status(), 401);
    let answer = house
        .post("", "/g/gt-sh-nobody/v1/chat/completions", ASK)
        .await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (401, "invalid_api_key")
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_draws_on_its_own_budget_and_rate_and_a_key_on_no_grant() {
    let (_peer, house) = calm().await;
    // The account itself may spend nothing and ask once a minute.
    house.change(Change::AccountLimits {
        account: house.account,
        limits: Limits {
            requests_per_minute: Some(1),
            ..Limits::default()
        },
        spend: Some(SpendLimit {
            amount: Money::ZERO,
            period: SpendPeriod::Total,
        }),
    });
    let (id, token) = house.grant(|terms| {
        terms.budget = GrantBudget::new(None, Some(100)).unwrap();
        terms.limits.requests_per_minute = Some(4);
    });
    // A request may use its 42 bytes and 5 tokens, and uses 14.
    let mut served = 0;
    let last = loop {
        let answer = house.post(&token, PATH, ASK).await;
        if answer.status() != 200 {
            break answer;
        }
        served += 1;
    };
    assert_eq!((served, last.code().as_str()), (4, "rate_limit_exceeded"));
    house.clock.step(60);
    let answer = house.post(&token, PATH, ASK).await;
    assert_eq!(
        answer.code(),
        "budget_exhausted",
        "44 are left, 47 are needed"
    );
    let facts = house.facts();
    assert!(peak(&facts, BudgetOwner::Grant(id)).tokens <= 100);
    assert_eq!(peak(&facts, BudgetOwner::Account(house.account)).tokens, 0);
    // New terms are in force at once, and what was used stays used.
    let mut terms = house.facts.directory().grant(id).unwrap().terms.clone();
    terms.budget = GrantBudget::new(None, Some(110)).unwrap();
    house.change(Change::GrantChanged { grant: id, terms });
    assert_eq!(house.post(&token, PATH, ASK).await.status(), 200);
    assert_eq!(
        house.post(&token, PATH, ASK).await.code(),
        "budget_exhausted"
    );
    assert!(peak(&house.facts(), BudgetOwner::Grant(id)).tokens <= 110);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiers_open_more_and_more() {
    let (_peer, house) = calm().await;
    let asks = [
        (PATH, r#""messages":[]"#),
        (PATH, r#""logit_bias":{"1":5},"messages":[]"#),
        (PATH, r#""logprobs":true,"top_logprobs":100,"messages":[]"#),
        ("/v1/completions", r#""prompt":"x","prompt_logprobs":5"#),
    ];
    for (tier, opens) in [
        (Tier::Text, 1),
        (Tier::Judge, 2),
        (Tier::Topk, 3),
        (Tier::Score, 4),
        (Tier::Train, 4),
    ] {
        let (_, token) = house.grant(|terms| terms.tier = tier);
        for (index, (path, fields)) in asks.iter().enumerate() {
            let body = format!(r#"{{"model":"m","max_tokens":5,{fields}}}"#);
            let status = house.post(&token, path, &body).await.status();
            let expected = if index < opens { 200 } else { 403 };
            assert_eq!(status, expected, "{tier:?} {fields}");
        }
        let other = ASK.replace("\"m\"", "\"other\"");
        assert_eq!(
            house.post(&token, PATH, &other).await.status(),
            404,
            "no teacher of it"
        );
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_ends() {
    let (_peer, house) = calm().await;
    let (id, token) = house.grant(|_| {});
    assert_eq!(house.post(&token, PATH, ASK).await.status(), 200);
    house.clock.step(3_601);
    let answer = house.post(&token, PATH, ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (401, "credential_expired")
    );
    let refusal = house.refusal(&answer.id());
    assert_eq!(
        (refusal.grant, refusal.reason),
        (Some(id), Reason::CredentialExpired)
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_ends_its_own_streams_and_no_others() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let (id, token) = house.grant(|_| {});
    let mut streams = Vec::new();
    for key in [&token, &token, &house.key] {
        let mut client = house.send(key, PATH, STREAM).await;
        let feeder = questions.recv().await.unwrap().stream();
        let head = client.head().await.unwrap();
        feed(&feeder, EVENTS[0]);
        assert_eq!(client.part().await.as_deref(), Some(EVENTS[0]));
        streams.push((client, feeder, head));
    }
    house.change(Change::GrantRevoked { grant: id });
    let (mut other, feeder, other_head) = streams.pop().unwrap();
    for (mut client, feeder, head) in streams {
        let event = client.part().await.expect("an error event");
        assert!(event.contains("credential_revoked"), "{event}");
        assert_eq!(client.part().await, None, "never a clean end");
        feeder.closed().await;
        let exchange = house.exchange(&head.id());
        assert_eq!(
            (exchange.outcome, exchange.grant),
            (Outcome::Revoked, Some(id))
        );
        assert!(
            exchange.usage.unwrap().output > 0,
            "what was served is settled"
        );
        assert_eq!(exchange.shares.len(), 1);
    }
    for event in &EVENTS[1..] {
        feed(&feeder, event);
    }
    let answer = other.rest(other_head).await;
    assert!(answer.whole && answer.body.ends_with(EVENTS[4]));
    assert_eq!(house.exchange(&answer.id()).outcome, Outcome::Completed);
    assert_eq!(
        house.post(&token, PATH, ASK).await.code(),
        "credential_revoked"
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_an_account_ends_its_streams_too() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let (_, token) = house.grant(|_| {});
    let mut clients = Vec::new();
    let mut feeders = Vec::new();
    for key in [&token, &house.key] {
        clients.push(house.send(key, PATH, STREAM).await);
        feeders.push(questions.recv().await.unwrap().stream());
    }
    house.change(Change::AccountState {
        account: house.account,
        state: record::AccountState::Closed,
    });
    for client in &mut clients {
        let head = client.head().await.unwrap();
        let answer = client.rest(head).await;
        assert!(
            !answer.whole && answer.body.contains("account_closed"),
            "{}",
            answer.body
        );
    }
    assert_eq!(house.post(&token, PATH, ASK).await.code(), "account_closed");
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_expires_ends_its_streams() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let end = house.clock.now().plus_micros(60_000_000);
    let key = house.key(house.account, |key| key.expires = Some(end));
    let mut client = house.send(&key, PATH, STREAM).await;
    let feeder = questions.recv().await.unwrap().stream();
    feed(&feeder, EVENTS[0]);
    let head = client.head().await.unwrap();
    house.clock.step(61);
    let answer = client.rest(head).await;
    assert!(
        !answer.whole && answer.body.contains("credential_expired"),
        "{}",
        answer.body
    );
    let exchange = house.exchange(&answer.id());
    assert_eq!((exchange.outcome, exchange.status), (Outcome::Revoked, 200));
    house.finish().await;
}
