//! An answer that an `Idempotency-Key` had before, given again: paid once, recorded each time.

use bytes::Bytes;
use guard::admission::{Credential, Rates};
use http::StatusCode;
use record::{Amount, Endpoint, Exchange, Fact, Outcome};
use wire::Policy;

use crate::keep::Known;
use crate::observer::{Ended, Timings};
use crate::received::Received;
use crate::record::{WITHHELD, log};
use crate::reply::{self, Reply};
use crate::state::Gateway;

/// What stands for the upstream in the record.
const UPSTREAM: &str = "idempotency";

/// Records that a first answer was given again: it used nothing and costs nothing.
pub(crate) fn record(
    gateway: &Gateway,
    received: &Received,
    credential: &Credential,
    endpoint: &Endpoint,
    request: &Bytes,
    known: &Known,
) -> ledger::Result<()> {
    let model = Policy::read(endpoint, request).map(|policy| policy.model);
    let duration = received.elapsed_us();
    let exchange = Exchange {
        id: received.id,
        account: credential.holder().account(),
        key: credential.key(),
        grant: credential.grant(),
        endpoint: endpoint.clone(),
        model: model.unwrap_or_default(),
        upstream: UPSTREAM.to_owned(),
        arrived: received.arrived,
        first_byte_us: u32::try_from(duration).unwrap_or(u32::MAX),
        duration_us: duration,
        status: known.status,
        outcome: Outcome::Completed,
        streamed: known.content_type.starts_with("text/event-stream"),
        request_bytes: request.len() as u64,
        response_bytes: known.body.len() as u64,
        usage: None,
        cost: Amount::ZERO,
        shares: Vec::new(),
        edits: Vec::new(),
        origin: received.origin.clone(),
        bodies: None,
        idempotency: None,
    };
    let fact = Fact::Exchange(Box::new(exchange));
    let recorded = gateway.facts.observe(&fact);
    if let Fact::Exchange(exchange) = &fact {
        tell(gateway, received, exchange, recorded.is_ok());
    }
    recorded.map(drop)
}

fn tell(gateway: &Gateway, received: &Received, exchange: &Exchange, recorded: bool) {
    let timings = Timings {
        read_us: received.read_us,
        ended_us: received.elapsed_us(),
        ..Timings::default()
    };
    log(exchange, timings.added_us(exchange.streamed));
    let models = gateway.models.load();
    let trace = received.trace.as_deref();
    gateway.observer.ended(&Ended {
        model: models.get(&exchange.model).map(|(_, number)| *number),
        exchange,
        status: if recorded { exchange.status } else { WITHHELD },
        upstream: UPSTREAM,
        upstream_model: &exchange.model,
        timings,
        recorded,
        trace: trace.map(|(trace, answered)| (trace, answered)),
    });
}

/// The answer that an `Idempotency-Key` had before, with what is left of the limits now.
pub(crate) fn answer(received: &Received, known: Known, rates: &Rates) -> Reply {
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
    reply::rates(rates, reply.headers_mut());
    reply::signed(received, reply)
}
