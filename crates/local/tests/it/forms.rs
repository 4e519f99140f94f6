//! Answers bound to a form, and the options of sampling that other servers have too.

use std::sync::Arc;

use record::Endpoint;
use serde_json::{Value, json};

use crate::house::{chat, complete, gathered, message, start, stream};
use crate::schema::valid;

fn content(answer: &Value, index: usize) -> &str {
    answer["choices"][index]["message"]["content"]
        .as_str()
        .unwrap()
}

fn flags() -> Value {
    json!({"type": "object", "required": ["b", "a"], "additionalProperties": false,
        "properties": {"b": {"type": "boolean"}, "a": {"enum": ["x", "y"]}}})
}

#[tokio::test]
async fn every_way_to_ask_for_a_schema_binds_the_answer() {
    let local = start();
    let named = json!({"name": "flags", "strict": true, "schema": flags()});
    for (field, form) in [
        (
            "response_format",
            json!({"type": "json_schema", "json_schema": named}),
        ),
        ("guided_json", flags()),
        ("guided_json", Value::String(flags().to_string())),
        ("structured_outputs", json!({"json": flags()})),
    ] {
        let mut body = message("hello");
        body[field] = form;
        body["temperature"] = 1.5.into();
        body["n"] = 3.into();
        body["max_tokens"] = 60.into();
        let answer = chat(&local, body.clone()).await;
        for index in 0..3 {
            assert_eq!(answer["choices"][index]["finish_reason"], "stop");
            let text = content(&answer, index);
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(valid(&flags(), &flags(), &value), "{text}");
            assert!(
                text.starts_with("{\"b\": "),
                "in the schema's order: {text}"
            );
        }
        // Streams are the same.
        body["seed"] = 5.into();
        let whole = chat(&local, body.clone()).await;
        let events = stream(&local, Endpoint::Chat, body).await;
        assert_eq!(gathered(&events, 1, "content").0, content(&whole, 1));
    }
}

#[tokio::test]
async fn completions_and_log_probabilities_go_with_a_form() {
    let local = start();
    let body = json!({"model": "tiny", "prompt": "a", "max_tokens": 40, "logprobs": 2,
        "guided_json": {"enum": ["yes", "no"]}, "temperature": 2});
    let answer = complete(&local, body).await;
    let text = answer["choices"][0]["text"].as_str().unwrap();
    assert!(["\"yes\"", "\"no\""].contains(&text), "{text}");
    // Scores are the model's own, not those of what the form left over.
    let scores = answer["choices"][0]["logprobs"]["token_logprobs"]
        .as_array()
        .unwrap();
    assert!(
        scores.iter().all(|s| s.as_f64().unwrap() < -1.0),
        "{scores:?}"
    );
}

#[tokio::test]
async fn an_object_is_any_object() {
    let local = start();
    for seed in 0..5 {
        let mut body = message("hello");
        body["response_format"] = json!({"type": "json_object"});
        body["seed"] = seed.into();
        body["temperature"] = 1.into();
        body["max_tokens"] = 200.into();
        let answer = chat(&local, body).await;
        let text = content(&answer, 0);
        assert!(text.starts_with('{'), "{text}");
        if answer["choices"][0]["finish_reason"] == "stop" {
            assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
        }
    }
}

#[tokio::test]
async fn truncations_and_the_repetition_penalty_are_heard() {
    let local = start();
    let answer = |change: Value| {
        let local = Arc::clone(&local);
        async move {
            let mut body = message("hello");
            body["temperature"] = 2.into();
            body["seed"] = 11.into();
            let fields = change.as_object().unwrap().clone();
            body.as_object_mut().unwrap().extend(fields);
            content(&chat(&local, body).await, 0).to_owned()
        }
    };
    let greedy = answer(json!({"temperature": 0})).await;
    assert_eq!(answer(json!({"top_k": 1})).await, greedy);
    assert_eq!(answer(json!({"min_p": 1.0})).await, greedy);
    let free = answer(json!({})).await;
    assert_ne!(free, greedy);
    assert_eq!(
        answer(json!({"top_k": -1, "min_p": 0, "repetition_penalty": 1})).await,
        free
    );
    let punished = answer(json!({"temperature": 0, "repetition_penalty": 5.0})).await;
    assert_ne!(punished, greedy);
}
