//! One server of an upstream: its addresses, its idle connections, its health, its load.
//! Nothing here chooses between servers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Version};
use http_body_util::Full;
use hyper::client::conn::http2;
use parking_lot::Mutex;
use record::Endpoint;

use crate::Ask;
use crate::dial::Dialer;
use crate::health::ServerHealth;
use crate::latency::{Ring, Times};
use crate::link::{Http1, Link};
use crate::probe::Reach;
use crate::route::{Routes, Target};
use crate::settings::{InvalidSettings, Kind, Settings};

/// An idle connection older than this is closed when the next one is put beside it.
const LONGEST_IDLE: Duration = Duration::from_secs(90);
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const AGENT: &str = concat!("stillhouse/", env!("CARGO_PKG_VERSION"));

/// One server.
pub(crate) struct Server {
    /// Its base URL, for the record.
    pub(crate) label: Arc<str>,
    pub(crate) health: ServerHealth,
    pub(crate) times: Times,
    pub(crate) reach: Reach,
    routes: Routes,
    /// Headers of every request, among them `host` and the credential.
    headers: HeaderMap,
    dialer: Dialer,
    outstanding: AtomicUsize,
    /// Switched off by the operator: it ends what it has and gets nothing new.
    off: AtomicBool,
    max_idle: usize,
    /// Newest last.
    idle: Mutex<VecDeque<Box<Http1>>>,
    shared: Mutex<Option<http2::SendRequest<Full<Bytes>>>>,
    born: Instant,
}

impl Server {
    pub(crate) fn new(
        base: &str,
        settings: &Settings,
        dialer: Dialer,
    ) -> Result<Self, InvalidSettings> {
        let routes = Routes::new(base, settings.kind)?;
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(HOST, routes.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if settings.kind == Kind::Anthropic {
            headers.insert(ANTHROPIC_VERSION, HeaderValue::from_static("2023-06-01"));
        }
        if let Some(secret) = &settings.secret {
            let (name, value) = match settings.kind {
                Kind::OpenAi => (AUTHORIZATION, format!("Bearer {}", secret.expose())),
                Kind::Anthropic => (X_API_KEY, secret.expose().to_owned()),
            };
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                InvalidSettings::new("secret", "has a sign that no header can hold")
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self {
            label: base.trim_end_matches('/').into(),
            health: ServerHealth::default(),
            times: Times::default(),
            reach: Reach::default(),
            routes,
            headers,
            dialer,
            outstanding: AtomicUsize::new(0),
            off: AtomicBool::new(false),
            max_idle: settings.max_idle,
            idle: Mutex::default(),
            shared: Mutex::default(),
            born: Instant::now(),
        })
    }

    /// Milliseconds of this server's life, the clock of its health.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Requests under way.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.load(Relaxed)
    }

    /// Whether the operator lets requests go there.
    pub(crate) fn is_on(&self) -> bool {
        !self.off.load(Relaxed)
    }

    /// Lets requests go there, or no new ones.
    pub(crate) fn switch(&self, on: bool) {
        self.off.store(!on, Relaxed);
    }

    /// Whether requests should go there; the clock is read only if it ever failed.
    pub(crate) fn is_open(&self) -> bool {
        self.is_on() && (!self.health.is_ejected() || self.health.is_open(self.now_ms()))
    }

