//! Bounds how many refusals of strangers are written one by one, so that a flood of bad keys
//! fills no disk. What is beyond the bound is counted, and the count is recorded.

use parking_lot::Mutex;
use record::{Fact, Time};

/// Refusals without a credential that are written one by one, in each second.
const A_SECOND: u32 = 100;

#[derive(Debug, Default)]
struct Second {
    number: u64,
    written: u32,
    /// Those only counted since the last [`Flood::take`]: first, last, how many.
    counted: Option<(Time, Time, u64)>,
}

/// The count of one process.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    second: Mutex<Second>,
}

impl Flood {
    /// Whether a refusal at `now` is to be written by itself. If not, it is counted.
    pub(crate) fn is_written(&self, now: Time) -> bool {
        let mut second = self.second.lock();
        if second.number != now.seconds() {
            second.number = now.seconds();
            second.written = 0;
        }
        if second.written < A_SECOND {
            second.written += 1;
            return true;
        }
        let (_, until, count) = second.counted.get_or_insert((now, now, 0));
        *until = now;
        *count += 1;
        false
    }

    /// The count that is due, if there is one.
    pub(crate) fn take(&self) -> Option<Fact> {
        let (from, until, count) = self.second.lock().counted.take()?;
        Some(Fact::RefusalsCounted { from, until, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_counted() {
        let flood = Flood::default();
        let now = Time::from_micros(5_000_000);
        let written = (0..250).filter(|_| flood.is_written(now)).count();
        assert_eq!(written, 100);
        let last = now.plus_micros(999_999);
        assert!(!flood.is_written(last));
        let fact = Fact::RefusalsCounted {
            from: now,
            until: last,
            count: 151,
        };
        assert_eq!(flood.take(), Some(fact));
        assert_eq!(flood.take(), None);
        assert!(flood.is_written(now.plus_micros(1_000_000)));
    }
}
