//! Counts of requests. Each model has its own counters, found by number; a request adds to a
//! dozen of them without a lock and without looking anything up by name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use gateway::{Ended, ModelNumber, TurnedAway, Verified};
use record::{Endpoint, Exchange, Outcome, Reason, Usage};

use super::histogram::{Histogram, MODEL_US, OWN_US};

/// What stands for a model that is not among those of the settings.
pub(super) const OTHER: &str = "other";

/// Labels of endpoints; the last is for paths that lead nowhere.
pub(super) const ENDPOINTS: [&str; 10] = [
    "chat",
    "completions",
    "responses",
    "embeddings",
    "messages",
    "count_tokens",
    "models",
    "listed",
    "score",
    "none",
];

/// Labels of HTTP statuses.
pub(super) const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Labels of outcomes, in the order of [`outcome`].
pub(super) const OUTCOMES: [&str; 6] = [
    "completed",
    "upstream_error",
    "upstream_broken",
    "client_left",
    "revoked",
    "shut_down",
];

/// Labels of tokens: cached input is a part of input, reasoning a part of output.
pub(super) const TOKENS: [&str; 4] = ["input", "cached_input", "output", "reasoning"];

/// Labels of what came of looks at told scores: positions that were asked for again, those of them
/// that differ by more than 0.05 nats, and requests whose scores were refused.
pub(super) const VERIFIED: [&str; 3] = ["compared", "differing", "refused"];

/// One model's counters.
#[derive(Debug)]
pub(super) struct OfModel {
    pub(super) name: Arc<str>,
    pub(super) requests: [[AtomicU64; STATUSES.len()]; ENDPOINTS.len()],
    pub(super) outcomes: [AtomicU64; OUTCOMES.len()],
    pub(super) tokens: [AtomicU64; TOKENS.len()],
    pub(super) estimated: AtomicU64,
    pub(super) verified: [AtomicU64; VERIFIED.len()],
    pub(super) spent_nanodollars: AtomicU64,
    pub(super) duration: Histogram,
    pub(super) first_byte: Histogram,
}

/// All counters of requests.
#[derive(Debug)]
pub(super) struct Metrics {
    /// The first is for every model that is not known.
    models: ArcSwap<Vec<Arc<OfModel>>>,
    /// By reason; the last is for what has no label here.
    refusals: [AtomicU64; REASONS.len() + 1],
    pub(super) unrecorded: AtomicU64,
    /// Of whole answers, and of streams.
    pub(super) added: [Histogram; 2],
}

impl OfModel {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            requests: Default::default(),
            outcomes: Default::default(),
            tokens: Default::default(),
            estimated: AtomicU64::new(0),
            verified: Default::default(),
            spent_nanodollars: AtomicU64::new(0),
            duration: Histogram::new(MODEL_US),
            first_byte: Histogram::new(MODEL_US),
        }
    }

    fn verified(&self, verified: &Verified) {
        let difference = &verified.difference;
        let refused = u64::from(verified.refused);
        let numbers = [difference.positions, difference.differing, refused];
        for (counter, number) in self.verified.iter().zip(numbers) {
            counter.fetch_add(number, Relaxed);
        }
    }

    fn request(&self, endpoint: Option<&Endpoint>, status: u16) {
        let class = usize::from(status / 100).clamp(1, STATUSES.len()) - 1;
        self.requests[number(endpoint)][class].fetch_add(1, Relaxed);
    }

    fn ended(&self, exchange: &Exchange, status: u16) {
        self.request(Some(&exchange.endpoint), status);
        self.outcomes[outcome(exchange.outcome)].fetch_add(1, Relaxed);
        self.duration.observe(exchange.duration_us);
        // The largest number says that there was none.
        if exchange.first_byte_us != u32::MAX {
            self.first_byte.observe(u64::from(exchange.first_byte_us));
        }
        let spent = exchange.cost.money.nanos();
        if spent > 0 {
            self.spent_nanodollars.fetch_add(spent, Relaxed);
        }
        if let Some(usage) = &exchange.usage {
            self.used(usage);
        }
    }

    fn used(&self, usage: &Usage) {
        let numbers = [
            usage.input,
            usage.cached_input,
            usage.output,
            usage.reasoning,
        ];
        for (counter, number) in self.tokens.iter().zip(numbers) {
            if number > 0 {
                counter.fetch_add(number, Relaxed);
            }
        }
        if usage.source == record::UsageSource::Estimated {
            self.estimated.fetch_add(1, Relaxed);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            models: ArcSwap::from_pointee(vec![Arc::new(OfModel::new(OTHER))]),
            refusals: Default::default(),
            unrecorded: AtomicU64::new(0),
            added: [Histogram::new(OWN_US), Histogram::new(OWN_US)],
        }
    }
}

impl Metrics {
    /// The number of a model. One that was taken out of the settings keeps its counters.
    pub(super) fn model(&self, name: &str) -> ModelNumber {
        let find = |models: &[Arc<OfModel>]| models.iter().position(|m| *m.name == *name);
        self.models.rcu(|models| match find(models) {
            Some(_) => Arc::clone(models),
            None => {
                let new = Arc::new(OfModel::new(name));
                Arc::new(models.iter().cloned().chain([new]).collect())
            }
        });
        let number = find(&self.models.load()).unwrap_or_default();
        ModelNumber::try_from(number).unwrap_or_default()
    }

