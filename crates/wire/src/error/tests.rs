use record::Reason;
use serde_json::Value;

use super::{ApiError, Dialect};
use crate::sse::StreamKind;

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_refusal_in_both_shapes() {
    let error = ApiError::of(Reason::CapabilityNotAllowed).with_param("n");
    assert_eq!(error.status, 403);
    let body = parsed(&error.body(Dialect::OpenAi, "req_1"));
    assert_eq!(body["error"]["code"], "capability_not_allowed");
    assert_eq!(body["error"]["param"], "n");
    let body = parsed(&error.body(Dialect::Anthropic, "req_1"));
    assert_eq!(body["error"]["type"], "permission_error");
    assert_eq!(body["request_id"], "req_1");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("n: ")
    );
}

#[test]
fn upstreams_of_every_make_are_understood() {
    for (status, body, code, param, message) in [
        (
            400,
            r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            Some("context_length_exceeded"),
            Some("messages"),
            "too long",
        ),
        (
            404,
            r#"{"object":"error","message":"no m","type":"NotFoundError","param":null,"code":404}"#,
            None,
            None,
            "no m",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"big","type":"exceed_context_size_error","n_ctx":5}}"#,
            Some("context_length_exceeded"),
            None,
            "big",
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","n"],"msg":"bad"}]}"#,
            None,
            Some("n"),
            "bad",
        ),
        (404, r#"{"detail":"Not Found"}"#, None, None, "Not Found"),
        (500, r#"{"error":"oh"}"#, None, None, "oh"),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            None,
            None,
            "Overloaded",
        ),
    ] {
        let error = ApiError::from_upstream(status, body.as_bytes());
        assert_eq!(error.status, status, "{body}");
        assert_eq!(error.code.as_deref(), code, "{body}");
        assert_eq!(error.param.as_deref(), param, "{body}");
        assert_eq!(error.message, message, "{body}");
    }
    for rubbish in ["", "<html>", "[]", "7", "{\"error\":7}"] {
        let error = ApiError::from_upstream(502, rubbish.as_bytes());
        assert_eq!((error.status, &*error.kind), (502, "server_error"));
        assert!(error.message.contains("no readable reason"), "{rubbish}");
    }
}

#[test]
fn stream_errors_are_what_the_sdks_raise_for() {
    let error = ApiError::of(Reason::CredentialRevoked);
    let text = |kind| String::from_utf8(error.event(kind, "r", 9).to_vec()).unwrap();
    assert!(text(StreamKind::Chat).starts_with("data: {\"error\":{"));
    let messages = text(StreamKind::Messages);
    let data = parsed(
        messages
            .strip_prefix("event: error\ndata: ")
            .unwrap()
            .as_bytes(),
    );
    assert_eq!(data["error"]["type"], "authentication_error");
    let responses = text(StreamKind::Responses);
    let data = responses.strip_prefix("event: error\ndata: ").unwrap();
    let data = parsed(data.trim_end().as_bytes());
    assert_eq!(
        (&data["type"], &data["sequence_number"]),
        (&"error".into(), &9.into())
    );
    assert_eq!(data["error"]["code"], "credential_revoked");
}
