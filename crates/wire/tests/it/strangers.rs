//! Bytes of strangers: whatever comes in, nothing panics, and what was read stays consistent.

use bytes::Bytes;
use record::{Endpoint, Time};
use wire::openai::{ChatRequest, CompletionRequest};
use wire::{AnswerStream, ApiError, Dialect, Policy, StreamKind, Translation, usage};

use crate::generate::{Random, body};
use crate::golden::read_all;

/// A golden file with some of its bytes changed, cut, doubled or swapped for another's.
fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    if random.one_in(10) {
        bytes = body(random, false).into_bytes();
    }
    for _ in 0..random.below(6) {
        if bytes.is_empty() {
            break;
        }
        let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
        let (from, to) = (at.min(other), at.max(other));
        match random.below(6) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(from..to.min(from + 20))),
            4 => {
                let piece = bytes[from..to.min(from + 40)].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let word: &[u8] = random.of(&[
                    &b"null"[..],
                    b"{}",
                    b"[]",
                    b"\"\"",
                    b"-1",
                    b"1e9",
                    b"\n\n",
                    b"data: ",
                    b"\r",
                    b"[DONE]",
                    b"\"error\":{}",
                    b"\"usage\":{}",
                    b"\\u0000",
                ]);
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes
}

const ENDPOINTS: [Endpoint; 8] = [
    Endpoint::Chat,
    Endpoint::Completions,
    Endpoint::Responses,
    Endpoint::Embeddings,
    Endpoint::Messages,
    Endpoint::CountTokens,
    Endpoint::Models,
    Endpoint::Score,
];

#[test]
fn requests_of_strangers() {
    let seeds = read_all("json");
    let mut random = Random::new(45);
    let mut read = 0u64;
    for _ in 0..crate::cases(5_000, 500_000) {
        let bytes = Bytes::from(mutated(&mut random, &seeds));
        for endpoint in &ENDPOINTS {
            if let Ok(policy) = Policy::read(endpoint, &bytes) {
                // What we read is JSON to others too.
                assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
                assert!(policy.n >= 1 && policy.prompts >= 1);
                read += 1;
            }
            if let Ok(translation) = Translation::read(endpoint, &bytes) {
                // What we build is what we ourselves accept, or its model's name is empty.
                let chat = Policy::read(&Endpoint::Chat, translation.chat_body());
                let fault = chat.err().and_then(|error| error.code);
                assert!(
                    fault.is_none() || fault.as_deref() == Some("missing_required_parameter"),
                    "{fault:?}: {:?}",
                    translation.chat_body()
                );
            }
            drop(usage::read(endpoint, &bytes));
        }
        drop((ChatRequest::read(&bytes), CompletionRequest::read(&bytes)));
    }
    assert!(read > 1_000, "{read}");
}

#[test]
fn errors_of_strangers() {
    let seeds = read_all("json");
    let mut random = Random::new(46);
    for _ in 0..crate::cases(5_000, 500_000) {
        let bytes = mutated(&mut random, &seeds);
        let error = ApiError::from_upstream(random.next() as u16, &bytes);
        assert!(error.status >= 400 && !error.message.is_empty());
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let body = error.body(dialect, "req");
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }
}

#[test]
fn streams_of_strangers() {
    let seeds = read_all("sse");
    let requests = [
        (
            Endpoint::Responses,
            r#"{"model":"m","input":"x","stream":true}"#,
        ),
        (
            Endpoint::Messages,
            r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
        ),
    ];
    let translations =
        requests.map(|(endpoint, body)| Translation::read(&endpoint, body.as_bytes()).unwrap());
    let mut random = Random::new(47);
    for _ in 0..crate::cases(5_000, 500_000) {
        let bytes = Bytes::from(mutated(&mut random, &seeds));
        let mut streams: Vec<AnswerStream> = [
            StreamKind::Chat,
            StreamKind::Completions,
            StreamKind::Responses,
            StreamKind::Messages,
        ]
        .map(|kind| AnswerStream::passed(kind, false))
        .into();
        streams.extend(
            translations
                .iter()
                .map(|made| made.stream("id", Time::default())),
        );
        for stream in &mut streams {
            let passed = matches!(stream, AnswerStream::Passed(_));
            let (mut from, mut out, mut whole) = (0, Vec::new(), true);
            while from < bytes.len() && whole {
                let to = (from + 1 + random.below(200)).min(bytes.len());
                match stream.push(bytes.slice(from..to)) {
                    Ok(part) => out.extend_from_slice(&part),
                    Err(_) => whole = false,
                }
                from = to;
            }
            stream.finish();
            let released = stream.release();
            if passed {
                // Nothing is changed: what comes out is what went in, up to a cut.
                out.extend_from_slice(&released);
                assert!(bytes.starts_with(&out));
            }
        }
        for translation in &translations {
            drop(translation.answer("id", Time::default(), &bytes));
        }
    }
}
