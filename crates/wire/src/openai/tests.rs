use record::{Time, Usage, UsageSource};
use serde_json::{Value, json};

use super::*;
use crate::error::Dialect;

const HEAD: Head<'_> = Head {
    id: "chatcmpl-1",
    created: Time::from_micros(1_764_000_000_000_000),
    model: "m",
    system_fingerprint: Some("fp_1"),
};
const USAGE: Usage = Usage {
    input: 3,
    cached_input: 1,
    output: 2,
    reasoning: 0,
    source: UsageSource::Counted,
};

fn parsed(bytes: &[u8]) -> Value {
    let text = std::str::from_utf8(bytes).unwrap();
    let text = text.strip_prefix("data: ").unwrap_or(text);
    serde_json::from_str(text.trim_end()).unwrap()
}

fn alternative(id: u32, text: &str, logprob: f64) -> Alternative {
    Alternative {
        id,
        text: text.into(),
        bytes: text.as_bytes().to_vec(),
        logprob,
    }
}

fn scored(id: u32, text: &str, logprob: Option<f64>, top: Vec<Alternative>) -> TokenLogprob {
    TokenLogprob {
        id,
        text: text.into(),
        bytes: text.as_bytes().to_vec(),
        logprob,
        rank: logprob.map(|_| 2),
        top,
    }
}

#[test]
fn a_chat_request_is_read() {
    let request = ChatRequest::read(
        br#"{"model":"m","messages":[{"role":"developer","content":"be"},
        {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}],
        "temperature":0,"top_p":1,"seed":-4,"stop":"x","n":2,"max_tokens":9,"logprobs":true,
        "top_logprobs":3,"logit_bias":{"5":-100},"stream":true,"top_k":-1,
        "stream_options":{"include_usage":true},"tools":[{"type":"function"}],
        "response_format":{"type":"json_object"}}"#,
    )
    .unwrap();
    assert_eq!(request.messages[0].role, Role::System);
    assert_eq!(request.messages[1].content, "a\nb");
    assert_eq!(request.sampling.temperature, Some(0.0));
    assert_eq!(
        (request.sampling.seed, request.sampling.top_k),
        (Some(-4), None)
    );
    assert_eq!(request.sampling.stop, ["x"]);
    assert_eq!(request.sampling.logit_bias, [(5, -100.0)]);
    assert_eq!(
        (request.max_tokens, request.n, request.logprobs),
        (Some(9), 2, Some(3))
    );
    assert!(request.stream && request.include_usage && request.tools);
    assert_eq!(request.response_format, ResponseFormat::JsonObject);
}

