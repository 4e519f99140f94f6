//! Any bytes are a memory of echoes or are refused, and what is read is written the same and goes on
//! remembering without a panic.
#![no_main]

use std::sync::LazyLock;

use guard::digest::{Digest, Digester, HashKey, Scratch};
use guard::echo::{AccountNumber, Exchange, Memory, Options};
use libfuzzer_sys::fuzz_target;
use record::{Endpoint, SaidAnswer, SaidRequest, Seen, Source, Time};

/// The smallest memory there is: a fuzzer makes many.
const SMALL: Options = Options {
    horizon_us: 3_600_000_000,
    answers: 16,
    places: 2048,
    prints: 12,
    rare: 4,
};

static DIGEST: LazyLock<Digest> = LazyLock::new(|| {
    let (request, answer) = (SaidRequest::default(), SaidAnswer::default());
    let digester = Digester::new(&HashKey::new([7; 32]));
    let seen = Seen {
        endpoint: &Endpoint::Chat,
        request: &request,
        answer: &answer,
        request_bytes: 0,
        response_bytes: 0,
        usage: None,
        duration_us: 0,
        status: 200,
        cut: false,
        source: Source::default(),
    };
    digester.digest(&seen, &mut Scratch::default())
});

fuzz_target!(|data: &[u8]| {
    let Ok(mut memory) = Memory::decode(data, SMALL) else {
        return;
    };
    assert_eq!(memory.encode(), data);
    for number in 0..3 {
        memory.observe(&Exchange {
            number,
            account: AccountNumber(1),
            arrived: Time::from_micros(number * 1_000_000_000),
            digest: &DIGEST,
        });
    }
    assert!(Memory::decode(&memory.encode(), SMALL).is_ok());
});
