//! The chain's own tests: bytes that are fixed for ever, and that no byte can change unseen.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

/// Compares with a checked-in file; `STILLHOUSE_BLESS=1` writes one that is not there yet.
pub(crate) fn golden(name: &str, found: &[u8]) {
    let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let found: String = hex::encode(found)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
        .collect();
    if std::env::var_os("STILLHOUSE_BLESS").is_some() && !std::path::Path::new(&path).exists() {
        std::fs::write(&path, &found).expect("writes");
    }
    assert_eq!(
        std::fs::read_to_string(&path).expect("is checked in"),
        found,
        "{name}"
    );
}

fn header() -> Header {
    Header {
        chain: chain_of(&key().verifying_key().to_bytes()),
        seq: 7,
        prev: [2; 32],
        time_us: 1_700_000_000_000_000,
        kind: 300,
        version: 4,
        commitment: commitment(&[3; 16], b"payload"),
    }
}

/// Released encodings never change: a difference here is a new version, not a new golden file.
#[test]
fn version_1_is_what_it_was() {
    let header = header();
    golden("header-1", &header.encode());
    golden("header-hash-1", &header.hash());
    golden("start-1", &start_hash(&header.chain));
    golden("commitment-1", &commitment(&[3; 16], &[5; 2000]));
    let head = Head::sign(
        &key(),
        header.chain,
        7,
        header.hash(),
        1_700_000_000_000_001,
    );
    golden("head-1", &head.encode());
    golden("head-line-1", head.to_line().as_bytes());
    let prune = PruneMarker {
        before_us: 9,
        range: SeqRange { first: 1, last: 8 },
        kinds: vec![16, 300],
        pinned: SeqRange::join(&[3, 4, 6]),
    };
    golden("prune-1", &Marker::Prune(prune).encode());
    let erase = EraseMarker {
        ranges: SeqRange::join(&[9, 2, 3]),
    };
    golden("erase-1", &Marker::Erase(erase).encode());
}

#[test]
fn a_head_is_only_what_its_key_signed() {
    let header = header();
    let head = Head::sign(&key(), header.chain, 7, header.hash(), 9);
    let public = key().verifying_key();
    assert!(head.is_signed_by(&public));
    for at in 0..HEAD_BYTES {
        let mut bytes = head.encode();
        bytes[at] ^= 1;
        assert!(
            !Head::decode(&bytes)
                .expect("its length")
                .is_signed_by(&public),
            "byte {at}"
        );
    }
    let line = head.to_line();
    assert_eq!(Head::from_line(&line), Some(head));
    for other in [
        line.to_uppercase(),
        format!("{line} "),
        line.replace(" 7 ", " 07 "),
    ] {
        assert_eq!(Head::from_line(&other), None, "{other}");
    }
}

fn chain(payloads: &[Vec<u8>]) -> Vec<(Header, Salt)> {
    let id = [8; 16];
    let mut tip = Tip::start(&id);
    let mut out = Vec::new();
    for (place, payload) in payloads.iter().enumerate() {
        let salt = [place as u8; 16];
        let header = Header {
            chain: id,
            seq: tip.seq + 1,
            prev: tip.hash,
            time_us: tip.time_us + place as u64 % 2,
            kind: 16,
            version: 1,
            commitment: commitment(&salt, payload),
        };
        tip = Tip {
            seq: header.seq,
            hash: header.hash(),
            time_us: header.time_us,
        };
        out.push((header, salt));
    }
    out
}

/// The first entry that does not hold.
fn first_bad(entries: &[(Header, Salt)], payloads: &[Vec<u8>], tip: Option<Hash>) -> Option<Seq> {
    let mut link = Link::start([8; 16]);
    for ((header, salt), payload) in entries.iter().zip(payloads) {
        let seq = link.tip().seq + 1;
        if link.take(header).is_err() || !header.commits_to(salt, payload) {
            return Some(seq);
        }
    }
    let end = link.tip();
    tip.is_some_and(|tip| tip != end.hash).then_some(end.seq)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_prefix_is_a_chain_and_any_flip_is_found(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..12),
        at in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let entries = chain(&payloads);
        let tip = entries.last().map(|(header, _)| header.hash());
        for size in 0..=entries.len() {
            prop_assert_eq!(first_bad(&entries[..size], &payloads, None), None);
        }
        // One bit of one header.
        let place = at.index(entries.len() * HEADER_BYTES);
        let (entry, byte) = (place / HEADER_BYTES, place % HEADER_BYTES);
        let mut bytes = entries[entry].0.encode();
        bytes[byte] ^= 1 << bit;
        if let Some(header) = Header::decode(&bytes) {
            let mut changed = entries.clone();
            changed[entry].0 = header;
            let found = first_bad(&changed, &payloads, tip).expect("is found");
            // At the entry itself, or at the next, which no longer links to it.
            let seq = entry as u64 + 1;
            prop_assert!(found == seq || found == seq + 1, "{} {}", found, seq);
        }
        // One bit of one payload.
        let mut changed = payloads.clone();
        let entry = at.index(entries.len());
        if let Some(byte) = changed[entry].first_mut() {
            *byte ^= 1 << bit;
            prop_assert_eq!(first_bad(&entries, &changed, tip), Some(entry as u64 + 1));
        }
    }

    #[test]
    fn headers_and_markers_read_back_and_random_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        seqs in prop::collection::vec(1..200u64, 0..40),
        kind in 0..5u16,
    ) {
        if let Some(header) = bytes.first_chunk::<HEADER_BYTES>().and_then(Header::decode) {
            prop_assert_eq!(&header.encode()[..], &bytes[..HEADER_BYTES]);
        }
        if let Some(marker) = Marker::decode(kind, &bytes) {
            prop_assert_eq!(marker.encode(), bytes.clone());
        }
        if let Some(head) = Head::decode(&bytes) {
            prop_assert_eq!(&head.encode()[..], &bytes[..]);
        }
        let _ = Head::from_line(&String::from_utf8_lossy(&bytes));
        let ranges = SeqRange::join(&seqs);
        let marker = Marker::Erase(EraseMarker { ranges });
        for seq in 0..201 {
            prop_assert_eq!(marker.allows(seq, 16, 0), seqs.contains(&seq));
        }
        prop_assert_eq!(Marker::decode(KIND_ERASE, &marker.encode()), Some(marker));
    }
}
