//! Golden files: what each format and direction looks like, byte for byte. `UPDATE_GOLDEN=1`
//! writes them anew; a change in them is a change that clients see.

use std::path::PathBuf;

use bytes::Bytes;
use record::{Endpoint, Reason, Time, Usage, UsageSource};
use wire::openai::{
    Alternative, ChatAnswer, ChatChoice, ChatStream, CompletionAnswer, CompletionChoice,
    CompletionStream, DONE, Finish, Head, Model, TokenLogprob, models,
};
use wire::{ApiError, Dialect, Ending, StreamKind, Translation};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The contents of every golden file with this ending.
pub(crate) fn read_all(ending: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Compares with the golden file of this name, or writes it.
pub(crate) fn check(name: &str, found: &[u8]) {
    let path = folder().join(name);
    let found = String::from_utf8(found.to_vec()).unwrap();
    let found = if name.ends_with(".json") {
        found + "\n"
    } else {
        found
    };
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, golden, "{name}; UPDATE_GOLDEN=1 writes it anew");
}

const CREATED: Time = Time::from_micros(1_764_000_000_000_000);

/// Feeds a chat stream in pieces of this size; gives the client's stream and how it ended.
fn streamed(translation: &Translation, upstream: &[u8], size: usize) -> (Vec<u8>, Ending) {
    let mut stream = translation.stream("0a1b", CREATED);
    let mut out = Vec::new();
    for piece in upstream.chunks(size) {
        out.extend_from_slice(&stream.push(Bytes::copy_from_slice(piece)).unwrap());
    }
    let ending = stream.finish().clone();
    assert!(ending != Ending::Complete || stream.usage().is_some());
    out.extend_from_slice(&stream.release());
    (out, ending)
}

/// One case: `NAME.request.json` gives `NAME.chat.json`; `NAME.upstream.json` gives
/// `NAME.answer.json`; `NAME.upstream.sse` gives `NAME.answer.sse`.
fn translated(endpoint: &Endpoint, name: &str) {
    let read = |ending: &str| std::fs::read(folder().join(format!("{name}.{ending}"))).ok();
    let request = read("request.json").expect(name);
    let translation = Translation::read(endpoint, &request).unwrap();
    check(&format!("{name}.chat.json"), translation.chat_body());
    if let Some(upstream) = read("upstream.json") {
        let answer = translation.answer("0a1b", CREATED, &upstream).unwrap();
        check(&format!("{name}.answer.json"), &answer);
    }
    if let Some(upstream) = read("upstream.sse") {
        let (whole, ending) = streamed(&translation, &upstream, upstream.len());
        assert_ne!(ending, Ending::Broken);
        check(&format!("{name}.answer.sse"), &whole);
        for size in [1, 7, 100] {
            assert_eq!(streamed(&translation, &upstream, size).0, whole, "{name}");
        }
    }
}

#[test]
fn responses_from_chat() {
    for name in [
        "responses_text",
        "responses_tools",
        "responses_schema",
        "responses_error",
    ] {
        translated(&Endpoint::Responses, name);
    }
}

#[test]
fn messages_from_chat() {
    for name in ["messages_text", "messages_tools", "messages_error"] {
        translated(&Endpoint::Messages, name);
    }
    translated(&Endpoint::CountTokens, "count_tokens");
}

/// Requests that chat completions can't answer, and the field that is at fault.
const REFUSED: [(Endpoint, &str, &str); 14] = [
    (Endpoint::Responses, r#"{"model":"m"}"#, "input"),
    (Endpoint::Responses, r#"{"input":"x"}"#, "model"),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":"x","previous_response_id":"resp_1"}"#,
        "previous_response_id",
    ),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":"x","background":true}"#,
        "background",
    ),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":"x","truncation":"auto"}"#,
        "truncation",
    ),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":"x","tools":[{"type":"web_search"}]}"#,
        "tools[0].type",
    ),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_file"}]}]}"#,
        "input[0].content[0].type",
    ),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":[{"type":"item_reference","id":"x"}]}"#,
        "input[0].type",
    ),
    (
        Endpoint::Responses,
        r#"{"model":"m","input":"x","text":{"format":{"type":"grammar"}}}"#,
        "text.format.type",
    ),
    (
        Endpoint::Messages,
        r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
        "max_tokens",
    ),
    (
        Endpoint::Messages,
        r#"{"model":"m","max_tokens":1,"messages":[]}"#,
        "messages",
    ),
    (
        Endpoint::Messages,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":"x"}]}"#,
        "messages",
    ),
    (
        Endpoint::Messages,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document"}]}]}"#,
        "messages[0].content[0].type",
    ),
    (
        Endpoint::Messages,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"bash_20250124","name":"bash"}]}"#,
        "tools[0].type",
    ),
];

