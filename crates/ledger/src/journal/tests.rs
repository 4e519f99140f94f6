//! The journal from inside: frames and segment headers, whole, changed, and random.

use proptest::prelude::*;

use super::frame::{self, FRAME_OVERHEAD, Parsed};
use super::segment::SegmentHeader;
use crate::chain::tests::golden;
use crate::chain::{Header, commitment};

fn encoded(seq: u64, payload: &[u8], lag: u32) -> Vec<u8> {
    let salt = [3; 16];
    let header = Header {
        chain: [1; 16],
        seq,
        prev: [2; 32],
        time_us: 5,
        kind: 300,
        version: 1,
        commitment: commitment(&salt, payload),
    };
    let mut out = Vec::new();
    let hash = frame::encode(&mut out, &header, &salt, payload, lag);
    assert_eq!(hash, header.hash());
    out
}

/// Released encodings never change.
#[test]
fn version_1_is_what_it_was() {
    golden("frame-1", &encoded(7, b"payload", 2));
    let header = SegmentHeader {
        reused: false,
        chain: [1; 16],
        first_seq: 7,
        prev: [2; 32],
    };
    golden("segment-1", &header.encode());
    let reused = SegmentHeader {
        reused: true,
        ..header
    };
    golden("segment-2", &reused.encode());
}

#[test]
fn a_flip_of_any_byte_of_a_frame_is_found() {
    let good = encoded(7, b"some payload", 2);
    assert!(matches!(frame::parse(&good), Parsed::Frame(frame) if frame.verify().is_ok()));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let whole = matches!(frame::parse(&bad), Parsed::Frame(frame) if frame.verify().is_ok());
        assert!(!whole, "byte {at}");
    }
    for size in 1..good.len() {
        assert!(
            matches!(frame::parse(&good[..size]), Parsed::Short(_)),
            "{size} bytes"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn frames_read_back(seq in 1..u64::MAX, payload in prop::collection::vec(any::<u8>(), 0..3000), lag: u32) {
        let bytes = encoded(seq, &payload, lag);
        prop_assert_eq!(bytes.len(), FRAME_OVERHEAD + payload.len());
        let Parsed::Frame(frame) = frame::parse(&bytes) else { panic!("no frame") };
        prop_assert_eq!(frame.payload, &payload[..]);
        prop_assert_eq!(frame.header.seq, seq);
        prop_assert_eq!(frame.claims_durable(), seq.saturating_sub(u64::from(lag)));
        prop_assert!(frame.verify().is_ok());
    }

    #[test]
    fn random_bytes_never_panic_and_are_no_frame(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        len in 0..400u32,
    ) {
        for plausible in [false, true] {
            if plausible && bytes.len() > 17 {
                bytes[..4].copy_from_slice(&len.to_le_bytes());
                bytes[16] = 1;
                bytes[17] = 0;
            }
            if let Parsed::Frame(frame) = frame::parse(&bytes) {
                prop_assert!(frame.verify().is_err());
            }
        }
    }
}
