//! What a plan, an account or a model bounds: capabilities, rates, places, budgets, contexts.

use record::{Limits, Money, Reason, SpendLimit, SpendPeriod};

use crate::house::{Setup, house, http, route};
use crate::peer::{CHAT, Peer, json};
use crate::puppet::puppet;
use crate::refusals::{assert_refused, calm};

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capabilities_of_the_plan() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    setup.plan.capabilities.top_logprobs = Some(5);
    setup.plan.capabilities.max_n = 2;
    setup.plan.capabilities.logit_bias = false;
    setup.plan.capabilities.reasoning = false;
    setup.plan.capabilities.prompt_logprobs = false;
    let house = setup.open().await;
    for (path, more, param) in [
        (PATH, r#""logprobs":true,"top_logprobs":6"#, "top_logprobs"),
        (PATH, r#""n":3"#, "n"),
        (PATH, r#""logit_bias":{"5":-100}"#, "logit_bias"),
        (PATH, r#""reasoning_effort":"low""#, "reasoning_effort"),
        ("/v1/completions", r#""prompt":"x","best_of":5"#, "best_of"),
        (
            "/v1/completions",
            r#""prompt":"x","echo":true,"logprobs":1"#,
            "echo",
        ),
        (
            "/v1/completions",
            r#""prompt":"x","prompt_logprobs":1"#,
            "prompt_logprobs",
        ),
    ] {
        let answer = house
            .post(&house.key, path, &format!(r#"{{"model":"m",{more}}}"#))
            .await;
        assert_refused(
            &house,
            &answer,
            403,
            "capability_not_allowed",
            Reason::CapabilityNotAllowed,
        );
        assert_eq!(answer.param().as_deref(), Some(param));
    }
    let allowed = r#"{"model":"m","messages":[],"logprobs":true,"top_logprobs":5,"n":2}"#;
    assert_eq!(house.chat(allowed).await.status(), 200);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_tokens_a_minute() {
    let (_peer, house) = calm().await;
    let account = house.account(|account| account.limits.requests_per_minute = Some(2));
    let key = house.key(account, |_| {});
    for left in ["1", "0"] {
        let answer = house.post(&key, PATH, ASK).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left));
    }
    let answer = house.post(&key, PATH, ASK).await;
    assert_refused(
        &house,
        &answer,
        429,
        "rate_limit_exceeded",
        Reason::RequestsPerMinute,
    );
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(answer.json()["error"]["type"], "requests");

    let account = house.account(|account| account.limits.tokens_per_minute = Some(100));
    let key = house.key(account, |_| {});
    let short = ASK.replace("\"m\"", "\"m\",\"max_tokens\":60");
    let answer = house.post(&key, PATH, &short).await;
    assert_eq!(answer.status(), 200);
    // Foreseen were 60 and the prompt, used were 14: the difference was given back.
    let answer = house.post(&key, PATH, &short).await;
    assert_eq!(answer.status(), 200);
    let long = ASK.replace("\"m\"", "\"m\",\"max_tokens\":90");
    let answer = house.post(&key, PATH, &long).await;
    assert_refused(
        &house,
        &answer,
        429,
        "rate_limit_exceeded",
        Reason::TokensPerMinute,
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some("100"));
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("72"));
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_the_same_time() {
    let (upstream, mut questions) = puppet();
    let house = house(upstream).await;
    let account = house.account(|account| account.limits.concurrency = Some(1));
    let (key, other) = (house.key(account, |_| {}), house.key(account, |_| {}));
    let mut first = house.send(&key, PATH, ASK).await;
    let asked = questions.recv().await.unwrap();
    let answer = house.post(&other, PATH, ASK).await;
    assert_refused(
        &house,
        &answer,
        429,
        "rate_limit_exceeded",
        Reason::Concurrency,
    );
    assert_eq!(answer.json()["error"]["type"], "concurrency");
    assert!(answer.header("retry-after").is_some());
    asked.whole(CHAT);
    assert_eq!(first.answer().await.status(), 200);
    let mut again = house.send(&other, PATH, ASK).await;
    questions.recv().await.unwrap().whole(CHAT);
    assert_eq!(again.answer().await.status(), 200);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_that_is_less_than_the_worst_case() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut priced = route("m", http(&peer));
    priced.prices.output = 1000;
    let house = Setup::new(vec![priced]).open().await;
    let account = house.account(|account| {
        account.limits = Limits {
            tokens_per_minute: Some(1000),
            ..Limits::default()
        };
        account.spend = Some(SpendLimit {
            amount: Money::from_nanos(50_000),
            period: SpendPeriod::Month,
        });
    });
    let key = house.key(account, |_| {});
    let ask = |most: u32| ASK.replace("\"m\"", &format!("\"m\",\"max_tokens\":{most}"));
    let answer = house.post(&key, PATH, &ask(51)).await;
    assert_refused(
        &house,
        &answer,
        429,
        "budget_exhausted",
        Reason::BudgetExhausted,
    );
    assert_eq!(answer.json()["error"]["type"], "insufficient_quota");
    let answer = house.post(&key, PATH, &ask(50)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer
            .header("x-ratelimit-remaining-tokens")
            .map(|left| left.parse::<u64>().unwrap() > 900),
        Some(true),
        "a refused request used no tokens"
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_context_that_is_too_small() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut small = route("m", http(&peer));
    small.context_tokens = Some(100);
    let house = Setup::new(vec![small]).open().await;
    let answer = house
        .chat(&ASK.replace("\"m\"", "\"m\",\"max_completion_tokens\":101"))
        .await;
    assert_refused(
        &house,
        &answer,
        400,
        "context_length_exceeded",
        Reason::ContextLengthExceeded,
    );
    assert_eq!(answer.param().as_deref(), Some("max_completion_tokens"));
    house.finish().await;
}
