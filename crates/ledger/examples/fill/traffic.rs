//! What they asked: more by day than by night and at weekends, a few accounts much and many a
//! little, an upstream that fails for an hour now and then, some refusals.

use record::{
    Amount, Endpoint, Exchange, Fact, Money, Origin, Outcome, Prices, Reason, Refusal, Time, Usage,
    UsageSource,
};

use crate::draw::{id, of, pick, share};
use crate::people::People;

const HOUR_US: u64 = 3_600_000_000;

/// A model: its name, its upstream, and its prices for a million tokens in cents.
struct Model(&'static str, &'static str, u64, u64);

const MODELS: [Model; 6] = [
    Model("llama-3.3-70b", "vllm", 60, 240),
    Model("qwen2.5-7b", "vllm", 10, 30),
    Model("qwen2.5-coder-32b", "vllm", 40, 120),
    Model("claude-sonnet", "provider", 300, 1500),
    Model("mistral-small", "vllm", 20, 60),
    Model("bge-m3", "embeddings", 2, 2),
];
const AGENTS: [&str; 5] = [
    "OpenAI/Python 2.8.1",
    "OpenAI/JS 6.9.0",
    "Anthropic/Python 0.74.0",
    "python-requests/2.32.5",
    "curl/8.14.1",
];
/// Requests of each hour of a day (UTC), against each other.
const HOURS: [u64; 24] = [
    22, 18, 15, 14, 15, 19, 30, 48, 72, 90, 97, 100, 92, 96, 99, 95, 88, 76, 62, 52, 45, 38, 32, 27,
];

/// All of it, made from a number alone.
pub(crate) struct Traffic<'a> {
    people: &'a People,
    /// The number of the first exchange of each hour, and at the end how many there are.
    firsts: Vec<u64>,
}

impl<'a> Traffic<'a> {
    /// So many exchanges over so many days.
    pub(crate) fn new(people: &'a People, exchanges: u64, days: u64) -> Self {
        let weights: Vec<u64> = (0..days * 24)
            .map(|hour| weight(people.start_us / HOUR_US + hour))
            .collect();
        let all: u64 = weights.iter().sum();
        let mut firsts = vec![0];
        let mut before = 0u128;
        for weight in weights {
            before += u128::from(weight);
            firsts.push((before * u128::from(exchanges) / u128::from(all.max(1))) as u64);
        }
        Self { people, firsts }
    }

    /// Exchanges and refusals from this number on, in order: number, time in microseconds, fact.
    pub(crate) fn from(&self, begun: u64) -> impl Iterator<Item = (u64, u64, Fact)> {
        let hour = self.firsts.partition_point(|first| *first <= begun);
        let hours = hour.saturating_sub(1)..self.firsts.len().saturating_sub(1);
        hours.flat_map(move |hour| {
            let (first, until) = (self.firsts[hour], self.firsts[hour + 1]);
            (first.max(begun)..until).map(move |number| {
                let part = (number - first) * HOUR_US / (until - first);
                let at = self.people.start_us + hour as u64 * HOUR_US + part;
                (number, at, self.fact(number, at))
            })
        })
    }

    fn fact(&self, number: u64, at_us: u64) -> Fact {
        let drawn = of(number, 10);
        let account = self.asks(drawn, at_us / HOUR_US);
        // Each account has a favourite and asks it most of the time.
        let favourite = of(account, 11);
        let model = match of(number, 12) % 10 {
            0 => of(number, 13),
            _ => favourite,
        };
        let model = &MODELS[[0, 0, 1, 1, 1, 2, 3, 4, 5][(model % 9) as usize]];
        let fails = of(at_us / HOUR_US, 14).is_multiple_of(17) && model.1 == "vllm";
        match of(number, 15) % 1000 {
            0..14 => Fact::Refusal(Box::new(self.refusal(number, account, model, at_us))),
            last => {
                let outcome = outcome(last, fails);
                Fact::Exchange(Box::new(
                    self.exchange(number, account, model, at_us, outcome),
                ))
            }
        }
    }

    /// Who asks: half of all comes from a few, the rest from those whose hour it is.
    fn asks(&self, drawn: u64, hour: u64) -> u64 {
        let all = self.people.accounts;
        let few = (all / 100).max(5).min(all);
        let at = match drawn.is_multiple_of(2) {
            true => (few as f64 * share(of(drawn, 24)).powi(2)) as u64,
            false => of(hour, 25) + of(drawn, 24) % (all / 40).max(all.min(40)),
        };
        at % all.max(1)
    }

