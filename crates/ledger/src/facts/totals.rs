//! What stays when payloads go: sums by account, model and day, and the answers that an
//! `Idempotency-Key` may ask for again.

use record::{Exchange, Fact, Idempotency, Refusal, UsageSource};

use super::codec;
use crate::chain::Header;
use crate::folder::{Folder, GroupOut};

/// The sums that are kept of exchanges, each a namespace of totals.
pub const SUMS: [&str; 8] = [
    "requests",
    "input",
    "cached",
    "output",
    "reasoning",
    "nanos",
    "estimated",
    "bytes",
];
/// The namespace of refusals, by account, reason and day.
pub const REFUSALS: &str = "refusals";
/// The namespace of idempotent answers.
pub const IDEMPOTENCY: &str = "idempotency";

const IDEMPOTENCY_US: u64 = 24 * 3_600_000_000;

/// The key of a sum: account, then day, then model (or reason), so that a prefix is a query.
pub(super) fn key(account: &[u8; 16], day: u32, last: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(20 + last.len());
    key.extend_from_slice(account);
    key.extend_from_slice(&day.to_be_bytes());
    key.extend_from_slice(last.as_bytes());
    key
}

/// Folds facts into totals and points.
#[derive(Debug, Default)]
pub(super) struct Totals;

impl Folder for Totals {
    fn fold(&mut self, header: &Header, payload: &[u8], out: &mut GroupOut) {
        if header.kind != codec::kind::EXCHANGE && header.kind != codec::kind::REFUSAL {
            return;
        }
        match codec::decode(header.kind, header.version, payload) {
            Ok(Some(Fact::Exchange(exchange))) => add_exchange(&exchange, out),
            Ok(Some(Fact::Refusal(refusal))) => add_refusal(&refusal, out),
            // What a newer version wrote is summed by that version.
            Ok(_) | Err(_) => {}
        }
    }
}

fn add_exchange(exchange: &Exchange, out: &mut GroupOut) {
    let key = key(
        &exchange.account.bytes(),
        exchange.arrived.day(),
        &exchange.model,
    );
    let usage = exchange.usage.as_ref();
    let of = |read: fn(&record::Usage) -> u64| usage.map_or(0, read);
    let estimated = usage.is_some_and(|usage| usage.source == UsageSource::Estimated);
    let sums = [
        1,
        of(|usage| usage.input),
        of(|usage| usage.cached_input),
        of(|usage| usage.output),
        of(|usage| usage.reasoning),
        exchange.cost.money.nanos(),
        u64::from(estimated),
        exchange
            .request_bytes
            .saturating_add(exchange.response_bytes),
    ];
    for (name, sum) in SUMS.into_iter().zip(sums) {
        if sum != 0 {
            out.add(name, &key, i64::try_from(sum).unwrap_or(i64::MAX));
        }
    }
    if let Some(idempotency) = &exchange.idempotency {
        let expires = exchange.arrived.micros().saturating_add(IDEMPOTENCY_US);
        let mut value = Vec::new();
        value.extend_from_slice(&exchange.id.bytes());
        value = postcard::to_extend(idempotency, value).expect("plain data is written to memory");
        out.put(IDEMPOTENCY, &idempotency.key, &value, Some(expires));
    }
}

fn add_refusal(refusal: &Refusal, out: &mut GroupOut) {
    let account = refusal.account.map_or([0; 16], |account| account.bytes());
    let key = key(
        &account,
        refusal.arrived.day(),
        &format!("{:?}", refusal.reason),
    );
    out.add(REFUSALS, &key, 1);
}

/// Reads what [`IDEMPOTENCY`] keeps.
pub(super) fn read_idempotency(value: &[u8]) -> Option<([u8; 16], Idempotency)> {
    let (id, rest) = value.split_first_chunk::<16>()?;
    postcard::from_bytes(rest)
        .ok()
        .map(|idempotency| (*id, idempotency))
}
