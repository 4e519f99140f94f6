use bytes::Bytes;
use record::{Capability, Edit, Endpoint};

use super::{Splice, apply};
use crate::policy::Policy;

fn spliced(endpoint: &Endpoint, body: &str, splices: &[Splice<'_>]) -> (String, Vec<Edit>) {
    let policy = Policy::read(endpoint, &Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let (bytes, edits) = apply(&policy, splices);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let again = Policy::read(endpoint, &bytes);
    assert!(again.is_ok(), "{text}: {again:?}");
    (text, edits)
}

fn chat(body: &str, splice: Splice<'_>) -> String {
    spliced(&Endpoint::Chat, body, &[splice]).0
}

#[test]
fn the_model_is_renamed() {
    let renamed = chat(r#"{ "model" : "a" , "x":1}"#, Splice::ModelName("b\"c"));
    assert_eq!(renamed, r#"{ "model" : "b\"c" , "x":1}"#);
    let (_, edits) = spliced(
        &Endpoint::Chat,
        r#"{"model":"a"}"#,
        &[Splice::ModelName("a")],
    );
    assert!(edits.is_empty());
}

#[test]
fn usage_is_asked_for() {
    let usage = |body| chat(body, Splice::IncludeUsage);
    for (before, after) in [
        (
            r#"{"model":"m","stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":null}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{ }}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{ "a":[1]}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true, "a":[1]}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"include_usage": false }}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage": true }}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":null}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"model":"m"}"#, r#"{"model":"m"}"#),
    ] {
        assert_eq!(usage(before), after);
    }
}

#[test]
fn token_limits_are_capped() {
    let capped = |body| chat(body, Splice::MaxTokens(10));
    assert_eq!(
        capped(r#"{"model":"m"}"#),
        r#"{"max_completion_tokens":10,"model":"m"}"#
    );
    assert_eq!(
        capped(r#"{"model":"m","max_tokens":11,"max_completion_tokens":4,"n_predict":99}"#),
        r#"{"model":"m","max_tokens":10,"max_completion_tokens":4,"n_predict":10}"#
    );
    assert_eq!(
        capped(r#"{"model":"m","max_tokens":10}"#),
        r#"{"model":"m","max_tokens":10}"#
    );
    assert_eq!(
        capped(r#"{"model":"m","max_completion_tokens":null}"#),
        r#"{"model":"m","max_completion_tokens":10}"#
    );
    let (text, edits) = spliced(
        &Endpoint::Embeddings,
        r#"{"model":"m","input":"a"}"#,
        &[Splice::MaxTokens(1)],
    );
    assert_eq!((&*text, edits.len()), (r#"{"model":"m","input":"a"}"#, 0));
}

#[test]
fn capabilities_are_taken_out_with_their_commas() {
    let strip = [
        Splice::Without(Capability::LogProbabilities),
        Splice::Without(Capability::ManyAnswers),
    ];
    for (before, after) in [
        (r#"{"model":"m","n":2}"#, r#"{"model":"m"}"#),
        (r#"{"n":2,"model":"m"}"#, r#"{"model":"m"}"#),
        (
            r#"{"n":2,"logprobs":true , "model":"m"}"#,
            r#"{ "model":"m"}"#,
        ),
        (
            r#"{ "n":2 , "a":1,"logprobs":true,"top_logprobs":1 ,"model":"m" }"#,
            r#"{  "a":1 ,"model":"m" }"#,
        ),
        (r#"{"model":"m","n":2,"logprobs":true}"#, r#"{"model":"m"}"#),
    ] {
        let (text, edits) = spliced(&Endpoint::Chat, before, &strip);
        assert_eq!(text, after, "{before}");
        assert_eq!(edits, [Edit::Capability]);
    }
    let (text, _) = spliced(
        &Endpoint::Responses,
        r#"{"model":"m","include":["message.output_text.logprobs","x","reasoning.encrypted_content"],"reasoning":{"effort":"low"}}"#,
        &[
            Splice::Without(Capability::LogProbabilities),
            Splice::Without(Capability::Reasoning),
        ],
    );
    assert_eq!(text, r#"{"model":"m","include":["x"]}"#);
}

#[test]
fn several_at_once() {
    let (text, edits) = spliced(
        &Endpoint::Chat,
        r#"{"n":3,"model":"a","stream":true}"#,
        &[
            Splice::ModelName("b"),
            Splice::IncludeUsage,
            Splice::MaxTokens(5),
            Splice::Without(Capability::ManyAnswers),
        ],
    );
    assert_eq!(
        text,
        r#"{"stream_options":{"include_usage":true},"max_completion_tokens":5,"model":"b","stream":true}"#
    );
    assert_eq!(edits.len(), 4);
}
