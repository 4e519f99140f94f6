//! How fast the model is, measured: how much of a prompt a step may hold so that answers keep
//! streaming, and when a refused client may find a place. Plain arithmetic; times are handed in.

use std::time::Duration;

/// How long a step may take while someone's answer is being written.
const STEP: f64 = 0.1;
/// How long a step may take while nobody's is: a client who leaves is noticed between steps.
const ALONE: f64 = 0.4;
/// Rows of a step, whatever was measured.
const FEWEST_ROWS: usize = 16;
const MOST_ROWS: usize = 512;
/// Rows of a step before anything was measured.
const FIRST_ROWS: f64 = 32.0;
/// Steps with fewer rows say little about the speed of prompts.
const TELLING: usize = 16;
/// The weight of a new measurement.
const NEW: f64 = 0.25;

/// Running averages.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Rows a second of steps with many rows.
    rows_per_second: Option<f64>,
    /// Seconds from a request's start to its end.
    request_seconds: Option<f64>,
}

impl Pace {
    /// Notes a step.
    pub(crate) fn stepped(&mut self, rows: usize, took: Duration) {
        // A clock that was set back or stands still measures nothing.
        if rows >= TELLING && !took.is_zero() {
            blend(&mut self.rows_per_second, rows as f64 / took.as_secs_f64());
        }
    }

    /// Notes a request that was answered in full.
    pub(crate) fn finished(&mut self, took: Duration) {
        blend(&mut self.request_seconds, took.as_secs_f64());
    }

    /// Rows that a step may hold.
    pub(crate) fn rows(&self, someone_writes: bool) -> usize {
        let target = if someone_writes { STEP } else { ALONE };
        let rows = self
            .rows_per_second
            .map_or(FIRST_ROWS, |rate| rate * target);
        (rows as usize).clamp(FEWEST_ROWS, MOST_ROWS)
    }

    /// When one of `outstanding` requests is likely to have ended, in whole seconds.
    pub(crate) fn retry_after(&self, outstanding: usize) -> Duration {
        let each = self.request_seconds.unwrap_or(1.0) / outstanding.max(1) as f64;
        Duration::from_secs(each.ceil().clamp(1.0, 60.0) as u64)
    }
}

fn blend(average: &mut Option<f64>, new: f64) {
    *average = Some(average.map_or(new, |old| old + NEW * (new - old)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_model_gets_larger_steps() {
        let mut pace = Pace::default();
        assert_eq!(pace.rows(true), 32);
        pace.stepped(64, Duration::from_millis(64));
        assert_eq!(pace.rows(true), 100);
        assert_eq!(pace.rows(false), 400);
        pace.stepped(1, Duration::from_secs(1));
        pace.stepped(64, Duration::ZERO);
        assert_eq!(pace.rows(true), 100, "neither says anything");
        for _ in 0..100 {
            pace.stepped(64, Duration::from_secs(64));
        }
        assert_eq!(pace.rows(true), FEWEST_ROWS);
    }

    #[test]
    fn the_time_to_wait_is_bounded_and_falls_with_those_at_work() {
        let mut pace = Pace::default();
        assert_eq!(pace.retry_after(1), Duration::from_secs(1));
        pace.finished(Duration::from_secs(12));
        assert_eq!(pace.retry_after(1), Duration::from_secs(12));
        assert_eq!(pace.retry_after(4), Duration::from_secs(3));
        pace.finished(Duration::from_secs(100_000));
        assert_eq!(pace.retry_after(1), Duration::from_secs(60));
    }
}
