//! Whatever a client gets wrong is a 400 that names the field; the model goes on.

use record::Endpoint;
use serde_json::{Value, json};
use upstream::{Ask, Upstream};

use crate::house::{bytes, chat, message, options, request, start, tiny};
use local::LocalUpstream;

async fn refused(local: &LocalUpstream, ask: Ask) -> Value {
    let (status, body) = bytes(local, ask).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 400, "{body}");
    assert!(body["error"]["message"].is_string(), "{body}");
    assert_eq!(body["error"]["type"], "invalid_request_error");
    body["error"].clone()
}

#[tokio::test]
async fn chats_are_refused_by_field() {
    let local = start();
    let biases = |n: usize| Value::from_iter((0..n).map(|i| (i.to_string(), json!(1))));
    let (value, kind, cannot) = ("invalid_value", "invalid_type", "unsupported_parameter");
    for (field, sent, code) in [
        ("temperature", json!(2.1), value),
        ("temperature", json!(-0.1), value),
        ("temperature", json!("hot"), kind),
        ("top_p", json!(0), value),
        ("top_p", json!(1.5), value),
        ("n", json!(0), value),
        ("n", json!(17), value),
        ("max_tokens", json!(0), value),
        ("max_tokens", json!(401), value),
        ("max_completion_tokens", json!(-1), kind),
        ("stop", json!(vec!["a"; 5]), value),
        ("stop", json!([""]), value),
        ("stop", json!("a".repeat(2000)), value),
        ("logit_bias", json!({"99999": 1}), value),
        ("logit_bias", json!({"1": 101}), value),
        ("logit_bias", biases(2000), value),
        ("top_logprobs", json!(3), value),
        ("prompt_logprobs", json!(1001), value),
        ("tools", json!([{"type": "function"}]), cannot),
        ("guided_json", json!({"type": "wizard"}), value),
        ("guided_json", json!({"not": {}}), value),
        ("guided_json", json!("{"), value),
        ("guided_json", json!([]), value),
        ("guided_regex", json!("a+"), cannot),
        ("audio", json!({"voice": "x"}), cannot),
        ("top_k", json!(-5), value),
        ("min_p", json!(1.1), value),
        ("repetition_penalty", json!(0), value),
        ("repetition_penalty", json!(11), value),
        ("messages", json!([]), value),
    ] {
        let mut body = message("hello");
        body[field] = sent;
        let error = refused(&local, request(Endpoint::Chat, body.to_string())).await;
        assert_eq!(error["param"], field, "{error}");
        assert_eq!(error["code"], code, "{error}");
    }
    let mut body = message("hello");
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "n"}});
    let error = refused(&local, request(Endpoint::Chat, body.to_string())).await;
    assert_eq!(error["param"], "response_format.json_schema", "{error}");
    let images = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]);
    let mut body = message("hello");
    body["messages"] = images;
    let error = refused(&local, request(Endpoint::Chat, body.to_string())).await;
    assert_eq!(error["code"], "unsupported_parameter");
    assert!(error["param"].as_str().unwrap().starts_with("messages"));
}

#[tokio::test]
async fn completions_are_refused_by_field() {
    let local = start();
    for (field, value) in [
        ("prompt", json!("")),
        ("prompt", json!([[]])),
        ("prompt", json!([281_474_976_710_656_u64])),
        ("prompt", json!([99_999])),
        ("prompt", json!([-1])),
        ("prompt", json!({"a": 1})),
        ("prompt", json!([["a"]])),
        ("prompt", json!(vec!["a"; 1025])),
        ("n", json!(17)),
        ("best_of", json!(17)),
        ("logprobs", json!(21)),
        ("max_tokens", json!(0)),
        ("suffix", json!("end")),
    ] {
        let mut body = json!({"model": "tiny", "prompt": "a"});
        body[field] = value;
        let error = refused(&local, request(Endpoint::Completions, body.to_string())).await;
        assert_eq!(error["param"], field, "{error}");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_context_is_told_with_numbers() {
    let local = start();
    let mut body = message(&"the ".repeat(600));
    body.as_object_mut().unwrap().remove("max_tokens");
    let error = refused(&local, request(Endpoint::Chat, body.to_string())).await;
    assert_eq!(error["code"], "context_length_exceeded");
    assert_eq!(error["param"], "messages");
    assert!(error["message"].as_str().unwrap().contains("512"));
    for endpoint in [Endpoint::Chat, Endpoint::Completions] {
        let text = "the ".repeat(1_000_000);
        let mut body = message(&text);
        body["prompt"] = text.into();
        let error = refused(&local, request(endpoint, body.to_string())).await;
        assert_eq!(error["code"], "context_length_exceeded");
    }
    let body = json!({"model": "tiny", "prompt": "a", "max_tokens": 512});
    let error = refused(&local, request(Endpoint::Completions, body.to_string())).await;
    assert_eq!(error["code"], "context_length_exceeded");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("513") && message.contains("512"),
        "{message}"
    );
    let body = json!({"model": "tiny", "prompt": "a", "max_tokens": u32::MAX});
    let error = refused(&local, request(Endpoint::Completions, body.to_string())).await;
    assert_eq!(error["code"], "context_length_exceeded");
}

#[tokio::test]
async fn rubbish_is_refused_and_the_model_goes_on() {
    let local = start();
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"{\"model\":\"tiny\",\"messages\":1}",
        b"{\"model\":\"tiny\",\"messages\":[1]}",
        b"{\"model\":\"tiny\",\"messages\":[{\"role\":\"wizard\",\"content\":\"a\"}]}",
        b"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}",
    ] {
        refused(&local, request(Endpoint::Chat, body)).await;
        refused(&local, request(Endpoint::Completions, body)).await;
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&local, request(Endpoint::Chat, deep)).await;
    let error = refused(&local, request(Endpoint::Responses, "{}")).await;
    assert_eq!(error["code"], "endpoint_not_supported");
    assert_eq!(local.health().in_flight, 0);
    chat(&local, message("still there")).await;
}

#[tokio::test]
async fn settings_are_checked() {
    for change in [
        (|o: &mut local::Options| o.max_sequences = 0) as fn(&mut local::Options),
        |o| o.max_output = 0,
        |o| o.default_output = 0,
        |o| o.default_output = o.max_output + 1,
        |o| o.source = local::Source::File("/nowhere/model.gguf".into()),
    ] {
        let mut options = options(tiny());
        change(&mut options);
        assert!(LocalUpstream::start(options).is_err());
    }
}
