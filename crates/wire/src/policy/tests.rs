use bytes::Bytes;
use record::{Capability, CapabilitySet, Endpoint, Tier};

use super::Policy;

fn read(endpoint: &Endpoint, body: &str) -> Result<Policy, crate::ApiError> {
    Policy::read(endpoint, &Bytes::copy_from_slice(body.as_bytes()))
}

fn chat(body: &str) -> Policy {
    read(&Endpoint::Chat, body).unwrap()
}

/// The code and the field of a refusal.
fn refused(endpoint: &Endpoint, body: &str) -> (String, String) {
    let error = read(endpoint, body).expect_err(body);
    assert_eq!(error.status, 400);
    let text = |part: Option<std::borrow::Cow<'_, str>>| part.unwrap_or_default().into_owned();
    (text(error.code), text(error.param))
}

#[test]
fn the_usual_fields_are_read() {
    let policy = chat(
        r#" {"model":"a\u0062c","stream":true,"max_tokens":7,"max_completion_tokens":9,"n":2,
        "stream_options":{"include_usage":true},"store":true,"user":"u","tools":[{}],
        "logprobs":true,"top_logprobs":5,"logit_bias":{"1":-100},"reasoning_effort":"low"} "#,
    );
    assert_eq!(policy.model, "abc");
    assert!(policy.stream && policy.include_usage && policy.store && policy.tools);
    assert!(policy.logit_bias && policy.reasoning);
    assert_eq!((policy.max_tokens, policy.n), (Some(9), 2));
    assert_eq!(policy.logprobs, Some(5));
    assert_eq!(policy.user.as_deref(), Some("u"));
    assert_eq!(policy.worst_output(8), 16);
}

#[test]
fn null_is_absent_and_defaults_are_quiet() {
    let policy = chat(
        r#"{"model":"m","stream":null,"max_tokens":null,"n":null,"logprobs":null,"store":null,
        "stream_options":null,"tools":[],"logit_bias":{ },"top_logprobs":0,"reasoning":null}"#,
    );
    assert!(!policy.stream && !policy.store && !policy.tools && !policy.logit_bias);
    assert_eq!(
        (policy.max_tokens, policy.n, policy.logprobs),
        (None, 1, None)
    );
    assert!(!policy.reasoning);
}

