//! The last stage: what came of an exchange, or why there was none, goes into the ledger.
//!
//! [`InFlight`] owns what a request holds: its permit, its tickets, its place. However the
//! request ends, also when its client or its task vanishes, it is settled and recorded once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use guard::admission::{Credential, Permit};
use record::{
    Amount, Edit, Endpoint, Exchange, Fact, Idempotency, KeySecret, Outcome, Reason, Refusal,
    Usage, UsageSource,
};

use crate::budget::Tickets;
use crate::models::Route;
use crate::received::Received;
use crate::state::{Gateway, Stage};

/// Bytes of text that make about one token, for estimates alone (English, GPT-like vocabularies).
const BYTES_A_TOKEN: u64 = 4;

/// A status that no client sees: it left before there was one (as nginx has it).
const CLIENT_LEFT: u16 = 499;

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
    pub(crate) permit: Permit,
    pub(crate) tickets: Tickets,
    pub(crate) server: Option<Arc<str>>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) streamed: bool,
    pub(crate) status: Option<u16>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) first_byte_us: Option<u32>,
    /// Whether the client has left, where the request does not hang on its connection.
    pub(crate) left: Option<Arc<AtomicBool>>,
    pub(crate) recorded: bool,
}

impl InFlight {
    /// The first bytes of the answer are here.
    pub(crate) fn first_byte(&mut self) {
        if self.first_byte_us.is_none() {
            let us = self.received.started.elapsed().as_micros();
            self.first_byte_us = Some(u32::try_from(us).unwrap_or(u32::MAX));
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
        let duration = self.received.started.elapsed().as_micros();
        let duration_us = u64::try_from(duration).unwrap_or(u64::MAX);
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
        let observed = self
            .gateway
            .facts
            .observe(&Fact::Exchange(Box::new(exchange)));
        if let Err(error) = &observed {
            tracing::error!(%error, request = %self.received.id, "an exchange could not be recorded");
        }
        observed.map(drop)
    }
}

impl Drop for InFlight {
    /// The client, or the task that served it, is gone.
    fn drop(&mut self) {
        if !self.recorded {
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

/// Records a refusal. A ledger that can't take it is in the log; the client is refused anyway.
pub(crate) fn refusal(
    gateway: &Gateway,
    received: &Received,
    credential: Option<&Credential>,
    model: &str,
    status: u16,
    reason: Reason,
) {
    if credential.is_none() && !gateway.flood.is_written(received.arrived) {
        return;
    }
    let refusal = Refusal {
        id: received.id,
        account: credential.map(|credential| credential.holder().account()),
        key: credential.and_then(Credential::key),
        grant: credential.and_then(Credential::grant),
        path: cut(without_secret(&received.path), 128),
        model: cut(model, 128),
        arrived: received.arrived,
        status,
        reason,
        origin: received.origin.clone(),
    };
    if let Err(error) = gateway.facts.observe(&Fact::Refusal(Box::new(refusal))) {
        tracing::error!(%error, request = %received.id, "a refusal could not be recorded");
    }
}

/// The path up to a key or token in it: one put into the wrong place is still a secret.
fn without_secret(path: &str) -> &str {
    let secret = [KeySecret::KEY, KeySecret::GRANT].map(|prefix| path.find(prefix));
    &path[..secret.into_iter().flatten().min().unwrap_or(path.len())]
}

fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
