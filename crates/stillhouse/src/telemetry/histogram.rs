//! A histogram of times that is written without a lock: one count a bucket, and a sum.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Upper bounds in microseconds, for times that a model takes: 5 ms to 5 minutes.
pub(super) const MODEL_US: &[u64] = &[
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// Upper bounds in microseconds, for times that this program takes: 25 µs to 1 s.
pub(super) const OWN_US: &[u64] = &[
    25, 50, 100, 200, 300, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000,
];

const MICROS: f64 = 1e6;

/// Counts times in buckets.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds.
    counts: Box<[AtomicU64]>,
    sum_us: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0));
        Self {
            bounds,
            counts: counts.collect(),
            sum_us: AtomicU64::new(0),
        }
    }

    pub(super) fn observe(&self, micros: u64) {
        // As many as there are bounds, at the most: there is one count more.
        let bucket = self.bounds.partition_point(|bound| *bound < micros);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(micros, Relaxed);
    }

    /// Writes it in seconds. A time that comes in meanwhile may be in the buckets and not yet in
    /// the sum, until the next scrape.
    pub(super) fn write(&self, mut metric: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / MICROS);
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.sum_us.load(Relaxed) as f64 / MICROS;
        metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&[10, 20]);
        for micros in [0, 10, 11, 20, 21, u64::MAX - 100] {
            histogram.observe(micros);
        }
        let counts: Vec<u64> = histogram.counts.iter().map(|c| c.load(Relaxed)).collect();
        assert_eq!(counts, [2, 2, 2]);
    }
}
