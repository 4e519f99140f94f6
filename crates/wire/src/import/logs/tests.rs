use record::Endpoint;

use super::fields::{Object, account, credential, endpoint, time};
use crate::seen::raw::Raw;

fn read(text: &str) -> Option<u64> {
    time(Raw::value(text)?).map(record::Time::micros)
}

#[test]
fn times_of_every_log_are_read() {
    let expected = Some(1_777_593_602_500_000);
    for text in [
        "1777593602.5",
        "1777593602500",
        "1777593602500000",
        "\"1777593602.500\"",
        "\"2026-05-01T00:00:02.5Z\"",
        "\"2026-05-01T00:00:02.5\"",
        "\"2026-05-01 02:00:02.5+02\"",
        "\"2026-05-01 02:00:02.5+0200\"",
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(
        read("\"01/May/2026:02:00:02 +0200\""),
        Some(1_777_593_602_000_000)
    );
    assert_eq!(
        read("\"[01/May/2026:02:00:02 +0200]\""),
        Some(1_777_593_602_000_000)
    );
    for text in [
        "-1",
        "1e300",
        "\"\"",
        "\"soon\"",
        "{}",
        "true",
        "\"1/é/2026:0:0:0 +é\"",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn endpoints_are_known_behind_a_proxy_too() {
    for path in [
        "/v1/chat/completions",
        "https://host/openai/v1/chat/completions?api-version=1",
        "/chat/completions/",
    ] {
        assert_eq!(endpoint(path), Endpoint::Chat, "{path}");
    }
    assert_eq!(endpoint("/v1/completions"), Endpoint::Completions);
    assert_eq!(endpoint("https://host"), Endpoint::Listed(String::new()));
    assert_eq!(
        endpoint("/v1/rerank"),
        Endpoint::Listed("/v1/rerank".into())
    );
}

#[test]
fn credentials_are_hashes() {
    let hash = credential("Bearer sk-1");
    assert_eq!(hash.len(), 20);
    let object = Object::line(r#"{"remote_addr":"Bearer sk-1","user":"customer"}"#).unwrap();
    let read = |field| account(&object, Some(field), || None).unwrap();
    assert_eq!(read("remote_addr"), hash);
    assert_eq!(read("user"), "customer");
    assert_ne!(credential("Bearer sk-2"), hash);
}
