//! What stays when payloads go: sums by account, model and day, and the answers that an
//! `Idempotency-Key` may ask for again.

use record::time::month_of;
use record::{Exchange, Fact, Idempotency, Refusal};

use super::codec;
use super::older;
use super::rollup::{self, Tally};
use crate::Result;
use crate::chain::Header;
use crate::folder::{Folder, GroupOut, Old};

/// The namespace of what accounts used in a day, as sums of a [`Tally`]. A key is the day since
/// the epoch (4 bytes, big-endian), the account (16 bytes) and the model: what is folded now lies
/// side by side, and a span of days is one run of keys.
pub(super) const USED: &str = "used";
/// The same by calendar month, for spans that are long.
pub(super) const USED_MONTHS: &str = "used.month";
/// The same by calendar month, of all models together: a key ends with the account.
pub(super) const USED_ALL: &str = "used.month.all";
/// The namespace of refusals, by account, reason and day.
pub const REFUSALS: &str = "refusals";
/// The namespace of idempotent answers.
pub const IDEMPOTENCY: &str = "idempotency";

const IDEMPOTENCY_US: u64 = 24 * 3_600_000_000;

/// The key of what an account used of a model.
pub(super) fn used_key(at: u32, account: &[u8; 16], model: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(20 + model.len());
    key.extend_from_slice(&at.to_be_bytes());
    key.extend_from_slice(account);
    key.extend_from_slice(model.as_bytes());
    key
}

/// Reads such a key: the day or month, the account, the model.
pub(super) fn read_used(key: &[u8]) -> Option<(u32, [u8; 16], &str)> {
    let (at, rest) = key.split_first_chunk::<4>()?;
    let (account, model) = rest.split_first_chunk::<16>()?;
    let model = std::str::from_utf8(model).ok()?;
    Some((u32::from_be_bytes(*at), *account, model))
}

/// Adds to what an account used in a day, and in its month.
pub(super) fn add_used(
    day: u32,
    account: &[u8; 16],
    model: &str,
    tally: &Tally,
    out: &mut GroupOut,
) {
    let (sums, month) = (tally.used(), month_of(day));
    out.add_all(USED, &used_key(day, account, model), &sums);
    out.add_all(USED_MONTHS, &used_key(month, account, model), &sums);
    out.add_all(USED_ALL, &used_key(month, account, ""), &sums);
}

/// The key of refusals: account, then day, then reason, so that a prefix is a query.
pub(super) fn refused_key(account: &[u8; 16], day: u32, reason: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(20 + reason.len());
    key.extend_from_slice(account);
    key.extend_from_slice(&day.to_be_bytes());
    key.extend_from_slice(reason.as_bytes());
    key
}

/// Reads such a key back: the account, the day, the reason.
pub(super) fn read_refused(key: &[u8]) -> Option<([u8; 16], u32, &str)> {
    let (account, rest) = key.split_first_chunk::<16>()?;
    let (day, reason) = rest.split_first_chunk::<4>()?;
    let reason = std::str::from_utf8(reason).ok()?;
    Some((*account, u32::from_be_bytes(*day), reason))
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

    /// 2: the roll-up of the whole house. 3: all sums of a key in one row, and months.
    fn version(&self) -> u64 {
        3
    }

    fn upgrade(&mut self, old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
        older::upgrade(old, out)
    }
}

fn add_exchange(exchange: &Exchange, out: &mut GroupOut) {
    add_used(
        exchange.arrived.day(),
        &exchange.account.bytes(),
        &exchange.model,
        &Tally::of(exchange),
        out,
    );
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
    let key = refused_key(
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
