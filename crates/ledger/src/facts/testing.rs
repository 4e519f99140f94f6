//! Facts that the tests of the folds share.

use record::{
    Amount, Endpoint, Exchange, Fact, Id, Money, Origin, Outcome, Reason, Refusal, Time, Usage,
    UsageSource,
};

/// 2025-11-25, 00:00 UTC.
pub(super) const START_US: u64 = 1_764_028_800_000_000;

pub(super) fn exchange(number: u64, at: u64, model: &str, status: u16) -> Fact {
    Fact::Exchange(Box::new(Exchange {
        id: Id::from_bytes([number as u8; 16]),
        account: Id::from_bytes([(number % 3) as u8; 16]),
        key: None,
        grant: None,
        endpoint: Endpoint::Chat,
        model: model.into(),
        upstream: "u".into(),
        arrived: Time::from_micros(START_US + at),
        first_byte_us: 1,
        duration_us: 2,
        status,
        outcome: match status {
            200 => Outcome::Completed,
            _ => Outcome::UpstreamError,
        },
        streamed: false,
        request_bytes: number,
        response_bytes: 3,
        usage: (status == 200).then_some(Usage {
            input: 10 + number,
            cached_input: number % 4,
            output: 5,
            reasoning: number % 2,
            source: match number % 3 {
                0 => UsageSource::Estimated,
                _ => UsageSource::Upstream,
            },
        }),
        cost: Amount {
            money: Money::from_nanos(100 + number),
            tokens: 15,
        },
        shares: Vec::new(),
        edits: Vec::new(),
        origin: Origin::default(),
        bodies: None,
        idempotency: None,
    }))
}

pub(super) fn refusal(number: u64, at: u64, model: &str, reason: Reason) -> Fact {
    Fact::Refusal(Box::new(Refusal {
        id: Id::from_bytes([number as u8; 16]),
        account: number.is_multiple_of(2).then_some(Id::from_bytes([1; 16])),
        key: None,
        grant: None,
        path: "/v1/chat/completions".into(),
        model: model.into(),
        arrived: Time::from_micros(START_US + at),
        status: 429,
        reason,
        origin: Origin::default(),
    }))
}
