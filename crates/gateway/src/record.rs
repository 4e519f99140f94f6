//! The last stage: what came of an exchange, or why there was none, goes into the ledger.
//!
//! [`InFlight`] owns what a request holds: its permit, its tickets, its place. However the
//! request ends, also when its client or its task vanishes, it is settled and recorded once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guard::admission::{Credential, Permit};
use record::{
    Amount, Edit, Endpoint, Exchange, Fact, Idempotency, KeySecret, Origin, Outcome, Reason,
    Refusal, Usage, UsageSource,
};

use crate::budget::Tickets;
use crate::models::Route;
use crate::observer::{Ended, ModelNumber, Timings, TurnedAway};
use crate::received::{Peer, Received, Target};
use crate::state::{Gateway, Stage};

/// Bytes of text that make about one token, for estimates alone (English, GPT-like vocabularies).
const BYTES_A_TOKEN: u64 = 4;

/// A status that no client sees: it left before there was one (as nginx has it).
const CLIENT_LEFT: u16 = 499;

/// The status of an answer that is not given out, as the ledger did not take it.
pub(crate) const WITHHELD: u16 = 503;

/// What of an exchange is kept in the vault.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) bodies: Option<[[u8; 32]; 2]>,
    pub(crate) idempotency: Option<Idempotency>,
}

/// A request that was let through and is not recorded yet.
pub(crate) struct InFlight {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) received: Received,
    pub(crate) endpoint: Endpoint,
    pub(crate) route: Arc<Route>,
    pub(crate) model: ModelNumber,
    pub(crate) permit: Permit,
    pub(crate) tickets: Tickets,
    pub(crate) server: Option<Arc<str>>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) streamed: bool,
    pub(crate) status: Option<u16>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) first_byte_us: Option<u32>,
    /// Microseconds until the upstream was asked, and until its answer began; 0 if never.
    pub(crate) asked_us: u64,
    pub(crate) answered_us: u64,
    /// Whether the client has left, where the request does not hang on its connection.
    pub(crate) left: Option<Arc<AtomicBool>>,
    /// The client has its status, or has left: whether the ledger takes the exchange changes it
    /// no more.
    pub(crate) head_sent: bool,
    pub(crate) recorded: bool,
}

impl InFlight {
    /// The first bytes of the answer are here.
    pub(crate) fn first_byte(&mut self) {
        if self.first_byte_us.is_none() {
            self.answered_us = self.received.elapsed_us();
            self.first_byte_us = Some(u32::try_from(self.answered_us).unwrap_or(u32::MAX));
        }
    }

    /// Looks at a part of the answer, for a request that is traced.
    pub(crate) fn look(&mut self, bytes: &[u8]) {
        if let Some(traced) = &mut self.received.trace {
            traced.1.look(bytes);
        }
    }

    /// A usage by estimate, where the upstream stated none.
    pub(crate) fn estimate(&self, chunks: u64, text_bytes: u64) -> Usage {
        Usage {
            input: self.request_bytes.div_ceil(BYTES_A_TOKEN),
            cached_input: 0,
            output: chunks.max(text_bytes.div_ceil(BYTES_A_TOKEN)),
            reasoning: 0,
            source: UsageSource::Estimated,
        }
    }

    /// Settles and records, once. The entry is in the operating system's hands when this returns.
    ///
    /// # Errors
    /// The ledger did not take it; the money is settled all the same.
    pub(crate) fn record(
        &mut self,
        outcome: Outcome,
        usage: Option<Usage>,
        kept: Kept,
    ) -> ledger::Result<()> {
        if std::mem::replace(&mut self.recorded, true) {
            return Ok(());
        }
        let cost = usage.map_or(Amount::ZERO, |usage| self.route.prices.cost(&usage));
        self.permit.used(cost);
        let now = self.gateway.now();
        let mut shares = Vec::new();
        for ticket in self.tickets.drain(..) {
            shares.extend(ticket.settle(cost, now));
        }
        let duration_us = self.received.elapsed_us();
        let has_left = self
            .left
            .as_ref()
            .is_some_and(|left| left.load(Ordering::Acquire));
        let outcome = match outcome {
            Outcome::Completed if has_left => Outcome::ClientLeft,
            outcome => outcome,
        };
        let credential = self.permit.credential();
        let exchange = Exchange {
            id: self.received.id,
            account: credential.holder().account(),
            key: credential.key(),
            grant: credential.grant(),
            endpoint: self.endpoint.clone(),
            model: self.route.model.as_ref().to_owned(),
            upstream: self
                .server
                .as_deref()
                .unwrap_or(self.route.upstream.name())
                .to_owned(),
            arrived: self.received.arrived,
            first_byte_us: self.first_byte_us.unwrap_or(u32::MAX),
            duration_us,
            status: self.status.unwrap_or(CLIENT_LEFT),
            outcome,
            streamed: self.streamed,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            usage,
            cost,
            shares,
            edits: std::mem::take(&mut self.edits),
            origin: std::mem::take(&mut self.received.origin),
            bodies: kept.bodies,
            idempotency: kept.idempotency,
        };
        let fact = Fact::Exchange(Box::new(exchange));
        let recorded = self.gateway.facts.observe(&fact);
        if let Err(error) = &recorded {
            tracing::error!(%error, request = %self.received.id, "an exchange could not be recorded");
        }
        if let Fact::Exchange(exchange) = &fact {
            self.tell(exchange, recorded.is_ok());
        }
        recorded.map(drop)
    }

