//! Who is told what came of each request, beside the ledger: for metrics and traces.
//!
//! An observer is called on the way of a request and must come back at once: no locks that
//! others hold for long, no IO. What it is told has no bodies and no secrets.

use http::HeaderValue;
use record::{Endpoint, Exchange, Reason};

use crate::trace::{Answered, Trace};

/// What an observer knows a model by; it gives these out itself.
pub type ModelNumber = u32;

/// Told once of each request that ended or was turned away; not of lists of models and of health
/// checks that were answered.
pub trait Observer: Send + Sync {
    /// The number of the model of this name, which comes back with each of its requests. Asked
    /// when models are set, never on the way of a request.
    fn model(&self, name: &str) -> ModelNumber;

    /// The trace of a request that has just come in, where it is to be traced.
    fn trace(&self, traceparent: Option<&HeaderValue>) -> Option<Trace>;

    /// A request that was let through has ended, and the ledger has it, or could not take it.
    fn ended(&self, ended: &Ended<'_>);

    /// A request was turned away.
    fn turned_away(&self, turned: &TurnedAway<'_>);

    /// Scores were asked for again, or were found impossible.
    fn verified(&self, _: &Verified) {}
}

/// When things happened to a request, in microseconds since its head was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Its body was here.
    pub read_us: u64,
    /// The upstream was asked; 0 if it never was.
    pub asked_us: u64,
    /// The upstream's answer began, or was here if it was whole; 0 if there was none.
    pub answered_us: u64,
    /// All was done: a whole answer was recorded and ready to be sent, a stream was at its end.
    pub ended_us: u64,
}

impl Timings {
    /// The time that passed in this program alone: from the body's last byte until the upstream
    /// was asked and, for a whole answer, from when it was here until it was recorded.
    pub const fn added_us(&self, streamed: bool) -> u64 {
        if self.asked_us == 0 {
            return self.ended_us.saturating_sub(self.read_us);
        }
        let before = self.asked_us.saturating_sub(self.read_us);
        if streamed || self.answered_us == 0 {
            return before;
        }
        before + self.ended_us.saturating_sub(self.answered_us)
    }
}

/// A request that was let through and has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its model; `None` where it is not among those that are served now.
    pub model: Option<ModelNumber>,
    /// What the ledger was given.
    pub exchange: &'a Exchange,
    /// The status that the client got: the exchange's, but 503 where a whole answer was withheld
    /// because the ledger did not take it.
    pub status: u16,
    /// The upstream's name in the settings.
    pub upstream: &'a str,
    /// The name that the upstream was asked for.
    pub upstream_model: &'a str,
    /// When what happened.
    pub timings: Timings,
    /// Whether the ledger took it.
    pub recorded: bool,
    /// Its trace, where it has one, and what was seen of the answer for it.
    pub trace: Option<(&'a Trace, &'a Answered)>,
}

/// A request that was turned away.
#[derive(Debug, Clone, Copy)]
pub struct TurnedAway<'a> {
    /// Where it was sent; `None` where there is no such path.
    pub endpoint: Option<&'a Endpoint>,
    /// Its model, where that is known and served.
    pub model: Option<ModelNumber>,
    /// The status that the client got.
    pub status: u16,
    /// Why.
    pub reason: Reason,
    /// When it arrived.
    pub arrived: record::Time,
    /// Microseconds until the answer was ready.
    pub duration_us: u64,
    /// Its trace, where it has one.
    pub trace: Option<&'a Trace>,
}

/// What came of a look at told scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verified {
    /// The model that told them.
    pub model: ModelNumber,
    /// How far the second answer was from the first, where there was one.
    pub difference: wire::score::Difference,
    /// Whether they were refused, as they can't be true.
    pub refused: bool,
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn model(&self, _: &str) -> ModelNumber {
        0
    }
    fn trace(&self, _: Option<&HeaderValue>) -> Option<Trace> {
        None
    }
    fn ended(&self, _: &Ended<'_>) {}
    fn turned_away(&self, _: &TurnedAway<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstreams_time_is_not_ours() {
        let whole = Timings {
            read_us: 10,
            asked_us: 30,
            answered_us: 1030,
            ended_us: 1040,
        };
        assert_eq!(whole.added_us(false), 30);
        assert_eq!(whole.added_us(true), 20);
        let unasked = Timings {
            read_us: 10,
            ended_us: 25,
            ..Timings::default()
        };
        assert_eq!(unasked.added_us(false), 15);
    }
}
