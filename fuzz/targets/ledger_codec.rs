//! The ledger's bytes: frames, headers, heads, markers, blocks and facts are refused or read, and
//! what was read is written back to the same bytes.
#![no_main]

// The room keeps its journal's frames to itself; the same file is compiled here once more.
#[path = "../../crates/ledger/src/journal/frame.rs"]
#[expect(dead_code, reason = "written for its own room")]
mod frame;

use ledger::chain::{self, HEADER_BYTES, Head, Header, Marker};
use ledger::facts;
use ledger::store::Block;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((what, bytes)) = data.split_first() else {
        return;
    };
    match what % 6 {
        0 => frames(bytes),
        1 => header(bytes),
        2 => head(bytes),
        3 => marker(bytes),
        4 => block(bytes),
        _ => fact(bytes),
    }
});

fn frames(bytes: &[u8]) {
    let mut at = 0;
    while let frame::Parsed::Frame(found) = frame::parse(&bytes[at..]) {
        let end = at + found.size();
        let mut again = Vec::new();
        frame::encode(
            &mut again,
            &found.header,
            &found.salt,
            found.payload,
            found.lag,
        );
        // A frame that holds is the one way to write its entry.
        if found.verify().is_ok() {
            assert_eq!(again, &bytes[at..end]);
        }
        at = end;
    }
}

fn header(bytes: &[u8]) {
    if let Some(first) = bytes.first_chunk::<HEADER_BYTES>()
        && let Some(header) = Header::decode(first)
    {
        assert_eq!(&header.encode(), first);
    }
}

fn head(bytes: &[u8]) {
    if let Some(head) = Head::decode(bytes) {
        assert_eq!(&head.encode()[..], bytes);
        assert_eq!(
            Head::from_line(head.to_line().trim_end()).as_ref(),
            Some(&head)
        );
    }
    if let Ok(line) = std::str::from_utf8(bytes)
        && let Some(head) = Head::from_line(line)
    {
        assert_eq!(Head::decode(&head.encode()), Some(head));
    }
}

fn marker(bytes: &[u8]) {
    for kind in [chain::KIND_PRUNE, chain::KIND_ERASE] {
        if let Some(marker) = Marker::decode(kind, bytes) {
            assert_eq!(marker.kind(), kind);
            assert_eq!(marker.encode(), bytes);
        }
    }
}

fn block(bytes: &[u8]) {
    let [entries, rest @ ..] = bytes else {
        return;
    };
    let cut = (usize::from(*entries) * HEADER_BYTES).min(rest.len());
    let (headers, payloads) = rest.split_at(cut);
    let block = Block {
        first_seq: u64::MAX,
        headers: headers.to_vec(),
        payloads: (!payloads.is_empty()).then(|| payloads.to_vec()),
        ..Block::default()
    };
    if let Ok(found) = block.entries() {
        assert_eq!(found.len(), headers.len() / HEADER_BYTES);
    }
}

fn fact(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else {
        return;
    };
    if let Ok(Some(fact)) = facts::decode(u16::from(*kind), facts::VERSION, payload) {
        let mut written = Vec::new();
        let kind = facts::encode(&fact, &mut written);
        // Postcard reads some numbers in more than one spelling; ours is read as the same fact.
        let again = facts::decode(kind, facts::VERSION, &written).expect("what we wrote is read");
        assert_eq!(again, Some(fact));
    }
}
