//! What can be seen only from inside: numbers that run out, and bytes that are no memory.

use super::*;
use crate::digest::OF_REQUEST;

fn small() -> Options {
    Options {
        answers: 16,
        places: 1 << 11,
        ..Options::default()
    }
}

#[test]
fn fresh_prints_are_those_that_nothing_else_carries() {
    assert_eq!(fresh(&[1, 2, 3], [&[2], &[]]).as_slice(), [1, 3]);
    // A full list is known only up to its greatest.
    let full: Vec<u64> = (0..OF_REQUEST as u64).map(|one| 2 * one).collect();
    assert_eq!(fresh(&[1, 4, 900], [&full, &[]]).as_slice(), [1]);
    assert_eq!(fresh(&[1, 5, 900], [&[], &full]).as_slice(), [1, 5, 900]);
    assert!(fresh(&[], [&full, &full]).is_empty());
}

#[test]
fn origins_are_the_strongest_and_the_newest_first() {
    let mut from = vec![(7, 1), (3, 9), (7, 5), (2, 4), (7, 5)];
    let origins = grouped(&mut from, |one, next| one.0 == next.0);
    let told: Vec<(u32, u32, u64)> = origins
        .iter()
        .map(|one| (one.account.0, one.prints, one.exchange))
        .collect();
    assert_eq!(told, [(7, 3, 5), (3, 1, 9), (2, 1, 4)]);
}

/// After 268 million answers all are numbered anew, and nothing else changes.
#[test]
fn numbers_run_out_without_a_trace() {
    let digest = blank();
    let mut late = Memory::new(small());
    late.answers.start_late();
    let mut early = Memory::new(small());
    for number in 0..100_u64 {
        let mut digest = digest.clone();
        digest.answer_prints = (0..5).map(|place| number * 5 + place).collect();
        digest.ask_prints = (0..7)
            .map(|place| (number * 5).saturating_sub(25) + place)
            .collect();
        digest.chain.after = (number + 1) << 24;
        digest.chain.before = number.saturating_sub(3) << 24;
        let exchange = Exchange {
            number,
            account: AccountNumber(number as u32 % 3),
            arrived: Time::from_micros(1_000_000 * number),
            digest: &digest,
        };
        let found = early.observe(&exchange);
        assert_eq!(late.observe(&exchange), found);
        assert!(
            number < 10 || found.ask.own + found.ask.other > 0,
            "{number} {found:?}"
        );
    }
    assert!(late.answers.next() < 1000);
    assert_eq!(late.held(), early.held());
}

#[test]
fn bytes_that_are_no_memory_are_refused() {
    let memory = Memory::new(small());
    let bytes = memory.encode();
    let told = |bytes: &[u8], options| Memory::decode(bytes, options).err();
    assert_eq!(told(&bytes, small()), None);
    assert_eq!(told(&bytes, Options::default()), Some(EchoError::Options));
    assert_eq!(told(&[9, 9], small()), Some(EchoError::Version(9)));
    assert_eq!(told(&[], small()), Some(EchoError::Broken));
    assert_eq!(
        told(&bytes[..bytes.len() - 1], small()),
        Some(EchoError::Broken)
    );
    assert_eq!(
        told(&[&bytes[..], &[0]].concat(), small()),
        Some(EchoError::Broken)
    );
}

/// A digest of nothing.
fn blank() -> Digest {
    use crate::digest::{Digester, HashKey, Scratch};
    use record::{Endpoint, SaidAnswer, SaidRequest, Seen, Source};
    let seen = Seen {
        endpoint: &Endpoint::Chat,
        request: &SaidRequest::default(),
        answer: &SaidAnswer::default(),
        request_bytes: 0,
        response_bytes: 0,
        usage: None,
        duration_us: 0,
        status: 200,
        cut: false,
        source: Source::default(),
    };
    Digester::new(&HashKey::new([7; 32])).digest(&seen, &mut Scratch::default())
}
