//! Sends spans to an OTLP receiver over HTTP, in batches, from a task of its own. The queue is
//! bounded: what does not fit is thrown away and counted, and nobody waits for it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use tokio::sync::{mpsc, watch};

use super::otlp::{self, Resource, ResourceSpans, Response, Scope, ScopeSpans, Span, attribute};
use crate::failure::Result;
use crate::settings::{self, Traces};
use crate::{wiring, world};

/// The conventions that the spans' names are from.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.42.0";
const BATCH: usize = 512;
/// A batch that is not full is sent after this.
const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// A batch is sent so often, with pauses that double, where the receiver may yet take it.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
const MOST_ANSWER: usize = 64 << 10;

/// The way to the task that sends.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Span>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Outbox {
    /// A queue, and the task that empties it until `stopped` turns true.
    ///
    /// # Errors
    /// A secret that can't be read or be a header.
    pub(super) fn open(
        traces: &Traces,
        stopped: watch::Receiver<bool>,
    ) -> Result<(Self, impl Future<Output = ()> + use<>)> {
        let authorization = match &traces.authorization {
            Some(place) => Some(secret(place)?),
            None => None,
        };
        let (queue, spans) = mpsc::channel(traces.queue_spans);
        let counts = Arc::<Counts>::default();
        let sender = Sender {
            client: client(),
            url: traces.url.clone(),
            authorization,
            resource: Resource {
                attributes: vec![
                    attribute("service.name", traces.service_name.as_str()),
                    attribute("service.version", wiring::VERSION),
                ],
            },
            counts: Arc::clone(&counts),
        };
        Ok((Self { queue, counts }, sender.run(spans, stopped)))
    }

    /// A queue that nobody empties.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        Self {
            queue: mpsc::channel(1).0,
            counts: Arc::default(),
        }
    }

    /// Puts a span on the queue, or throws it away where there is no room.
    pub(super) fn put(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Spans that the receiver took.
    pub(super) fn sent(&self) -> u64 {
        self.counts.sent.load(Relaxed)
    }

    /// Spans that were thrown away.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Relaxed)
    }
}

fn secret(place: &settings::SecretPlace) -> Result<HeaderValue> {
    let wrong = |what| settings::Error::Outside {
        name: "telemetry.otlp_authorization",
        what,
    };
    let text = place.read(world::env).map_err(wrong)?;
    let header = HeaderValue::try_from(text);
    let mut header = header.map_err(|_| wrong(format!("{place} can't be a header's value")))?;
    header.set_sensitive(true);
    Ok(header)
}

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn client() -> Http {
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the versions of TLS that it was built with")
        .with_root_certificates(rustls::RootCertStore::from_iter(roots))
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

struct Sender {
    client: Http,
    url: Uri,
    authorization: Option<HeaderValue>,
    resource: Resource,
    counts: Arc<Counts>,
}

/// An error with its causes.
fn in_words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What came of a batch.
enum Sent {
    /// The receiver took it, but for so many spans.
    Taken { rejected: u64 },
    /// It may take it later.
    Later(String),
    /// It never will.
    Refused(String),
}

impl Sender {
    async fn run(self, mut spans: mpsc::Receiver<Span>, mut stopped: watch::Receiver<bool>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                // A sender that is gone will not say so any more.
                _ = stopped.wait_for(|stopped| *stopped) => break,
                received = spans.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        break;
                    }
                }
            }
            let more = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if spans.recv_many(&mut batch, room).await == 0 {
                        return;
                    }
                }
            };
            // Not full in time is as good: it goes out as it is.
            let _ = tokio::time::timeout(EVERY, more).await;
            self.send(std::mem::take(&mut batch)).await;
        }
        self.last(batch, spans).await;
    }

    /// Sends what waits, each batch once: nobody stays for a receiver that is away.
    async fn last(&self, mut batch: Vec<Span>, mut spans: mpsc::Receiver<Span>) {
        spans.close();
        loop {
            let room = BATCH - batch.len().min(BATCH);
            if room > 0 && spans.recv_many(&mut batch, room).await == 0 && batch.is_empty() {
                return;
            }
            let (count, request) = self.request(std::mem::take(&mut batch));
            match self.post(request).await {
                Sent::Taken { rejected } => self.count(count, rejected),
                Sent::Later(_) | Sent::Refused(_) => {
                    let waiting = spans.len() as u64;
                    self.counts.dropped.fetch_add(count + waiting, Relaxed);
                    return;
                }
            }
        }
    }

    /// Sends a batch, some times if need be.
    async fn send(&self, batch: Vec<Span>) {
        let (count, request) = self.request(batch);
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            let what = match self.post(request.clone()).await {
                Sent::Taken { rejected } => return self.count(count, rejected),
                Sent::Later(_) if left > 0 => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    continue;
                }
                Sent::Later(what) | Sent::Refused(what) => what,
            };
            tracing::warn!(what, spans = count, "traces could not be sent");
            break;
        }
        self.counts.dropped.fetch_add(count, Relaxed);
    }

    fn request(&self, spans: Vec<Span>) -> (u64, Bytes) {
        let count = spans.len() as u64;
        let scope_spans = ScopeSpans {
            scope: Some(Scope {
                name: "stillhouse".to_owned(),
                version: wiring::VERSION.to_owned(),
            }),
            spans,
            schema_url: SCHEMA.to_owned(),
        };
        let request = otlp::Request {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![scope_spans],
            }],
        };
        (count, request.encode_to_vec().into())
    }

    fn count(&self, all: u64, rejected: u64) {
        let rejected = rejected.min(all);
        self.counts.sent.fetch_add(all - rejected, Relaxed);
        self.counts.dropped.fetch_add(rejected, Relaxed);
    }

    async fn post(&self, body: Bytes) -> Sent {
        match tokio::time::timeout(TIMEOUT, self.ask(body)).await {
            Ok(sent) => sent,
            Err(_) => Sent::Later(format!("no answer within {TIMEOUT:?}")),
        }
    }

    async fn ask(&self, body: Bytes) -> Sent {
        let mut request =
            Request::post(self.url.clone()).header(CONTENT_TYPE, "application/x-protobuf");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let Ok(request) = request.body(Full::new(body)) else {
            return Sent::Refused("the URL can't be asked".to_owned());
        };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return Sent::Later(in_words(&error)),
        };
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_ANSWER)
            .collect()
            .await;
        match status {
            status if status.is_success() => {
                let read = body.map(|body| Response::decode(body.to_bytes()));
                let partial = read.ok().and_then(|read| read.ok()?.partial_success);
                let rejected = partial.map_or(0, |partial| partial.rejected_spans);
                Sent::Taken {
                    rejected: u64::try_from(rejected).unwrap_or(0),
                }
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Sent::Later(format!("status {status}")),
            status => Sent::Refused(format!("status {status}")),
        }
    }
}
