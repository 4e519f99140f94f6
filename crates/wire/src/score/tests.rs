use record::{CapabilitySet, Tier};
use serde_json::{Value, json};

use super::*;
use crate::openai::Prompt;

fn read(body: &Value) -> Result<ScoreRequest, crate::ApiError> {
    ScoreRequest::read(body.to_string().as_bytes())
}

fn of_ids(ids: &[u32]) -> ScoreRequest {
    ScoreRequest {
        model: "m".into(),
        items: vec![ScoreItem::of_ids(ids.to_vec())],
    }
}

#[test]
fn a_request_is_read_as_it_is_written() {
    let body = json!({"model": "m", "items": [
        {"ids": [1, 2, 3], "from": 2, "top_k": 5, "ids_at": [[7, 9]], "tail": true, "temperature": 0.7},
        {"text": "hello there"},
        {"ids": [4, 5], "temperature": 1},
    ]});
    let request = read(&body).unwrap();
    assert_eq!(request.items[0].temperature, Some(0.7));
    assert_eq!(request.items[1].text, Prompt::Text("hello there".into()));
    assert_eq!(
        (request.items[1].from, request.items[2].temperature),
        (1, None)
    );
    assert_eq!(request.worst_tokens(), 3 + 11 + 2);
    assert_eq!(ScoreRequest::read(&request.bytes()).unwrap(), request);
}

fn refused(body: &Value, param: &str, code: &str) {
    let error = read(body).unwrap_err();
    let shown = body.to_string();
    let shown = &shown[..shown.len().min(120)];
    assert_eq!(error.status, 400, "{shown}");
    assert_eq!(error.param.as_deref(), Some(param), "{shown}");
    assert_eq!(error.code.as_deref(), Some(code), "{shown}");
}

#[test]
fn mistakes_of_a_request_are_named() {
    let many = vec![json!({"ids": [1, 2]}); MOST_ITEMS + 1];
    for (body, param, code) in [
        (json!({"items": []}), "model", "missing_required_parameter"),
        (json!({"model": "m"}), "items", "invalid_value"),
        (json!({"model": "m", "items": []}), "items", "invalid_value"),
        (
            json!({"model": "m", "items": "all"}),
            "items",
            "invalid_type",
        ),
        (
            json!({"model": "m", "items": many}),
            "items",
            "invalid_value",
        ),
        (
            json!({"model": "m", "stream": true}),
            "stream",
            "unsupported_parameter",
        ),
    ] {
        refused(&body, param, code);
    }
}

#[test]
fn mistakes_of_an_item_are_named() {
    for (item, field, code) in [
        (json!([1, 2]), "", "invalid_type"),
        (json!({}), "", "invalid_type"),
        (json!({"ids": [1, 2], "text": "a"}), "", "invalid_type"),
        (json!({"ids": []}), ".ids", "empty_item"),
        (json!({"text": ""}), ".text", "empty_item"),
        (json!({"ids": [1]}), ".from", "invalid_value"),
        (json!({"ids": [1, -2]}), ".ids", "invalid_type"),
        (json!({"ids": [1, 2], "from": 0}), ".from", "invalid_value"),
        (json!({"ids": [1, 2], "from": 2}), ".from", "invalid_value"),
        (
            json!({"ids": [1, 2], "top_k": 1001}),
            ".top_k",
            "invalid_value",
        ),
        (
            json!({"ids": [1, 2], "ids_at": [[1], [2]]}),
            ".ids_at",
            "invalid_value",
        ),
        (
            json!({"ids": [1, 2], "ids_at": [1]}),
            ".ids_at",
            "invalid_type",
        ),
        (
            json!({"ids": [1, 2], "ids_at": [vec![1; 1001]]}),
            ".ids_at",
            "invalid_value",
        ),
        (json!({"ids": [1, 2], "tail": 1}), ".tail", "invalid_type"),
        (
            json!({"ids": [1, 2], "temperature": 0}),
            ".temperature",
            "invalid_value",
        ),
    ] {
        let body = json!({"model": "m", "items": [item]});
        refused(&body, &format!("items[0]{field}"), code);
    }
    for item in [
        json!({"ids": vec![1; MOST_TOKENS + 1]}),
        json!({"ids": vec![1; 2000], "top_k": 1000}),
    ] {
        refused(
            &json!({"model": "m", "items": [item]}),
            "items",
            "invalid_value",
        );
    }
}