    /// Tells the observer and, at debug level, the log.
    fn tell(&self, exchange: &Exchange, recorded: bool) {
        let timings = Timings {
            read_us: self.received.read_us,
            asked_us: self.asked_us,
            answered_us: self.answered_us,
            ended_us: self.received.elapsed_us(),
        };
        log(exchange, timings.added_us(exchange.streamed));
        let upstream_model = self.route.upstream_model.as_deref();
        let trace = self.received.trace.as_deref();
        let is_withheld = !recorded && !self.head_sent;
        self.gateway.observer.ended(&Ended {
            model: Some(self.model),
            exchange,
            status: if is_withheld {
                WITHHELD
            } else {
                exchange.status
            },
            upstream: self.route.upstream.name(),
            upstream_model: upstream_model.unwrap_or(&self.route.model),
            timings,
            recorded,
            trace: trace.map(|(trace, answered)| (trace, answered)),
        });
    }
}

/// One line an exchange, without text of either side and without what names a person.
pub(crate) fn log(exchange: &Exchange, added_us: u64) {
    tracing::debug!(
        request = %exchange.id,
        endpoint = exchange.endpoint.path(),
        model = exchange.model,
        upstream = exchange.upstream,
        status = exchange.status,
        outcome = ?exchange.outcome,
        streamed = exchange.streamed,
        duration_us = exchange.duration_us,
        added_us,
        input_tokens = exchange.usage.map(|usage| usage.input),
        output_tokens = exchange.usage.map(|usage| usage.output),
        dollars = %exchange.cost.money,
        "exchange"
    );
}

impl Drop for InFlight {
    /// The client, or the task that served it, is gone.
    fn drop(&mut self) {
        if !self.recorded {
            self.head_sent = true;
            let usage = self.estimate(0, 0);
            let outcome = match self.gateway.stage() {
                Stage::Cutting => Outcome::ShutDown,
                _ => Outcome::ClientLeft,
            };
            // Nobody is left to be told of an error; it is in the log.
            let _ = self.record(outcome, Some(usage), Kept::default());
        }
        self.gateway.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Records how many refusals came too fast to be written one by one, if any did.
pub(crate) fn flood(gateway: &Gateway) {
    if let Some(fact) = gateway.flood.take()
        && let Err(error) = gateway.facts.observe(&fact)
    {
        tracing::error!(%error, ?fact, "a count of refusals could not be recorded");
    }
}

/// Why a request is turned away.
pub(crate) struct Turned<'a> {
    /// The model that it named, as it wrote it.
    pub(crate) model: &'a str,
    /// That model's number, where it is served.
    pub(crate) number: Option<ModelNumber>,
    pub(crate) status: u16,
    pub(crate) reason: Reason,
}

/// Records a refusal. A ledger that can't take it is in the log; the client is refused anyway.
pub(crate) fn refusal(
    gateway: &Gateway,
    received: &Received,
    credential: Option<&Credential>,
    turned: &Turned<'_>,
) {
    let (status, reason) = (turned.status, turned.reason);
    tracing::debug!(
        request = %received.id,
        path = cut(without_secret(&received.path), 128),
        status,
        ?reason,
        "refused"
    );
    let endpoint = match &received.target {
        Target::Exchange(endpoint) => Some(endpoint),
        Target::Models(_) => Some(&Endpoint::Models),
        _ => None,
    };
    gateway.observer.turned_away(&TurnedAway {
        endpoint,
        model: turned.number,
        status,
        reason,
        arrived: received.arrived,
        duration_us: received.elapsed_us(),
        trace: received.trace.as_ref().map(|traced| &traced.0),
    });
    if credential.is_none() && !gateway.flood.is_written(received.arrived) {
        return;
    }
    let refusal = Refusal {
        id: received.id,
        account: credential.map(|credential| credential.holder().account()),
        key: credential.and_then(Credential::key),
        grant: credential.and_then(Credential::grant),
        path: cut(without_secret(&received.path), 128),
        model: cut(turned.model, 128),
        arrived: received.arrived,
        status,
        reason,
        origin: received.origin.clone(),
    };
    if let Err(error) = gateway.facts.observe(&Fact::Refusal(Box::new(refusal))) {
        tracing::error!(%error, request = %received.id, "a refusal could not be recorded");
    }
}

/// Records that what came over a connection was no request: nothing of it is known but where it
/// came from. Bounded as refusals of strangers are.
pub(crate) fn unreadable(gateway: &Gateway, peer: &Peer, status: u16) {
    let (arrived, reason) = (gateway.now(), Reason::InvalidRequest);
    gateway.observer.turned_away(&TurnedAway {
        endpoint: None,
        model: None,
        status,
        reason,
        arrived,
        duration_us: 0,
        trace: None,
    });
    if !gateway.flood.is_written(arrived) {
        return;
    }
    let refusal = Refusal {
        id: gateway.new_id(),
        account: None,
        key: None,
        grant: None,
        path: String::new(),
        model: String::new(),
        arrived,
        status,
        reason,
        origin: Origin {
            address: peer.address.to_canonical().to_string(),
            header_order: peer.print.hash.load(Ordering::Relaxed),
            user_agent: String::new(),
            accept_language: String::new(),
        },
    };
    if let Err(error) = gateway.facts.observe(&Fact::Refusal(Box::new(refusal))) {
        tracing::error!(%error, "a refusal could not be recorded");
    }
}

/// The path up to a key or token in it: one put into the wrong place is still a secret.
fn without_secret(path: &str) -> &str {
    let secret = [KeySecret::KEY, KeySecret::GRANT].map(|prefix| path.find(prefix));
    &path[..secret.into_iter().flatten().min().unwrap_or(path.len())]
}

fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}
