//! The HTTP side of "ask a model": choose a server, send, read, and try again only where that is
//! safe. Nothing here knows who asks or what an answer means.
//!
//! # When is a request sent twice?
//! Only where no byte of an answer has come, and never more than `retries` times more:
//! * no connection could be made, or nothing was sent: another server, if one is left;
//! * a connection that was idle before was closed without a byte: the usual race with a server's
//!   keep-alive timeout. Another server, or a fresh connection to the same one; once for an ask,
//!   so that a request that kills servers does not kill them all;
//! * 429 or 503 with `Retry-After`, if a healthy server is left; else it is passed on.
//!
//! A server that lets the first byte wait, or breaks a fresh connection, may be computing (and
//! billing) the answer: such a request is never repeated anywhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::answer::{end_to_end, is_busy, is_failure, is_stream};
use crate::balance::{Servers, Tried};
use crate::dial::Dialer;
use crate::latency::Recent;
use crate::link::{Link, NoAnswer};
use crate::patience::Patience;
use crate::reading::{Parts, Reading};
use crate::route::Target;
use crate::server::{Server, Turn};
use crate::settings::{InvalidSettings, Settings};
use crate::{
    Answer, AnswerBody, Ask, BoxFuture, EndpointSet, Error, Health, Latency, ScoreAsk,
    ScoreOutcome, ServerState, Upstream, count, score,
};

/// One or more HTTP servers that answer for the same models.
///
/// It needs a Tokio runtime with time and IO when asked, not when built.
pub struct HttpUpstream {
    pub(crate) shared: Arc<Shared>,
    pub(crate) servers: Servers,
    endpoints: EndpointSet,
    pub(crate) kind: crate::Kind,
    pub(crate) tokenize: bool,
    first_byte_timeout: Duration,
    max_answer_bytes: usize,
    retries: u32,
}

/// What an answer still needs after its ask has returned.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) idle_timeout: Duration,
    last_error: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn broken(&self, why: String) -> Error {
        Error::Broken {
            upstream: self.name.clone(),
            why,
        }
    }

    pub(crate) fn timed_out(&self, awaited: &'static str, after: Duration) -> Error {
        Error::TimedOut {
            upstream: self.name.clone(),
            awaited,
            after,
        }
    }

    fn unreachable(&self, why: String) -> Error {
        Error::Unreachable {
            upstream: self.name.clone(),
            why,
        }
    }

    /// Notes a failure against a server.
    pub(crate) fn failed(&self, server: &Server, why: &dyn fmt::Display) {
        let why = format!("{}: {why}", server.label);
        if server.health.failed(server.now_ms()) {
            tracing::warn!(upstream = self.name, why, "an upstream's server is ejected");
        } else {
            tracing::debug!(upstream = self.name, why, "an upstream's server failed");
        }
        self.note(why);
    }

    /// Keeps what went wrong last, for the operator.
    pub(crate) fn note(&self, why: String) {
        *self.last_error.lock() = Some(why);
    }
}

/// Why a try brought no answer.
enum Failure {
    /// It ends here.
    Final(Error),
    /// Nothing reached the server.
    NotAsked(Error),
    /// A connection that had been idle was closed without a byte.
    Stale(Error),
}

