//! Makes spans of what the gateway told: one for the request, and within it one for the
//! upstream's call, by OpenTelemetry's conventions for HTTP and for generative AI (schema 1.42).
//!
//! What a span has is listed here and nowhere else: names, numbers, codes. No text of a request
//! or answer, no secret, no account.

use std::collections::BTreeMap;

use gateway::{Answered, Ended, Trace, TraceParent, TurnedAway};
use http::{HeaderValue, Uri};
use record::{Endpoint, Exchange, Outcome, Usage};

use super::metrics::{endpoint_label, outcome_label, reason_label};
use super::otlp::{KeyValue, Kind, Span, Status, attribute};
use super::sender::Outbox;
use crate::settings::{Settings, Upstream};
use crate::world;

const MICRO_NS: u64 = 1_000;
/// Trace ids are compared with the ratio by their lowest 56 bits, which are random (W3C).
const RANDOM_BITS: u32 = 56;

/// Makes spans, of a part of the requests.
pub(super) struct Spans {
    outbox: Outbox,
    /// Traces whose random bits are below are recorded.
    below: u64,
    /// Upstreams' kinds as the conventions name providers.
    providers: BTreeMap<String, &'static str>,
}

impl Spans {
    pub(super) fn new(settings: &Settings, ratio: f64, outbox: Outbox) -> Self {
        let provider = |upstream: &Upstream| match upstream {
            Upstream::Servers(servers) => match servers.settings.kind {
                upstream::Kind::OpenAi => "openai",
                upstream::Kind::Anthropic => "anthropic",
            },
            Upstream::Local(_) => "stillhouse",
        };
        let named = settings.upstreams.iter();
        Self {
            outbox,
            below: (ratio * (1u64 << RANDOM_BITS) as f64) as u64,
            providers: named
                .map(|(name, up)| (name.clone(), provider(up)))
                .collect(),
        }
    }

    pub(super) fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// The place of a request in its trace. What the sender does not record is not recorded
    /// here; of the rest the ratio, by the trace's id, so that all who sample so agree.
    pub(super) fn begin(&self, header: Option<&HeaderValue>) -> Option<Trace> {
        let parent = header.and_then(TraceParent::read);
        if parent.is_some_and(|parent| !parent.sampled) {
            return None;
        }
        let mut random = [0; 32];
        world::random()(&mut random);
        let (fresh, spans) = random.split_first_chunk::<16>()?;
        let (server, client) = spans.split_first_chunk::<8>()?;
        let id = parent.map_or(*fresh, |parent| parent.id);
        let (_, low) = id.split_last_chunk::<8>()?;
        let bits = u64::from_be_bytes(*low) & ((1 << RANDOM_BITS) - 1);
        (bits < self.below).then_some(Trace {
            id,
            parent: parent.map(|parent| parent.span),
            server: *server,
            client: *client.first_chunk()?,
        })
    }

    pub(super) fn ended(&self, ended: &Ended<'_>, trace: &Trace, answered: &Answered) {
        let exchange = ended.exchange;
        let start = exchange.arrived.micros().saturating_mul(MICRO_NS);
        let at = |us: u64| start.saturating_add(us.saturating_mul(MICRO_NS));
        let failed = error_type(exchange);
        let mut request = server(trace, Some(&exchange.endpoint), ended.status);
        request.start_time_unix_nano = start;
        request.end_time_unix_nano = at(ended.timings.ended_us);
        request.attributes.extend([
            attribute("gen_ai.operation.name", operation(&exchange.endpoint)),
            attribute("gen_ai.request.model", exchange.model.as_str()),
            attribute("gen_ai.request.stream", exchange.streamed),
            attribute("stillhouse.request.id", exchange.id.to_string().as_str()),
            attribute("stillhouse.outcome", outcome_label(exchange.outcome)),
        ]);
        if ended.status >= 500 {
            fail(&mut request, failed.as_deref().unwrap_or("error"));
        }
        self.outbox.put(request);
        if ended.timings.asked_us == 0 {
            return;
        }
        let provider = self.providers.get(ended.upstream).copied();
        let end = match exchange.streamed || ended.timings.answered_us == 0 {
            true => ended.timings.ended_us,
            false => ended.timings.answered_us,
        };
        let mut call = Span {
            trace_id: trace.id.to_vec(),
            span_id: trace.client.to_vec(),
            parent_span_id: trace.server.to_vec(),
            name: format!("{} {}", operation(&exchange.endpoint), ended.upstream_model),
            kind: Kind::Client.into(),
            start_time_unix_nano: at(ended.timings.asked_us),
            end_time_unix_nano: at(end),
            attributes: vec![
                attribute("gen_ai.operation.name", operation(&exchange.endpoint)),
                attribute("gen_ai.provider.name", provider.unwrap_or("openai")),
                attribute("gen_ai.request.model", ended.upstream_model),
                attribute("gen_ai.request.stream", exchange.streamed),
                attribute("stillhouse.upstream", ended.upstream),
            ],
            status: None,
            flags: 1,
        };
        call.attributes.extend(address(&exchange.upstream));
        call.attributes.extend(said(answered));
        call.attributes.extend(exchange.usage.iter().flat_map(used));
        if exchange.streamed && ended.timings.answered_us > 0 {
            let waited = ended.timings.answered_us - ended.timings.asked_us;
            let seconds = std::time::Duration::from_micros(waited).as_secs_f64();
            let key = "gen_ai.response.time_to_first_chunk";
            call.attributes.push(attribute(key, seconds));
        }
        if let Some(failed) = &failed {
            fail(&mut call, failed);
        }
        self.outbox.put(call);
    }