    fn refusal(&self, number: u64, account: u64, model: &Model, at_us: u64) -> Refusal {
        let (status, reason) = match of(number, 16) % 10 {
            0..4 => (429, Reason::RequestsPerMinute),
            4..6 => (429, Reason::BudgetExhausted),
            6 => (429, Reason::Concurrency),
            7 => (404, Reason::ModelNotFound),
            8 => (400, Reason::ContextLengthExceeded),
            _ => (401, Reason::InvalidApiKey),
        };
        let known = status != 401;
        Refusal {
            id: id(at_us, number),
            account: known.then(|| self.people.account(account)),
            key: known.then(|| self.people.key(account)),
            grant: None,
            path: "/v1/chat/completions".to_owned(),
            model: if known { model.0 } else { "" }.to_owned(),
            arrived: Time::from_micros(at_us),
            status,
            reason,
            origin: origin(number, account),
        }
    }

    fn exchange(
        &self,
        number: u64,
        account: u64,
        model: &Model,
        at_us: u64,
        outcome: Outcome,
    ) -> Exchange {
        let drawn = of(number, 17);
        let is_vectors = model.1 == "embeddings";
        let input = 40 + (3000.0 * share(drawn).powi(3)) as u64;
        let output = match is_vectors {
            true => 0,
            false => 8 + (900.0 * share(of(number, 18)).powi(2)) as u64,
        };
        let usage = (outcome != Outcome::UpstreamError).then_some(Usage {
            input,
            cached_input: if drawn.is_multiple_of(3) {
                input / 2
            } else {
                0
            },
            output,
            reasoning: 0,
            source: match drawn % 40 {
                0 => UsageSource::Estimated,
                _ => UsageSource::Upstream,
            },
        });
        let first_byte_us = 60_000 + (700_000.0 * share(of(number, 19)).powi(3)) as u32;
        let speed_us = if model.2 > 30 { 21_000 } else { 8_000 };
        Exchange {
            id: id(at_us, number),
            account: self.people.account(account),
            key: Some(self.people.key(account)),
            grant: (self.people.has_grant(account) && number.is_multiple_of(4))
                .then(|| self.people.grant(account)),
            endpoint: match (is_vectors, model.1) {
                (true, _) => Endpoint::Embeddings,
                (_, "provider") => Endpoint::Messages,
                _ => Endpoint::Chat,
            },
            model: model.0.to_owned(),
            upstream: model.1.to_owned(),
            arrived: Time::from_micros(at_us),
            first_byte_us,
            duration_us: u64::from(first_byte_us) + output * speed_us,
            status: match outcome {
                Outcome::UpstreamError => 500,
                Outcome::UpstreamBroken => 502,
                _ => 200,
            },
            outcome,
            streamed: !is_vectors && !drawn.is_multiple_of(4),
            request_bytes: input * 4 + 200,
            response_bytes: output * 5 + 300,
            usage,
            cost: cost(model, usage.as_ref()),
            shares: Vec::new(),
            edits: Vec::new(),
            origin: origin(number, account),
            bodies: None,
            idempotency: None,
        }
    }
}

fn weight(hour: u64) -> u64 {
    // Day 0 of the epoch was a Thursday.
    let is_weekend = matches!((hour / 24 + 3) % 7, 5 | 6);
    let base = HOURS[(hour % 24) as usize] * if is_weekend { 55 } else { 100 };
    base * (85 + of(hour, 20) % 30)
}

fn outcome(drawn: u64, fails: bool) -> Outcome {
    match drawn {
        14..18 => Outcome::UpstreamError,
        18..20 => Outcome::UpstreamBroken,
        20..30 => Outcome::ClientLeft,
        30..130 if fails => Outcome::UpstreamBroken,
        _ => Outcome::Completed,
    }
}

fn cost(model: &Model, usage: Option<&Usage>) -> Amount {
    // A cent for a million tokens is ten nanodollars for one.
    let nanos = |cents: u64| cents * 10;
    let prices = Prices {
        input: nanos(model.2),
        cached: nanos(model.2) / 2,
        output: nanos(model.3),
        reasoning: nanos(model.3),
    };
    usage.map_or(
        Amount {
            money: Money::ZERO,
            tokens: 0,
        },
        |usage| prices.cost(usage),
    )
}

fn origin(number: u64, account: u64) -> Origin {
    Origin {
        // Addresses that are kept for documentation.
        address: format!("203.0.113.{}", of(account, 21) % 254 + 1),
        header_order: of(account, 22),
        user_agent: pick(of(account, 23) + number % 2, &AGENTS).to_owned(),
        accept_language: String::new(),
    }
}
