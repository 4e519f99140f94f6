//! How quick a server was of late: times of the last minutes, counted in bins without a lock.
//! Nothing here reads a clock: moments come in as milliseconds, times as microseconds.
//!
//! A ring holds one slot a minute. Bins are an eighth to a quarter of their value wide, so that a
//! percentile, told as the upper end of its bin, is at most a quarter too high and never too low.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The minutes of a figure: the one that runs, and those before it.
const MINUTES: usize = 5;
const MINUTE_MS: u64 = 60_000;
/// Bins to a doubling.
const STEPS: u64 = 4;
/// The first bin ends at 2^7 = 128 µs.
const FIRST: u32 = 7;
/// The last but one ends at 2^30 µs, some 18 minutes; the last has no end.
const LAST: u32 = 30;
const BINS: usize = ((LAST - FIRST) as usize) * STEPS as usize + 2;

/// How quick answers were in the last minutes. Only answers with a status of 2xx count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// How far back the figures reach, at most.
    pub span: Duration,
    /// Answers that came to their end.
    pub answers: u64,
    /// From the choice of the server, a new connection included, to the first byte of the
    /// answer's body; `None` where none came.
    pub first_byte: Option<Percentiles>,
    /// Likewise to the last byte; `None` where none came.
    pub whole: Option<Percentiles>,
}

/// Percentiles of times, in microseconds; at most a quarter too high, never too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of the answers were at least as quick.
    pub p50_us: u64,
    /// 95 of 100 answers were at least as quick.
    pub p95_us: u64,
}

/// The times of one server.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) first_byte: Ring,
    pub(crate) whole: Ring,
}

/// Times of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Ring([Slot; MINUTES]);

/// Times of one minute.
#[derive(Debug)]
struct Slot {
    /// The minute after the clock's start, from 1 on; 0 is a slot that was never used.
    minute: AtomicU64,
    bins: [AtomicU32; BINS],
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            minute: AtomicU64::new(0),
            bins: [const { AtomicU32::new(0) }; BINS],
        }
    }
}

impl Ring {
    /// Counts a time. One that comes while its minute begins may be lost to who clears the slot.
    pub(crate) fn add(&self, now_ms: u64, micros: u64) {
        let minute = now_ms / MINUTE_MS + 1;
        let Some(slot) = self.0.get(place(minute)) else {
            return;
        };
        let seen = slot.minute.load(Relaxed);
        if seen != minute {
            let cleared = slot.minute.compare_exchange(seen, minute, Relaxed, Relaxed);
            if cleared.is_ok() {
                slot.bins.iter().for_each(|bin| bin.store(0, Relaxed));
            }
        }
        if let Some(bin) = slot.bins.get(bin(micros)) {
            bin.fetch_add(1, Relaxed);
        }
    }

    fn read(&self, now_ms: u64, into: &mut Counts) {
        let minute = now_ms / MINUTE_MS + 1;
        let oldest = minute.saturating_sub(MINUTES as u64 - 1).max(1);
        let fresh = |slot: &&Slot| (oldest..=minute).contains(&slot.minute.load(Relaxed));
        for slot in self.0.iter().filter(fresh) {
            for (sum, bin) in into.0.iter_mut().zip(&slot.bins) {
                *sum += u64::from(bin.load(Relaxed));
            }
        }
    }
}

/// Times of one server or of several, as they are now.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    first_byte: Counts,
    whole: Counts,
}

#[derive(Debug)]
struct Counts([u64; BINS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; BINS])
    }
}

impl Recent {
    /// Adds what a server has.
    pub(crate) fn add(&mut self, times: &Times, now_ms: u64) {
        times.first_byte.read(now_ms, &mut self.first_byte);
        times.whole.read(now_ms, &mut self.whole);
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency {
            span: Duration::from_millis(MINUTES as u64 * MINUTE_MS),
            answers: self.whole.total(),
            first_byte: self.first_byte.percentiles(),
            whole: self.whole.percentiles(),
        }
    }
}

impl Counts {
    fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn percentiles(&self) -> Option<Percentiles> {
        let total = self.total();
        (total > 0).then(|| Percentiles {
            p50_us: self.at(total.div_ceil(2)),
            p95_us: self.at((total * 95).div_ceil(100)),
        })
    }

    /// The end of the bin that holds the time of this rank, from 1 on.
    fn at(&self, rank: u64) -> u64 {
        let mut below = 0;
        let found = self.0.iter().position(|count| {
            below += count;
            below >= rank
        });
        end(found.unwrap_or(BINS - 1))
    }
}

const fn place(minute: u64) -> usize {
    (minute % MINUTES as u64) as usize
}

/// The bin of a time.
fn bin(micros: u64) -> usize {
    let micros = micros.max(1) - 1;
    if micros < 1 << FIRST {
        return 0;
    }
    let doubling = micros.ilog2();
    if doubling >= LAST {
        return BINS - 1;
    }
    let step = (micros >> (doubling - 2)) & (STEPS - 1);
    1 + ((doubling - FIRST) as usize) * STEPS as usize + step as usize
}

/// The longest time of a bin; of the last one, its shortest.
fn end(bin: usize) -> u64 {
    match bin.checked_sub(1) {
        None => 1 << FIRST,
        Some(bin) if bin + 2 == BINS => 1 << LAST,
        Some(bin) => {
            let (doubling, step) = (bin as u64 / STEPS, bin as u64 % STEPS);
            let base = 1_u64 << (u64::from(FIRST) + doubling);
            base + (step + 1) * (base / STEPS)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn latency(times: &Times, now_ms: u64) -> Latency {
        let mut recent = Recent::default();
        recent.add(times, now_ms);
        recent.latency()
    }

    #[test]
    fn percentiles_are_of_the_last_minutes() {
        let times = Times::default();
        assert_eq!(latency(&times, 0).whole, None);
        // The first minute is slow, the next ones are quick.
        for _ in 0..10 {
            times.whole.add(1_000, 9_000_000);
        }
        for _ in 0..90 {
            times.whole.add(2 * MINUTE_MS, 1_000);
        }
        let now = latency(&times, 3 * MINUTE_MS);
        assert_eq!(now.answers, 100);
        let whole = now.whole.expect("there were answers");
        assert_eq!(whole.p50_us, 1_024);
        assert!(
            (9_000_000..=11_250_000).contains(&whole.p95_us),
            "{whole:?}"
        );
        // The first minute is forgotten, and then all.
        let now = latency(&times, 5 * MINUTE_MS);
        assert_eq!(now.answers, 90);
        assert_eq!(now.whole.expect("there were answers").p95_us, 1_024);
        assert_eq!(latency(&times, 7 * MINUTE_MS).answers, 0);
        // A slot is used anew.
        times.whole.add(5 * MINUTE_MS, 500);
        assert_eq!(latency(&times, 5 * MINUTE_MS).answers, 91);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_bin_is_never_too_low_and_a_quarter_too_high_at_most(micros in 129_u64..1 << LAST) {
            let told = end(bin(micros));
            prop_assert!(told >= micros, "{told} < {micros}");
            prop_assert!(told <= micros + micros / 4 + 1, "{told} > 1.25 * {micros}");
        }
    }

    #[test]
    fn the_ends_hold_what_is_beyond() {
        assert_eq!(end(bin(0)), 128);
        assert_eq!(end(bin(128)), 128);
        assert_eq!(end(bin(1 << LAST)), 1 << LAST);
        assert_eq!(end(bin(u64::MAX)), 1 << LAST);
    }
}
