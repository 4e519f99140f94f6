//! Binding entries on their way to the device: to be waited for, by a thread or by any executor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::Result;
use crate::entry::Appended;
use crate::journal::Journal;

/// Binding entries on their way to the device.
#[must_use = "a binding fact takes effect only when it is on the device"]
pub struct Pending {
    pub(crate) journal: Arc<Journal>,
    pub(crate) appended: Appended,
    pub(crate) waker: Option<u64>,
}

impl Pending {
    /// Where they went. Not yet durable.
    #[must_use]
    pub fn appended(&self) -> Appended {
        self.appended
    }

    /// Blocks until they are on the device; the caller's own thread syncs, if none does already.
    ///
    /// # Errors
    /// [`Error::Poisoned`]: whether they are is unknown; they must not take effect.
    pub fn wait(self) -> Result<Appended> {
        self.journal.sync_to(self.appended.last)?;
        Ok(self.appended)
    }
}

/// The same as [`Pending::wait`], for any executor: the sync thread is woken by the first poll.
impl Future for Pending {
    type Output = Result<Appended>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let line = this.journal.line();
        let first = this.waker.is_none();
        let done = line.poll(this.appended.last, &mut this.waker, context);
        if first && done.is_pending() {
            line.hurry();
        }
        Poll::Ready(ready!(done).map(|()| this.appended))
    }
}
