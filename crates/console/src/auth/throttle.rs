//! How often a password may be tried: per name, and by everybody together.
//!
//! A try counts before its password is looked at, so that many at once are no way around; a good
//! one is forgiven.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use record::Time;

/// Wrong tries of a name that cost no wait.
const FREE: u32 = 5;
/// The wait after one more; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// A name that was left alone for so long starts anew.
const FORGET: Duration = Duration::from_secs(3600);
/// Wrong tries of all names together in a minute: each costs a hash that is meant to be slow.
const MOST_A_MINUTE: u32 = 60;
/// The most names that are remembered; beyond, those left alone longest are forgotten.
const MOST_NAMES: usize = 10_000;

/// Counts tries.
#[derive(Default)]
pub(crate) struct Throttle {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<String, Tries>,
    minute: u64,
    in_minute: u32,
}

#[derive(Clone, Copy)]
struct Tries {
    count: u32,
    last: Time,
}

impl Throttle {
    /// Counts a try of a name.
    ///
    /// # Errors
    /// It has to wait: for so many seconds.
    pub(crate) fn enter(&self, name: &str, now: Time) -> Result<(), u64> {
        let mut state = self.state.lock();
        let minute = now.micros() / 60_000_000;
        if state.minute != minute {
            (state.minute, state.in_minute) = (minute, 0);
        }
        if state.in_minute >= MOST_A_MINUTE {
            return Err(60 - now.micros() / 1_000_000 % 60);
        }
        let since = |time: Time| Duration::from_micros(now.micros().saturating_sub(time.micros()));
        let tries = state.names.get(name).copied();
        let tries = tries.filter(|tries| since(tries.last) < FORGET);
        let count = tries.map_or(0, |tries| tries.count);
        if let Some(tries) = tries
            && let Some(left) = wait(count).checked_sub(since(tries.last))
            && !left.is_zero()
        {
            return Err(left.as_secs().max(1));
        }
        if state.names.len() >= MOST_NAMES && !state.names.contains_key(name) {
            state.names.retain(|_, tries| since(tries.last) < FORGET);
            let oldest = state.names.iter().min_by_key(|(_, tries)| tries.last);
            if state.names.len() >= MOST_NAMES
                && let Some(oldest) = oldest.map(|(name, _)| name.clone())
            {
                state.names.remove(&oldest);
            }
        }
        state.in_minute += 1;
        let count = count.saturating_add(1);
        state
            .names
            .insert(name.to_owned(), Tries { count, last: now });
        Ok(())
    }

    /// The last try of this name was good.
    pub(crate) fn forgive(&self, name: &str) {
        let mut state = self.state.lock();
        state.in_minute = state.in_minute.saturating_sub(1);
        state.names.remove(name);
    }
}

/// The wait after so many wrong tries.
fn wait(count: u32) -> Duration {
    match count.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => FIRST_WAIT
            .saturating_mul(2_u32.saturating_pow(more))
            .min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * SECOND)
    }

    #[test]
    fn a_name_waits_longer_each_time_and_others_do_not() {
        let throttle = Throttle::default();
        for _ in 0..FREE {
            throttle.enter("alice", at(600)).unwrap();
        }
        assert_eq!(throttle.enter("alice", at(600)), Err(5));
        assert_eq!(throttle.enter("alice", at(603)), Err(2));
        throttle.enter("bob", at(603)).unwrap();
        throttle.enter("alice", at(605)).unwrap();
        assert_eq!(throttle.enter("alice", at(605)), Err(10));
        throttle.forgive("alice");
        throttle.enter("alice", at(606)).unwrap();
        for tries in [6, 7, 8, 20, u32::MAX] {
            assert!(wait(tries) <= LONGEST_WAIT);
        }
    }

    #[test]
    fn all_together_have_a_bound_a_minute() {
        let throttle = Throttle::default();
        for number in 0..MOST_A_MINUTE {
            throttle.enter(&number.to_string(), at(600)).unwrap();
        }
        assert_eq!(throttle.enter("another", at(615)), Err(45));
        throttle.enter("another", at(660)).unwrap();
    }

    #[test]
    fn a_name_left_alone_starts_anew() {
        let throttle = Throttle::default();
        for second in 0..=FREE {
            let _ = throttle.enter("alice", at(u64::from(second)));
        }
        assert!(throttle.enter("alice", at(7)).is_err());
        throttle.enter("alice", at(3700)).unwrap();
        throttle.enter("alice", at(3701)).unwrap();
    }
}
