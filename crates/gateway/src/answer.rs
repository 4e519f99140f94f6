//! Stage four: the upstream is asked, and its answer brought into the client's shape.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use record::{Endpoint, Outcome, Reason, Usage, UsageSource};
use tokio::sync::Notify;
use upstream::{AnswerBody, Ask};
use wire::translate::AnswerStream;
use wire::{ApiError, Dialect, StreamKind, StreamTap};

use crate::admit::{Admitted, Way};
use crate::course::Course;
use crate::failure;
use crate::keep::Keeping;
use crate::received::Received;
use crate::record::{InFlight, Kept, Turned, refusal};
use crate::reply::{self, Reply, ReplyBody};
use crate::score;
use crate::stream::StreamBody;
use crate::trace::TRACEPARENT;

/// Headers of a request that the upstream gets too.
const HANDED_ON: [&str; 5] = [
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "traceparent",
    "tracestate",
];

/// Asks and answers.
pub(crate) async fn ask(admitted: Admitted, keeping: Keeping, cut: Arc<Notify>) -> Reply {
    let Admitted {
        mut in_flight,
        way,
        ask_endpoint,
        ask_body,
        take_usage_chunk,
        ..
    } = admitted;
    in_flight.asked_us = in_flight.received.elapsed_us();
    if let Way::Scored(request) = way {
        return Box::pin(score::answer(in_flight, request, keeping)).await;
    }
    let account = in_flight.permit.credential().holder().account();
    let ask = Ask {
        endpoint: ask_endpoint.clone(),
        query: in_flight.received.query.as_deref().map(Arc::from),
        body: ask_body,
        streamed: in_flight.streamed,
        headers: handed_on(&in_flight.received),
        account: Some(account),
    };
    let upstream = Arc::clone(&in_flight.route.upstream);
    if in_flight.endpoint == Endpoint::CountTokens && matches!(way, Way::Translated(_)) {
        return count_tokens(in_flight, upstream.count_tokens(ask).await);
    }
    let answer = match upstream.ask(ask).await {
        Ok(answer) => answer,
        Err(error) => return failed(in_flight, &error),
    };
    in_flight.server = Some(answer.server);
    in_flight.first_byte();
    in_flight.status = Some(answer.status.as_u16());
    let answered = Answered {
        status: answer.status,
        headers: answer.headers,
    };
    match answer.body {
        AnswerBody::Whole(body) if answered.status.is_success() => {
            match told(&in_flight, way, body) {
                Ok((usage, body)) => answered.finish(in_flight, usage, body, keeping).await,
                Err(error) => unusable(in_flight, &error),
            }
        }
        AnswerBody::Whole(body) => answered.refused(in_flight, &way, body),
        AnswerBody::Chunks(chunks) => {
            let course = match way {
                Way::Native | Way::Scored(_) => match StreamKind::of(&in_flight.endpoint) {
                    Some(kind) => {
                        let tap = StreamTap::new(kind, take_usage_chunk);
                        Course::Events(AnswerStream::Passed(Box::new(tap)))
                    }
                    None => Course::Opaque(0),
                },
                Way::Translated(translation) => {
                    let id = in_flight.received.id.to_string();
                    Course::Events(translation.stream(&id, in_flight.received.arrived))
                }
            };
            answered.stream(in_flight, chunks, course, keeping, &cut)
        }
    }
}

pub(crate) fn handed_on(received: &Received) -> HeaderMap {
    let headers = &received.headers;
    let mut out = HeaderMap::new();
    for name in HANDED_ON {
        if let Some(value) = headers.get(name) {
            out.insert(HeaderName::from_static(name), value.clone());
        }
    }
    if let Some(traced) = &received.trace {
        let (trace, _) = traced.as_ref();
        out.insert(TRACEPARENT, trace.traceparent());
        if trace.parent.is_none() {
            // It belongs to a trace that is not taken up.
            out.remove("tracestate");
        }
    }
    out
}