#[test]
fn tiers_open_scores_step_by_step() {
    let plain = of_ids(&[1, 2]);
    let mut top = plain.clone();
    top.items[0].top_k = 100;
    let mut most = plain.clone();
    most.items[0].top_k = 1000;
    let mut given = plain.clone();
    given.items[0].ids_at = vec![vec![3]];
    let beyond = |request: &ScoreRequest, tier| request.beyond(&CapabilitySet::of_tier(tier));
    for tier in [Tier::Text, Tier::Judge] {
        assert_eq!(beyond(&plain, tier), Some("items"));
    }
    assert_eq!(plain.beyond(&CapabilitySet::default()), Some("items"));
    assert_eq!(beyond(&plain, Tier::Topk), None);
    assert_eq!(beyond(&top, Tier::Topk), None);
    assert_eq!(beyond(&most, Tier::Topk), Some("top_k"));
    assert_eq!(beyond(&given, Tier::Topk), Some("ids_at"));
    for tier in [Tier::Score, Tier::Train] {
        for request in [&plain, &top, &most, &given] {
            assert_eq!(beyond(request, tier), None);
        }
    }
}

/// Token 2 after token 1: 3 at 0.5, 2 at 0.25, 9 at 0.125, the rest of 0.125.
fn told() -> (ScoreRequest, Scores) {
    let mut request = of_ids(&[1, 2]);
    request.items[0].top_k = 2;
    request.items[0].ids_at = vec![vec![9, 3]];
    request.items[0].tail = true;
    let ln = |p: f32| p.ln();
    let position = Position {
        id: 2,
        logprob: Some(ln(0.25)),
        rank: Some(2),
        top: vec![(3, ln(0.5)), (2, ln(0.25))],
        at: vec![ln(0.125), ln(0.5)],
        tail: Some(ln(0.125)),
    };
    let scores = Scores {
        revision: Some("blake3:00".into()),
        items: vec![ItemScores {
            tokens: 2,
            from: 1,
            positions: vec![position],
        }],
    };
    (request, scores)
}

#[test]
fn an_answer_comes_back_to_the_bit() {
    let (request, mut scores) = told();
    scores.items[0].positions[0].tail = Some(f32::NEG_INFINITY);
    let answer = ScoreAnswer {
        id: "r",
        created: record::Time::from_micros(7_000_000),
        model: "m",
        scores: &scores,
    };
    let body = answer.bytes();
    assert_eq!(Scores::read(&body).unwrap(), scores);
    let usage = crate::usage::read(&record::Endpoint::Score, &body).unwrap();
    assert_eq!(usage.map(|usage| (usage.input, usage.output)), Some((2, 0)));
    let _ = request;
    for body in [&b"[]"[..], b"{}", b"{\"items\":[{}]}", b""] {
        assert!(Scores::read(body).is_err());
    }
}

#[test]
fn what_no_model_can_say_is_found() {
    let (request, scores) = told();
    assert_eq!(scores.check(&request), Ok(()));
    type Spoil = fn(&mut Scores);
    let spoils: [Spoil; 15] = [
        |s| s.items.clear(),
        |s| s.items[0].tokens = 3,
        |s| s.items[0].positions.clear(),
        |s| s.items[0].positions[0].id = 4,
        |s| s.items[0].positions[0].logprob = Some(0.5),
        |s| s.items[0].positions[0].logprob = Some(f32::NAN),
        |s| s.items[0].positions[0].logprob = Some(-3.0),
        |s| s.items[0].positions[0].top.swap(0, 1),
        |s| s.items[0].positions[0].top.clear(),
        |s| s.items[0].positions[0].top.push((3, -9.0)),
        |s| s.items[0].positions[0].at[0] = -0.7,
        |s| s.items[0].positions[0].at[1] = -0.9,
        |s| s.items[0].positions[0].at.truncate(1),
        |s| s.items[0].positions[0].tail = None,
        |s| s.items[0].positions[0].tail = Some(f32::NAN),
    ];
    for (index, spoil) in spoils.into_iter().enumerate() {
        let mut spoilt = scores.clone();
        spoil(&mut spoilt);
        assert!(spoilt.check(&request).is_err(), "{index}");
    }
    let mut light = scores.clone();
    light.items[0].positions[0].tail = Some(-9.0);
    let found = light.check(&request).unwrap_err();
    assert_eq!((found.item, found.token), (0, Some(1)));
    assert!(found.to_string().starts_with("item 0, token 1: "));
}

