//! What is in use of one holder's rate limits: requests, tokens, and requests at the same time.

use parking_lot::Mutex;
use record::{Limits, Reason, Time};

use super::bucket::Bucket;

/// How much of the limits a minute is left, as the answer's headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Limit, what is left, and microseconds until it is whole again: requests.
    pub requests: Option<(u64, u64, u64)>,
    /// The same of tokens.
    pub tokens: Option<(u64, u64, u64)>,
}

#[derive(Debug, Default)]
struct Levels {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    in_flight: u32,
}

impl Levels {
    /// Takes one request of the limit a minute.
    fn take_request(&mut self, limits: &Limits, now: Time) -> Result<(), (Reason, u64)> {
        let Some(rate) = limits.requests_per_minute.map(u64::from) else {
            return Ok(());
        };
        let bucket = self.requests.get_or_insert_with(|| Bucket::full(rate, now));
        let taken = bucket.take(1, rate, now);
        taken.map_err(|wait| (Reason::RequestsPerMinute, wait))
    }

    fn rates(&mut self, limits: &Limits, now: Time) -> Rates {
        let of = |bucket: &mut Option<Bucket>, rate: Option<u64>| {
            let rate = rate?;
            Some(match bucket {
                Some(bucket) => (rate, bucket.left(rate, now), bucket.full_in(rate)),
                None => (rate, rate, 0),
            })
        };
        Rates {
            requests: of(
                &mut self.requests,
                limits.requests_per_minute.map(u64::from),
            ),
            tokens: of(&mut self.tokens, limits.tokens_per_minute),
        }
    }
}

/// The levels of one holder. All clients of an account or a grant share it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    levels: Mutex<Levels>,
}

impl Meter {
    /// Takes a place, one request and an estimate of tokens; all or nothing.
    ///
    /// # Errors
    /// Which limit is reached, and microseconds until another try may succeed.
    pub(super) fn enter(
        &self,
        limits: &Limits,
        tokens: u64,
        now: Time,
    ) -> Result<Rates, (Reason, u64)> {
        let mut levels = self.levels.lock();
        if limits
            .concurrency
            .is_some_and(|most| levels.in_flight >= most)
        {
            return Err((Reason::Concurrency, 1_000_000));
        }
        levels.take_request(limits, now)?;
        if let Some(rate) = limits.tokens_per_minute {
            let bucket = levels.tokens.get_or_insert_with(|| Bucket::full(rate, now));
            if let Err(wait) = bucket.take(tokens, rate, now) {
                if limits.requests_per_minute.is_some()
                    && let Some(bucket) = &mut levels.requests
                {
                    bucket.correct(1, 0);
                }
                return Err((Reason::TokensPerMinute, wait));
            }
        }
        levels.in_flight += 1;
        Ok(levels.rates(limits, now))
    }

    /// Takes one request alone: no place and no tokens.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub(super) fn repeat(&self, limits: &Limits, now: Time) -> Result<Rates, (Reason, u64)> {
        let mut levels = self.levels.lock();
        levels.take_request(limits, now)?;
        Ok(levels.rates(limits, now))
    }

    /// How much of the limits is left.
    pub(super) fn rates(&self, limits: &Limits, now: Time) -> Rates {
        self.levels.lock().rates(limits, now)
    }

    /// Gives a place back.
    pub(super) fn leave(&self) {
        let mut levels = self.levels.lock();
        levels.in_flight = levels.in_flight.saturating_sub(1);
    }

    /// Corrects the estimate of tokens by what was used.
    pub(super) fn correct_tokens(&self, estimate: u64, real: u64) {
        if let Some(bucket) = self.levels.lock().tokens.as_mut() {
            bucket.correct(estimate, real);
        }
    }

    /// Requests at the same time, now.
    pub(super) fn in_flight(&self) -> u32 {
        self.levels.lock().in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_takes_neither_tokens_nor_a_place() {
        let meter = Meter::default();
        let now = Time::from_micros(1_000_000_000);
        let limits = Limits {
            requests_per_minute: Some(2),
            tokens_per_minute: Some(100),
            concurrency: Some(1),
        };
        let _place = meter.enter(&limits, 100, now).unwrap();
        let rates = meter.repeat(&limits, now).unwrap();
        assert_eq!(rates.requests.map(|r| r.1), Some(0));
        let (reason, wait) = meter.repeat(&limits, now).unwrap_err();
        assert_eq!((reason, wait), (Reason::RequestsPerMinute, 30_000_000));
        assert_eq!(meter.in_flight(), 1);
    }

    #[test]
    fn a_refused_request_takes_nothing() {
        let meter = Meter::default();
        let now = Time::from_micros(1_000_000_000);
        let limits = Limits {
            requests_per_minute: Some(10),
            tokens_per_minute: Some(100),
            concurrency: Some(2),
        };
        let rates = meter.enter(&limits, 90, now).unwrap();
        assert_eq!(rates.requests.map(|r| r.1), Some(9));
        let (reason, wait) = meter.enter(&limits, 20, now).unwrap_err();
        assert_eq!((reason, wait), (Reason::TokensPerMinute, 6_000_000));
        meter.correct_tokens(90, 10);
        let rates = meter.enter(&limits, 20, now).unwrap();
        assert_eq!(rates.requests.map(|r| r.1), Some(8));
        assert_eq!(rates.tokens.map(|r| r.1), Some(70));
        assert_eq!(
            meter.enter(&limits, 1, now).unwrap_err().0,
            Reason::Concurrency
        );
        meter.leave();
        assert!(meter.enter(&limits, 1, now).is_ok());
        assert_eq!(meter.in_flight(), 2);
    }
}
