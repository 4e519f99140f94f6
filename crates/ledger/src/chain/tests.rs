//! The chain's own tests: round trips, and that no byte can change unseen.

use super::*;

#[test]
fn a_header_reads_back() {
    let header = Header {
        chain: [1; 16],
        seq: 7,
        prev: [2; 32],
        time_us: 9,
        kind: 300,
        version: 4,
        commitment: [3; 32],
    };
    assert_eq!(Header::decode(&header.encode()), Some(header));
}