#[test]
fn what_chat_cannot_do_is_refused() {
    for (endpoint, body, param) in REFUSED {
        let error = Translation::read(&endpoint, body.as_bytes()).expect_err(body);
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some(param)),
            "{body}"
        );
    }
}

const REASONS: [Reason; 23] = [
    Reason::InvalidApiKey,
    Reason::CredentialExpired,
    Reason::CredentialRevoked,
    Reason::AccountClosed,
    Reason::UnknownEndpoint,
    Reason::MethodNotAllowed,
    Reason::InvalidRequest,
    Reason::BodyTooLarge,
    Reason::BodyTimeout,
    Reason::ModelNotFound,
    Reason::EndpointNotSupported,
    Reason::ContextLengthExceeded,
    Reason::CapabilityNotAllowed,
    Reason::RequestsPerMinute,
    Reason::TokensPerMinute,
    Reason::Concurrency,
    Reason::BudgetExhausted,
    Reason::IdempotencyConflict,
    Reason::QueueFull,
    Reason::UpstreamUnavailable,
    Reason::LedgerUnavailable,
    Reason::ShuttingDown,
    Reason::ModelUnavailable,
];

#[test]
fn refusals() {
    let mut text = String::new();
    for reason in REASONS {
        let error = ApiError::of(reason);
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let body = String::from_utf8(error.body(dialect, "req_1").to_vec()).unwrap();
            text.push_str(&format!("{} {body}\n", error.status));
        }
    }
    check("refusals.txt", text.as_bytes());
    let error = ApiError::of(Reason::CapabilityNotAllowed).with_param("n");
    let mut events = Vec::new();
    for kind in [
        StreamKind::Chat,
        StreamKind::Completions,
        StreamKind::Responses,
        StreamKind::Messages,
    ] {
        events.extend_from_slice(&error.event(kind, "req_1", 7));
    }
    check("error_events.sse", &events);
}

fn scored(id: u32, text: &str, logprob: Option<f64>) -> TokenLogprob {
    TokenLogprob {
        id,
        text: text.into(),
        bytes: text.as_bytes().to_vec(),
        logprob,
        rank: logprob.map(|_| 1),
        top: vec![Alternative {
            id,
            text: text.into(),
            bytes: text.as_bytes().to_vec(),
            logprob: logprob.unwrap_or(f64::NEG_INFINITY),
        }],
    }
}

#[test]
fn our_own_answers() {
    let head = Head {
        id: "chatcmpl-0a1b",
        created: CREATED,
        model: "smol",
        system_fingerprint: Some("fp_1"),
    };
    let usage = Usage {
        input: 12,
        cached_input: 4,
        output: 2,
        reasoning: 0,
        source: UsageSource::Counted,
    };
    let tokens = vec![scored(5, "Hé", None), scored(9, " 😀", Some(-0.25))];
    let choices = [ChatChoice {
        index: 0,
        text: "Hé 😀".into(),
        finish: Finish::Stop,
        stop_text: None,
        logprobs: Some(tokens.clone()),
    }];
    let answer = ChatAnswer {
        head,
        choices: &choices,
        usage: &usage,
        prompt_logprobs: Some(&tokens),
    };
    check("chat_answer.json", &answer.bytes());
    let stream = ChatStream { head };
    let events = [
        stream.start(0, None),
        stream.text(0, "Hé", Some(&tokens[..1])),
        stream.text(0, " 😀", None),
        stream.finish(0, Finish::Length, None),
        stream.usage(&usage),
        Bytes::from_static(DONE),
    ];
    check("chat_answer.sse", &events.concat());
    let choices = [CompletionChoice {
        index: 0,
        text: "Hé 😀".into(),
        finish: Finish::Length,
        logprobs: Some(tokens.clone()),
        prompt_logprobs: Some(tokens.clone()),
    }];
    let answer = CompletionAnswer {
        head,
        choices: &choices,
        usage: &usage,
    };
    check("completion_answer.json", &answer.bytes());
    let stream = CompletionStream { head };
    let events = [
        stream.prompt(0, &tokens),
        stream.text(0, " 😀", Some(&tokens[1..]), 2),
        stream.finish(0, Finish::Stop),
        stream.usage(&usage),
        Bytes::from_static(DONE),
    ];
    check("completion_answer.sse", &events.concat());
}

#[test]
fn lists_of_models() {
    let model = Model {
        id: "smol",
        created: CREATED,
        owned_by: "stillhouse",
        max_model_len: Some(2048),
    };
    check("models.openai.json", &models(Dialect::OpenAi, &[model]));
    check(
        "models.anthropic.json",
        &models(Dialect::Anthropic, &[model]),
    );
}
