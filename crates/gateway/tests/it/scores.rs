//! `/v1/score`: who may ask, what it costs, what is told, and that nobody's word is believed.

use std::sync::Arc;

use gateway::{Ended, ModelNumber, Observer, Trace, TurnedAway, Verified};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use record::{
    Amount, BudgetOwner, Edit, Endpoint, GrantBudget, Money, Outcome, Prices, Reason, Tier,
};
use serde_json::{Value, json as value};
use upstream::{Error, HttpUpstream, ScoreOutcome, Secret, Upstream};
use wire::ApiError;
use wire::score::Scores;

use crate::books::peak;
use crate::client::{Answer, request};
use crate::house::{House, Setup, house, http, http_with, route, settings};
use crate::peer::{Peer, json};
use crate::puppet::puppet;
use crate::scorer::{Spoil, rule, scorer, scores};

const PATH: &str = "/v1/score";
const ASK: &str =
    r#"{"model":"m","items":[{"ids":[1,0,9],"top_k":2,"ids_at":[[9],[1,7]],"tail":true}]}"#;

const TRUE: Spoil = |_, _| {};

/// A house with one scorer, that asks again for this share.
async fn checked(spoil: Spoil, share: f64) -> (House, Arc<Looks>) {
    let looks = Arc::new(Looks::default());
    let mut setup = Setup::new(vec![route("m", scorer(spoil))]);
    setup.options.score_check_share = share;
    setup.observer = Arc::clone(&looks) as Arc<dyn Observer>;
    (setup.open().await, looks)
}

/// What was told of looks at scores.
#[derive(Default)]
struct Looks(Mutex<Vec<Verified>>);

