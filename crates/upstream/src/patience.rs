//! How long an ask waits for the next sign of life.
//! A timer is registered only when there is really something to wait for, and moved only when it
//! fires too early: a stream of a thousand chunks registers one, not a thousand.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Patience {
    limit: Duration,
    /// Set at the first wait after a restart, so that parts that come at once read no clock.
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            deadline: None,
            sleep: None,
        }
    }

    /// Something came: the next wait may last `limit` again.
    pub(crate) fn restart(&mut self, limit: Duration) {
        self.limit = limit;
        self.deadline = None;
    }

    /// The limit of the wait that is running.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Ready when the wait has lasted too long. To be called only when there is nothing to read.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limit);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_as_long_as_the_limit_after_each_restart() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10));
        // Wait a little at the long limit, then go on with a shorter one: it must fire earlier.
        let early =
            tokio::time::timeout(Duration::from_secs(4), poll_fn(|cx| patience.poll_over(cx)));
        assert!(early.await.is_err());
        patience.restart(Duration::from_secs(2));
        poll_fn(|cx| patience.poll_over(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 6);
        // And a restart before the armed time moves it to later.
        patience.restart(Duration::from_secs(3));
        let early =
            tokio::time::timeout(Duration::from_secs(2), poll_fn(|cx| patience.poll_over(cx)));
        assert!(early.await.is_err());
        patience.restart(Duration::from_secs(3));
        poll_fn(|cx| patience.poll_over(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 11);
    }
}
