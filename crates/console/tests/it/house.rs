//! A house with a ledger of its own, whose clock is moved by hand, and its operator's port.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use console::{Operator, Parts};
use guard::admission::Table;
use ledger::facts::Facts;
use operations::model::Model;
use operations::server::Reloaded;
use operations::settings::Setting;
use operations::upstream::Upstream;
use operations::{House, Serving};
use record::{Actor, Amount, Change, Fact, Role, Time};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::browser::Browser;

pub(crate) const START_US: u64 = 1_764_000_000_000_000;
pub(crate) const PASSWORD: &str = "correct horse battery";

struct Nobody;

impl Serving for Nobody {
    fn models(&self) -> Vec<Model> {
        Vec::new()
    }
    fn upstreams(&self) -> Vec<Upstream> {
        Vec::new()
    }
    fn in_flight(&self) -> u64 {
        0
    }
    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }
    fn reload(&self) -> operations::Result<Reloaded> {
        Err(operations::Error::Unavailable {
            message: "no server runs".into(),
            hint: None,
        })
    }
}

/// A house over a folder.
pub(crate) fn house(folder: &Path, clock: Arc<AtomicU64>) -> Arc<House> {
    let random: operations::Random = Arc::new(|bytes: &mut [u8]| getrandom::fill(bytes).unwrap());
    let now = move || clock.load(Ordering::Relaxed);
    let options = ledger::Options::new(folder, Arc::new(now.clone()), Arc::clone(&random));
    let plans = vec![record::Plan {
        name: "default".into(),
        limits: record::Limits::default(),
        spend: None,
        capabilities: record::CapabilitySet::default(),
        models: None,
    }];
    let facts = Facts::open(options, "test").unwrap();
    Arc::new(House {
        folded: Arc::new(operations::distill::Runs::held(facts.clone())),
        facts,
        table: Arc::new(Table::new(plans, Box::new(|_| Amount::ZERO))),
        serving: Arc::new(Nobody),
        runs: folder.join("../runs"),
        trainer: vec![],
        clock: Arc::new(move || Time::from_micros(now())),
        random,
        version: "test".into(),
        public_url: "http://127.0.0.1:1".into(),
        operator_url: Some("http://127.0.0.1:2".into()),
        since: None,
    })
}

/// A port that answers until this is dropped.
pub(crate) struct Port {
    pub(crate) house: Arc<House>,
    pub(crate) address: std::net::SocketAddr,
    /// The link that the server would print.
    pub(crate) welcome: Option<String>,
    pub(crate) clock: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
    stop: watch::Sender<bool>,
}

impl Port {
    /// A port of a house where nobody is.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(START_US));
        let house = house(&folder.path().join("ledger"), Arc::clone(&clock));
        Self::over(house, clock, folder).await
    }

    /// A port of a house whose admin `root` has a session in the browser.
    pub(crate) async fn with_admin() -> (Self, Browser) {
        let mut port = Self::new().await;
        let mut browser = port.browser();
        let link = port.welcome.take().unwrap();
        let secret = link.split_once('#').unwrap().1;
        let form = [("secret", secret), ("name", "root"), ("password", PASSWORD)];
        let said = browser.post("/welcome", &form).await;
        assert_eq!(said.status, 303, "{}", said.body);
        (port, browser)
    }

    async fn over(house: Arc<House>, clock: Arc<AtomicU64>, folder: tempfile::TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = Parts {
            house: Arc::clone(&house),
            public_url: format!("http://{address}"),
            session: Duration::from_secs(12 * 3600),
            scrape_token: Some("scrape me".into()),
            metrics: Some(Arc::new(|| "up 1\n".to_owned())),
        };
        let operator = Operator::new(vec![listener], parts);
        let welcome = operator.welcome();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(operator.serve(stopped));
        Self {
            house,
            address,
            welcome,
            clock,
            _folder: folder,
            stop,
        }
    }

    /// A browser without a session.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stop.send(true).unwrap();
    }

    /// Makes an operator, and signs them in.
    pub(crate) async fn operator(&self, name: &str, role: Role) -> Browser {
        let secret = self.invite(name, role);
        let mut browser = self.browser();
        let form = [("secret", secret.as_str()), ("password", PASSWORD)];
        let said = browser.post("/invitation", &form).await;
        assert_eq!(said.status, 303, "{}", said.body);
        browser
    }

    /// Makes an operator with an invitation, and gives its secret.
    pub(crate) fn invite(&self, name: &str, role: Role) -> String {
        let secret = format!("secret of {name}");
        let now = (self.house.clock)();
        let mut random = [0; 10];
        (self.house.random)(&mut random);
        let new = record::Operator {
            id: record::Id::new(now, random),
            name: name.into(),
            role,
            password: None,
            invitation: Some(record::Invitation {
                hash: *blake3::hash(secret.as_bytes()).as_bytes(),
                expires: Time::from_micros(now.micros() + 86_400_000_000),
            }),
            revoked: None,
        };
        self.change(Change::OperatorCreated(new));
        secret
    }

    /// A token of an operator.
    pub(crate) fn token(&self, name: &str) -> String {
        let secret = format!("ot-sh-of-{name}");
        let mut random = [0; 10];
        (self.house.random)(&mut random);
        self.change(Change::TokenCreated(record::Token {
            id: record::Id::new((self.house.clock)(), random),
            operator: self.operator_id(name),
            name: "test".into(),
            prefix: "ot-sh-of".into(),
            hash: *blake3::hash(secret.as_bytes()).as_bytes(),
            expires: None,
            revoked: None,
        }));
        secret
    }

    pub(crate) fn operator_id(&self, name: &str) -> record::Id<record::id::kind::Operator> {
        let directory = self.house.facts.directory();
        directory.operator_named(name).unwrap().id
    }

    /// Writes a change, as another face would.
    pub(crate) fn change(&self, change: Change) {
        let by = Actor::Operator("test".into());
        self.house.facts.change(by, "test", change).unwrap();
    }

    /// A refusal, as the gateway records it; gives its entry.
    pub(crate) fn refuse(&self, model: &str, status: u16) -> u64 {
        let now = (self.house.clock)();
        let fact = Fact::Refusal(Box::new(record::Refusal {
            id: record::Id::new(now, [1; 10]),
            account: None,
            key: None,
            grant: None,
            path: "/v1/chat/completions".into(),
            model: model.into(),
            arrived: now,
            status,
            reason: record::Reason::RequestsPerMinute,
            origin: record::Origin::default(),
        }));
        self.house.facts.observe(&fact).unwrap()
    }
}
