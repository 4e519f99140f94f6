//! Looks, at an interval, whether the upstreams that nobody asks are still there. What comes of it
//! is told by the upstreams themselves; nothing is decided here.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::live::Live;
use crate::world;

/// Looks until the server stops, or never where no interval is given. A round that takes longer
/// than the interval delays the next one.
pub(super) async fn run(
    live: Arc<Live>,
    every: Option<Duration>,
    mut stopped: watch::Receiver<bool>,
) {
    let Some(every) = every else { return };
    let rounds = async {
        loop {
            tokio::time::sleep(jittered(every, world::random_bits())).await;
            live.probe().await;
        }
    };
    tokio::select! {
        () = rounds => {}
        // A sender that is gone means the same.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Three to five quarters of a time, so that many servers that start at once don't look at once.
fn jittered(every: Duration, bits: u64) -> Duration {
    let share = 0.75 + 0.5 * (bits as f64 / u64::MAX as f64);
    every.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_spread_around_their_interval() {
        let every = Duration::from_secs(8);
        assert_eq!(jittered(every, 0), Duration::from_secs(6));
        assert_eq!(jittered(every, u64::MAX), Duration::from_secs(10));
    }
}
