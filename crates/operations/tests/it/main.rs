//! The verbs over a real ledger, as values: what they change, and what they refuse.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guard::admission::Table;
use ledger::facts::Facts;
use operations::ledger::{By, Cost, Erase, Export, Prune};
use operations::model::{Model, Price};
use operations::shapes::LimitsChange;
use operations::{Error, House, Serving, account, grant, key, organization};
use record::{
    Actor, Amount, CapabilitySet, Endpoint, Exchange, Fact, Id, Limits, Money, Origin, Outcome,
    Plan, Prices, Tier, Time, Usage, UsageSource,
};

const DAY_US: u64 = 86_400_000_000;

struct One;

impl Serving for One {
    fn models(&self) -> Vec<Model> {
        ["m", "n"].map(model).to_vec()
    }
    fn in_flight(&self) -> u64 {
        0
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
    }
}

/// A house whose clock is moved by hand.
struct Fixture {
    house: House,
    clock: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(20_000 * DAY_US));
        let house = open(folder.path(), &clock);
        Self {
            house,
            clock,
            _folder: folder,
        }
    }

    fn account(&self, name: &str) -> account::Account {
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

    fn exchange(&self, account: &account::Account, model: &str, nanos: u64) {
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
            bodies: None,
            idempotency: None,
        }));
        self.house.facts.observe(&fact).unwrap();
    }

    fn exported(&self) -> String {
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
    House {
        facts: Facts::open(options, "test").unwrap(),
        table: Arc::new(Table::new(vec![plan], Box::new(|_| Amount::ZERO))),
        serving: Arc::new(One),
        clock: Arc::new(move || Time::from_micros(now())),
        random,
        version: "test".into(),
        public_url: "http://x".into(),
        since: None,
    }
}

fn operator() -> Actor {
    Actor::Operator("uid:1".into())
}

fn issue(account: &str) -> grant::Issue {
    grant::Issue {
        account: account.into(),
        teachers: vec!["m".into(), "n".into()],
        purpose: "a student".into(),
        tier: Tier::Score,
        budget_dollars: Some("10".into()),
        budget_tokens: None,
        limits: LimitsChange {
            concurrency: Some(4),
            ..LimitsChange::default()
        },
        expires: "30d".into(),
        why: String::new(),
    }
}

fn narrow(grant: &str) -> grant::Narrow {
    grant::Narrow {
        grant: grant.into(),
        teachers: None,
        tier: None,
        budget_dollars: None,
        budget_tokens: None,
        limits: LimitsChange::default(),
        expires: None,
        why: String::new(),
    }
}

#[test]
fn a_grant_only_gets_narrower() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let id = grant::issue(house, &by, issue("a")).unwrap().grant.id;
    let narrowed = grant::narrow(
        house,
        &by,
        grant::Narrow {
            teachers: Some(vec!["n".into()]),
            tier: Some(Tier::Judge),
            budget_dollars: Some("5".into()),
            budget_tokens: Some(100),
            expires: Some("1d".into()),
            ..narrow(&id)
        },
    )
    .unwrap();
    assert_eq!(
        (narrowed.tier, narrowed.budget_tokens),
        (Tier::Judge, Some(100))
    );
    assert_eq!(
        narrowed.limits.concurrency,
        Some(4),
        "what is not named stays"
    );
    let wider = [
        grant::Narrow {
            teachers: Some(vec!["m".into()]),
            ..narrow(&id)
        },
        grant::Narrow {
            teachers: Some(vec![]),
            ..narrow(&id)
        },
        grant::Narrow {
            tier: Some(Tier::Topk),
            ..narrow(&id)
        },
        grant::Narrow {
            budget_dollars: Some("5.01".into()),
            ..narrow(&id)
        },
        grant::Narrow {
            budget_tokens: Some(101),
            ..narrow(&id)
        },
        grant::Narrow {
            expires: Some("2d".into()),
            ..narrow(&id)
        },
        grant::Narrow {
            limits: LimitsChange {
                concurrency: Some(5),
                ..LimitsChange::default()
            },
            ..narrow(&id)
        },
        narrow(&id),
    ];
    for one in wider {
        let refused = grant::narrow(house, &by, one.clone());
        assert!(
            matches!(refused, Err(Error::Invalid { .. })),
            "{one:?}: {refused:?}"
        );
    }
}

