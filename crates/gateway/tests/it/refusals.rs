//! Every refusal: its status, code and field, its request id, and its entry.

use std::time::Duration;

use record::{AccountState, Change, Fact, Reason};

use crate::client::{Answer, request};
use crate::house::{House, Setup, house, http, route};
use crate::peer::{CHAT, Peer, json};

const CHAT_PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;

pub(crate) async fn calm() -> (Peer, House) {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    (peer, house)
}

/// The answer must be this refusal, and the ledger must say the same.
pub(crate) fn assert_refused(
    house: &House,
    answer: &Answer,
    status: u16,
    code: &str,
    reason: Reason,
) {
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (status, code),
        "{}",
        answer.body
    );
    let json = answer.json();
    assert!(json["error"]["message"].is_string() && json["error"]["type"].is_string());
    let refusal = house.refusal(&answer.id());
    assert_eq!((refusal.status, refusal.reason), (status, reason));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_do_not_open() {
    let (peer, house) = calm().await;
    let past = house.clock.now();
    let expired = house.key(house.account, |key| key.expires = Some(past));
    let revoked = house.key(house.account, |_| {});
    house.change(Change::KeyRevoked {
        key: house.key_id(&revoked),
    });
    let closed = house.account(|account| account.state = AccountState::Closed);
    let closed = house.key(closed, |_| {});
    for (key, status, code, reason) in [
        ("", 401, "invalid_api_key", Reason::InvalidApiKey),
        (
            "sk-sh-nobody",
            401,
            "invalid_api_key",
            Reason::InvalidApiKey,
        ),
        ("söme thing", 401, "invalid_api_key", Reason::InvalidApiKey),
        (
            &expired,
            401,
            "credential_expired",
            Reason::CredentialExpired,
        ),
        (
            &revoked,
            401,
            "credential_revoked",
            Reason::CredentialRevoked,
        ),
        (&closed, 403, "account_closed", Reason::AccountClosed),
    ] {
        let answer = house.post(key, "/v1/chat/completions", ASK).await;
        assert_refused(&house, &answer, status, code, reason);
        let refusal = house.refusal(&answer.id());
        let known = [&expired, &revoked].contains(&&key.to_owned());
        assert_eq!(refusal.account == Some(house.account), known);
    }
    assert!(peer.seen().is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_and_either_header() {
    let (peer, house) = calm().await;
    let mut client = house.client().await;
    client
        .send(&request("POST", CHAT_PATH, &[], ASK.as_bytes()))
        .await;
    let answer = client.answer().await;
    assert_refused(
        &house,
        &answer,
        401,
        "invalid_api_key",
        Reason::InvalidApiKey,
    );
    let mut client = house.client().await;
    client
        .send(&request(
            "POST",
            CHAT_PATH,
            &[("Authorization", "Basic xyz")],
            b"{}",
        ))
        .await;
    assert_eq!(client.answer().await.status(), 401);
    // The other header of the same meaning.
    let mut client = house.client().await;
    client
        .send(&request(
            "POST",
            CHAT_PATH,
            &[("x-api-key", &house.key)],
            ASK.as_bytes(),
        ))
        .await;
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(peer.seen().len(), 1);
    house.finish().await;
}

/// A body, its error's code, and the field at fault.
const BAD: &[(&[u8], &str, Option<&str>)] = &[
    (b"", "invalid_json", None),
    (b"{", "invalid_json", None),
    (b"[]", "invalid_json", None),
    (b"null", "invalid_json", None),
    (br#"{"model":"m"} x"#, "invalid_json", None),
    (b"{\"model\":\"m\",\"x\":\"\xff\"}", "invalid_json", None),
    (br#"{"model":"m","x":NaN}"#, "invalid_json", None),
    (
        br#"{"model":"m","model":"n"}"#,
        "duplicate_key",
        Some("model"),
    ),
    (
        br#"{"model":"m","mod\u0065l":"n"}"#,
        "duplicate_key",
        Some("model"),
    ),
    (
        br#"{"model":"m","x":{"a":1,"b":[{"c":1,"c":2}]}}"#,
        "duplicate_key",
        Some("c"),
    ),
    (br#"{"model":7}"#, "invalid_type", Some("model")),
    (
        br#"{"model":null}"#,
        "missing_required_parameter",
        Some("model"),
    ),
    (
        br#"{"messages":[]}"#,
        "missing_required_parameter",
        Some("model"),
    ),
    (
        br#"{"model":"m","stream":"yes"}"#,
        "invalid_type",
        Some("stream"),
    ),
    (
        br#"{"model":"m","max_tokens":-1}"#,
        "invalid_value",
        Some("max_tokens"),
    ),
    (
        br#"{"model":"m","max_tokens":1e3}"#,
        "invalid_value",
        Some("max_tokens"),
    ),
    (br#"{"model":"m","n":0}"#, "invalid_value", Some("n")),
    (
        br#"{"model":"m","Max_Tokens":5}"#,
        "invalid_value",
        Some("max_tokens"),
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_cannot_be_read() {
    let (peer, house) = calm().await;
    let deep = format!(
        r#"{{"model":"m","x":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let deep = (deep.as_bytes(), "invalid_json", None);
    for (body, code, param) in BAD.iter().chain([&deep]) {
        let mut client = house.client().await;
        let bearer = format!("Bearer {}", house.key);
        client
            .send(&request(
                "POST",
                CHAT_PATH,
                &[("authorization", &bearer)],
                body,
            ))
            .await;
        let answer = client.answer().await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (400, *code),
            "{shown}"
        );
        assert_eq!(answer.param().as_deref(), *param, "{shown}");
        assert_refused(&house, &answer, 400, code, Reason::InvalidRequest);
    }
    assert!(
        peer.seen().is_empty(),
        "none of them is the upstream's business"
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_methods_and_models() {
    let (peer, house) = calm().await;
    let bearer = format!("Bearer {}", house.key);
    let auth = [("authorization", bearer.as_str())];
    let missing = ASK.replace("\"m\"", "\"gpt-9\"");
    for (method, path, body, status, code, reason) in [
        (
            "POST",
            "/v1/audio/speech",
            ASK,
            404,
            "unknown_url",
            Reason::UnknownEndpoint,
        ),
        ("GET", "/", "", 404, "unknown_url", Reason::UnknownEndpoint),
        (
            "GET",
            CHAT_PATH,
            "",
            405,
            "method_not_allowed",
            Reason::MethodNotAllowed,
        ),
        (
            "POST",
            "/v1/models",
            "{}",
            405,
            "method_not_allowed",
            Reason::MethodNotAllowed,
        ),
        (
            "POST",
            CHAT_PATH,
            &missing,
            404,
            "model_not_found",
            Reason::ModelNotFound,
        ),
        (
            "GET",
            "/v1/models/gpt-9",
            "",
            404,
            "model_not_found",
            Reason::ModelNotFound,
        ),
    ] {
        let mut client = house.client().await;
        client
            .send(&request(method, path, &auth, body.as_bytes()))
            .await;
        let answer = client.answer().await;
        assert_refused(&house, &answer, status, code, reason);
        let refusal = house.refusal(&answer.id());
        assert_eq!(refusal.path, path);
        assert_eq!(refusal.model == "gpt-9", body.contains("gpt-9"));
        let blamed = (reason == Reason::ModelNotFound).then_some("model");
        assert_eq!(answer.param().as_deref(), blamed);
    }
    assert!(peer.seen().is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codings() {
    let (peer, house) = calm().await;
    let coded = [("Content-Encoding", "gzip")];
    let mut client = house.send_with(&house.key, CHAT_PATH, &coded, ASK).await;
    let answer = client.answer().await;
    assert_refused(
        &house,
        &answer,
        400,
        "invalid_request",
        Reason::InvalidRequest,
    );
    assert_eq!(answer.param().as_deref(), Some("content-encoding"));
    assert!(peer.seen().is_empty());
    let plain = [("Content-Encoding", "identity")];
    let mut client = house.send_with(&house.key, CHAT_PATH, &plain, ASK).await;
    assert_eq!(client.answer().await.status(), 200);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anthropics_routes_speak_anthropics_shape() {
    let (_peer, house) = calm().await;
    let key = house.key.as_str();
    let ask = r#"{"model":"none","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
    for (key, path, body, status, kind) in [
        ("", "/v1/messages", ask, 401, "authentication_error"),
        (key, "/v1/messages", ask, 404, "not_found_error"),
        (key, "/v1/messages", "{", 400, "invalid_request_error"),
        (
            key,
            "/v1/messages",
            r#"{"model":"m"}"#,
            400,
            "invalid_request_error",
        ),
        (
            key,
            "/v1/messages/count_tokens",
            "[]",
            400,
            "invalid_request_error",
        ),
    ] {
        let answer = house.post(key, path, body).await;
        let json = answer.json();
        assert_eq!(answer.status(), status, "{}", answer.body);
        assert_eq!(
            (&json["type"], &json["error"]["type"]),
            (&"error".into(), &kind.into())
        );
        assert_eq!(json["request_id"].as_str(), Some(answer.id().as_str()));
        assert_eq!(answer.header("request-id"), Some(answer.id().as_str()));
        assert_eq!(house.refusal(&answer.id()).status, status);
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_that_contradict_each_other() {
    let (peer, house) = calm().await;
    let head = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n",
        house.key
    );
    let chunked = format!("{:x}\r\n{ASK}\r\n0\r\n\r\n", ASK.len());
    let length = ASK.len();
    for lengths in [
        format!("content-length: {length}\r\ncontent-length: 5\r\n\r\n{ASK}"),
        format!("content-length: {length}, 5\r\n\r\n{ASK}"),
        format!("content-length: +{length}\r\n\r\n{ASK}"),
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n{chunked}"),
        format!("transfer-encoding: gzip\r\n\r\n{chunked}"),
        "transfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
    ] {
        let mut client = house.client().await;
        client.send(format!("{head}{lengths}").as_bytes()).await;
        let answer = client.head().await.expect("an answer");
        assert_eq!(answer.status, 400, "{lengths}");
        assert!(client.rest(answer).await.whole);
        assert!(client.is_closed().await, "{lengths}");
    }
    assert!(peer.seen().is_empty());
    // Chunked alone is taken; the connection is closed behind it.
    let mut client = house.client().await;
    client
        .send(format!("{head}transfer-encoding: chunked\r\n\r\n{chunked}").as_bytes())
        .await;
    assert_eq!(client.answer().await.status(), 200);
    assert!(client.is_closed().await);
    assert_eq!(peer.seen()[0].body, ASK);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_too_large_or_too_slow() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    setup.options.max_body_bytes = 1000;
    setup.options.body_timeout = Duration::from_millis(200);
    let house = setup.open().await;
    let large = format!("{{\"model\":\"m\",\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let answer = house.post(&house.key, CHAT_PATH, &large).await;
    assert_refused(
        &house,
        &answer,
        413,
        "request_too_large",
        Reason::BodyTooLarge,
    );
    // The size is not announced, and the credential no good: the answer arrives all the same.
    let answer = house.post("nobody", CHAT_PATH, &large).await;
    assert_eq!(answer.status(), 401);
    let head = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n",
        house.key
    );
    let mut client = house.client().await;
    let chunk = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    client
        .send(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}").as_bytes())
        .await;
    let answer = client.answer().await;
    assert_refused(
        &house,
        &answer,
        413,
        "request_too_large",
        Reason::BodyTooLarge,
    );
    let mut client = house.client().await;
    client
        .send(format!("{head}content-length: 100\r\n\r\n{{\"model").as_bytes())
        .await;
    let answer = client.answer().await;
    assert_refused(&house, &answer, 408, "request_timeout", Reason::BodyTimeout);
    assert!(peer.seen().is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_ends_its_head_is_let_go() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    setup.options.header_timeout = Duration::from_millis(200);
    let house = setup.open().await;
    let mut client = house.client().await;
    client
        .send(b"POST /v1/chat/completions HTTP/1.1\r\nhost:")
        .await;
    assert!(client.is_closed().await);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_the_wrong_place_is_not_recorded() {
    let (_peer, house) = calm().await;
    let (_, token) = house.grant(|_| {});
    for path in [
        format!("/g/{token}"),
        format!("/{token}/v1/chat/completions"),
        format!("/g/{token}/v1/nothing"),
        format!("/v1/g/{}/v1/chat/completions", house.key),
    ] {
        let answer = house.post("", &path, ASK).await;
        assert_eq!(answer.status(), 404);
        let refusal = house.refusal(&answer.id());
        assert!(!refusal.path.contains("-sh-"), "{}", refusal.path);
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_strangers_is_counted_rather_than_written() {
    let (_peer, house) = calm().await;
    for _ in 0..251 {
        assert_eq!(
            house
                .post("sk-sh-nobody", "/v1/chat/completions", ASK)
                .await
                .status(),
            401
        );
    }
    let written = || {
        let refusals = house.facts().into_iter();
        refusals
            .filter(|fact| matches!(fact, Fact::Refusal(_)))
            .count() as u64
    };
    let counted = || -> u64 {
        let facts = house.facts().into_iter();
        facts
            .map(|fact| match fact {
                Fact::RefusalsCounted { count, .. } => count,
                _ => 0,
            })
            .sum()
    };
    house
        .until("every refusal is written or counted", |_| {
            (written() + counted() == 251).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_switched_off_is_known_but_takes_nothing() {
    let (peer, house) = calm().await;
    let upstream = http(&peer);
    let mut off = route("m", std::sync::Arc::clone(&upstream));
    off.on = false;
    let models = vec![off, route("other", upstream)];
    house.gateway.set_models(gateway::Models::new(models));
    let answer = house.chat(ASK).await;
    assert_refused(
        &house,
        &answer,
        503,
        "model_unavailable",
        Reason::ModelUnavailable,
    );
    assert!(peer.seen().is_empty());
    house.finish().await;
}