    pub(super) fn turned_away(&self, turned: &TurnedAway<'_>, trace: &Trace) {
        let start = turned.arrived.micros().saturating_mul(MICRO_NS);
        let mut request = server(trace, turned.endpoint, turned.status);
        request.start_time_unix_nano = start;
        request.end_time_unix_nano = start + turned.duration_us * MICRO_NS;
        let reason = reason_label(turned.reason);
        request
            .attributes
            .push(attribute("stillhouse.reason", reason));
        match turned.status {
            500.. => fail(&mut request, reason),
            _ => request.attributes.push(attribute("error.type", reason)),
        }
        self.outbox.put(request);
    }
}

/// A request's span, without its times.
fn server(trace: &Trace, endpoint: Option<&Endpoint>, status: u16) -> Span {
    let route = endpoint.map_or("", Endpoint::path);
    let mut attributes = vec![
        attribute("http.request.method", "POST"),
        attribute("http.response.status_code", u64::from(status)),
        attribute("stillhouse.endpoint", endpoint_label(endpoint)),
    ];
    if !route.is_empty() {
        attributes.push(attribute("http.route", route));
    }
    Span {
        trace_id: trace.id.to_vec(),
        span_id: trace.server.to_vec(),
        parent_span_id: trace.parent.map(Vec::from).unwrap_or_default(),
        name: format!("POST {route}").trim_end().to_owned(),
        kind: Kind::Server.into(),
        start_time_unix_nano: 0,
        end_time_unix_nano: 0,
        attributes,
        status: None,
        flags: 1,
    }
}

fn fail(span: &mut Span, what: &str) {
    span.attributes.push(attribute("error.type", what));
    span.status = Some(Status {
        message: String::new(),
        code: Status::ERROR,
    });
}

/// What the conventions call the operation.
fn operation(endpoint: &Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat | Endpoint::Responses | Endpoint::Messages => "chat",
        Endpoint::Completions => "text_completion",
        Endpoint::Embeddings => "embeddings",
        Endpoint::CountTokens | Endpoint::Models | Endpoint::Score | Endpoint::Listed(_) => {
            endpoint_label(Some(endpoint))
        }
    }
}

/// How the upstream's call failed, if it did: its status, or what became of it.
fn error_type(exchange: &Exchange) -> Option<String> {
    match exchange.outcome {
        Outcome::Completed => None,
        Outcome::UpstreamError if exchange.status >= 400 => Some(exchange.status.to_string()),
        outcome => Some(outcome_label(outcome).to_owned()),
    }
}

/// The server that answered, by the base URL that the settings have for it.
fn address(server: &str) -> Vec<KeyValue> {
    let Ok(uri) = server.parse::<Uri>() else {
        return Vec::new();
    };
    let (Some(host), Some(scheme)) = (uri.host(), uri.scheme_str()) else {
        return Vec::new();
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(usual);
    vec![
        attribute("server.address", host),
        attribute("server.port", u64::from(port)),
    ]
}

fn said(answered: &Answered) -> Vec<KeyValue> {
    let model = answered.model.as_deref();
    let mut said: Vec<_> = model
        .map(|model| attribute("gen_ai.response.model", model))
        .into_iter()
        .collect();
    if !answered.finish_reasons.is_empty() {
        let reasons = answered.finish_reasons.as_slice();
        said.push(attribute("gen_ai.response.finish_reasons", reasons));
    }
    said
}

fn used(usage: &Usage) -> [KeyValue; 4] {
    [
        attribute("gen_ai.usage.input_tokens", usage.input),
        attribute("gen_ai.usage.output_tokens", usage.output),
        attribute("gen_ai.usage.cache_read.input_tokens", usage.cached_input),
        attribute("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ]
}