#[test]
fn a_schema_is_kept_as_it_was_written() {
    let format = |fields: &str| {
        let body = format!(r#"{{"model":"m","prompt":"p",{fields}}}"#);
        CompletionRequest::read(body.as_bytes())
            .unwrap()
            .response_format
    };
    let schema = |field: &str| ResponseFormat::JsonSchema {
        field: field.to_owned(),
        schema: r#"{"b": 1, "a":2}"#.to_owned(),
    };
    for (sent, field) in [
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"b": 1, "a":2}}}"#,
            "response_format.json_schema.schema",
        ),
        (r#""guided_json":{"b": 1, "a":2}"#, "guided_json"),
        (r#""guided_json":"{\"b\": 1, \"a\":2}""#, "guided_json"),
        (
            r#""structured_outputs":{"json":{"b": 1, "a":2}}"#,
            "structured_outputs.json",
        ),
    ] {
        assert_eq!(format(sent), schema(field), "{sent}");
    }
    assert_eq!(format(r#""guided_json":null"#), ResponseFormat::Text);
    let object = r#""structured_outputs":{"json_object":true}"#;
    assert_eq!(format(object), ResponseFormat::JsonObject);
}

/// Each of these fields beside a model is a 400 that names the one at fault.
fn refused(table: &[(&str, &str)]) {
    for (fields, param) in table {
        let body = format!(r#"{{"model":"m",{fields}}}"#);
        let error = ChatRequest::read(body.as_bytes()).expect_err(&body);
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some(*param)),
            "{body}"
        );
    }
}

#[test]
fn mistakes_in_chat_requests_name_their_field() {
    refused(&[
        (r#""messages":[]"#, "messages"),
        (r#""messages":"hi""#, "messages"),
        (r#""messages":[7]"#, "messages[0]"),
        (r#""messages":[{"content":"x"}]"#, "messages[0].role"),
        (
            r#""messages":[{"role":"king","content":"x"}]"#,
            "messages[0].role",
        ),
        (
            r#""messages":[{"role":"tool","content":"x"}]"#,
            "messages[0].role",
        ),
        (r#""messages":[{"role":"user"}]"#, "messages[0].content"),
        (
            r#""messages":[{"role":"user","content":[{"type":"image_url"}]}]"#,
            "messages[0].content[0].type",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"temperature":3"#,
            "temperature",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"temperature":"a""#,
            "temperature",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"top_p":0"#,
            "top_p",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"stop":[""]"#,
            "stop",
        ),
        (r#""messages":[{"role":"user","content":"x"}],"n":0"#, "n"),
        (
            r#""messages":[{"role":"user","content":"x"}],"top_logprobs":2"#,
            "top_logprobs",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"logit_bias":{"a":1}"#,
            "logit_bias",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"response_format":{"type":"xml"}"#,
            "response_format.type",
        ),
    ]);
}

#[test]
fn mistakes_in_forms_name_their_field() {
    refused(&[
        (
            r#""messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema"}"#,
            "response_format.json_schema",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{}}"#,
            "response_format.json_schema",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"guided_regex":"a""#,
            "guided_regex",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"structured_outputs":{"choice":["a"]}"#,
            "structured_outputs.choice",
        ),
        (
            r#""messages":[{"role":"user","content":"x"}],"repetition_penalty":0"#,
            "repetition_penalty",
        ),
    ]);
}

#[test]
fn a_completion_request_is_read() {
    let read = |body: &str| CompletionRequest::read(body.as_bytes());
    let request =
        read(r#"{"model":"m","prompt":[[1,2],[3]],"echo":true,"logprobs":1,"max_tokens":0}"#);
    let request = request.unwrap();
    assert_eq!(
        request.prompts,
        [Prompt::Tokens(vec![1, 2]), Prompt::Tokens(vec![3])]
    );
    assert_eq!(
        (request.max_tokens, request.logprobs, request.best_of),
        (0, Some(1), 1)
    );
    assert_eq!(
        read(r#"{"model":"m","prompt":"x"}"#).unwrap().max_tokens,
        16
    );
    for (body, param) in [
        (r#"{"model":"m"}"#, "prompt"),
        (r#"{"model":"m","prompt":[]}"#, "prompt"),
        (r#"{"model":"m","prompt":[-1]}"#, "prompt"),
        (r#"{"model":"m","prompt":"x","max_tokens":0}"#, "max_tokens"),
        (r#"{"model":"m","prompt":"x","suffix":"y"}"#, "suffix"),
        (r#"{"model":"m","prompt":"x","n":3,"best_of":2}"#, "best_of"),
        (
            r#"{"model":"m","prompt":"x","stream":true,"best_of":2}"#,
            "best_of",
        ),
    ] {
        assert_eq!(
            read(body).expect_err(body).param.as_deref(),
            Some(param),
            "{body}"
        );
    }
}

#[test]
fn a_chat_answer_has_its_log_probabilities() {
    let choice = ChatChoice {
        index: 0,
        text: "hi".into(),
        finish: Finish::Length,
        stop_text: None,
        logprobs: Some(vec![scored(
            4,
            "hi",
            Some(-0.5),
            vec![alternative(9, "ho", f64::NEG_INFINITY)],
        )]),
    };
    let answer = ChatAnswer {
        head: HEAD,
        choices: &[choice],
        usage: &USAGE,
        prompt_logprobs: None,
    };
    let value = parsed(&answer.bytes());
    assert_eq!(value["created"], 1_764_000_000);
    assert_eq!(value["choices"][0]["finish_reason"], "length");
    let token = &value["choices"][0]["logprobs"]["content"][0];
    assert_eq!(
        (&token["logprob"], &token["bytes"]),
        (&json!(-0.5), &json!([104, 105]))
    );
    assert_eq!(token["top_logprobs"][0]["logprob"], -9999.0);
    assert_eq!(value["usage"]["total_tokens"], 5);
    assert_eq!(value["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
    assert_eq!(value.get("prompt_logprobs"), None);
}

#[test]
fn completions_have_the_columns_that_harnesses_read() {
    let tokens = vec![
        scored(1, "Ünd", None, vec![]),
        scored(
            2,
            " a",
            Some(-1.5),
            vec![alternative(3, " b", -0.25), alternative(7, " b", -3.0)],
        ),
        scored(2, " a", Some(-0.125), vec![alternative(2, " a", -0.125)]),
    ];
    let choice = CompletionChoice {
        index: 0,
        text: "Ünd a a".into(),
        finish: Finish::Stop,
        logprobs: Some(tokens.clone()),
        prompt_logprobs: Some(tokens),
    };
    let answer = CompletionAnswer {
        head: HEAD,
        choices: &[choice],
        usage: &USAGE,
    };
    let value = parsed(&answer.bytes());
    let columns = &value["choices"][0]["logprobs"];
    assert_eq!(columns["tokens"], json!(["Ünd", " a", " a"]));
    assert_eq!(columns["token_logprobs"], json!([null, -1.5, -0.125]));
    assert_eq!(
        columns["top_logprobs"],
        json!([null, { " b": -0.25, " a": -1.5 }, { " a": -0.125 }])
    );
    assert_eq!(columns["text_offset"], json!([0, 3, 5]));
    let prompt = &value["choices"][0]["prompt_logprobs"];
    assert_eq!(prompt[0], Value::Null);
    assert_eq!(
        prompt[1]["2"],
        json!({ "logprob": -1.5, "rank": 2, "decoded_token": " a" })
    );
    assert_eq!(prompt[1]["7"]["rank"], 2);
    assert_eq!(prompt[2].as_object().unwrap().len(), 1);
}

#[test]
fn streams_have_their_chunks() {
    let stream = ChatStream { head: HEAD };
    assert_eq!(
        parsed(&stream.start(0, None))["choices"][0]["delta"]["role"],
        "assistant"
    );
    assert_eq!(
        parsed(&stream.text(1, "x", None))["choices"][0]["delta"]["content"],
        "x"
    );
    let last = parsed(&stream.finish(1, Finish::Stop, Some("\n")));
    assert_eq!(last["choices"][0]["delta"], json!({}));
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["stop_reason"], "\n");
    let usage = parsed(&stream.usage(&USAGE));
    assert_eq!(
        (&usage["choices"], &usage["usage"]["prompt_tokens"]),
        (&json!([]), &json!(3))
    );
    let stream = CompletionStream { head: HEAD };
    let tokens = [scored(2, "x", Some(-1.0), vec![])];
    let text = parsed(&stream.text(0, "x", Some(&tokens), 12));
    assert_eq!(text["choices"][0]["logprobs"]["text_offset"], json!([12]));
    assert_eq!(
        parsed(&stream.finish(0, Finish::Length))["choices"][0]["finish_reason"],
        "length"
    );
    assert_eq!(parsed(&stream.prompt(0, &tokens))["choices"][0]["text"], "");
    assert_eq!(parsed(&stream.usage(&USAGE))["choices"], json!([]));
}

#[test]
fn models_in_both_dialects() {
    let one = Model {
        id: "m",
        created: HEAD.created,
        owned_by: "us",
        max_model_len: Some(2048),
    };
    let value = parsed(&models(Dialect::OpenAi, &[one]));
    assert_eq!(value["data"][0], parsed(&model(Dialect::OpenAi, &one)));
    assert_eq!(value["data"][0]["max_model_len"], 2048);
    let value = parsed(&models(Dialect::Anthropic, &[one]));
    assert_eq!(
        (&value["first_id"], &value["has_more"]),
        (&json!("m"), &json!(false))
    );
    assert_eq!(
        value["data"][0]["created_at"],
        "2025-11-24T16:00:00.000000Z"
    );
}