impl HttpUpstream {
    /// Builds it; nothing is dialled yet.
    ///
    /// # Errors
    /// Where the settings can't be used: the operator's fault.
    pub fn new(settings: &Settings) -> Result<Self, InvalidSettings> {
        settings.check()?;
        let dialer = Dialer::new(settings.roots_pem.as_deref(), settings.connect_timeout)?;
        let servers = settings
            .servers
            .iter()
            .map(|base| Server::new(base, settings, dialer.clone()).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            shared: Arc::new(Shared {
                name: settings.name.clone(),
                idle_timeout: settings.idle_timeout,
                last_error: Mutex::new(None),
            }),
            servers: Servers::new(servers),
            endpoints: settings.endpoints,
            kind: settings.kind,
            tokenize: settings.tokenize,
            first_byte_timeout: settings.first_byte_timeout,
            max_answer_bytes: settings.max_answer_bytes,
            retries: settings.retries,
        })
    }

    /// Switches the server with this base URL on or off, and says whether there is one. A server
    /// that is off ends the answers that run and gets no new request.
    pub fn switch(&self, server: &str, on: bool) -> bool {
        let wanted = server.trim_end_matches('/');
        let mut known = false;
        for server in self.servers.iter().filter(|one| &*one.label == wanted) {
            server.switch(on);
            known = true;
        }
        known
    }

    /// How each server is, in the order of the settings.
    pub fn servers(&self) -> Vec<ServerState> {
        let of = |server: &Arc<Server>| ServerState {
            url: Arc::clone(&server.label),
            on: server.is_on(),
            ready: server.is_ready(),
            unreachable_since: server.reach.unreachable_since(),
            in_flight: server.outstanding(),
            latency: Self::recent(std::iter::once(server)).latency(),
        };
        self.servers.iter().map(of).collect()
    }

    /// How quick all of its servers were in the last minutes, taken together.
    pub fn latency(&self) -> Latency {
        Self::recent(self.servers.iter()).latency()
    }

    fn recent<'a>(servers: impl Iterator<Item = &'a Arc<Server>>) -> Recent {
        let mut recent = Recent::default();
        servers.for_each(|server| recent.add(&server.times, server.now_ms()));
        recent
    }

    pub(crate) fn broken(&self, why: String) -> Error {
        self.shared.broken(why)
    }

    /// Asks server after server, as the rules above allow.
    pub(crate) async fn ask_at(&self, target: Target<'_>, ask: &Ask) -> Result<Answer, Error> {
        let mut tried = Tried::default();
        let mut tries_left = self.retries;
        let mut was_stale = false;
        let mut busy = None;
        let mut last = None;
        while let Some(turn) = self.servers.choose(&mut tried) {
            let may_go_on = tries_left > 0;
            match self.ask_one(turn, target, ask, was_stale).await {
                Ok(answer) => {
                    let elsewhere = may_go_on
                        && is_busy(answer.status, &answer.headers)
                        && self.servers.has_spare(tried);
                    if !elsewhere {
                        return Ok(answer);
                    }
                    busy = Some(answer);
                }
                Err(Failure::Final(error)) => return busy.ok_or(error),
                Err(Failure::NotAsked(error)) => last = Some(error),
                Err(Failure::Stale(error)) => {
                    // From now on only fresh connections, on which this happens no more.
                    was_stale = true;
                    if !self.servers.has_spare(tried) {
                        tried.forget();
                    }
                    last = Some(error);
                }
            }
            if !may_go_on {
                break;
            }
            tries_left -= 1;
        }
        let none_left = || {
            let why = match self.servers.are_off() {
                true => "every server is switched off",
                false => "no server is left to try",
            };
            self.shared.unreachable(why.to_owned())
        };
        busy.ok_or_else(|| last.unwrap_or_else(none_left))
    }

    /// One try at one server.
    async fn ask_one(
        &self,
        turn: Turn,
        target: Target<'_>,
        ask: &Ask,
        only_fresh: bool,
    ) -> Result<Answer, Failure> {
        let server = Arc::clone(&turn.server);
        let idle = if only_fresh { None } else { server.idle_link() };
        let mut link = match idle {
            Some(link) => link,
            None => server.fresh_link().await.map_err(|why| {
                self.shared.failed(&server, &why);
                Failure::NotAsked(self.shared.unreachable(format!("{}: {why}", server.label)))
            })?,
        };
        let request = server
            .request(target, ask, &link)
            .map_err(|why| Failure::Final(self.shared.unreachable(format!("the request {why}"))))?;
        let mut patience = Patience::new(self.first_byte_timeout);
        let response = match link.send(request, &mut patience).await {
            Ok(response) => response,
            Err(no_answer) => return Err(self.no_answer(&server, &link, no_answer)),
        };
        server.reach.heard();
        let (head, incoming) = response.into_parts();
        let headers = end_to_end(head.status, head.headers).map_err(|why| {
            self.shared.failed(&server, &why);
            Failure::Final(self.shared.broken(why))
        })?;
        if is_failure(head.status) {
            self.shared.failed(&server, &head.status);
        }
        let is_timed = head.status.is_success() && matches!(target, Target::Endpoint(_));
        let reading = Reading::new(incoming, link, turn, patience, &self.shared, is_timed);
        let body = if is_stream(&headers) {
            AnswerBody::Chunks(Box::pin(Parts::new(reading)))
        } else {
            let whole = reading
                .whole(self.max_answer_bytes)
                .await
                .map_err(Failure::Final)?;
            if !is_failure(head.status) {
                server.health.succeeded();
            }
            AnswerBody::Whole(whole)
        };
        Ok(Answer {
            status: head.status,
            headers,
            body,
            server: Arc::clone(&server.label),
        })
    }

    fn no_answer(&self, server: &Server, link: &Link, no_answer: NoAnswer) -> Failure {
        server.distrust(link);
        match no_answer {
            // No failure of the server: it may close what is idle.
            NoAnswer::Stale(why) => {
                let why = format!("{} closed an idle connection: {why}", server.label);
                Failure::Stale(self.shared.broken(why))
            }
            NoAnswer::TimedOut => {
                let error = self
                    .shared
                    .timed_out("no first byte", self.first_byte_timeout);
                self.shared.failed(server, &error);
                Failure::Final(error)
            }
            NoAnswer::Broken(why) => {
                self.shared.failed(server, &why);
                Failure::Final(self.shared.broken(why))
            }
        }
    }
}

impl Upstream for HttpUpstream {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn endpoints(&self) -> EndpointSet {
        self.endpoints
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, Error>> {
        Box::pin(async move { self.ask_at(Target::Endpoint(&ask.endpoint), &ask).await })
    }

    fn count_tokens(&self, ask: Ask) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        Box::pin(count::count_tokens(self, ask))
    }

    fn score(&self, ask: ScoreAsk) -> BoxFuture<'_, Result<ScoreOutcome, Error>> {
        Box::pin(score::score(self, ask))
    }

    /// A server whose pause is over counts as ready although no request has proved it yet: if
    /// traffic waited for readiness, and readiness for traffic, neither would ever come.
    fn health(&self) -> Health {
        Health {
            ready: self
                .servers
                .iter()
                .filter(|server| server.is_ready())
                .count(),
            unreachable: self
                .servers
                .iter()
                .filter(|server| server.is_on() && server.reach.is_unreachable())
                .count(),
            servers: self.servers.len(),
            in_flight: self.servers.iter().map(|server| server.outstanding()).sum(),
            last_error: self.shared.last_error.lock().clone(),
        }
    }
}

impl fmt::Debug for HttpUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpUpstream")
            .field("name", &self.shared.name)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}
