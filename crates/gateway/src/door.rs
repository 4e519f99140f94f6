//! The public door: connections, requests, and the stages that each request goes through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use guard::admission::{Credential, Purse, Table};
use hashbrown::HashMap;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ledger::facts::Facts;
use parking_lot::Mutex;
use record::{Endpoint, Id, Reason, Time, id::kind};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use wire::ApiError;

use crate::admit::{Refused, admit};
use crate::answer::answer;
use crate::budget;
use crate::identify::identify;
use crate::keep::{self, Keeping, Known, RunningKeys, Start};
use crate::live::Live;
use crate::models::Models;
use crate::options::{Clock, Options, Random};
use crate::patient::Patient;
use crate::print::Printed;
use crate::received::{self, Peer, Received, Target};
use crate::record::refusal;
use crate::reply::{self, Reply, Served};
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
    started: Time,
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

    async fn request(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
        cut: Arc<Notify>,
    ) -> Served {
        let (parts, body) = request.into_parts();
        let received = Received::new(&self, peer, parts);
        let chunked = received.headers.contains_key(TRANSFER_ENCODING);
        let mut reply = match received.target.clone() {
            Target::Alive => reply::signed(
                &received,
                reply::json(StatusCode::OK, "{\"status\":\"ok\"}"),
            ),
            Target::Ready => reply::signed(&received, self.readiness()),
            Target::Models(model) => self.list_models(&received, model.as_deref()),
            Target::Unknown => {
                received::linger(&self, body);
                self.turn_away(&received, None, &ApiError::of(Reason::UnknownEndpoint))
            }
            Target::Exchange(endpoint) => self.exchange(received, endpoint, body, cut).await,
        };
        if chunked {
            // A proxy that goes by a length beside it would take the rest for another request.
            let close = http::HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        Ok(reply)
    }

    async fn exchange(
        self: &Arc<Self>,
        received: Received,
        endpoint: Endpoint,
        body: Incoming,
        cut: Arc<Notify>,
    ) -> Reply {
        let credential = match identify(self, &received) {
            Ok(credential) => credential,
            Err((credential, reason)) => {
                received::linger(self, body);
                let credential = credential.as_deref();
                return self.turn_away(&received, credential, &ApiError::of(reason));
            }
        };
        if received.method != Method::POST {
            received::linger(self, body);
            let error = ApiError::of(Reason::MethodNotAllowed);
            return self.turn_away(&received, Some(&credential), &error);
        }
        let body = match received::body(self, &received, body).await {
            Ok(body) => body,
            Err(error) => return self.turn_away(&received, Some(&credential), &error),
        };
        let turn = match keep::start(self, &received, &body).await {
            Ok(Start::Plain) => None,
            Ok(Start::First(turn)) => Some(turn),
            Ok(Start::Again(known)) => return again(&received, known),
            Err(error) => return self.turn_away(&received, Some(&credential), &error),
        };
        let admitted = admit(self, received, Arc::clone(&credential), endpoint, body).await;
        match admitted {
            Ok(admitted) => {
                let stored = admitted
                    .policy
                    .store
                    .then(|| admitted.policy.body().clone());
                answer(
                    admitted,
                    Keeping {
                        turn,
                        stored_request: stored,
                    },
                    cut,
                )
                .await
            }
            Err((received, refused)) => self.refuse(&received, Some(&credential), &refused),
        }
    }

    fn turn_away(
        &self,
        received: &Received,
        credential: Option<&Credential>,
        error: &ApiError,
    ) -> Reply {
        let refused = Refused {
            error: error.clone(),
            retry_after_us: None,
            model: String::new(),
            rates: None,
        };
        self.refuse(received, credential, &refused)
    }

    fn refuse(
        &self,
        received: &Received,
        credential: Option<&Credential>,
        refused: &Refused,
    ) -> Reply {
        let error = &refused.error;
        let reason = error.reason.unwrap_or(Reason::InvalidRequest);
        refusal(
            self,
            received,
            credential,
            &refused.model,
            error.status,
            reason,
        );
        let mut reply = reply::error(received, error, refused.retry_after_us);
        if let Some(rates) = &refused.rates {
            reply::rates(rates, reply.headers_mut());
        }
        reply
    }

    fn readiness(&self) -> Reply {
        match self.refuses() {
            None => reply::json(StatusCode::OK, "{\"status\":\"ready\"}"),
            Some(reason) => {
                let body = ApiError::of(reason).body(wire::Dialect::OpenAi, "");
                reply::json(StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    }

    fn list_models(&self, received: &Received, model: Option<&str>) -> Reply {
        let credential = match identify(self, received) {
            Ok(credential) => credential,
            Err((credential, reason)) => {
                return self.turn_away(received, credential.as_deref(), &ApiError::of(reason));
            }
        };
        if received.method != Method::GET {
            let error = ApiError::of(Reason::MethodNotAllowed);
            return self.turn_away(received, Some(&credential), &error);
        }
        let terms = credential.holder().terms();
        let models = self.models.load();
        let dialect = received.dialect();
        let mut allowed = models
            .routes()
            .filter(|route| terms.allows_model(&route.model));
        let body = match model {
            None => {
                let described: Vec<_> =
                    allowed.map(|route| route.described(self.started)).collect();
                wire::openai::models(dialect, &described)
            }
            Some(model) => match allowed.find(|route| route.model.as_ref() == model) {
                Some(route) => wire::openai::model(dialect, &route.described(self.started)),
                None => {
                    let error = ApiError::of(Reason::ModelNotFound).with_param("model");
                    return self.turn_away(received, Some(&credential), &error);
                }
            },
        };
        reply::signed(received, reply::json(StatusCode::OK, body))
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

/// The answer that an `Idempotency-Key` had before.
fn again(received: &Received, known: Known) -> Reply {
    let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
    let mut reply = reply::json(status, known.body);
    if let Ok(value) = http::HeaderValue::try_from(known.content_type) {
        reply
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, value);
    }
    let replayed = http::HeaderName::from_static("idempotency-replayed");
    reply
        .headers_mut()
        .insert(replayed, http::HeaderValue::from_static("true"));
    reply::signed(received, reply)
}
