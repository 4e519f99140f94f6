//! The house of these tests: ledger, table and gateway, wired as the binary wires them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use gateway::{Gateway, Models, Options, Parts, Route};
use guard::admission::Table;
use ledger::facts::{Facts, Touched};
use record::id::kind;
use record::{
    Account, AccountState, Actor, CapabilitySet, Change, Exchange, Fact, Grant, GrantBudget,
    GrantTerms, Id, Key, KeySecret, Limits, Organization, Plan, Prices, Refusal, Tier, Time,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use upstream::{EndpointSet, HttpUpstream, Kind, Settings, Upstream};

use crate::books::{assert_books, exchanges, facts_of, verify};
use crate::client::{Answer, Client, SOON, request};
use crate::peer::Peer;

/// The system's clock, and what a test adds to it.
#[derive(Default)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    pub(crate) fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = u64::try_from(since.unwrap().as_micros()).unwrap();
        Time::from_micros(micros.saturating_add_signed(self.0.load(Ordering::Relaxed)))
    }

    /// Steps by so many seconds.
    pub(crate) fn step(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

/// Bytes that never come twice, not even between processes.
pub(crate) fn random(bytes: &mut [u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    hasher.update(&Clock::default().now().micros().to_le_bytes());
    hasher.finalize_xof().fill(bytes);
}

fn random_id<K>() -> Id<K> {
    let mut bytes = [0; 10];
    random(&mut bytes);
    Id::new(Clock::default().now(), bytes)
}

/// What a house is made of, to be changed before it is opened.
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) plan: Plan,
    pub(crate) routes: Vec<Route>,
    pub(crate) ledger: fn(&mut ledger::Options),
    pub(crate) observer: Arc<dyn gateway::Observer>,
    pub(crate) folder: TempDir,
}

/// An open house with one account on the plan `open` and one key.
pub(crate) struct House {
    pub(crate) facts: Facts,
    pub(crate) table: Arc<Table>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<Clock>,
    pub(crate) account: Id<kind::Account>,
    pub(crate) key: String,
    pub(crate) folder: TempDir,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
}

/// A route to an upstream, without prices.
pub(crate) fn route(model: &str, upstream: Arc<dyn Upstream>) -> Route {
    Route {
        only: None,
        model: model.into(),
        upstream,
        upstream_model: None,
        prices: Prices::default(),
        context_tokens: None,
        max_output_tokens: None,
        on: true,
    }
}

/// The settings of an HTTP upstream with this one server.
pub(crate) fn settings(address: SocketAddr) -> Settings {
    Settings::new("peer", Kind::OpenAi, vec![format!("http://{address}/v1")])
}

/// The HTTP upstream of a peer.
pub(crate) fn http(peer: &Peer) -> Arc<dyn Upstream> {
    Arc::new(HttpUpstream::new(&settings(peer.address)).unwrap())
}

/// The HTTP upstream of a peer that has these endpoints.
pub(crate) fn http_with(peer: &Peer, endpoints: &[record::Endpoint]) -> Arc<dyn Upstream> {
    let mut settings = settings(peer.address);
    settings.endpoints = EndpointSet::of(endpoints);
    Arc::new(HttpUpstream::new(&settings).unwrap())
}

/// The table of credentials, following the ledger.
fn table(facts: &Facts, plan: Plan, clock: &Arc<Clock>) -> Arc<Table> {
    let spent = facts.clone();
    let opening = move |budget| {
        let spent = spent.spent(&budget);
        spent.gone.plus(spent.reserved)
    };
    let table = Arc::new(Table::new(vec![plan], Box::new(opening)));
    let (followed, at) = (Arc::clone(&table), Arc::clone(clock));
    let follow = move |touched: &Touched| match touched {
        Touched::Account(account) => followed.put_account(Arc::clone(account), at.now()),
        Touched::Key(key) => followed.put_key(Arc::clone(key)),
        Touched::Grant(grant) => followed.put_grant(Arc::clone(grant), at.now()),
        _ => {}
    };
    {
        let directory = facts.directory();
        directory
            .accounts()
            .for_each(|a| follow(&Touched::Account(Arc::clone(a))));
        directory
            .keys()
            .for_each(|k| follow(&Touched::Key(Arc::clone(k))));
        directory
            .grants()
            .for_each(|g| follow(&Touched::Grant(Arc::clone(g))));
    }
    facts.follow(Box::new(follow));
    table
}

