//! What stays when payloads go: sums by account, model and day, and the answers that an
//! `Idempotency-Key` may ask for again.

use record::{Exchange, Fact, Idempotency, Refusal};

use super::codec;
use super::rollup::{self, Tally};
use crate::Result;
use crate::chain::Header;
use crate::folder::{Folder, GroupOut, Old};

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

/// Reads such a key back.
pub(super) fn split(key: &[u8]) -> Option<([u8; 16], u32, String)> {
    let (account, rest) = key.split_first_chunk::<16>()?;
    let (day, last) = rest.split_first_chunk::<4>()?;
    let last = String::from_utf8_lossy(last).into_owned();
    Some((*account, u32::from_be_bytes(*day), last))
}

/// Folds facts into totals and points.
#[derive(Debug, Default)]
pub(super) struct Totals;

impl Folder for Totals {
    fn fold(&mut self, header: &Header, payload: &[u8], out: &mut GroupOut) {
        let summed = codec::kind::EXCHANGE..=codec::kind::REFUSALS_COUNTED;
        if !summed.contains(&header.kind) {
            return;
        }
        // What a newer version wrote is summed by that version.
        let Ok(Some(fact)) = codec::decode(header.kind, header.version, payload) else {
            return;
        };
        rollup::fold(&fact, out);
        match fact {
            Fact::Exchange(exchange) => add_exchange(&exchange, out),
            Fact::Refusal(refusal) => add_refusal(&refusal, out),
            _ => {}
        }
    }

    /// 2: the roll-up of the whole house.
    fn version(&self) -> u64 {
        2
    }

    fn upgrade(&mut self, old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
        rollup::rebuild(old, out)
    }
}

fn add_exchange(exchange: &Exchange, out: &mut GroupOut) {
    let key = key(
        &exchange.account.bytes(),
        exchange.arrived.day(),
        &exchange.model,
    );
    for (name, sum) in SUMS.into_iter().zip(Tally::of(exchange).sums()) {
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