#[test]
fn what_a_grant_needs_is_asked_for() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let refused = |input: grant::Issue| grant::issue(house, &by, input).err().unwrap();
    let none = grant::Issue {
        budget_dollars: None,
        ..issue("a")
    };
    assert!(matches!(refused(none), Error::Invalid { .. }));
    let unknown = grant::Issue {
        teachers: vec!["x".into()],
        ..issue("a")
    };
    assert!(matches!(refused(unknown), Error::NotFound { .. }));
    let past = grant::Issue {
        expires: "2001-01-01".into(),
        ..issue("a")
    };
    assert!(matches!(refused(past), Error::Invalid { .. }));
    assert!(matches!(refused(issue("b")), Error::NotFound { .. }));
}

#[test]
fn a_secret_is_found_by_its_hash_alone() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    fixture.account("a");
    let create = key::Create {
        account: "a".into(),
        name: "k".into(),
        expires: None,
        spend: None,
        why: String::new(),
    };
    let made = key::create(house, &by, create).unwrap();
    let hash = *blake3::hash(made.secret.as_bytes()).as_bytes();
    let directory = house.facts.directory();
    assert_eq!(directory.keys().next().unwrap().hash, hash);
    drop(directory);
    assert!(!fixture.exported().contains(&made.secret));
}

#[test]
fn an_erased_account_leaves_its_costs_and_no_name() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let (gone, stays) = (fixture.account("jane"), fixture.account("other"));
    grant::issue(house, &by, issue("jane")).unwrap();
    fixture.exchange(&gone, "m", 5);
    fixture.exchange(&stays, "m", 7);
    assert!(fixture.exported().contains("192.0.2.77"));
    let erase = |name: &str| {
        let input = Erase {
            account: name.into(),
            why: String::new(),
        };
        operations::ledger::erase(house, &by, input)
    };
    // Account, grant, exchange; nothing of the other's.
    assert_eq!(erase("jane").unwrap().entries, 3);
    let left = fixture.exported();
    assert!(!left.contains("\"jane\""), "{left}");
    assert_eq!(left.matches("192.0.2.77").count(), 1);
    assert!(left.contains("\"other\""));
    // Again, by id, as after a crash: nothing is left to erase.
    assert_eq!(erase(&gone.id).unwrap().entries, 0);
    let costs = operations::ledger::cost(house, &by, Cost::default()).unwrap();
    assert_eq!(costs.total.dollars, "0.000000012");
    let reader = house.facts.ledger().reader();
    house.facts.ledger().sign_head().unwrap();
    assert!(
        operations::ledger::verify(&reader, &Default::default())
            .unwrap()
            .sound
    );
}

#[test]
fn pruning_drops_old_payloads_and_keeps_the_sums() {
    let fixture = Fixture::new();
    let (house, by) = (&fixture.house, operator());
    let account = fixture.account("a");
    fixture.exchange(&account, "m", 5);
    fixture.clock.fetch_add(3 * DAY_US, Ordering::Relaxed);
    fixture.exchange(&account, "n", 7);
    let prune = |days| {
        operations::ledger::prune(
            house,
            &by,
            Prune {
                older_than_days: days,
            },
        )
    };
    assert!(matches!(prune(0), Err(Error::Invalid { .. })));
    assert!(prune(2).unwrap().marker.is_some());
    assert_eq!(fixture.exported().matches("192.0.2.77").count(), 1);
    let by_model = Cost {
        by: vec![By::Model],
        ..Cost::default()
    };
    let costs = operations::ledger::cost(house, &by, by_model).unwrap();
    let rows: Vec<_> = costs
        .rows
        .iter()
        .map(|row| (row.model.as_deref().unwrap(), row.requests))
        .collect();
    assert_eq!(rows, [("m", 1), ("n", 1)]);
    assert_eq!(costs.total.dollars, "0.000000012");
    let by_day = Cost {
        by: vec![By::Day],
        ..Cost::default()
    };
    assert_eq!(
        operations::ledger::cost(house, &by, by_day)
            .unwrap()
            .rows
            .len(),
        2
    );
}
