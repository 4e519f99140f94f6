//! A stream's bytes mean the same however the network cuts them, and come out as they went in. One
//! that is rubbish is so however it is cut.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wire::{Ending, StreamKind, StreamTap};

const KINDS: [StreamKind; 4] = [
    StreamKind::Chat,
    StreamKind::Completions,
    StreamKind::Responses,
    StreamKind::Messages,
];

#[derive(Debug, PartialEq)]
struct Seen {
    out: Vec<u8>,
    ending: Ending,
    usage: Option<record::Usage>,
    counts: [u64; 3],
}

fuzz_target!(|data: &[u8]| {
    let [first, step, stream @ ..] = data else {
        return;
    };
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    let take = first & 0x80 != 0;
    let whole = watch(kind, take, stream, stream.len().max(1));
    let cut = watch(kind, take, stream, usize::from(*step) % 16 + 1);
    assert_eq!(whole, cut);
    if let (Some(whole), false) = (whole, take) {
        assert!(
            stream.starts_with(&whole.out),
            "bytes come out as they went in"
        );
    }
});

fn watch(kind: StreamKind, take: bool, stream: &[u8], step: usize) -> Option<Seen> {
    let mut tap = StreamTap::new(kind, take);
    let mut out = Vec::new();
    for chunk in stream.chunks(step) {
        let chunk = Bytes::copy_from_slice(chunk);
        out.extend_from_slice(&tap.push(chunk).ok()?);
    }
    let ending = tap.finish().clone();
    out.extend_from_slice(&tap.release());
    Some(Seen {
        out,
        ending,
        usage: tap.usage(),
        counts: [tap.events(), tap.chunks(), tap.text_bytes()],
    })
}
