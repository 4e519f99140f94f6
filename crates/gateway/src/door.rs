//! The public door: listeners, connections, and the server's own life from open to cut.
//! What is done with a request is said elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::patient::Patient;
use crate::print::{Print, printed};
use crate::received::Peer;
use crate::state::{Gateway, Stage};
use crate::sweep;
use crate::{budget, record};

impl Gateway {
    /// Serves connections until `stop` turns true; then answers that run have the drain limit to
    /// end, after which they are cut. Settles every slice at the end.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let sweeper = tokio::spawn(sweep::run(Arc::downgrade(self)));
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.take(stream, peer),
                    Err(error) => {
                        // Out of file descriptors, most likely: wait for some to come free.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                // What it gives back borrows the channel, and could not go with this task.
                () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
            }
        }
        drop(listener);
        self.enter(Stage::Draining);
        self.drain().await;
        sweeper.abort();
        budget::sweep(self, true);
        record::flood(self);
    }

    async fn drain(&self) {
        const MOMENT: Duration = Duration::from_secs(2);
        let idle = || {
            self.connections.load(Ordering::Relaxed) == 0
                && self.answering.load(Ordering::Relaxed) == 0
        };
        if until(self.options.drain_limit, idle).await {
            return;
        }
        self.live.stop();
        // A moment for the error events to go out.
        until(MOMENT, || self.live.len() == 0).await;
        self.enter(Stage::Cutting);
        until(MOMENT, idle).await;
    }

    fn take(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Without it small chunks wait for the client's delayed acknowledgement: 40 ms.
        let _ = stream.set_nodelay(true);
        self.connections.fetch_add(1, Ordering::Relaxed);
        let gateway = Arc::clone(self);
        tokio::spawn(async move {
            gateway.connection(stream, peer).await;
            gateway.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }

    async fn connection(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let print = Arc::new(Print::default());
        let patient = Patient::new(stream, self.options.stall_timeout);
        let io = printed(patient, Arc::clone(&print));
        let peer = Arc::new(Peer {
            address: peer.ip(),
            print,
        });
        let cut = Arc::new(Notify::new());
        let service = service_fn(|request| {
            let (gateway, peer, cut) = (Arc::clone(self), Arc::clone(&peer), Arc::clone(&cut));
            async move { gateway.request(request, &peer, cut).await }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.header_timeout);
        let connection = builder.serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        let mut stage = self.stage.subscribe();
        let mut seen = Stage::Open;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                        if let Some(status) = unreadable(&error) {
                            record::unreadable(self, &peer, status);
                        }
                    }
                    return;
                }
                () = cut.notified() => return,
                Ok(next) = stage_after(&mut stage, seen) => {
                    seen = next;
                    if seen == Stage::Cutting {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The status with which the library itself has answered what is no request; only the preface of
/// HTTP/2 it leaves unanswered. It writes that head alone, and lets nobody add an id or a body.
fn unreadable(error: &hyper::Error) -> Option<u16> {
    if !error.is_parse() {
        return None;
    }
    Some(match error.is_parse_too_large() {
        // It tells the two apart in words only.
        true if error.to_string().starts_with("URI") => 414,
        true => 431,
        false => 400,
    })
}

/// Waits for a later stage than this.
async fn stage_after(
    stage: &mut watch::Receiver<Stage>,
    seen: Stage,
) -> Result<Stage, watch::error::RecvError> {
    stage.wait_for(|next| *next > seen).await.map(|next| *next)
}

/// Whether it becomes true within the limit.
async fn until(limit: Duration, is_true: impl Fn() -> bool) -> bool {
    let looking = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, looking).await.is_ok()
}