#[test]
fn a_difference_is_measured_in_nats() {
    let (_, scores) = told();
    let item = &scores.items[0];
    assert_eq!(item.difference(item).most, 0.0);
    let differing = |edit: fn(&mut Position)| {
        let mut other = item.clone();
        edit(&mut other.positions[0]);
        item.difference(&other)
    };
    let small = differing(|p| p.at[0] -= 0.01);
    assert!(small.differing == 0 && (0.009..0.011).contains(&small.most));
    let large = differing(|p| p.tail = Some(-9.0));
    assert!(large.differing == 1 && large.most > Difference::TOO_FAR);
    assert!(
        differing(|p| p.top[1].0 = 8).most < 1e-6,
        "a tie at the end of the likeliest"
    );
    assert_eq!(differing(|p| p.logprob = None).most, f32::INFINITY);
    assert_eq!(differing(|p| p.id = 0).most, f32::INFINITY);
}

#[test]
fn topk_tells_no_token_beyond_the_likeliest() {
    let (_, mut scores) = told();
    scores.keep_likeliest();
    assert!(scores.items[0].positions[0].logprob.is_some());
    scores.items[0].positions[0].id = 9;
    scores.keep_likeliest();
    let position = &scores.items[0].positions[0];
    assert_eq!((position.logprob, position.rank), (None, None));
}

#[test]
fn completions_tell_the_likeliest_and_nothing_else() {
    let mut request = of_ids(&[5, 6, 7]);
    request.items[0].top_k = 2;
    request.items[0].tail = true;
    let body: Value = serde_json::from_slice(&completions_body(&request).unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"model": "m", "prompt": [[5, 6, 7]], "max_tokens": 1, "temperature": 1.0, "prompt_logprobs": 2})
    );
    let rank =
        |logprob: f32, rank: u32| json!({"logprob": logprob, "rank": rank, "decoded_token": "x"});
    let answer = json!({"choices": [{"index": 0, "text": "!", "prompt_logprobs": [
        null,
        {"6": rank(-0.5, 1), "8": rank(-2.0, 2)},
        {"7": rank(-4.0, 9), "1": rank(-1.0, 1), "2": rank(-1.5, 2)},
    ]}]});
    let scores = read_completions(answer.to_string().as_bytes(), &request);
    let scores = scores.unwrap().unwrap();
    assert_eq!(scores.check(&request), Ok(()));
    let last = &scores.items[0].positions[1];
    assert_eq!((last.id, last.logprob, last.rank), (7, Some(-4.0), Some(9)));
    assert_eq!(last.top, [(1, -1.0), (2, -1.5)]);
    let none = read_completions(br#"{"choices":[{"index":0,"text":"!"}]}"#, &request);
    assert_eq!(none, Ok(None), "a server that knows no prompt_logprobs");
    for body in [
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":[{"prompt_logprobs":[null,{"6":{}}]}]}"#,
    ] {
        assert!(
            read_completions(body.as_bytes(), &request).is_err(),
            "{body}"
        );
    }
    type Edit = fn(&mut ScoreItem);
    let more: [(Edit, &str); 3] = [
        (|item| item.ids_at = vec![vec![1], vec![2]], "ids_at"),
        (|item| item.temperature = Some(0.5), "temperature"),
        (|item| item.text = Prompt::Text("a b".into()), "text"),
    ];
    for (edit, field) in more {
        let mut asked = request.clone();
        edit(&mut asked.items[0]);
        assert_eq!(completions_body(&asked).unwrap_err().field, field);
    }
}
