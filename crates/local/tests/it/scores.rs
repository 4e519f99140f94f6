//! Scores of given texts: the model's own, to the bit whatever else is asked at the same time, and
//! every mistake named.

use std::sync::Arc;

use http::HeaderMap;
use lm::{Scoring, Specials};
use local::LocalUpstream;
use upstream::{ScoreAsk, ScoreOutcome, Upstream as _};
use wire::ApiError;
use wire::openai::Prompt;
use wire::score::{Difference, ItemScores, ScoreItem, ScoreRequest, Scores};

use crate::house::{complete, start};

fn ask(items: Vec<ScoreItem>, alone: bool) -> ScoreAsk {
    ScoreAsk {
        request: Arc::new(ScoreRequest {
            model: "tiny".into(),
            items,
        }),
        headers: HeaderMap::new(),
        account: None,
        alone,
    }
}

async fn told(local: &LocalUpstream, ask: ScoreAsk) -> Scores {
    let request = Arc::clone(&ask.request);
    match local.score(ask).await.unwrap() {
        ScoreOutcome::Told { scores, server } => {
            assert_eq!(&*server, "tiny");
            assert_eq!(scores.check(&request), Ok(()));
            scores
        }
        other => panic!("{other:?}"),
    }
}

async fn refused(local: &LocalUpstream, item: ScoreItem) -> ApiError {
    match local.score(ask(vec![item], false)).await.unwrap() {
        ScoreOutcome::Refused { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

fn ids(length: usize, seed: u32) -> Vec<u32> {
    (0..length as u32)
        .map(|i| (i * 37 + seed * 101 + 5) % 270)
        .collect()
}

fn item(length: usize, seed: u32, from: u32) -> ScoreItem {
    let positions = length as u32 - from;
    ScoreItem {
        from,
        top_k: 7,
        ids_at: (0..positions)
            .map(|i| vec![i % 270, 3, (i * i) % 270])
            .collect(),
        tail: true,
        ..ScoreItem::of_ids(ids(length, seed))
    }
}

#[tokio::test]
async fn scores_are_the_models_own() {
    let local = start();
    let item = item(40, 1, 11);
    let Prompt::Tokens(tokens) = &item.text else {
        unreachable!()
    };
    let scoring = Scoring {
        tokens,
        from: 11,
        top: 7,
        at: &item.ids_at,
    };
    let expected = local.model().score_many(&[scoring]).unwrap().remove(0);
    let scores = told(&local, ask(vec![item.clone()], false)).await;
    assert_eq!(
        scores.revision.as_deref(),
        Some(&*format!("blake3:{}", "01".repeat(32)))
    );
    assert_eq!((scores.tokens(), scores.scored()), (40, 29));
    let positions = &scores.items[0].positions;
    assert_eq!(positions.len(), expected.len());
    for (position, expected) in positions.iter().zip(&expected) {
        assert_eq!(position.id, expected.token);
        assert_eq!(position.logprob, Some(expected.logprob));
        assert_eq!(position.rank, Some(expected.rank));
        let top: Vec<(u32, f32)> = expected.top.iter().map(|t| (t.token, t.logprob)).collect();
        assert_eq!(position.top, top);
        assert_eq!(position.at, expected.at);
        assert_eq!(position.tail, Some(expected.tail));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_its_items_to_the_bit() {
    let local = start();
    let shapes = [
        (2, 1),
        (30, 1),
        (30, 29),
        (200, 120),
        (64, 64 - 1),
        (5, 2),
        (400, 1),
    ];
    let items: Vec<ScoreItem> = (0..)
        .zip(shapes)
        .map(|(i, (n, from))| item(n, i, from))
        .collect();
    let batch = told(&local, ask(items.clone(), false)).await;
    // Others write meanwhile.
    let noise = complete(
        &local,
        serde_json::json!({"model": "tiny", "prompt": [[1, 2], [3, 4]], "n": 4, "max_tokens": 60}),
    );
    let mut apart: Vec<ItemScores> = Vec::new();
    let alone = async {
        for (index, item) in items.iter().enumerate() {
            let mut scores = told(&local, ask(vec![item.clone()], index % 2 == 0)).await;
            apart.append(&mut scores.items);
        }
    };
    tokio::join!(noise, alone);
    assert_eq!(batch.items, apart);
    let same = batch.items[3].difference(&apart[3]);
    let expected = Difference {
        positions: 80,
        ..Difference::default()
    };
    assert_eq!(same, expected);
}

#[tokio::test]
async fn a_text_is_its_tokens_and_a_temperature_is_applied() {
    let local = start();
    let text = "the rain and the wörld in spring";
    let ids = local.model().tokenizer().encode(text, Specials::Text);
    let of = |text: Prompt, temperature: Option<f32>| ScoreItem {
        text,
        top_k: 400,
        tail: true,
        temperature,
        ..ScoreItem::of_ids(Vec::new())
    };
    let items = vec![
        of(Prompt::Text(text.into()), None),
        of(Prompt::Tokens(ids.clone()), None),
        of(Prompt::Tokens(ids.clone()), Some(2.5)),
    ];
    let scores = told(&local, ask(items.clone(), false)).await;
    assert_eq!(scores.items[0], scores.items[1]);
    assert_eq!(scores.items[0].tokens as usize, ids.len());
    for (cold, warm) in scores.items[0]
        .positions
        .iter()
        .zip(&scores.items[2].positions)
    {
        let logits: Vec<f64> = cold.top.iter().map(|t| f64::from(t.1) / 2.5).collect();
        let norm = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
        for (logit, (_, told)) in logits.iter().zip(&warm.top) {
            assert!((logit - norm - f64::from(*told)).abs() < 1e-4);
        }
        assert_eq!(cold.rank, warm.rank);
        assert_eq!(cold.tail, Some(f32::NEG_INFINITY), "all tokens are named");
    }
    let alone = told(&local, ask(vec![items[2].clone()], true)).await;
    assert_eq!(alone.items[0], scores.items[2]);
}

#[tokio::test]
async fn what_can_not_be_scored_is_named() {
    let local = start();
    let vocabulary = local.model().tokenizer().vocabulary() as u32;
    let of = |ids: Vec<u32>| ScoreItem::of_ids(ids);
    let text = |text: &str| ScoreItem {
        text: Prompt::Text(text.into()),
        ..of(Vec::new())
    };
    for (item, param, code) in [
        (of(vec![1, vocabulary]), "items[0].ids", "unknown_token"),
        (
            ScoreItem {
                ids_at: vec![vec![vocabulary]],
                ..of(vec![1, 2])
            },
            "items[0].ids_at",
            "unknown_token",
        ),
        (of(ids(513, 0)), "items[0].ids", "context_length_exceeded"),
        (
            text(&"ab ".repeat(600)),
            "items[0].text",
            "context_length_exceeded",
        ),
        (
            text(&"a".repeat(1 << 20)),
            "items[0].text",
            "context_length_exceeded",
        ),
        (text("a"), "items[0].from", "invalid_value"),
        (
            ScoreItem {
                ids_at: vec![vec![1]],
                ..text("the rain and the rain")
            },
            "items[0].ids_at",
            "invalid_value",
        ),
    ] {
        let error = refused(&local, item).await;
        assert_eq!(error.status, 400, "{error}");
        assert_eq!(error.param.as_deref(), Some(param), "{error}");
        assert_eq!(error.code.as_deref(), Some(code), "{error}");
    }
    // All of the context can be scored.
    let whole = told(&local, ask(vec![of(ids(512, 0))], false)).await;
    assert_eq!(whole.scored(), 511);
}

#[tokio::test]
async fn who_leaves_gives_the_place_back() {
    let local = start();
    let items: Vec<ScoreItem> = (0..20).map(|i| item(400, i, 1)).collect();
    let asked = Arc::clone(&local);
    let task = tokio::spawn(async move { asked.score(ask(items, false)).await });
    tokio::task::yield_now().await;
    task.abort();
    let _ = task.await;
    while local.load().working > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(
        told(&local, ask(vec![item(9, 2, 1)], false)).await.scored(),
        8
    );
}

/// What TRL asks a served teacher for.
#[tokio::test]
async fn prompt_logprobs_are_told_at_the_temperature_and_echoes_are_not() {
    let local = start();
    let tokens = ids(30, 4);
    for temperature in [0.0, 0.5, 1.0, 1.7] {
        let body = serde_json::json!({
            "model": "tiny", "prompt": [tokens], "max_tokens": 1, "temperature": temperature,
        });
        let with = |field: &str, value: serde_json::Value| {
            let mut body = body.clone();
            body[field] = value;
            body
        };
        let told = complete(&local, with("prompt_logprobs", 40.into())).await;
        let told = told["choices"][0]["prompt_logprobs"]
            .as_array()
            .unwrap()
            .clone();
        let expected = ScoreItem {
            top_k: 40,
            temperature: Some(temperature).filter(|t| ![0.0, 1.0].contains(t)),
            ..ScoreItem::of_ids(tokens.clone())
        };
        let scores = self::told(&local, ask(vec![expected], false)).await;
        for (told, position) in told[1..].iter().zip(&scores.items[0].positions) {
            for (id, logprob) in &position.top {
                let near = told[id.to_string()]["logprob"].as_f64().unwrap();
                assert!((near - f64::from(*logprob)).abs() < 1e-6, "{temperature}");
            }
        }
        let mut echo = with("logprobs", 1.into());
        echo["echo"] = true.into();
        let echoed = complete(&local, echo).await;
        let plain = local.model().score(&tokens, 1).unwrap();
        let logprobs = &echoed["choices"][0]["logprobs"]["token_logprobs"];
        for (index, score) in plain.iter().enumerate() {
            let near = logprobs[index + 1].as_f64().unwrap();
            assert!(
                (near - f64::from(score.logprob)).abs() < 1e-6,
                "{temperature}"
            );
        }
    }
    let many = serde_json::json!({
        "model": "tiny", "prompt": vec![tokens; 100], "prompt_logprobs": 1000,
    });
    let ask = crate::house::request(record::Endpoint::Completions, many.to_string());
    let (status, body) = crate::house::bytes(&local, ask).await.unwrap();
    assert_eq!(status, 400);
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("Send fewer prompts")
    );
}
