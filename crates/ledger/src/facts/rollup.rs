//! What the whole house did, by model and hour and by model and day: few rows, however many
//! accounts there are. Made entry by entry like every sum; for what was folded before there was
//! a roll-up, made from the entries that are left and the sums by account.

use std::collections::HashMap;

use record::{Exchange, Fact, Outcome, Reason, Refusal, Time, UsageSource};

use super::codec::{self, kind};
use super::totals::{REFUSALS, SUMS, split};
use crate::Result;
use crate::folder::{GroupOut, Old};

/// The namespace of sums by hour. A key is the hour since the epoch (4 bytes, big-endian), the
/// measure (1 byte) and the model, so that a span of time is one run of keys.
pub(super) const HOURS: &str = "hour";
/// The same by day.
pub(super) const DAYS: &str = "day";

const HOUR_US: u64 = 3_600_000_000;
const HOURS_A_DAY: u32 = 24;

/// What is summed. The first eight are those of [`SUMS`], in that order.
const MEASURES: usize = 10;
const REFUSED: usize = 8;
const ERRORS: usize = 9;

/// Sums of some span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were let through.
    pub requests: u64,
    /// Requests that were not.
    pub refusals: u64,
    /// Of the requests let through, those that failed by no fault of the client: the upstream
    /// broke off, or the status is 500 or above.
    pub errors: u64,
    /// Tokens of the prompts.
    pub input: u64,
    /// Of these, tokens that upstreams had cached.
    pub cached_input: u64,
    /// Tokens of the answers.
    pub output: u64,
    /// Of these, tokens of hidden reasoning.
    pub reasoning: u64,
    /// What it cost, in billionths of a dollar.
    pub nanos: u64,
    /// Requests whose tokens were estimated.
    pub estimated: u64,
    /// Bytes of requests and answers.
    pub bytes: u64,
}

impl Tally {
    /// Adds another's sums; they stay at the end of the range rather than wrap.
    pub fn add(&mut self, other: &Self) {
        let mine = self.parts();
        for (sum, more) in mine.into_iter().zip(other.parts_of()) {
            *sum = sum.saturating_add(more);
        }
    }

    /// In the order of the measures.
    fn parts(&mut self) -> [&mut u64; MEASURES] {
        [
            &mut self.requests,
            &mut self.input,
            &mut self.cached_input,
            &mut self.output,
            &mut self.reasoning,
            &mut self.nanos,
            &mut self.estimated,
            &mut self.bytes,
            &mut self.refusals,
            &mut self.errors,
        ]
    }

    fn parts_of(mut self) -> [u64; MEASURES] {
        self.parts().map(|part| *part)
    }

    /// What an exchange counts as.
    pub fn of(exchange: &Exchange) -> Self {
        let usage = exchange.usage.as_ref();
        let of = |read: fn(&record::Usage) -> u64| usage.map_or(0, read);
        let failed = exchange.outcome == Outcome::UpstreamBroken || exchange.status >= 500;
        Self {
            requests: 1,
            refusals: 0,
            errors: u64::from(failed),
            input: of(|usage| usage.input),
            cached_input: of(|usage| usage.cached_input),
            output: of(|usage| usage.output),
            reasoning: of(|usage| usage.reasoning),
            nanos: exchange.cost.money.nanos(),
            estimated: of(|usage| u64::from(usage.source == UsageSource::Estimated)),
            bytes: exchange
                .request_bytes
                .saturating_add(exchange.response_bytes),
        }
    }

    /// Its sums in the order of [`SUMS`].
    pub fn sums(self) -> [u64; SUMS.len()] {
        let [first @ .., _, _] = self.parts_of();
        first
    }

    fn refusals(count: u64) -> Self {
        Self {
            refusals: count,
            ..Self::default()
        }
    }

    /// What this has beyond the other.
    fn beyond(self, other: &Self) -> Self {
        let mut beyond = self;
        for (sum, less) in beyond.parts().into_iter().zip(other.parts_of()) {
            *sum = sum.saturating_sub(less);
        }
        beyond
    }
}

/// Adds to the hour and the day of a time.
pub(super) fn add(time: Time, model: &str, tally: &Tally, out: &mut GroupOut) {
    let hour = u32::try_from(time.micros() / HOUR_US).unwrap_or(u32::MAX);
    add_at(hour, time.day(), model, tally, out);
}

fn add_at(hour: u32, day: u32, model: &str, tally: &Tally, out: &mut GroupOut) {
    let mut key = Vec::with_capacity(5 + model.len());
    for (namespace, at) in [(HOURS, hour), (DAYS, day)] {
        key.clear();
        key.extend_from_slice(&at.to_be_bytes());
        key.push(0);
        key.extend_from_slice(model.as_bytes());
        for (measure, sum) in tally.parts_of().into_iter().enumerate() {
            if sum != 0 {
                key[4] = measure as u8;
                out.add(namespace, &key, i64::try_from(sum).unwrap_or(i64::MAX));
            }
        }
    }
}

