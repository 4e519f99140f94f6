//! Responses and Messages by way of chat completions: a body that is accepted becomes a chat body
//! that our own reading accepts; whatever an upstream answers gives JSON or an error; and the
//! events made of a stream do not hang on how the network cut it.
//!
//! Input: one byte for the endpoint, one for the cut, the request's body, a NUL, the answer.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use record::{Endpoint, Time};
use serde_json::Value;
use wire::Policy;
use wire::translate::Translation;

const ENDPOINTS: [Endpoint; 3] = [
    Endpoint::Responses,
    Endpoint::Messages,
    Endpoint::CountTokens,
];

fuzz_target!(|data: &[u8]| {
    let [first, step, rest @ ..] = data else {
        return;
    };
    let endpoint = &ENDPOINTS[usize::from(*first) % ENDPOINTS.len()];
    let mut parts = rest.splitn(2, |byte| *byte == 0);
    let body = parts.next().unwrap_or_default();
    let answer = parts.next().unwrap_or_default();
    // As the gateway does: what is translated was read for its policy before.
    if Policy::read(endpoint, &Bytes::copy_from_slice(body)).is_err() {
        return;
    }
    let translation = match Translation::read(endpoint, body) {
        Ok(translation) => translation,
        Err(error) => {
            assert_eq!(error.status, 400, "{error:?}");
            return;
        }
    };
    let chat = translation.chat_body();
    Policy::read(&Endpoint::Chat, chat).expect("a translated body is a chat body");
    let now = Time::from_micros(1_800_000_000_000_000);
    if let Ok(whole) = translation.answer("exc_1", now, answer) {
        serde_json::from_slice::<Value>(&whole).expect("an answer is JSON");
    }
    let whole = events(&translation, now, answer, answer.len().max(1));
    let cut = events(&translation, now, answer, usize::from(*step) % 16 + 1);
    match (whole, cut) {
        (Some(whole), Some(cut)) => {
            assert_eq!(whole, cut);
            check(&whole, *endpoint == Endpoint::Responses);
        }
        (whole, cut) => assert_eq!(whole.is_none(), cut.is_none(), "{whole:?} {cut:?}"),
    }
});

/// The bytes of the events; `None` where the upstream's stream is rubbish.
fn events(translation: &Translation, now: Time, answer: &[u8], step: usize) -> Option<Vec<u8>> {
    let mut stream = translation.stream("exc_1", now);
    let mut out = Vec::new();
    for chunk in answer.chunks(step) {
        out.extend_from_slice(&stream.push(Bytes::copy_from_slice(chunk)).ok()?);
    }
    stream.finish();
    out.extend_from_slice(&stream.release());
    Some(out)
}

fn check(events: &[u8], numbered: bool) {
    let text = std::str::from_utf8(events).expect("events are UTF-8");
    let mut next = 0;
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).expect("an event's data is JSON");
        if numbered && let Some(number) = event.get("sequence_number") {
            assert_eq!(number.as_u64(), Some(next), "{text}");
            next += 1;
        }
    }
}
