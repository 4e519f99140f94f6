//! How long syncs took, counted in bins without a lock: a device that gets slow shows here first.
//! A sync itself takes a thousand times longer than being counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the bins, in microseconds; one more bin holds what is beyond.
const BOUNDS_US: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
];
const BINS: usize = BOUNDS_US.len() + 1;

/// How long syncs of the journal took, since the ledger was opened. One that failed is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncTimes {
    /// Upper bound in microseconds, and how many took at most that and more than the bound
    /// before; the last bound is `u64::MAX`.
    pub bins: Vec<(u64, u64)>,
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

#[derive(Debug, Default)]
pub(super) struct Times {
    counts: [AtomicU64; BINS],
    sum_us: AtomicU64,
}

impl Times {
    pub(super) fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bin = BOUNDS_US.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get(bin) {
            count.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(micros, Relaxed);
    }

    pub(super) fn seen(&self) -> SyncTimes {
        let bounds = BOUNDS_US.iter().copied().chain([u64::MAX]);
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        SyncTimes {
            bins: bounds.zip(counts).collect(),
            sum_us: self.sum_us.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bin() {
        let times = Times::default();
        for micros in [1, 100, 101, 1_000_000, 1_000_001] {
            times.add(Duration::from_micros(micros));
        }
        let seen = times.seen();
        assert_eq!(seen.sum_us, 2_000_203);
        assert_eq!(seen.bins[..2], [(100, 2), (250, 1)]);
        assert_eq!(seen.bins[11..], [(1_000_000, 1), (u64::MAX, 1)]);
    }
}
