//! The operator's TCP port: connections, their bounds, and a stop that lets answers end.

mod health;
mod router;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::state::{Parts, Shared};

/// How long the head of a request may take, and a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long what was sent may stay unread by the peer before its connection is cut, in ms.
const UNREAD_TIMEOUT_MS: u32 = 30_000;
/// The most connections at a time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 512;
/// How long running answers may go on after the stop.
const DRAIN: Duration = Duration::from_secs(10);

/// The operator's port.
pub struct Operator {
    listener: TcpListener,
    parts: Parts,
}

impl Operator {
    /// The port over a listener.
    pub fn new(listener: TcpListener, parts: Parts) -> Self {
        Self { listener, parts }
    }

    /// Answers until `stop` turns true; then streams end, and running answers have 10 s.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let shared = Shared::new(self.parts, stop.clone());
        let router = router::router(&shared);
        let graceful = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                break;
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                // What it gives back borrows the channel, and could not go with this task.
                () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
            };
            match accepted {
                Ok((stream, _)) => converse(&graceful, stream, router.clone(), permit),
                Err(error) => {
                    tracing::warn!(%error, "the operator's port can't accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("answers at the operator's port were cut");
        }
    }
}

fn converse(
    graceful: &GracefulShutdown,
    stream: TcpStream,
    router: Router,
    permit: OwnedSemaphorePermit,
) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    let bounded = stream.set_nodelay(true).and_then(|()| {
        rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_TIMEOUT_MS).map_err(Into::into)
    });
    if let Err(error) = bounded {
        tracing::debug!(%error, "a connection ended before it was taken");
        return;
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection at the operator's port broke off");
        }
        drop(permit);
    });
}
