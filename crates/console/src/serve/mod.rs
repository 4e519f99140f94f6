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
    listeners: Vec<TcpListener>,
    parts: Parts,
    welcome: Option<String>,
}

impl Operator {
    /// The port over its listeners.
    pub fn new(listeners: Vec<TcpListener>, parts: Parts) -> Self {
        // Without a listener nobody could open the link.
        let is_open = !listeners.is_empty();
        let has_nobody = is_open && parts.house.facts.directory().operators().len() == 0;
        let welcome = has_nobody.then(|| {
            let mut secret = [0; 32];
            (parts.house.random)(&mut secret);
            hex::encode(secret)
        });
        Self {
            listeners,
            parts,
            welcome,
        }
    }

    /// The link that makes the first admin, where there is no operator yet and the port is open. It
    /// holds a secret that is nowhere else: it is for the terminal of who starts the server, not
    /// for the log.
    pub fn welcome(&self) -> Option<String> {
        let secret = self.welcome.as_deref()?;
        Some(format!("{}/welcome#{secret}", self.parts.public_url))
    }

    /// Answers until `stop` turns true; then streams end, and running answers have 10 s.
    pub async fn serve(self, stop: watch::Receiver<bool>) {
        let welcome = self.welcome.map(|secret| blake3::hash(secret.as_bytes()));
        let shared = Shared::new(self.parts, welcome, stop.clone());
        let port = Port {
            router: router::router(&shared),
            graceful: GracefulShutdown::new(),
            room: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
        };
        let listeners = self.listeners.iter();
        let taking = listeners.map(|listener| port.take(listener, stop.clone()));
        futures_util::future::join_all(taking).await;
        drop(self.listeners);
        let graceful = port.graceful;
        if tokio::time::timeout(DRAIN, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("answers at the operator's port were cut");
        }
    }
}

/// What the connections of every listener share.
struct Port {
    router: Router,
    graceful: GracefulShutdown,
    room: Arc<Semaphore>,
}

impl Port {
    /// Takes connections until the stop.
    async fn take(&self, listener: &TcpListener, mut stop: watch::Receiver<bool>) {
        loop {
            let next = async {
                let permit = Arc::clone(&self.room).acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                // What it gives back borrows the channel, and could not go with this task.
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
            };
            match (permit, accepted) {
                (Ok(permit), Ok((stream, _))) => self.converse(stream, permit),
                (_, Err(error)) => {
                    tracing::warn!(%error, "the operator's port can't accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                // The room is never closed.
                (Err(_), _) => return,
            }
        }
    }

    fn converse(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Small answers must not wait for the peer's delayed acknowledgement.
        let bounded = stream.set_nodelay(true).and_then(|()| {
            rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_TIMEOUT_MS)
                .map_err(Into::into)
        });
        if let Err(error) = bounded {
            tracing::debug!(%error, "a connection ended before it was taken");
            return;
        }
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let watched = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection at the operator's port broke off");
            }
            drop(permit);
        });
    }
}