/// The answer's status and headers.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Answered {
    /// Keeps, records and gives out a whole answer.
    pub(crate) async fn finish(
        self,
        mut in_flight: InFlight,
        usage: Option<Usage>,
        body: Bytes,
        keeping: Keeping,
    ) -> Reply {
        in_flight.look(&body);
        in_flight.response_bytes = body.len() as u64;
        let recorded = if keeping.is_nothing() {
            in_flight.record(Outcome::Completed, usage, Kept::default())
        } else {
            let kind = content_type(&self.headers);
            let kept = keep(in_flight, usage, keeping, kind, body.clone());
            // A task, so that a client that leaves now does not take its paid answer along.
            match tokio::spawn(kept).await {
                Ok((back, recorded)) => {
                    in_flight = back;
                    recorded
                }
                Err(_) => return reply::json(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
            }
        };
        if recorded.is_err() {
            return unrecorded(&in_flight.received);
        }
        self.reply(&in_flight, body)
    }

    /// An error that the upstream answered itself.
    fn refused(mut self, mut in_flight: InFlight, way: &Way, body: Bytes) -> Reply {
        let native = matches!(way, Way::Native);
        let readable = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        let (status, body) = if self.status == StatusCode::UNAUTHORIZED {
            // It is our credential that the upstream refused, not the client's.
            let error = failure::unauthorized();
            (StatusCode::BAD_GATEWAY, own_error(&in_flight, &error))
        } else if native && readable {
            (self.status, body)
        } else {
            let error = ApiError::from_upstream(self.status.as_u16(), &body);
            (self.status, own_error(&in_flight, &error))
        };
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.status = status;
        in_flight.status = Some(status.as_u16());
        in_flight.response_bytes = body.len() as u64;
        if in_flight
            .record(Outcome::UpstreamError, None, Kept::default())
            .is_err()
        {
            return unrecorded(&in_flight.received);
        }
        self.reply(&in_flight, body)
    }

    /// A stream of events.
    fn stream(
        self,
        mut in_flight: InFlight,
        chunks: upstream::Chunks,
        course: Course,
        keeping: Keeping,
        cut: &Arc<Notify>,
    ) -> Reply {
        in_flight.head_sent = true;
        let live = &in_flight.gateway.live;
        let place = live.enter(in_flight.permit.credential(), cut);
        let keeping = (!keeping.is_nothing()).then(|| (keeping, content_type(&self.headers)));
        let mut headers = self.headers;
        reply::rates(&in_flight.permit.rates, &mut headers);
        let mut reply = reply::whole(self.status, headers, Bytes::new());
        reply = reply::signed(&in_flight.received, reply);
        let stream = StreamBody::new(chunks, course, in_flight, place, keeping);
        *reply.body_mut() = ReplyBody::Stream(stream);
        reply
    }

    pub(crate) fn reply(self, in_flight: &InFlight, body: Bytes) -> Reply {
        let mut reply = reply::whole(self.status, self.headers, body);
        reply::rates(&in_flight.permit.rates, reply.headers_mut());
        reply::signed(&in_flight.received, reply)
    }
}

/// Keeps a whole answer and records it.
async fn keep(
    mut in_flight: InFlight,
    usage: Option<Usage>,
    keeping: Keeping,
    content_type: String,
    body: Bytes,
) -> (InFlight, ledger::Result<()>) {
    let gateway = Arc::clone(&in_flight.gateway);
    let (kept, turn) = if body.len() > gateway.options.keep_max_bytes {
        tracing::warn!(request = %in_flight.received.id, "an answer is too large to be kept");
        (Kept::default(), None)
    } else {
        let status = in_flight.status.unwrap_or(200);
        keeping.keep(gateway, status, content_type, body).await
    };
    let recorded = in_flight.record(Outcome::Completed, usage, kept);
    // Only now may a repetition find the answer.
    drop(turn);
    (in_flight, recorded)
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or("application/json").to_owned()
}

/// The usage and the body of a whole answer that succeeded, in the client's shape.
fn told(
    in_flight: &InFlight,
    way: Way,
    body: Bytes,
) -> Result<(Option<Usage>, Bytes), wire::Error> {
    match way {
        Way::Native | Way::Scored(_) => {
            let usage = usage_of(in_flight, &in_flight.endpoint, &body)?;
            Ok((usage, body))
        }
        Way::Translated(translation) => {
            let usage = usage_of(in_flight, &Endpoint::Chat, &body)?;
            let id = in_flight.received.id.to_string();
            let body = translation.answer(&id, in_flight.received.arrived, &body)?;
            Ok((usage, body))
        }
    }
}