impl Observer for Looks {
    fn model(&self, _: &str) -> ModelNumber {
        7
    }
    fn trace(&self, _: Option<&HeaderValue>) -> Option<Trace> {
        None
    }
    fn ended(&self, _: &Ended<'_>) {}
    fn turned_away(&self, _: &TurnedAway<'_>) {}
    fn verified(&self, verified: &Verified) {
        self.0.lock().push(*verified);
    }
}

fn position(answer: &Answer, index: usize) -> Value {
    answer.json()["items"][0]["positions"][index].clone()
}

fn near(value: &Value, expected: f32) -> bool {
    (value.as_f64().unwrap() - f64::from(expected)).abs() < 1e-6
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_are_told_recorded_and_paid_by_the_token() {
    let mut priced = route("m", scorer(TRUE));
    priced.upstream_model = Some("up".into());
    priced.prices = Prices {
        input: 2_000,
        ..Prices::default()
    };
    let house = Setup::new(vec![priced]).open().await;
    let (id, token) = house.grant(|terms| {
        terms.budget = GrantBudget::new(None, Some(10)).unwrap();
    });
    // The path of a trainer that sends no credential.
    let mut client = house.client().await;
    let path = format!("/g/{token}{PATH}");
    client
        .send(&request("POST", &path, &[], ASK.as_bytes()))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["object"], "score");
    assert_eq!(
        (&told["model"], &told["revision"]),
        (&"m".into(), &"blake3:abc".into())
    );
    assert_eq!(
        told["usage"],
        value!({"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3, "scored_tokens": 2})
    );
    let first = position(&answer, 0);
    assert_eq!((&first["id"], &first["rank"]), (&0.into(), &1.into()));
    assert!(near(&first["logprob"], rule(0, 2)) && near(&first["at"][0], rule(9, 2)));
    assert_eq!(first["top"][1][0], 1);
    let exchange = house.exchange(&answer.id());
    assert_eq!(
        (exchange.endpoint, exchange.grant),
        (Endpoint::Score, Some(id))
    );
    assert_eq!(exchange.upstream, "the-server");
    assert_eq!(exchange.edits, [Edit::Translated, Edit::ModelName]);
    assert_eq!(
        exchange.usage.map(|usage| (usage.input, usage.output)),
        Some((3, 0))
    );
    let cost = Amount {
        money: exchange.cost.money,
        tokens: 3,
    };
    assert_eq!(exchange.cost, cost);
    assert!(cost.money > Money::ZERO);
    // Ten tokens were given: three requests of three, and no fourth.
    for expected in [200, 200, 429] {
        let answer = house.post(&token, PATH, ASK).await;
        assert_eq!(answer.status(), expected, "{}", answer.body);
        if expected == 429 {
            assert_eq!(answer.code(), "budget_exhausted");
        }
    }
    assert!(peak(&house.facts(), BudgetOwner::Grant(id)).tokens <= 10);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_take_a_grant_and_topk_is_the_likeliest_alone() {
    let house = house(scorer(TRUE)).await;
    let plain = r#"{"model":"m","items":[{"ids":[1,0,9],"top_k":2,"tail":true}]}"#;
    let many = r#"{"model":"m","items":[{"ids":[1,0,9],"top_k":101}]}"#;
    let refused = |answer: Answer, param: &str| {
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (403, "capability_not_allowed")
        );
        assert_eq!(answer.param().as_deref(), Some(param));
        assert!(answer.body.contains("tier `score`"), "{}", answer.body);
        assert_eq!(
            house.refusal(&answer.id()).reason,
            Reason::CapabilityNotAllowed
        );
    };
    refused(house.post(&house.key, PATH, plain).await, "items");
    for tier in [Tier::Text, Tier::Judge] {
        let (_, token) = house.grant(|terms| terms.tier = tier);
        refused(house.post(&token, PATH, plain).await, "items");
    }
    let (_, topk) = house.grant(|terms| terms.tier = Tier::Topk);
    refused(house.post(&topk, PATH, ASK).await, "ids_at");
    refused(house.post(&topk, PATH, many).await, "top_k");
    let answer = house.post(&topk, PATH, plain).await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    assert!(near(&position(&answer, 0)["logprob"], rule(0, 2)));
    let beyond = position(&answer, 1);
    assert_eq!(
        (&beyond["logprob"], &beyond["rank"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(beyond["top"].as_array().unwrap().len(), 2);
    for tier in [Tier::Score, Tier::Train] {
        let (_, token) = house.grant(|terms| terms.tier = tier);
        for body in [plain, many, ASK] {
            assert_eq!(house.post(&token, PATH, body).await.status(), 200);
        }
    }
    assert_eq!(house.post("gt-sh-nobody", PATH, ASK).await.status(), 401);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_before_anything_is_asked() {
    let scorer = scorer(TRUE);
    let mut small = route("m", Arc::clone(&scorer) as Arc<dyn Upstream>);
    small.context_tokens = Some(4);
    let (deaf, _questions) = puppet();
    let house = Setup::new(vec![small, route("deaf", deaf)]).open().await;
    let (_, token) = house.grant(|terms| terms.teachers.push("deaf".into()));
    for (body, status, code, param) in [
        (r#"{"model":"m"}"#, 400, "invalid_value", "items"),
        (
            r#"{"model":"m","items":[{"ids":[]}]}"#,
            400,
            "empty_item",
            "items[0].ids",
        ),
        (
            r#"{"model":"m","items":[{"ids":[1]}]}"#,
            400,
            "invalid_value",
            "items[0].from",
        ),
        (
            r#"{"model":"m","stream":true,"items":[{"ids":[1,2]}]}"#,
            400,
            "unsupported_parameter",
            "stream",
        ),
        (
            r#"{"model":"m","items":[{"ids":[1,2],"ids":[3,4]}]}"#,
            400,
            "duplicate_key",
            "ids",
        ),
        (
            r#"{"model":"m","items":[{"ids":[1,2,3,4,5]}]}"#,
            400,
            "context_length_exceeded",
            "items[0].ids",
        ),
        (
            r#"{"model":"n","items":[{"ids":[1,2]}]}"#,
            404,
            "model_not_found",
            "model",
        ),
        (
            r#"{"model":"deaf","items":[{"ids":[1,2]}]}"#,
            400,
            "score_unavailable",
            "model",
        ),
    ] {
        let answer = house.post(&token, PATH, body).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (status, code),
            "{body}"
        );
        assert_eq!(answer.param().as_deref(), Some(param), "{body}");
        house.refusal(&answer.id());
    }
    let mut client = house.client().await;
    let path = format!("/g/{token}{PATH}");
    client.send(&request("GET", &path, &[], b"")).await;
    assert_eq!(client.answer().await.status(), 405);
    assert!(scorer.asked.lock().is_empty());
    assert!(house.exchanges().is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_model_can_have_said_is_refused_and_not_charged() {
    let spoils: [Spoil; 4] = [
        |told, _| scores(told).items[0].positions[0].logprob = Some(0.7),
        |told, _| scores(told).items[0].positions[1].id = 8,
        |told, _| scores(told).items[0].positions.truncate(1),
        |told, _| scores(told).items[0].positions[0].tail = Some(-0.1),
    ];
    for spoil in spoils {
        let (house, looks) = checked(spoil, 0.0).await;
        let (_, token) = house.grant(|_| {});
        let answer = house.post(&token, PATH, ASK).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (502, "logprobs_unverified")
        );
        assert!(
            !answer.body.contains("logprob\":"),
            "none of it is given out"
        );
        let exchange = house.exchange(&answer.id());
        assert_eq!(
            (exchange.outcome, exchange.usage),
            (Outcome::UpstreamBroken, None)
        );
        assert_eq!(exchange.cost, Amount::ZERO);
        let looks = looks.0.lock().clone();
        assert!(looks.len() == 1 && looks[0].refused && looks[0].model == 7);
        house.finish().await;
    }
}

/// What the second path says, whether the answer stands, and positions compared and differing.
const SECOND: [(Spoil, u16, u64, u64); 6] = [
    (TRUE, 200, 2, 0),
    (|told, alone| at(told, alone, 0.1), 200, 2, 1),
    (|told, alone| at(told, alone, 0.6), 502, 2, 1),
    (
        |told, alone| {
            if alone {
                scores(told).revision = None
            }
        },
        502,
        0,
        0,
    ),
    (
        |told, alone| {
            if alone {
                scores(told).items.clear()
            }
        },
        502,
        0,
        0,
    ),
    (
        |told, alone| {
            if alone {
                *told = Err(gone())
            }
        },
        200,
        0,
        0,
    ),
];

fn at(told: &mut Result<ScoreOutcome, Error>, alone: bool, less: f32) {
    if alone {
        scores(told).items[0].positions[0].at[0] -= less;
    }
}

fn gone() -> Error {
    Error::Unreachable {
        upstream: "scorer".into(),
        why: "it is gone".into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_asked_for_again_and_compared() {
    for (index, (spoil, status, compared, differing)) in SECOND.into_iter().enumerate() {
        let (house, looks) = checked(spoil, 1.0).await;
        let (_, token) = house.grant(|_| {});
        let answer = house.post(&token, PATH, ASK).await;
        assert_eq!(answer.status(), status, "{index}: {}", answer.body);
        let looks = looks.0.lock().clone();
        if compared == 0 && status == 200 {
            assert!(looks.is_empty(), "{index}");
        } else {
            let look = looks[0];
            assert_eq!(look.refused, status == 502, "{index}");
            let found = (look.difference.positions, look.difference.differing);
            assert_eq!(found, (compared, differing), "{index}");
        }
        house.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_holds_for_many_items() {
    let scorer = scorer(TRUE);
    let mut setup = Setup::new(vec![route("m", Arc::clone(&scorer) as Arc<dyn Upstream>)]);
    setup.options.score_check_share = 0.1;
    let house = setup.open().await;
    let (_, token) = house.grant(|_| {});
    let items = vec![value!({"ids": [1, 2]}); 1000];
    let body = value!({"model": "m", "items": items}).to_string();
    assert_eq!(house.post(&token, PATH, &body).await.status(), 200);
    let asked = scorer.asked.lock().clone();
    assert!(
        !asked[0].alone
            && asked[1..]
                .iter()
                .all(|ask| ask.alone && ask.request.items.len() == 1)
    );
    // 100 are expected, with a deviation of 9.5.
    assert!((40..160).contains(&(asked.len() - 1)), "{}", asked.len());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_the_model_come_through_and_cost_nothing() {
    let house = house(scorer(|told, _| {
        *told = Ok(ScoreOutcome::Refused {
            error: ApiError::invalid("items[0].ids", "unknown_token", "There is no token 9."),
            headers: HeaderMap::new(),
            server: "the-server".into(),
        });
    }))
    .await;
    let (_, token) = house.grant(|_| {});
    let answer = house.post(&token, PATH, ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (400, "unknown_token")
    );
    assert_eq!(answer.param().as_deref(), Some("items[0].ids"));
    let exchange = house.exchange(&answer.id());
    assert_eq!(
        (exchange.outcome, exchange.cost),
        (Outcome::UpstreamError, Amount::ZERO)
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_gets_the_first_scores_paid_once() {
    let scorer = scorer(TRUE);
    let mut setup = Setup::new(vec![route("m", Arc::clone(&scorer) as Arc<dyn Upstream>)]);
    setup.options.score_check_share = 0.0;
    let house = setup.open().await;
    let (id, token) = house.grant(|_| {});
    let once = [("Idempotency-Key", "run-1/on_policy/3/item-9/1")];
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let answer = house
            .send_with(&token, PATH, &once, ASK)
            .await
            .answer()
            .await;
        assert_eq!(answer.status(), 200);
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(scorer.asked.lock().len(), 1);
    let spent: u64 = house
        .exchanges()
        .iter()
        .map(|exchange| exchange.cost.tokens)
        .sum();
    assert_eq!(spent, 3);
    assert!(peak(&house.facts(), BudgetOwner::Grant(id)).tokens >= 3);
    let other = ASK.replace("[1,0,9]", "[1,0,8]");
    let answer = house
        .send_with(&token, PATH, &once, &other)
        .await
        .answer()
        .await;
    assert_eq!(answer.status(), 409);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_scores_through_another() {
    let teacher = house(scorer(TRUE)).await;
    let (_, token) = teacher.grant(|_| {});
    let mut settings = settings(teacher.address);
    settings.endpoints = upstream::EndpointSet::of(&[Endpoint::Score]);
    settings.secret = Some(Secret::new(token));
    let through: Arc<dyn Upstream> = Arc::new(HttpUpstream::new(&settings).unwrap());
    let student = Setup::new(vec![route("m", through)]).open().await;
    let (_, mine) = student.grant(|_| {});
    let answer = student.post(&mine, PATH, ASK).await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    let far = Scores::read(answer.body.as_bytes()).unwrap();
    let (_, token) = teacher.grant(|_| {});
    let near = teacher.post(&token, PATH, ASK).await;
    assert_eq!(
        far,
        Scores::read(near.body.as_bytes()).unwrap(),
        "to the bit"
    );
    student.finish().await;
    // A grant that is too narrow there is told here as it was told there; one that nobody has is
    // the operator's mistake.
    let (_, narrow) = teacher.grant(|terms| terms.tier = Tier::Text);
    for (secret, status, code) in [
        (narrow.as_str(), 403, "capability_not_allowed"),
        ("gt-sh-nobody", 502, "upstream_unauthorized"),
    ] {
        settings.secret = Some(Secret::new(secret));
        let through: Arc<dyn Upstream> = Arc::new(HttpUpstream::new(&settings).unwrap());
        let student = Setup::new(vec![route("m", through)]).open().await;
        let (_, mine) = student.grant(|_| {});
        let answer = student.post(&mine, PATH, ASK).await;
        assert_eq!((answer.status(), answer.code().as_str()), (status, code));
        student.finish().await;
    }
    teacher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vllm_server_tells_the_likeliest_and_says_what_it_can_not() {
    let told = r#"{"id":"cmpl-1","choices":[{"index":0,"text":"!","prompt_logprobs":[null,
        {"0":{"logprob":-0.25,"rank":1,"decoded_token":"a"},"5":{"logprob":-2.0,"rank":2}},
        {"9":{"logprob":-7.5,"rank":40},"3":{"logprob":-0.5,"rank":1},"4":{"logprob":-1.5,"rank":2}}]}],
        "usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;
    let peer = Peer::always(json("200 OK", "", told)).await;
    let house = house(http(&peer)).await;
    let (_, token) = house.grant(|_| {});
    let ask = r#"{"model":"m","items":[{"ids":[1,0,9],"top_k":2,"tail":true}]}"#;
    let answer = house.post(&token, PATH, ask).await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    assert_eq!(answer.json()["revision"], Value::Null);
    assert_eq!(position(&answer, 1)["top"], value!([[3, -0.5], [4, -1.5]]));
    let tail = (1.0 - (-0.5f64).exp() - (-1.5f64).exp()).ln() as f32;
    assert!(near(&position(&answer, 1)["tail"], tail));
    let seen = &peer.seen()[0];
    assert!(seen.head.starts_with("POST /v1/completions "));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["prompt"], value!([[1, 0, 9]]));
    let asked = peer.seen().len();
    let answer = house.post(&token, PATH, ASK).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (400, "score_unavailable")
    );
    assert_eq!(answer.param().as_deref(), Some("items.ids_at"));
    assert_eq!(peer.seen().len(), asked, "it is not asked in vain");
    house.finish().await;
    // One that overlooks the field, and one without any way.
    let deaf = Peer::always(json(
        "200 OK",
        "",
        r#"{"choices":[{"index":0,"text":"!"}]}"#,
    ))
    .await;
    for upstream in [http(&deaf), http_with(&deaf, &[Endpoint::Chat])] {
        let house = crate::house::house(upstream).await;
        let (_, token) = house.grant(|_| {});
        let answer = house.post(&token, PATH, ask).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (400, "score_unavailable")
        );
        house.finish().await;
    }
}
