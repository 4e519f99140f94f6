//! What every route of the operator's port shares, and how a verb is called for somebody.

use std::sync::Arc;
use std::time::Duration;

use operations::{House, Verb};
use parking_lot::Mutex;
use record::Actor;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::auth::{Sessions, Throttle, Viewer};
use crate::live::Verification;
use crate::refusal::Refusal;

/// The most live streams at a time.
const MOST_STREAMS: usize = 64;

/// The most passwords that are hashed at a time.
const MOST_HASHING: usize = 2;

/// Writes the metrics, in Prometheus' text format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the operator's port is made of.
pub struct Parts {
    /// The house that the verbs work on.
    pub house: Arc<House>,
    /// How people reach this port, without a slash at the end; https makes cookies secure.
    pub public_url: String,
    /// How long a session may last; it also ends after an hour without a request.
    pub session: Duration,
    /// What a scraper of `/metrics` sends as its bearer token; without one there is no `/metrics`.
    pub scrape_token: Option<String>,
    /// The metrics, where they are on.
    pub metrics: Option<Metrics>,
}

/// What every route shares.
pub(crate) struct Shared {
    pub(crate) house: Arc<House>,
    pub(crate) public_url: String,
    pub(crate) sessions: Sessions,
    pub(crate) throttle: Throttle,
    /// Room for hashing passwords, which is meant to be slow and large.
    pub(crate) hashing: Arc<Semaphore>,
    /// The hash of the secret that makes the first admin, until there is one.
    pub(crate) welcome: Mutex<Option<blake3::Hash>>,
    /// The check of the ledger that was started last.
    pub(crate) verification: Arc<Verification>,
    /// Room for live streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The scrape token's hash.
    pub(crate) scrape: Option<blake3::Hash>,
    pub(crate) metrics: Option<Metrics>,
    /// Turns true when the server stops: streams end then.
    pub(crate) stop: watch::Receiver<bool>,
}

/// The state as the routes have it.
pub(crate) type App = Arc<Shared>;

impl Shared {
    pub(crate) fn new(
        parts: Parts,
        welcome: Option<blake3::Hash>,
        stop: watch::Receiver<bool>,
    ) -> App {
        let token = parts.scrape_token.as_deref();
        Arc::new(Self {
            sessions: Sessions::new(parts.session),
            throttle: Throttle::default(),
            hashing: Arc::new(Semaphore::new(MOST_HASHING)),
            welcome: Mutex::new(welcome),
            verification: Arc::default(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            scrape: token.map(|token| blake3::hash(token.as_bytes())),
            house: parts.house,
            public_url: parts.public_url,
            metrics: parts.metrics,
            stop,
        })
    }

    /// Whether the browser reaches this port by https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Does a verb for somebody whose role allows it, on a thread that may block.
    ///
    /// # Errors
    /// The role's, or the verb's.
    pub(crate) async fn call(
        &self,
        viewer: &Viewer,
        verb: &'static Verb,
        input: Value,
    ) -> Result<Value, Refusal> {
        viewer.may(verb)?;
        let by = Actor::Operator(viewer.name.clone());
        self.block(move |house| verb.call(house, &by, input)).await
    }

    /// Does something that blocks, on a thread that may.
    ///
    /// # Errors
    /// What it says, or that it broke off.
    pub(crate) async fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce(&House) -> operations::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let house = Arc::clone(&self.house);
        let done = tokio::task::spawn_blocking(move || work(&house)).await;
        done.map_err(|_| Refusal::broke_off())?
            .map_err(Refusal::Verb)
    }
}
