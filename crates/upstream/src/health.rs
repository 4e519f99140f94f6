//! Whether a server is worth asking, judged only by what real requests met there.
//! Nothing here dials, and no clock is read: times come in as milliseconds.
//!
//! Three failures in a row eject a server for a second. When that is over, one real request
//! probes it; if it fails too, the pause doubles, up to a minute. Any answer below 500 puts the
//! server back at once, so that no client's own mistake (400, 404, 429) ever cools a model down.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Failures in a row that eject.
const EJECT_AFTER: u32 = 3;
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct ServerHealth {
    /// Failures in a row; 0 is the state that costs nothing.
    failures: AtomicU32,
    /// Ejected until then; meaningful from `EJECT_AFTER` failures on.
    until_ms: AtomicU64,
    probing: AtomicBool,
}

impl ServerHealth {
    /// Whether the server has failed so often that it is ejected, or due for a probe.
    pub(crate) fn is_ejected(&self) -> bool {
        self.failures.load(Relaxed) >= EJECT_AFTER
    }

    /// Whether it failed the last request that it got.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures.load(Relaxed) != 0
    }

    /// Whether to send it requests: it is healthy, or its pause is over and nobody probes yet.
    pub(crate) fn is_open(&self, now_ms: u64) -> bool {
        !self.is_ejected() || (now_ms >= self.until_ms.load(Relaxed) && !self.probing.load(Relaxed))
    }

    /// When the pause ends, for the choice of the least bad among the ejected.
    pub(crate) fn until_ms(&self) -> u64 {
        self.until_ms.load(Relaxed)
    }

    /// A request goes there; true if it is the probe, whose end must be told by
    /// [`Self::probe_over`].
    pub(crate) fn begin(&self) -> bool {
        self.is_ejected() && !self.probing.swap(true, Relaxed)
    }

    /// The probe ended, with whatever result or none.
    pub(crate) fn probe_over(&self) {
        self.probing.store(false, Relaxed);
    }

    /// The server answered. If that was a probe, it is over, though its stream may go on for long.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
            self.probing.store(false, Relaxed);
        }
    }

    /// The server failed; true if that ejects it. Failures of requests that were already under
    /// way when it was ejected don't count: a hundred at once would make the pause a minute.
    pub(crate) fn failed(&self, now_ms: u64) -> bool {
        if self.is_ejected() && now_ms < self.until_ms.load(Relaxed) {
            return false;
        }
        let failures = self.failures.load(Relaxed).saturating_add(1);
        if failures >= EJECT_AFTER {
            let doublings = (failures - EJECT_AFTER).min(16);
            let pause = (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS);
            self.until_ms.store(now_ms + pause, Relaxed);
        }
        // After the time: who sees the count must not see an old time beside it.
        self.failures.store(failures, Relaxed);
        failures >= EJECT_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_eject_and_the_pause_doubles_to_a_minute() {
        let health = ServerHealth::default();
        assert!(!health.failed(0) && !health.failed(0) && health.is_open(0));
        assert!(health.failed(0));
        assert!(health.is_ejected() && !health.is_open(999) && health.is_open(1_000));
        let mut now = 1_000;
        for pause in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert!(health.begin());
            assert!(!health.is_open(now), "only one probe");
            assert!(health.failed(now));
            health.probe_over();
            assert!(!health.is_open(now + pause - 1) && health.is_open(now + pause));
            now += pause;
        }
        health.succeeded();
        assert!(!health.is_ejected() && health.is_open(now) && !health.begin());
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew() {
        let health = ServerHealth::default();
        for _ in 0..10 {
            assert!(!health.failed(0) && !health.failed(0));
            health.succeeded();
        }
        assert!(!health.is_ejected());
    }

    #[test]
    fn failures_already_under_way_do_not_lengthen_the_pause() {
        let health = ServerHealth::default();
        for _ in 0..100 {
            health.failed(0);
        }
        assert!(health.is_open(1_000));
    }

    #[test]
    fn a_probe_that_was_given_up_lets_the_next_one_go() {
        let health = ServerHealth::default();
        for _ in 0..3 {
            health.failed(0);
        }
        assert!(health.begin() && !health.is_open(5_000));
        health.probe_over();
        assert!(health.is_open(5_000) && health.begin());
    }

    #[test]
    fn a_probe_that_succeeded_does_not_stand_in_the_way_of_the_next_ejection() {
        let health = ServerHealth::default();
        let eject = || (0..3).for_each(|_| _ = health.failed(0));
        eject();
        assert!(health.begin());
        health.succeeded();
        eject();
        assert!(health.is_open(1_000) && health.begin());
    }
}
