//! The public door: listeners, connections, and the server's own life from open to cut.
//! What is done with a request is said elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use guard::admission::{Purse, Table};
use hashbrown::HashMap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ledger::facts::Facts;
use parking_lot::Mutex;
use record::{Id, Reason, Time, id::kind};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::budget;
use crate::keep::RunningKeys;
use crate::live::Live;
use crate::models::Models;
use crate::options::{Clock, Options, Random};
use crate::patient::Patient;
use crate::print::Printed;
use crate::received::Peer;
use crate::sweep;

/// What a gateway is made of.
pub struct Parts {
    /// The ledger.
    pub facts: Facts,
    /// The table of credentials and limits, kept up to date by whoever made it.
    pub table: Arc<Table>,
    /// The models.
    pub models: Models,
    /// The clock.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The operator's settings.
    pub options: Options,
}

/// How the door is, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Connections.
    pub connections: usize,
    /// Streams that run.
    pub streams: usize,
    /// Whether new requests are taken.
    pub open: bool,
}

/// How far the door is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It takes requests.
    Open,
    /// It takes none; answers that run have time to end.
    Draining,
    /// What still runs is cut.
    Cutting,
}

/// The data plane of one process.
pub struct Gateway {
    pub(crate) facts: Facts,
    pub(crate) table: Arc<Table>,
    pub(crate) models: ArcSwap<Models>,
    clock: Clock,
    random: Random,
    pub(crate) options: Options,
    pub(crate) live: Arc<Live>,
    pub(crate) running: RunningKeys,
    /// Purses that have or await a slice, by their address.
    pub(crate) purses: Mutex<HashMap<usize, Arc<Purse>>>,
    /// Told whenever a reservation is done.
    pub(crate) reserved: Notify,
    stage: watch::Sender<Stage>,
    /// Requests that were let through and are not recorded yet.
    pub(crate) answering: AtomicUsize,
    /// Whether the ledger took entries when it was last looked at.
    recording: AtomicBool,
    connections: AtomicUsize,
    /// Since when it serves.
    pub(crate) started: Time,
}

impl Gateway {
    /// A gateway that listens nowhere yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        let started = (parts.clock)();
        Arc::new(Self {
            started,
            facts: parts.facts,
            table: parts.table,
            models: ArcSwap::from_pointee(parts.models),
            clock: parts.clock,
            random: parts.random,
            options: parts.options,
            live: Arc::default(),
            running: RunningKeys::default(),
            purses: Mutex::default(),
            reserved: Notify::new(),
            stage: watch::Sender::new(Stage::Open),
            answering: AtomicUsize::new(0),
            recording: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
        })
    }

    /// Other models from now on; answers that run are not touched.
    pub fn set_models(&self, models: Models) {
        self.models.store(Arc::new(models));
    }

    /// The models now.
    pub fn models(&self) -> Arc<Models> {
        self.models.load_full()
    }

    /// How it is.
    pub fn status(&self) -> Status {
        Status {
            connections: self.connections.load(Ordering::Relaxed),
            streams: self.live.len(),
            open: self.refuses().is_none(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    pub(crate) fn random_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        (self.random)(&mut bytes);
        bytes
    }

    pub(crate) fn new_id(&self) -> Id<kind::Exchange> {
        Id::new(self.now(), self.random_bytes())
    }

    /// Why no request can be let through now, if none can.
    pub(crate) fn refuses(&self) -> Option<Reason> {
        if self.stage() > Stage::Open {
            return Some(Reason::ShuttingDown);
        }
        (!self.recording.load(Ordering::Relaxed)).then_some(Reason::LedgerUnavailable)
    }

    /// How far it is on its way to the end.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Goes on to a stage, never back: each listener comes here at its own time.
    fn enter(&self, next: Stage) {
        self.stage.send_if_modified(|stage| {
            let later = next > *stage;
            *stage = next.max(*stage);
            later
        });
    }

    /// Done when what still runs is cut.
    pub(crate) async fn cutting(&self) {
        let mut stage = self.stage.subscribe();
        // The sender is in `self`, so that this ends with the stage alone.
        let _ = stage.wait_for(|stage| *stage == Stage::Cutting).await;
    }

    /// Looks whether the ledger takes entries. A request that it refuses meanwhile is refused.
    pub(crate) fn look_at_ledger(&self) {
        use ledger::State;
        let takes = matches!(
            self.facts.ledger().health().state,
            State::Good | State::Spooling
        );
        self.recording.store(takes, Ordering::Relaxed);
    }

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
        let (io, print) = Printed::new(Patient::new(stream, self.options.stall_timeout));
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
