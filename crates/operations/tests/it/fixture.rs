//! A house over a real ledger, whose clock is moved by hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guard::admission::Table;
use ledger::facts::Facts;
use operations::ledger::Export;
use operations::model::{Model, Price};
use operations::server::Reloaded;
use operations::settings::Setting;
use operations::shapes::LimitsChange;
use operations::upstream::{Server, Upstream};
use operations::{House, Serving, account, organization};
use record::{
    Actor, Amount, CapabilitySet, Endpoint, Exchange, Fact, Id, Limits, Money, Origin, Outcome,
    Plan, Prices, Time, Usage, UsageSource,
};

pub(crate) const DAY_US: u64 = 86_400_000_000;

struct One;

impl Serving for One {
    fn models(&self) -> Vec<Model> {
        ["m", "n"].map(model).to_vec()
    }
    fn upstreams(&self) -> Vec<Upstream> {
        vec![Upstream {
            name: "u".into(),
            kind: "openai".into(),
            servers: vec![Server {
                url: "http://127.0.0.1:1/v1".into(),
                ready: None,
                unreachable_since: None,
                in_flight: None,
                latency: None,
                on: true,
                revision: 0,
            }],
            models: vec![],
            health: None,
            latency: None,
            on: true,
            revision: 0,
        }]
    }
    fn in_flight(&self) -> u64 {
        0
    }
    fn drives(&self) -> bool {
        true
    }
    fn settings(&self) -> Vec<Setting> {
        vec![]
    }
    fn reload(&self) -> operations::Result<Reloaded> {
        Ok(Reloaded {
            changed: vec!["plans.default".into()],
            waiting: vec![],
        })
    }
}

fn model(name: &str) -> Model {
    Model {
        name: name.into(),
        upstream: "u".into(),
        upstream_model: None,
        context_tokens: None,
        max_output_tokens: None,
        dollars_per_million_tokens: Price::from(Prices::default()),
        health: None,
        on: true,
        revision: 0,
    }
}

/// A house whose clock is moved by hand.
pub(crate) struct Fixture {
    pub(crate) house: House,
    pub(crate) clock: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(20_000 * DAY_US));
        let house = open(folder.path(), &clock);
        Self {
            house,
            clock,
            _folder: folder,
        }
    }

    pub(crate) fn account(&self, name: &str) -> account::Account {
        let by = operator();
        let create = organization::Create {
            name: format!("{name}'s"),
            why: String::new(),
        };
        let of = organization::create(&self.house, &by, create).unwrap();
        let create = account::Create {
            organization: of.id,
            name: name.into(),
            plan: "default".into(),
            limits: LimitsChange::default(),
            spend: None,
            why: "the first Jane Doe".into(),
        };
        account::create(&self.house, &by, create).unwrap()
    }

    pub(crate) fn exchange(&self, account: &account::Account, model: &str, nanos: u64) {
        self.observe(account, model, nanos, None);
    }

    /// An exchange whose bodies are in the vault.
    pub(crate) fn exchange_with(
        &self,
        account: &account::Account,
        model: &str,
        bodies: Option<[[u8; 32]; 2]>,
    ) {
        self.observe(account, model, 0, bodies);
    }

    fn observe(
        &self,
        account: &account::Account,
        model: &str,
        nanos: u64,
        bodies: Option<[[u8; 32]; 2]>,
    ) {
        let now = Time::from_micros(self.clock.load(Ordering::Relaxed));
        let fact = Fact::Exchange(Box::new(Exchange {
            id: Id::new(now, [1; 10]),
            account: account.id.parse().unwrap(),
            key: None,
            grant: None,
            endpoint: Endpoint::Chat,
            model: model.into(),
            upstream: "u".into(),
            arrived: now,
            first_byte_us: 1,
            duration_us: 2,
            status: 200,
            outcome: Outcome::Completed,
            streamed: false,
            request_bytes: 1,
            response_bytes: 1,
            usage: Some(Usage {
                input: 3,
                cached_input: 0,
                output: 4,
                reasoning: 0,
                source: UsageSource::Upstream,
            }),
            cost: Amount {
                money: Money::from_nanos(nanos),
                tokens: 7,
            },
            shares: vec![],
            edits: vec![],
            origin: Origin {
                address: "192.0.2.77".into(),
                ..Origin::default()
            },
            bodies,
            idempotency: None,
        }));
        self.house.facts.observe(&fact).unwrap();
    }

    pub(crate) fn exported(&self) -> String {
        let mut out = Vec::new();
        let reader = self.house.facts.ledger().reader();
        operations::ledger::export_to(&reader, &Export::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

fn open(folder: &Path, clock: &Arc<AtomicU64>) -> House {
    let random: operations::Random = Arc::new(|bytes: &mut [u8]| getrandom::fill(bytes).unwrap());
    let micros = Arc::clone(clock);
    let now = move || micros.load(Ordering::Relaxed);
    let options = ledger::Options::new(folder, Arc::new(now.clone()), Arc::clone(&random));
    let plan = Plan {
        name: "default".into(),
        limits: Limits::default(),
        spend: None,
        capabilities: CapabilitySet::default(),
        models: None,
    };
    let facts = Facts::open(options, "test").unwrap();
    House {
        folded: Arc::new(distill::runs::Runs::held(facts.clone())),
        facts,
        table: Arc::new(Table::new(vec![plan], Box::new(|_| Amount::ZERO))),
        serving: Arc::new(One),
        runs: folder.join("runs"),
        trainer: vec![],
        clock: Arc::new(move || Time::from_micros(now())),
        random,
        version: "test".into(),
        public_url: "http://x".into(),
        operator_url: Some("http://127.0.0.1:8181".into()),
        since: None,
    }
}

pub(crate) fn operator() -> Actor {
    Actor::Operator("uid:1".into())
}
