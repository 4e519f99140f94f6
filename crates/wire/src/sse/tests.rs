use bytes::Bytes;
use proptest::prelude::*;
use record::UsageSource;

use super::{Ending, StreamKind, StreamTap};
use crate::error::Error;

const CHAT: &str = concat!(
    ": hello\n\n",
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"say \\\"usage\\\" and \\\"error\\\"\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"é\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\r",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\r\n\r\n",
    "data: [DONE]\n\n",
);
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\r\n\r\n";
const DONE: &str = "data: [DONE]\n\n";

/// Feeds the stream in pieces that end at these places; gives what was passed on and the tap.
fn feed(mut tap: StreamTap, stream: &str, cuts: &[usize]) -> (String, StreamTap) {
    let bytes = Bytes::copy_from_slice(stream.as_bytes());
    let (mut out, mut from) = (Vec::new(), 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    for cut in cuts {
        out.extend_from_slice(&tap.push(bytes.slice(from..cut)).unwrap());
        from = cut;
    }
    (String::from_utf8(out).unwrap(), tap)
}

fn whole(kind: StreamKind, stream: &str) -> StreamTap {
    let (_, mut tap) = feed(StreamTap::new(kind, false), stream, &[]);
    tap.finish();
    tap
}

#[test]
fn a_chat_stream_is_read_and_its_end_held_back() {
    let (out, mut tap) = feed(StreamTap::new(StreamKind::Chat, true), CHAT, &[]);
    assert_eq!(out, CHAT.replace(USAGE, "").replace(DONE, ""));
    assert_eq!(tap.ending(), Some(&Ending::Complete));
    let usage = tap.usage().unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.source),
        (7, 2, UsageSource::Upstream)
    );
    assert_eq!(tap.release(), DONE);
    assert_eq!((tap.events(), tap.chunks()), (5, 3));
    assert_eq!(tap.text_bytes(), 29);
}

#[test]
fn a_stream_without_its_end_is_broken() {
    let cut = CHAT.replace(DONE, "data: {\"cho");
    let tap = whole(StreamKind::Chat, &cut);
    assert_eq!(tap.ending(), Some(&Ending::Broken));
    assert!(tap.usage().is_some());
    assert_eq!(whole(StreamKind::Chat, "").ending(), Some(&Ending::Broken));
    assert_eq!(
        whole(StreamKind::Chat, "data: [DONE]").ending(),
        Some(&Ending::Complete)
    );
    assert_eq!(
        whole(StreamKind::Messages, DONE).ending(),
        Some(&Ending::Complete)
    );
}

#[test]
fn errors_of_the_upstream_end_a_stream() {
    for (kind, stream) in [
        (
            StreamKind::Chat,
            "data: {\"error\": {\"message\":\"m\",\"code\":429}}\n\n",
        ),
        (
            StreamKind::Chat,
            "data: {\"object\":\"error\",\"message\":\"m\",\"code\":429}\n\n",
        ),
        (
            StreamKind::Chat,
            "event: error\ndata: {\"message\":\"m\",\"code\":429}\n\n",
        ),
        (
            StreamKind::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}\n\n",
        ),
        (
            StreamKind::Responses,
            "event: response.failed\ndata: {\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"type\":\"rate_limit_error\",\"message\":\"m\"}},\"type\":\"response.failed\"}\n\n",
        ),
        (
            StreamKind::Responses,
            "data: {\"type\":\"error\",\"code\":429,\"message\":\"m\",\"sequence_number\":1}\n\n",
        ),
    ] {
        let (out, mut tap) = feed(StreamTap::new(kind, true), stream, &[]);
        assert_eq!(out, "");
        match tap.ending() {
            Some(Ending::Failed(error)) => {
                assert_eq!((&*error.message, error.status), ("m", 429), "{stream}");
            }
            other => panic!("{other:?}: {stream}"),
        }
        assert_eq!(tap.release(), stream);
    }
}

#[test]
fn the_other_apis_end_in_their_own_way() {
    let messages = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let tap = whole(StreamKind::Messages, messages);
    let usage = tap.usage().unwrap();
    assert_eq!(tap.ending(), Some(&Ending::Complete));
    assert_eq!((usage.input, usage.cached_input, usage.output), (7, 2, 9));
    assert_eq!((tap.chunks(), tap.text_bytes()), (1, 2));
    let responses = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null,\"usage\":null}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n",
        "data: {\"response\":{\"error\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":2}},\"type\":\"response.incomplete\"}\n\n",
    );
    let tap = whole(StreamKind::Responses, responses);
    assert_eq!(tap.ending(), Some(&Ending::Complete));
    assert_eq!(tap.usage().map(|usage| usage.output), Some(2));
    assert_eq!((tap.events(), tap.chunks()), (3, 1));
}

#[test]
fn what_is_too_large_or_rubbish_is_an_error() {
    let mut tap = StreamTap::new(StreamKind::Chat, false).with_max_event(10);
    assert!(tap.push(Bytes::from_static(b"data: 123")).is_ok());
    assert_eq!(
        tap.push(Bytes::from_static(b"45")),
        Err(Error::EventTooLarge { limit: 10 })
    );
    let mut tap = StreamTap::new(StreamKind::Chat, false);
    assert!(
        tap.push(Bytes::from_static(b"data: {\"usage\"\n\n"))
            .is_err()
    );
    let mut tap = StreamTap::new(StreamKind::Chat, false).with_max_event(20);
    assert!(tap.push(Bytes::from_static(b"data: [DONE]\n\n")).is_ok());
    assert_eq!(tap.push(Bytes::from(vec![b'\n'; 40])), Err(Error::AfterEnd));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn borders_of_chunks_do_not_matter(cuts in prop::collection::vec(0usize..2000, 0..12), take: bool) {
        let (out, mut tap) = feed(StreamTap::new(StreamKind::Chat, take), CHAT, &cuts);
        let expected = CHAT.replace(DONE, "");
        let expected = if take { expected.replace(USAGE, "") } else { expected };
        prop_assert_eq!(out, expected);
        prop_assert_eq!(tap.ending(), Some(&Ending::Complete));
        prop_assert_eq!(tap.usage().map(|usage| usage.output), Some(2));
        prop_assert_eq!(tap.release(), DONE);
        prop_assert_eq!((tap.events(), tap.chunks()), (5, 3));
    }

    #[test]
    fn a_stream_that_is_not_touched_is_equal(
        events in prop::collection::vec("(data|event|id|: x): ?[a-z{}\":,]{0,12}(\n|\r|\r\n)", 0..20),
        cuts in prop::collection::vec(0usize..2000, 0..12),
    ) {
        let stream = events.concat() + "\n";
        let bytes = Bytes::from(stream.clone());
        let mut tap = StreamTap::new(StreamKind::Chat, true);
        let mut out = Vec::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            if let Ok(part) = tap.push(bytes.slice(pair[0]..pair[1])) {
                out.extend_from_slice(&part);
            }
        }
        if tap.ending().is_none() {
            tap.finish();
            prop_assert!(stream.as_bytes().starts_with(&out));
        }
    }
}