    /// Whether it is worth asking, as far as is known: requests go there, and it can be reached.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_open() && !self.reach.is_unreachable()
    }

    /// An idle connection that still lives, newest first, so that the surplus grows old.
    pub(crate) fn idle_link(&self) -> Option<Link> {
        loop {
            // The lock is not held while the connection is looked at.
            let newest = self.idle.lock().pop_back();
            let Some(mut http1) = newest else { break };
            if http1.is_alive() {
                return Some(Link::Http1(http1));
            }
        }
        let mut shared = self.shared.lock();
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone().map(Link::Http2)
    }

    /// A new connection that nobody else uses.
    pub(crate) async fn lone_link(&self) -> Result<Link, String> {
        self.dialer.dial(self.routes.root.clone()).await
    }

    /// A new connection.
    pub(crate) async fn fresh_link(&self) -> Result<Link, String> {
        // Boxed, as it is rare and large: what is inlined here is moved with every ask.
        let link = Box::pin(self.lone_link()).await?;
        if let Link::Http2(sender) = &link {
            *self.shared.lock() = Some(sender.clone());
        }
        Ok(link)
    }

    /// Keeps a connection whose answer has been read to its end, if it can be used again.
    pub(crate) fn give_back(&self, link: Link) {
        let Link::Http1(mut http1) = link else { return };
        let now = Instant::now();
        if !http1.settle(now) {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < self.max_idle {
            idle.push_back(http1);
        }
        let is_old = idle
            .front()
            .and_then(|oldest| oldest.idle_since())
            .is_some_and(|since| now.duration_since(since) > LONGEST_IDLE);
        let old = if is_old { idle.pop_front() } else { None };
        drop(idle);
        drop(old);
    }

    /// A shared connection that let a request wait in vain is not offered again.
    pub(crate) fn distrust(&self, link: &Link) {
        if matches!(link, Link::Http2(_)) {
            *self.shared.lock() = None;
        }
    }

    /// The request for an ask, or why its path or query can't be sent.
    pub(crate) fn request(
        &self,
        target: Target<'_>,
        ask: &Ask,
        link: &Link,
    ) -> Result<Request<Full<Bytes>>, String> {
        let is_h2 = matches!(link, Link::Http2(_));
        let uri = self.routes.uri(target, ask.query.as_deref(), is_h2)?;
        let is_get = match target {
            Target::Health | Target::Endpoint(Endpoint::Models) => true,
            Target::Endpoint(Endpoint::Listed(_)) => ask.body.is_empty(),
            _ => false,
        };
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.uri_mut() = uri;
        *request.method_mut() = if is_get { Method::GET } else { Method::POST };
        let mut headers = self.headers.clone();
        for name in ask.headers.keys() {
            if is_ours(name) {
                continue;
            }
            let mut values = ask.headers.get_all(name).iter();
            if let Some(first) = values.next() {
                headers.insert(name.clone(), first.clone());
            }
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        if is_get {
            headers.remove(CONTENT_TYPE);
        }
        if is_h2 {
            headers.remove(HOST);
            *request.version_mut() = Version::HTTP_2;
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Headers that an ask can't set: the connection's, and the credential's. `Ask` promises not to
/// hold them; a slip there must not reach the wire.
fn is_ours(name: &HeaderName) -> bool {
    use http::header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    };
    [
        ACCEPT_ENCODING,
        AUTHORIZATION,
        CONNECTION,
        CONTENT_LENGTH,
        COOKIE,
        EXPECT,
        HOST,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        X_API_KEY,
    ]
    .contains(name)
}

/// A request that is under way at a server; its end, however it comes, frees the server.
pub(crate) struct Turn {
    pub(crate) server: Arc<Server>,
    is_probe: bool,
    begun: Instant,
}

impl Turn {
    pub(crate) fn begin(server: &Arc<Server>) -> Self {
        server.outstanding.fetch_add(1, Relaxed);
        Self {
            server: Arc::clone(server),
            is_probe: server.health.begin(),
            begun: Instant::now(),
        }
    }

    /// Counts the time from its beginning to now.
    pub(crate) fn clock(&self, ring: fn(&Times) -> &Ring) {
        let now = Instant::now();
        let whole = |time: Duration, unit: fn(&Duration) -> u128| {
            u64::try_from(unit(&time)).unwrap_or(u64::MAX)
        };
        let now_ms = whole(now.duration_since(self.server.born), Duration::as_millis);
        let micros = whole(now.duration_since(self.begun), Duration::as_micros);
        ring(&self.server.times).add(now_ms, micros);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.server.outstanding.fetch_sub(1, Relaxed);
        if self.is_probe {
            self.server.health.probe_over();
        }
    }
}
