//! What the whole house did, by model and hour and by model and day: few rows, however many
//! accounts there are. Made entry by entry like every sum.

use record::{Exchange, Fact, Outcome, Reason, Refusal, Time, UsageSource};

use crate::folder::GroupOut;

/// The namespace of sums by hour. A key is the hour since the epoch (4 bytes, big-endian) and the
/// model, so that a span of time is one run of keys.
pub(super) const HOURS: &str = "house.hour";
/// The same by day.
pub(super) const DAYS: &str = "house.day";

const HOUR_US: u64 = 3_600_000_000;

/// How many sums a [`Tally`] has.
const MEASURES: usize = 10;
/// How many of them are kept of an account's use; refusals and errors are not.
const USED: usize = 8;

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

    /// In the order that they are stored in.
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

    /// Its sums as they are stored.
    pub(super) fn sums(self) -> [i64; MEASURES] {
        self.parts_of()
            .map(|sum| i64::try_from(sum).unwrap_or(i64::MAX))
    }

    /// Those of an account's use, as they are stored.
    pub(super) fn used(self) -> [i64; USED] {
        let [used @ .., _, _] = self.sums();
        used
    }

    /// Reads what is stored, all or the first of them.
    pub(super) fn read(sums: &[i64]) -> Self {
        let mut tally = Self::default();
        for (part, sum) in tally.parts().into_iter().zip(sums) {
            *part = u64::try_from(*sum).unwrap_or_default();
        }
        tally
    }

    pub(super) fn refusals(count: u64) -> Self {
        Self {
            refusals: count,
            ..Self::default()
        }
    }

    /// What this has beyond the other.
    pub(super) fn beyond(self, other: &Self) -> Self {
        let mut beyond = self;
        for (sum, less) in beyond.parts().into_iter().zip(other.parts_of()) {
            *sum = sum.saturating_sub(less);
        }
        beyond
    }
}

/// Adds to the hour and the day of a time.
fn add(time: Time, model: &str, tally: &Tally, out: &mut GroupOut) {
    let hour = u32::try_from(time.micros() / HOUR_US).unwrap_or(u32::MAX);
    add_at(hour, time.day(), model, tally, out);
}

pub(super) fn add_at(hour: u32, day: u32, model: &str, tally: &Tally, out: &mut GroupOut) {
    // Nothing makes no row.
    if *tally == Tally::default() {
        return;
    }
    let sums = tally.sums();
    out.add_all(HOURS, &key(hour, model), &sums);
    out.add_all(DAYS, &key(day, model), &sums);
}

/// The key of an hour or a day and a model.
pub(super) fn key(at: u32, model: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + model.len());
    key.extend_from_slice(&at.to_be_bytes());
    key.extend_from_slice(model.as_bytes());
    key
}

/// Reads such a key.
pub(super) fn read_key(key: &[u8]) -> Option<(u32, &str)> {
    let (at, model) = key.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*at), std::str::from_utf8(model).ok()?))
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

#[cfg(test)]
mod tests;
