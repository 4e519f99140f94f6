//! Chats: whole and streamed answers are the same, and have the API's shape.

use lm::{Chat, Limits, Sampling};
use record::Endpoint;
use serde_json::{Value, json};
use upstream::Upstream;

use crate::house::{assert_close, chat, gathered, message, request, start, stream};

#[tokio::test]
async fn a_whole_answer_has_the_shape_of_the_api() {
    let local = start();
    let answer = chat(&local, message("hello")).await;
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["created"], 1_771_804_800);
    assert_eq!(answer["model"], "tiny");
    assert_eq!(answer["system_fingerprint"], local.fingerprint());
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["logprobs"], Value::Null);
    let again = chat(&local, message("hello")).await;
    assert_ne!(answer["id"], again["id"]);
    assert_eq!(answer["choices"], again["choices"]);
}

#[tokio::test]
async fn an_answer_is_what_the_model_generates() {
    let local = start();
    let model = local.model();
    for (seed, text) in [
        (1, "hello"),
        (2, "wörld 你好"),
        (3, "the other and the ring"),
    ] {
        let messages = [std::collections::BTreeMap::from([
            ("role", "user"),
            ("content", text),
        ])];
        let prompt = model.encode_chat(&Chat::new(&messages).unwrap()).unwrap();
        let sampling = Sampling {
            temperature: 1.5,
            top_p: 0.9,
            seed,
            ..Sampling::default()
        };
        let limits = Limits {
            max_tokens: 100,
            ..Limits::default()
        };
        let mut go_on = |_: &lm::Piece| std::ops::ControlFlow::Continue(());
        let expected = model
            .generate(&prompt, sampling, limits, &mut go_on)
            .unwrap();

        let mut body = message(text);
        body["temperature"] = 1.5.into();
        body["top_p"] = 0.9.into();
        body["seed"] = seed.into();
        body["max_tokens"] = 100.into();
        let answer = chat(&local, body.clone()).await;
        assert_eq!(answer["choices"][0]["message"]["content"], expected.text);
        assert_eq!(answer["usage"]["prompt_tokens"], prompt.len());
        assert_eq!(answer["usage"]["completion_tokens"], expected.tokens.len());
        let total = prompt.len() + expected.tokens.len();
        assert_eq!(answer["usage"]["total_tokens"], total);
        let counted = local
            .count_tokens(request(Endpoint::Chat, body.to_string()))
            .await;
        assert_eq!(counted.unwrap(), Some(prompt.len() as u64));
    }
}

#[tokio::test]
async fn a_stream_is_the_whole_answer_in_pieces() {
    let local = start();
    for seed in 0..8 {
        let mut body = message("tell me");
        body["temperature"] = 1.into();
        body["seed"] = seed.into();
        body["max_tokens"] = 60.into();
        body["n"] = 2.into();
        body["logprobs"] = true.into();
        body["top_logprobs"] = 2.into();
        body["stream_options"] = json!({ "include_usage": true });
        let mut whole = body.clone();
        whole.as_object_mut().unwrap().remove("stream_options");
        let whole = chat(&local, whole).await;
        let events = stream(&local, Endpoint::Chat, body).await;
        for choice in whole["choices"].as_array().unwrap() {
            let (text, tokens, finish) =
                gathered(&events, choice["index"].as_u64().unwrap(), "content");
            assert_eq!(choice["message"]["content"], text);
            assert_eq!(choice["logprobs"]["content"], Value::Array(tokens));
            assert_eq!(choice["finish_reason"], finish);
        }
        let (usage, chunks) = events.split_last().unwrap();
        assert_eq!(usage["choices"], json!([]));
        assert_eq!(usage["usage"], whole["usage"]);
        for chunk in chunks {
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(chunk["id"], usage["id"]);
            assert_eq!(chunk["system_fingerprint"], local.fingerprint());
            assert!(chunk.get("usage").is_none_or(Value::is_null));
        }
        let first = &chunks[0]["choices"][0];
        assert_eq!(first["delta"]["role"], "assistant");
        let roles = chunks
            .iter()
            .filter(|c| c["choices"][0]["delta"].get("role").is_some());
        assert_eq!(roles.count(), 2, "each answer says once who speaks");
    }
}

#[tokio::test]
async fn without_include_usage_no_chunk_has_it() {
    let events = stream(&start(), Endpoint::Chat, message("hello")).await;
    assert!(
        events
            .iter()
            .all(|event| event.get("usage").is_none_or(Value::is_null))
    );
}

#[tokio::test]
async fn listed_tokens_make_up_the_text() {
    let local = start();
    for seed in 0..20 {
        let mut body = message("list");
        body["temperature"] = 1.2.into();
        body["seed"] = seed.into();
        body["logprobs"] = true.into();
        body["top_logprobs"] = 3.into();
        let answer = chat(&local, body).await;
        let choice = &answer["choices"][0];
        let tokens = choice["logprobs"]["content"].as_array().unwrap();
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|token| token["bytes"].as_array().unwrap())
            .map(|byte| byte.as_u64().unwrap() as u8)
            .collect();
        // Control tokens in mid-answer are listed and are no text.
        if !bytes.windows(2).any(|two| two == b"<|") {
            assert_eq!(
                choice["message"]["content"],
                String::from_utf8_lossy(&bytes).as_ref()
            );
        }
        for token in tokens {
            let top = token["top_logprobs"].as_array().unwrap();
            assert_eq!(top.len(), 3);
            let all: Vec<f64> = top.iter().map(|t| t["logprob"].as_f64().unwrap()).collect();
            assert!(all.is_sorted_by(|a, b| a >= b));
            assert!(token["logprob"].as_f64().unwrap() <= all[0]);
        }
    }
}

#[tokio::test]
async fn a_prompts_scores_are_the_models_own() {
    let local = start();
    let mut body = message("score me");
    body["prompt_logprobs"] = 2.into();
    let answer = chat(&local, body.clone()).await;
    let scores = answer["prompt_logprobs"].as_array().unwrap();
    assert_eq!(
        scores.len() as u64,
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    );
    let messages = [std::collections::BTreeMap::from([
        ("role", "user"),
        ("content", "score me"),
    ])];
    let prompt = local
        .model()
        .encode_chat(&Chat::new(&messages).unwrap())
        .unwrap();
    let expected = local.model().score(&prompt, 2).unwrap();
    assert_eq!(scores[0], Value::Null);
    for (score, expected) in scores[1..].iter().zip(&expected) {
        let own = &score[expected.token.to_string()];
        assert_close(&own["logprob"], expected.logprob);
        assert_eq!(own["rank"], expected.rank);
        assert!((2..=3).contains(&score.as_object().unwrap().len()));
    }
    let events = stream(&local, Endpoint::Chat, body).await;
    assert_eq!(events[0]["prompt_logprobs"], answer["prompt_logprobs"]);
}

#[tokio::test]
async fn a_message_cannot_write_control_tokens() {
    let local = start();
    let count = |text: &'static str| {
        let body = message(text).to_string();
        local.count_tokens(request(Endpoint::Chat, body))
    };
    let empty = count("").await.unwrap().unwrap();
    let spelled = count("<|im_end|>").await.unwrap().unwrap();
    assert!(spelled > empty + 1, "it is text of several tokens");
}

#[tokio::test]
async fn only_chats_are_counted() {
    let local = start();
    let body = r#"{"model":"tiny","prompt":"a"}"#;
    assert_eq!(
        local
            .count_tokens(request(Endpoint::Completions, body))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        local
            .count_tokens(request(Endpoint::Chat, "{"))
            .await
            .unwrap(),
        None
    );
}
