//! Whether an asking hangs on its client's connection, or goes on for a while without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::Notify;

use crate::admit::Admitted;
use crate::answer::ask;
use crate::keep::Keeping;
use crate::options::ClientGone;
use crate::reply::{self, Reply};

/// Asks and answers. Where the setting says so, a client that leaves does not end the asking.
pub(crate) async fn answer(mut admitted: Admitted, keeping: Keeping, cut: Arc<Notify>) -> Reply {
    let gateway = Arc::clone(&admitted.in_flight.gateway);
    let ClientGone::Drain(limit) = gateway.options.client_gone else {
        return ask(admitted, keeping, cut).await;
    };
    let left = Arc::new(AtomicBool::new(false));
    admitted.in_flight.left = Some(Arc::clone(&left));
    let task = tokio::spawn(async move {
        // The limit only bounds an asking whose client has left; others end by the upstream's.
        tokio::select! {
            reply = ask(admitted, keeping, cut) => reply,
            () = gateway.cutting() => reply::json(StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
        }
    });
    let mut waiting = AbortLater {
        handle: task,
        left,
        limit,
    };
    match (&mut waiting.handle).await {
        Ok(reply) => reply,
        Err(_) => reply::json(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}

/// Ends a task some time after its client has left.
struct AbortLater {
    handle: tokio::task::JoinHandle<Reply>,
    left: Arc<AtomicBool>,
    limit: std::time::Duration,
}

impl Drop for AbortLater {
    fn drop(&mut self) {
        if !self.handle.is_finished() {
            self.left.store(true, Ordering::Release);
            let (abort, limit) = (self.handle.abort_handle(), self.limit);
            tokio::spawn(async move {
                tokio::time::sleep(limit).await;
                abort.abort();
            });
        }
    }
}