#[test]
fn wrong_types_name_their_field() {
    for (field, value, code) in [
        ("max_tokens", "1e2", "invalid_value"),
        ("max_tokens", "1.0", "invalid_value"),
        ("max_tokens", "\"5\"", "invalid_type"),
        ("max_tokens", "0", "invalid_value"),
        ("max_tokens", "-1", "invalid_value"),
        ("max_tokens", "-0", "invalid_value"),
        ("max_tokens", "9007199254740992", "invalid_value"),
        ("max_tokens", "99999999999999999999", "invalid_value"),
        ("max_tokens", "true", "invalid_type"),
        ("n_predict", "-1", "invalid_value"),
        ("n", "0", "invalid_value"),
        ("stream", "1", "invalid_type"),
        ("stream", "\"true\"", "invalid_type"),
        ("logprobs", "5", "invalid_type"),
        ("top_logprobs", "true", "invalid_type"),
        ("logit_bias", "1", "invalid_type"),
        ("store", "\"yes\"", "invalid_type"),
        ("stream_options", "[]", "invalid_type"),
        ("user", "5", "invalid_type"),
        ("tools", "{", "invalid_json"),
        ("include", "[1]", "invalid_type"),
    ] {
        let body = format!(r#"{{"model":"m","{field}":{value}}}"#);
        let param = if code == "invalid_json" { "" } else { field };
        assert_eq!(
            refused(&Endpoint::Chat, &body),
            (code.into(), param.into()),
            "{body}"
        );
    }
    let (code, param) = refused(
        &Endpoint::Chat,
        r#"{"model":"m","stream_options":{"include_usage":1}}"#,
    );
    assert_eq!(
        (&*code, &*param),
        ("invalid_type", "stream_options.include_usage")
    );
    for model in ["", "\"model\":\"\"", "\"model\":null"] {
        let (code, param) = refused(&Endpoint::Chat, &format!("{{{model}}}"));
        assert_eq!((&*code, &*param), ("missing_required_parameter", "model"));
    }
    let (_, param) = refused(&Endpoint::Messages, r#"{"model":"m"}"#);
    assert_eq!(param, "max_tokens");
}

#[test]
fn what_readers_could_read_differently_is_refused() {
    for body in [
        r#"{"model":"m","model":"n"}"#,
        r#"{"model":"m","mod\u0065l":"n"}"#,
        r#"{"model":"m","a":{"b":[{"c":1,"\u0063":2}]}}"#,
    ] {
        assert_eq!(refused(&Endpoint::Chat, body).0, "duplicate_key", "{body}");
    }
    for body in [
        r#"{"model":"m"}x"#,
        r#"{"model":"m",}"#,
        r#"{"model":"m","a":NaN}"#,
        r#"{"model":"m","a":1e400}"#,
        r#"{"model":"m","a":01}"#,
        r#"{"model":"m","a":"\ud800"}"#,
        r#"{"model":"m","a":"\ud800\u0041"}"#,
        r#"{"model":"m","a":"\udc00"}"#,
        r#"{"model":"m","a":"\x"}"#,
        "{\"model\":\"m\u{1}\"}",
        "\u{feff}{\"model\":\"m\"}",
        "[]",
        "\"x\"",
        "",
        "   ",
        "{",
    ] {
        assert_eq!(refused(&Endpoint::Chat, body).0, "invalid_json", "{body}");
    }
    assert_eq!(
        refused(&Endpoint::Chat, r#"{"model":"m","MAX_TOKENS":1}"#).1,
        "max_tokens"
    );
    assert_eq!(
        refused(&Endpoint::Chat, r#"{"model":"m","ſtream":true}"#).1,
        "stream"
    );
    let bad = Policy::read(
        &Endpoint::Chat,
        &Bytes::from_static(b"{\"model\":\"\xff\"}"),
    );
    assert_eq!(
        bad.expect_err("not UTF-8").code.as_deref(),
        Some("invalid_json")
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"model":"m","a":{open}{close}}}"#)
    };
    assert!(read(&Endpoint::Chat, &nested(63)).is_ok());
    assert_eq!(refused(&Endpoint::Chat, &nested(64)).0, "invalid_json");
    assert_eq!(refused(&Endpoint::Chat, &nested(100_000)).0, "invalid_json");
}

#[test]
fn many_keys_are_compared_too() {
    let keys: Vec<String> = (0..500)
        .map(|key| format!("\"k{key}\":{{\"x\":1}}"))
        .collect();
    let body = format!(r#"{{"model":"m",{}}}"#, keys.join(","));
    assert!(read(&Endpoint::Chat, &body).is_ok());
    let twice = body.replace("\"k499\"", "\"k\\u0037\"");
    assert_eq!(
        refused(&Endpoint::Chat, &twice),
        ("duplicate_key".into(), "k7".into())
    );
}

#[test]
fn prompts_are_counted() {
    for (prompt, count) in [
        (r#""a""#, 1),
        (r#"["a","b"]"#, 2),
        ("[1,2,3]", 1),
        ("[[1,2],[3]]", 2),
    ] {
        let body = format!(r#"{{"model":"m","prompt":{prompt},"best_of":3,"max_tokens":5}}"#);
        let policy = read(&Endpoint::Completions, &body).unwrap();
        assert_eq!(policy.prompts, count);
        assert_eq!(policy.worst_output(100), 15 * count);
    }
    for prompt in ["[]", "[1,\"a\"]", "5", "{}"] {
        let body = format!(r#"{{"model":"m","prompt":{prompt}}}"#);
        assert_eq!(refused(&Endpoint::Completions, &body).1, "prompt");
    }
}

#[test]
fn log_probabilities_of_prompts() {
    let body = r#"{"model":"m","prompt":"a","echo":true,"logprobs":0,"max_tokens":1}"#;
    let policy = read(&Endpoint::Completions, body).unwrap();
    assert_eq!(
        (policy.logprobs, policy.prompt_logprobs),
        (Some(0), Some(0))
    );
    let scored = r#"{"model":"m","prompt":"a","echo":true,"logprobs":1,"max_tokens":0}"#;
    assert_eq!(
        read(&Endpoint::Completions, scored)
            .unwrap()
            .worst_output(9),
        0
    );
    assert_eq!(refused(&Endpoint::Chat, scored).1, "logprobs");
    let policy = chat(r#"{"model":"m","prompt_logprobs":3}"#);
    assert_eq!((policy.logprobs, policy.prompt_logprobs), (None, Some(3)));
}

#[test]
fn what_is_beyond_a_set_is_named() {
    let text = CapabilitySet::of_tier(Tier::Text);
    let beyond = |endpoint: &Endpoint, body: &str| read(endpoint, body).unwrap().beyond(&text);
    assert_eq!(beyond(&Endpoint::Chat, r#"{"model":"m","n":16}"#), None);
    assert_eq!(
        beyond(&Endpoint::Chat, r#"{"model":"m","n":17}"#),
        Some((Capability::ManyAnswers, "n"))
    );
    assert_eq!(
        beyond(
            &Endpoint::Chat,
            r#"{"model":"m","logprobs":true,"top_logprobs":2}"#
        ),
        Some((Capability::LogProbabilities, "top_logprobs"))
    );
    assert_eq!(
        beyond(
            &Endpoint::Responses,
            r#"{"model":"m","include":["message.output_text.logprobs"]}"#
        ),
        Some((Capability::LogProbabilities, "include"))
    );
    assert_eq!(
        beyond(&Endpoint::Chat, r#"{"model":"m","prompt_logprobs":0}"#),
        Some((Capability::PromptLogProbabilities, "prompt_logprobs"))
    );
    let none = CapabilitySet {
        reasoning: false,
        ..text
    };
    let thinking = |kind: &str| {
        let body = format!(r#"{{"model":"m","max_tokens":1,"thinking":{{"type":"{kind}"}}}}"#);
        read(&Endpoint::Messages, &body).unwrap().beyond(&none)
    };
    assert_eq!(
        thinking("enabled"),
        Some((Capability::Reasoning, "thinking"))
    );
    assert_eq!(thinking("disabled"), None);
}

#[test]
fn listed_paths_are_read_loosely() {
    let listed = Endpoint::Listed("/v1/rerank".into());
    let policy = read(
        &listed,
        r#"{"model":"m","n":"many","stream":"no","Model":1}"#,
    )
    .unwrap();
    assert_eq!((&*policy.model, policy.stream, policy.n), ("m", false, 1));
    assert!(read(&listed, r#"{"model":"m","model":"n"}"#).is_err());
}
