//! A token bucket in whole numbers: refilled evenly, a minute's worth deep.
//!
//! One unit is `60_000_000` parts, so that a rate of `n` a minute is `n` parts a microsecond and
//! nothing is ever rounded.

use record::Time;

const PARTS: u128 = 60_000_000;
/// A clock that runs back by more than this was put back.
const STEP_US: u64 = 60_000_000;

/// A bucket for one limit a minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Parts that are there; below nothing after a use that cost more than was foreseen.
    level: i128,
    at: Time,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(per_minute: u64, now: Time) -> Self {
        Self {
            level: Self::depth(per_minute),
            at: now,
        }
    }

    const fn depth(per_minute: u64) -> i128 {
        (per_minute as u128 * PARTS) as i128
    }

    fn refill(&mut self, per_minute: u64, now: Time) {
        if self.at.micros_since(now) > STEP_US {
            // The clock was put back: to wait until it has caught up could take for ever.
            self.at = now;
        }
        let gained = u128::from(now.micros_since(self.at)) * u128::from(per_minute);
        let level = self
            .level
            .saturating_add(i128::try_from(gained).unwrap_or(i128::MAX));
        self.level = level.min(Self::depth(per_minute));
        self.at = self.at.max(now);
    }

    /// Takes `units` if they are there. What is larger than the whole bucket is let through when
    /// the bucket is full, so that no request is refused for ever.
    ///
    /// # Errors
    /// Microseconds until it may succeed.
    pub(super) fn take(&mut self, units: u64, per_minute: u64, now: Time) -> Result<(), u64> {
        self.refill(per_minute, now);
        let cost = i128::try_from(u128::from(units) * PARTS).unwrap_or(i128::MAX);
        let needed = cost.min(Self::depth(per_minute));
        if self.level >= needed && per_minute > 0 {
            self.level -= cost;
            return Ok(());
        }
        let wait = (needed - self.level).max(1) as u128 / u128::from(per_minute.max(1));
        Err(u64::try_from(wait).unwrap_or(u64::MAX).max(1))
    }

    /// Corrects an earlier take by what it really was.
    pub(super) fn correct(&mut self, taken: u64, real: u64) {
        let parts = (i128::from(taken) - i128::from(real)) * PARTS as i128;
        self.level = self.level.saturating_add(parts);
    }

    /// Whole units that are there at `now`.
    pub(super) fn left(&mut self, per_minute: u64, now: Time) -> u64 {
        self.refill(per_minute, now);
        (self.level.max(0) as u128 / PARTS) as u64
    }

    /// Microseconds until the bucket is full again.
    pub(super) fn full_in(&self, per_minute: u64) -> u64 {
        let missing = (Self::depth(per_minute) - self.level).max(0) as u128;
        u64::try_from(missing / u128::from(per_minute.max(1))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Time = Time::from_micros(1_000_000_000);

    #[test]
    fn a_minutes_worth_then_evenly() {
        let mut bucket = Bucket::full(60, START);
        for _ in 0..60 {
            assert_eq!(bucket.take(1, 60, START), Ok(()));
        }
        assert_eq!(bucket.take(1, 60, START), Err(1_000_000));
        let later = START.plus_micros(1_000_000);
        assert_eq!(bucket.take(1, 60, later), Ok(()));
        assert!(bucket.take(1, 60, later).is_err());
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_and_takes_nothing() {
        let mut bucket = Bucket::full(60, START);
        assert_eq!(bucket.take(30, 60, START), Ok(()));
        assert_eq!(bucket.left(60, Time::from_micros(950_000_000)), 30);
        assert_eq!(bucket.left(60, START), 30);
    }

    #[test]
    fn a_clock_that_was_put_back_far_goes_on_from_there() {
        let mut bucket = Bucket::full(60, START);
        assert_eq!(bucket.take(60, 60, START), Ok(()));
        let back = Time::from_micros(5);
        assert!(bucket.take(1, 60, back).is_err());
        assert_eq!(bucket.take(1, 60, back.plus_micros(1_000_000)), Ok(()));
    }

    #[test]
    fn nothing_a_minute_refuses_all() {
        let mut bucket = Bucket::full(0, START);
        assert!(bucket.take(1, 0, START.plus_micros(10_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn never_more_than_depth_plus_refill(
            rate in 1u64..10_000, uses in prop::collection::vec((0u64..3_000_000, 1u64..50), 1..200),
        ) {
            let mut bucket = Bucket::full(rate, START);
            let (mut now, mut taken) = (START, 0u128);
            for (gap, units) in uses {
                now = now.plus_micros(gap);
                if bucket.take(units, rate, now).is_ok() {
                    taken += u128::from(units);
                }
            }
            let refilled = u128::from(now.micros_since(START)) * u128::from(rate) / PARTS;
            // One take may overdraw an almost full bucket when it is larger than the bucket.
            prop_assert!(taken <= u128::from(rate) + refilled + 50);
        }
    }
}