impl Setup {
    pub(crate) fn new(routes: Vec<Route>) -> Self {
        Self {
            options: Options::default(),
            plan: Plan {
                name: "open".into(),
                limits: Limits::default(),
                spend: None,
                capabilities: CapabilitySet::default(),
                models: None,
            },
            routes,
            ledger: |_| {},
            observer: Arc::new(gateway::Unobserved),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) async fn open(self) -> House {
        let clock = Arc::new(Clock::default());
        let micros = Arc::clone(&clock);
        let mut options = ledger::Options::new(
            self.folder.path(),
            Arc::new(move || micros.now().micros()),
            Arc::new(random),
        );
        // Segments are laid out in full: a small one is made sooner.
        options.segment_bytes = 1 << 20;
        (self.ledger)(&mut options);
        let facts = Facts::open(options, "test").unwrap();
        let table = table(&facts, self.plan, &clock);
        let now = Arc::clone(&clock);
        let gateway = Gateway::new(Parts {
            facts: facts.clone(),
            table: Arc::clone(&table),
            models: Models::new(self.routes),
            clock: Arc::new(move || now.now()),
            random: Arc::new(random),
            options: self.options,
            observer: self.observer,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move { gateway.serve(listener, stopped).await }
        });
        let known = facts
            .directory()
            .accounts()
            .next()
            .map(|account| account.id);
        let mut house = House {
            facts,
            table,
            gateway,
            address,
            clock,
            account: known.unwrap_or_else(random_id),
            key: String::new(),
            folder: self.folder,
            stop,
            serving: Some(serving),
        };
        if known.is_none() {
            house.account = house.account(|_| {});
        }
        house.key = house.key(house.account, |_| {});
        house
    }
}

/// A house with the model `m` on this upstream.
pub(crate) async fn house(upstream: Arc<dyn Upstream>) -> House {
    Setup::new(vec![route("m", upstream)]).open().await
}

impl House {
    pub(crate) fn change(&self, change: Change) {
        let by = Actor::Operator("test".into());
        self.facts.change(by, "a test", change).unwrap();
    }

    /// A new account on the plan `open`.
    pub(crate) fn account(&self, edit: impl FnOnce(&mut Account)) -> Id<kind::Account> {
        let organization = random_id();
        self.change(Change::OrganizationCreated(Organization {
            id: organization,
            name: "Lovelace".into(),
        }));
        let mut account = Account {
            id: random_id(),
            organization,
            name: "Ada".into(),
            plan: "open".into(),
            state: AccountState::Active,
            limits: Limits::default(),
            spend: None,
        };
        edit(&mut account);
        let id = account.id;
        self.change(Change::AccountCreated(account));
        id
    }

    /// A new key; its secret.
    pub(crate) fn key(&self, account: Id<kind::Account>, edit: impl FnOnce(&mut Key)) -> String {
        let mut bytes = [0; 32];
        random(&mut bytes);
        let secret = KeySecret::new(KeySecret::KEY, bytes);
        let mut key = Key {
            id: random_id(),
            account,
            name: "test".into(),
            prefix: secret.prefix().into(),
            hash: *blake3::hash(secret.reveal().as_bytes()).as_bytes(),
            expires: None,
            spend: None,
            revoked: None,
        };
        edit(&mut key);
        self.change(Change::KeyCreated(key));
        secret.reveal().to_owned()
    }

    /// The id of a key or grant by its secret, from the directory.
    pub(crate) fn key_id(&self, secret: &str) -> Id<kind::Key> {
        let hash = *blake3::hash(secret.as_bytes()).as_bytes();
        let directory = self.facts.directory();
        let key = directory.keys().find(|key| key.hash == hash);
        key.unwrap().id
    }

