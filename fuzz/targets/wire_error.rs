//! Whatever an upstream answers instead of an answer becomes an error that the SDKs can read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wire::{ApiError, Dialect, StreamKind};

fuzz_target!(|data: &[u8]| {
    let [high, low, body @ ..] = data else {
        return;
    };
    let status = u16::from_le_bytes([*high, *low]) % 600;
    let error = ApiError::from_upstream(status, body);
    assert!((400..600).contains(&error.status) || error.status == status.max(400));
    assert!(!error.message.is_empty() && error.message.len() <= 4096);
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let body = error.body(dialect, "req_1");
        let written: Value = serde_json::from_slice(&body).expect("a body is JSON");
        let message = written.pointer("/error/message").and_then(Value::as_str);
        // Anthropic's shape has no place for the field: it stands before the message.
        assert!(message.is_some_and(|message| message.ends_with(&*error.message)));
    }
    for kind in [
        StreamKind::Chat,
        StreamKind::Completions,
        StreamKind::Responses,
        StreamKind::Messages,
    ] {
        let event = error.event(kind, "req_1", 3);
        let text = std::str::from_utf8(&event).expect("an event is UTF-8");
        assert!(text.ends_with("\n\n"), "{text:?}");
        let data = text.lines().find_map(|line| line.strip_prefix("data: "));
        serde_json::from_str::<Value>(data.expect("an event has data")).expect("data is JSON");
    }
});