    pub(super) fn ended(&self, ended: &Ended<'_>) {
        self.with(ended.model, |model| {
            model.ended(ended.exchange, ended.status);
        });
        let streamed = ended.exchange.streamed;
        self.added[usize::from(streamed)].observe(ended.timings.added_us(streamed));
        if !ended.recorded {
            self.unrecorded.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn verified(&self, verified: &Verified) {
        self.with(Some(verified.model), |model| model.verified(verified));
    }

    pub(super) fn turned_away(&self, turned: &TurnedAway<'_>) {
        self.with(turned.model, |model| {
            model.request(turned.endpoint, turned.status);
        });
        let reason = REASONS
            .iter()
            .position(|(known, _)| *known == turned.reason);
        self.refusals[reason.unwrap_or(REASONS.len())].fetch_add(1, Relaxed);
    }

    fn with(&self, number: Option<ModelNumber>, add: impl FnOnce(&OfModel)) {
        let models = self.models.load();
        let number = number.and_then(|number| usize::try_from(number).ok());
        if let Some(model) = models.get(number.unwrap_or_default()) {
            add(model);
        }
    }

    /// Every model's counters.
    pub(super) fn models(&self) -> Arc<Vec<Arc<OfModel>>> {
        self.models.load_full()
    }

    /// Refusals by reason.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refusals.iter().map(|count| count.load(Relaxed));
        let labels = REASONS.iter().map(|(_, label)| *label);
        labels.chain([OTHER]).zip(counts)
    }
}

const fn number(endpoint: Option<&Endpoint>) -> usize {
    match endpoint {
        Some(Endpoint::Chat) => 0,
        Some(Endpoint::Completions) => 1,
        Some(Endpoint::Responses) => 2,
        Some(Endpoint::Embeddings) => 3,
        Some(Endpoint::Messages) => 4,
        Some(Endpoint::CountTokens) => 5,
        Some(Endpoint::Models) => 6,
        Some(Endpoint::Listed(_)) => 7,
        Some(Endpoint::Score) => 8,
        None => 9,
    }
}

/// The label of an endpoint.
pub(super) const fn endpoint_label(endpoint: Option<&Endpoint>) -> &'static str {
    ENDPOINTS[number(endpoint)]
}

const fn outcome(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Completed => 0,
        Outcome::UpstreamError => 1,
        Outcome::UpstreamBroken => 2,
        Outcome::ClientLeft => 3,
        Outcome::Revoked => 4,
        Outcome::ShutDown => 5,
    }
}

/// The label of an outcome.
pub(super) const fn outcome_label(ended: Outcome) -> &'static str {
    OUTCOMES[outcome(ended)]
}

/// The label of a reason.
pub(super) fn reason_label(reason: Reason) -> &'static str {
    let known = REASONS.iter().find(|(known, _)| *known == reason);
    known.map_or(OTHER, |(_, label)| label)
}

/// Reasons and their labels, which are the codes that the ledger has.
const REASONS: [(Reason, &str); 23] = [
    (Reason::InvalidApiKey, "invalid_api_key"),
    (Reason::CredentialExpired, "credential_expired"),
    (Reason::CredentialRevoked, "credential_revoked"),
    (Reason::AccountClosed, "account_closed"),
    (Reason::UnknownEndpoint, "unknown_endpoint"),
    (Reason::MethodNotAllowed, "method_not_allowed"),
    (Reason::InvalidRequest, "invalid_request"),
    (Reason::BodyTooLarge, "body_too_large"),
    (Reason::BodyTimeout, "body_timeout"),
    (Reason::ModelNotFound, "model_not_found"),
    (Reason::EndpointNotSupported, "endpoint_not_supported"),
    (Reason::ContextLengthExceeded, "context_length_exceeded"),
    (Reason::CapabilityNotAllowed, "capability_not_allowed"),
    (Reason::RequestsPerMinute, "requests_per_minute"),
    (Reason::TokensPerMinute, "tokens_per_minute"),
    (Reason::Concurrency, "concurrency"),
    (Reason::BudgetExhausted, "budget_exhausted"),
    (Reason::IdempotencyConflict, "idempotency_conflict"),
    (Reason::QueueFull, "queue_full"),
    (Reason::UpstreamUnavailable, "upstream_unavailable"),
    (Reason::LedgerUnavailable, "ledger_unavailable"),
    (Reason::ShuttingDown, "shutting_down"),
    (Reason::ModelUnavailable, "model_unavailable"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_ledgers_own_words() {
        for (reason, label) in REASONS {
            assert_eq!(serde_json::to_value(reason).unwrap(), label);
        }
        for (endpoint, label) in [
            (Endpoint::Chat, "chat"),
            (Endpoint::CountTokens, "count_tokens"),
            (Endpoint::Models, "models"),
            (Endpoint::Score, "score"),
        ] {
            assert_eq!(serde_json::to_value(&endpoint).unwrap(), label);
            assert_eq!(endpoint_label(Some(&endpoint)), label);
        }
        for kind in [Outcome::Completed, Outcome::ClientLeft, Outcome::ShutDown] {
            assert_eq!(serde_json::to_value(kind).unwrap(), outcome_label(kind));
        }
    }

    #[test]
    fn a_model_keeps_its_number() {
        let metrics = Metrics::default();
        assert_eq!(metrics.model("a"), 1);
        assert_eq!(metrics.model("b"), 2);
        assert_eq!(metrics.model("a"), 1);
        assert_eq!(metrics.models().len(), 3);
    }
}