/// Reads a key and its sum into the tally of its hour or day and model.
pub(super) fn read(key: &[u8], sum: i64) -> Option<(u32, &str, Tally)> {
    let (at, rest) = key.split_first_chunk::<4>()?;
    let (measure, model) = rest.split_first()?;
    let mut tally = Tally::default();
    **tally.parts().get_mut(usize::from(*measure))? = u64::try_from(sum).unwrap_or_default();
    Some((
        u32::from_be_bytes(*at),
        std::str::from_utf8(model).ok()?,
        tally,
    ))
}

/// Folds what a fact adds.
pub(super) fn fold(fact: &Fact, out: &mut GroupOut) {
    match fact {
        Fact::Exchange(exchange) => {
            add(exchange.arrived, &exchange.model, &Tally::of(exchange), out);
        }
        Fact::Refusal(refusal) => {
            let one = Tally::refusals(1);
            add(refusal.arrived, known_model(refusal), &one, out);
        }
        Fact::RefusalsCounted { from, count, .. } => {
            add(*from, "", &Tally::refusals(*count), out);
        }
        _ => {}
    }
}

/// The model of a refusal, where it is one that the house has: any name can be asked for, and
/// none of them may make a row of its own.
fn known_model(refusal: &Refusal) -> &str {
    match refusal.reason {
        Reason::EndpointNotSupported
        | Reason::ContextLengthExceeded
        | Reason::CapabilityNotAllowed
        | Reason::RequestsPerMinute
        | Reason::TokensPerMinute
        | Reason::Concurrency
        | Reason::BudgetExhausted
        | Reason::QueueFull
        | Reason::UpstreamUnavailable
        | Reason::ModelUnavailable => &refusal.model,
        _ => "",
    }
}

/// Sums of a day by model.
type Days = HashMap<u32, HashMap<String, Tally>>;

fn of<'a>(days: &'a mut Days, day: u32, model: &str) -> &'a mut Tally {
    let models = days.entry(day).or_default();
    if !models.contains_key(model) {
        models.insert(model.to_owned(), Tally::default());
    }
    models.entry(model.to_owned()).or_default()
}

/// Makes the roll-up of all that is folded already. What a day's sums by account have beyond its
/// entries (payloads that were pruned or erased) is put into the first hour of that day.
pub(super) fn rebuild(old: &Old<'_>, out: &mut GroupOut) -> Result<()> {
    let mut seen = Days::new();
    old.each_entry(|header, payload| {
        let wanted = kind::EXCHANGE..=kind::REFUSALS_COUNTED;
        let Some(payload) = payload.filter(|_| wanted.contains(&header.kind)) else {
            return;
        };
        // What can't be read was not summed by account either.
        let Ok(Some(fact)) = codec::decode(header.kind, header.version, payload) else {
            return;
        };
        fold(&fact, out);
        match &fact {
            Fact::Exchange(exchange) => {
                of(&mut seen, exchange.arrived.day(), &exchange.model).add(&Tally::of(exchange));
            }
            // The sums by account know no model of a refusal.
            Fact::Refusal(refusal) => {
                of(&mut seen, refusal.arrived.day(), "").add(&Tally::refusals(1));
            }
            _ => {}
        }
    })?;
    for (day, models) in summed(old)? {
        for (model, whole) in models {
            let left = whole.beyond(of(&mut seen, day, &model));
            add_at(day.saturating_mul(HOURS_A_DAY), day, &model, &left, out);
        }
    }
    Ok(())
}

/// The sums by account, without the accounts.
fn summed(old: &Old<'_>) -> Result<Days> {
    let mut days = Days::new();
    for (measure, name) in SUMS.into_iter().enumerate() {
        old.each_total(name, |key, sum| {
            if let Some((_, day, model)) = split(key) {
                let tally = of(&mut days, day, &model);
                let parts = tally.parts();
                *parts[measure] = parts[measure].saturating_add(u64::try_from(sum).unwrap_or(0));
            }
        })?;
    }
    old.each_total(REFUSALS, |key, sum| {
        if let Some((_, day, _)) = split(key) {
            let count = u64::try_from(sum).unwrap_or(0);
            of(&mut days, day, "").add(&Tally::refusals(count));
        }
    })?;
    Ok(days)
}

const _: () = assert!(REFUSED == SUMS.len() && ERRORS == REFUSED + 1 && MEASURES == ERRORS + 1);

#[cfg(test)]
mod tests;
