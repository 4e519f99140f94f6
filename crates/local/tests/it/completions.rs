//! Completions: texts and ids, batches, echo, and scores that are the model's own.

use lm::Specials;
use record::Endpoint;
use serde_json::{Value, json};

use crate::house::{assert_close, complete, gathered, start, stream};

const TEXT: &str = "the rain and the wörld in spring";

#[tokio::test]
async fn text_and_its_ids_are_the_same_prompt() {
    let local = start();
    let ids = local.model().tokenizer().encode(TEXT, Specials::Text);
    let body = |prompt: Value| json!({"model": "tiny", "prompt": prompt, "seed": 5, "echo": true});
    let text = complete(&local, body(TEXT.into())).await;
    let tokens = complete(&local, body(json!(ids))).await;
    assert_eq!(text["object"], "text_completion");
    assert!(text["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(text["system_fingerprint"], local.fingerprint());
    assert!(
        text["choices"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with(TEXT)
    );
    assert_eq!(text["choices"], tokens["choices"]);
    assert_eq!(text["usage"], tokens["usage"]);
    assert_eq!(text["usage"]["prompt_tokens"], ids.len());
}

#[tokio::test]
async fn a_batch_is_its_prompts_one_by_one() {
    let local = start();
    let body = |prompt: Value| json!({"model": "tiny", "prompt": prompt, "seed": 5, "n": 2});
    let batch = complete(&local, body(json!(["one", "the other", "and"]))).await;
    let choices = batch["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 6);
    let mut prompt_tokens = 0;
    for (prompt, text) in ["one", "the other", "and"].into_iter().enumerate() {
        let alone = complete(&local, body(text.into())).await;
        prompt_tokens += alone["usage"]["prompt_tokens"].as_u64().unwrap();
        for i in 0..2 {
            let at = prompt * 2 + i;
            assert_eq!(choices[at]["index"], at);
            assert_eq!(choices[at]["text"], alone["choices"][i]["text"]);
        }
    }
    assert_eq!(batch["usage"]["prompt_tokens"], prompt_tokens);
}

/// What lm-evaluation-harness sends, and how it cuts the context's scores off.
#[tokio::test]
async fn echoed_scores_are_the_models_own() {
    let local = start();
    let ids = local.model().tokenizer().encode(TEXT, Specials::Text);
    let expected = local.model().score(&ids, 1).unwrap();
    for (max_tokens, streamed) in [(0, false), (1, false), (3, false), (0, true), (2, true)] {
        let body = json!({
            "model": "tiny", "prompt": [ids], "max_tokens": max_tokens, "logprobs": 1,
            "echo": true, "seed": 1, "temperature": 0,
        });
        let columns = if streamed {
            let events = stream(&local, Endpoint::Completions, body).await;
            let (_, scores, finish) = gathered(&events, 0, "token_logprobs");
            let (_, tokens, _) = gathered(&events, 0, "tokens");
            let (_, tops, _) = gathered(&events, 0, "top_logprobs");
            let (text, offsets, _) = gathered(&events, 0, "text_offset");
            assert!(text.starts_with(TEXT));
            assert!(!finish.is_null());
            json!({
                "token_logprobs": scores, "tokens": tokens, "top_logprobs": tops,
                "text_offset": offsets,
            })
        } else {
            let answer = complete(&local, body).await;
            let choice = &answer["choices"][0];
            assert!(choice["text"].as_str().unwrap().starts_with(TEXT));
            assert_eq!(answer["usage"]["completion_tokens"], max_tokens);
            choice["logprobs"].clone()
        };
        let scores = columns["token_logprobs"].as_array().unwrap();
        assert_eq!(
            scores.len(),
            ids.len() + max_tokens,
            "end tokens have a place too"
        );
        assert_eq!(scores[0], Value::Null);
        let tops = columns["top_logprobs"].as_array().unwrap();
        for (i, expected) in expected.iter().enumerate() {
            assert_eq!(
                scores[i + 1],
                f64::from(expected.logprob),
                "token {}",
                i + 1
            );
            let likeliest = tops[i + 1].as_object().unwrap().values();
            let likeliest = likeliest
                .map(|v| v.as_f64().unwrap())
                .fold(f64::MIN, f64::max);
            assert_eq!(scores[i + 1] == likeliest, expected.rank == 1);
        }
        let offsets = columns["text_offset"].as_array().unwrap();
        let tokens = columns["tokens"].as_array().unwrap();
        for (pair, token) in offsets.windows(2).zip(tokens) {
            let length = token.as_str().unwrap().chars().count() as u64;
            assert_eq!(
                pair[1].as_u64().unwrap() - pair[0].as_u64().unwrap(),
                length
            );
        }
    }
}

#[tokio::test]
async fn vllms_prompt_scores() {
    let local = start();
    let ids = local.model().tokenizer().encode(TEXT, Specials::Text);
    let expected = local.model().score(&ids, 0).unwrap();
    let body = json!({"model": "tiny", "prompt": TEXT, "prompt_logprobs": 4, "max_tokens": 2});
    let answer = complete(&local, body.clone()).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["logprobs"], Value::Null);
    let scores = choice["prompt_logprobs"].as_array().unwrap();
    assert_eq!(scores.len(), ids.len());
    for (score, expected) in scores[1..].iter().zip(&expected) {
        let own = &score[expected.token.to_string()];
        assert_close(&own["logprob"], expected.logprob);
        assert!(score.as_object().unwrap().len() >= 4);
    }
    let events = stream(&local, Endpoint::Completions, body).await;
    assert_eq!(
        events[0]["choices"][0]["prompt_logprobs"],
        choice["prompt_logprobs"]
    );
}

#[tokio::test]
async fn the_best_of_several_is_the_likeliest() {
    let local = start();
    let body = |n: u32, best_of: u32| {
        json!({
            "model": "tiny", "prompt": "a", "n": n, "best_of": best_of, "seed": 3, "logprobs": 0,
            "max_tokens": 8, "temperature": 1.5,
        })
    };
    let all = complete(&local, body(6, 6)).await;
    let best = complete(&local, body(2, 6)).await;
    let mean = |choice: &Value| {
        let scores = choice["logprobs"]["token_logprobs"].as_array().unwrap();
        scores.iter().map(|s| s.as_f64().unwrap()).sum::<f64>() / scores.len() as f64
    };
    let mut all_choices = all["choices"].as_array().unwrap().clone();
    all_choices.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    for (index, choice) in best["choices"].as_array().unwrap().iter().enumerate() {
        assert_eq!(choice["index"], index);
        assert_eq!(choice["text"], all_choices[index]["text"]);
    }
    assert_eq!(
        best["usage"], all["usage"],
        "what is not shown was written too"
    );
}

#[tokio::test]
async fn streams_of_several_prompts_are_their_whole_answers() {
    let local = start();
    let body = json!({
        "model": "tiny", "prompt": ["one", "two"], "n": 2, "seed": 9, "logprobs": 2, "echo": true,
        "max_tokens": 12, "stream_options": {"include_usage": true},
    });
    let mut whole = body.clone();
    whole.as_object_mut().unwrap().remove("stream_options");
    let whole = complete(&local, whole).await;
    let events = stream(&local, Endpoint::Completions, body).await;
    for choice in whole["choices"].as_array().unwrap() {
        let index = choice["index"].as_u64().unwrap();
        for list in ["tokens", "token_logprobs", "text_offset"] {
            let (text, column, finish) = gathered(&events, index, list);
            assert_eq!(choice["text"], text);
            assert_eq!(choice["logprobs"][list], Value::Array(column), "{list}");
            assert_eq!(choice["finish_reason"], finish);
        }
    }
    assert_eq!(events.last().unwrap()["usage"], whole["usage"]);
}

#[tokio::test]
async fn no_template_comes_near_a_completion() {
    let local = start();
    let body = json!({"model": "tiny", "prompt": "<|im_start|>user", "max_tokens": 1});
    let answer = complete(&local, body).await;
    let ids = local
        .model()
        .tokenizer()
        .encode("<|im_start|>user", Specials::Text);
    assert!(
        ids.len() > 5,
        "a text's spelling of a control token stays text"
    );
    assert_eq!(answer["usage"]["prompt_tokens"], ids.len());
}