    /// A new grant of a million tokens for the model `m`; its id and token.
    pub(crate) fn grant(&self, edit: impl FnOnce(&mut GrantTerms)) -> (Id<kind::Grant>, String) {
        let mut bytes = [0; 32];
        random(&mut bytes);
        let secret = KeySecret::new(KeySecret::GRANT, bytes);
        let mut terms = GrantTerms {
            teachers: vec!["m".into()],
            purpose: "a test".into(),
            tier: Tier::Score,
            budget: GrantBudget::new(None, Some(1_000_000)).unwrap(),
            limits: Limits::default(),
            expires: self.clock.now().plus_micros(3_600_000_000),
        };
        edit(&mut terms);
        let id = random_id();
        self.change(Change::GrantIssued(Grant {
            id,
            account: self.account,
            terms,
            prefix: secret.prefix().into(),
            hash: *blake3::hash(secret.reveal().as_bytes()).as_bytes(),
            revoked: None,
        }));
        (id, secret.reveal().to_owned())
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Sends a POST with a key on a connection of its own.
    pub(crate) async fn send(&self, key: &str, path: &str, body: &str) -> Client {
        self.send_with(key, path, &[], body).await
    }

    /// The same with further headers.
    pub(crate) async fn send_with(
        &self,
        key: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Client {
        let mut client = self.client().await;
        let bearer = format!("Bearer {key}");
        let mut headers = vec![
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        headers.extend_from_slice(more);
        client
            .send(&request("POST", path, &headers, body.as_bytes()))
            .await;
        client
    }

    /// Posts with a key and reads the whole answer.
    pub(crate) async fn post(&self, key: &str, path: &str, body: &str) -> Answer {
        self.send(key, path, body).await.answer().await
    }

    /// Posts a chat request with the house's own key.
    pub(crate) async fn chat(&self, body: &str) -> Answer {
        self.post(&self.key, "/v1/chat/completions", body).await
    }

    /// Everything that the ledger says.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        facts_of(&self.facts)
    }

    /// The exchange with this request id, if it is in the ledger.
    pub(crate) fn find(&self, id: &str) -> Option<Exchange> {
        self.facts().into_iter().find_map(|fact| match fact {
            Fact::Exchange(exchange) if exchange.id.to_string() == id => Some(*exchange),
            _ => None,
        })
    }

    /// The exchange with this request id.
    pub(crate) fn exchange(&self, id: &str) -> Exchange {
        self.find(id)
            .unwrap_or_else(|| panic!("{id} is not in the ledger"))
    }

    /// All exchanges.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        exchanges(&self.facts())
    }

    /// The refusal with this request id.
    pub(crate) fn refusal(&self, id: &str) -> Refusal {
        let refusal = self.facts().into_iter().find_map(|fact| match fact {
            Fact::Refusal(refusal) if refusal.id.to_string() == id => Some(*refusal),
            _ => None,
        });
        refusal.unwrap_or_else(|| panic!("{id} is not in the ledger"))
    }

    /// Waits until something is true.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = look(self) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, looking)
            .await
            .unwrap_or_else(|_| panic!("in vain: {what}"))
    }

    /// The same with something to wait for in each look.
    pub(crate) async fn until_async<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> T {
        let looking = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, looking)
            .await
            .unwrap_or_else(|_| panic!("in vain: {what}"))
    }

    /// Waits until the gateway has noticed that every client is gone.
    pub(crate) async fn alone(&self) {
        let connections = |house: &Self| house.gateway.status().connections;
        self.until("all to leave", |house| {
            (connections(house) == 0).then_some(())
        })
        .await;
    }

    /// Tells the gateway to stop, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }

    /// Tells the gateway to stop.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops everything; then the ledger must verify and every slice be settled.
    pub(crate) async fn finish(mut self) -> TempDir {
        self.stop().await;
        self.facts.close().unwrap();
        assert_eq!(self.facts.books().open().count(), 0, "slices are open");
        assert_books(&self.facts());
        verify(self.folder.path());
        self.folder
    }
}