/// The usage of a whole answer: the upstream's own, or an estimate where it says nothing.
fn usage_of(
    in_flight: &InFlight,
    asked: &Endpoint,
    body: &[u8],
) -> Result<Option<Usage>, wire::Error> {
    if matches!(asked, Endpoint::CountTokens) {
        return Ok(None);
    }
    if matches!(asked, Endpoint::Listed(_)) {
        return Ok(Some(in_flight.estimate(0, body.len() as u64)));
    }
    let stated = wire::usage::read(asked, body)?;
    Ok(Some(stated.unwrap_or_else(|| {
        in_flight.estimate(0, body.len() as u64)
    })))
}

/// The count of a prompt's tokens, in Anthropic's shape.
fn count_tokens(mut in_flight: InFlight, counted: Result<Option<u64>, upstream::Error>) -> Reply {
    let tokens = match counted {
        Ok(Some(tokens)) => tokens,
        Ok(None) => {
            let error = ApiError {
                code: Some("count_tokens_unavailable".into()),
                message: "This model's server can't count tokens.".into(),
                ..ApiError::of(Reason::EndpointNotSupported)
            };
            return turned_away(in_flight, &error, None);
        }
        Err(error) => return failed(in_flight, &error),
    };
    in_flight.first_byte();
    in_flight.status = Some(200);
    let body = Bytes::from(format!("{{\"input_tokens\":{tokens}}}"));
    in_flight.response_bytes = body.len() as u64;
    // Counting generates nothing and costs nothing; the count itself is the entry's usage.
    let usage = Usage {
        input: 0,
        cached_input: 0,
        output: 0,
        reasoning: 0,
        source: UsageSource::Counted,
    };
    if in_flight
        .record(Outcome::Completed, Some(usage), Kept::default())
        .is_err()
    {
        return unrecorded(&in_flight.received);
    }
    reply::signed(&in_flight.received, reply::json(StatusCode::OK, body))
}

/// The upstream failed: a refusal where nothing was asked, else an exchange that broke.
pub(crate) fn failed(mut in_flight: InFlight, error: &upstream::Error) -> Reply {
    let (api, retry_after_us) = failure::upstream_error(error);
    tracing::warn!(%error, request = %in_flight.received.id, "an upstream failed");
    if api.reason.is_some() {
        return turned_away(in_flight, &api, retry_after_us);
    }
    in_flight.status = Some(api.status);
    // Nothing reached the client; what the upstream did, if anything, is not charged.
    if in_flight
        .record(Outcome::UpstreamBroken, None, Kept::default())
        .is_err()
    {
        return unrecorded(&in_flight.received);
    }
    reply::error(&in_flight.received, &api, retry_after_us)
}

/// Turns a request away after it was admitted: its tickets and its place are given back.
pub(crate) fn turned_away(
    mut in_flight: InFlight,
    error: &ApiError,
    retry_after_us: Option<u64>,
) -> Reply {
    in_flight.recorded = true;
    let credential = Arc::clone(in_flight.permit.credential());
    let reason = error.reason.unwrap_or(Reason::UpstreamUnavailable);
    let (gateway, received) = (&in_flight.gateway, &in_flight.received);
    let turned = Turned {
        model: &in_flight.route.model,
        number: Some(in_flight.model),
        status: error.status,
        reason,
    };
    refusal(gateway, received, Some(&credential), &turned);
    in_flight.permit.used(record::Amount::ZERO);
    reply::error(&in_flight.received, error, retry_after_us)
}

/// The upstream's answer can't be used.
fn unusable(mut in_flight: InFlight, error: &wire::Error) -> Reply {
    let api = ApiError::bad_answer(error);
    tracing::warn!(%error, request = %in_flight.received.id, "an upstream's answer can't be used");
    in_flight.status = Some(api.status);
    if in_flight
        .record(Outcome::UpstreamBroken, None, Kept::default())
        .is_err()
    {
        return unrecorded(&in_flight.received);
    }
    reply::error(&in_flight.received, &api, None)
}

/// The ledger could not take the exchange, so the answer is not given out.
pub(crate) fn unrecorded(received: &Received) -> Reply {
    let error = ApiError::of(Reason::LedgerUnavailable);
    reply::error(received, &error, Some(1_000_000))
}

pub(crate) fn own_error(in_flight: &InFlight, error: &ApiError) -> Bytes {
    error.body(
        Dialect::of(&in_flight.endpoint),
        &in_flight.received.id.to_string(),
    )
}
