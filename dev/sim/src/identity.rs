//! Who an account seems to be: addresses, client, plan, age, parameters. One generator for honest
//! accounts and for distillers who hide behind an honest workload, so that from attacker level L2
//! on these fields tell nothing by themselves. Crude levels look crude.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Serialize;

use crate::draw::{Draw, hash};
use crate::origin::{Client, NETWORKS, Place, Shared, Source};
use crate::workload::Class;

/// A row of `accounts.jsonl`.
#[derive(Debug, Clone, Serialize)]
pub struct AccountRow {
    /// Opaque id.
    pub id: Arc<str>,
    /// When it was opened, RFC 3339.
    pub created: String,
    /// What it pays for.
    pub plan: &'static str,
    /// Verified organisation.
    pub organization: Option<Arc<str>>,
    /// Keyed hashes, never values.
    pub email_hash: Option<String>,
    /// The same.
    pub payment_hash: Option<String>,
    /// The same.
    pub phone_hash: Option<String>,
    /// Sign-up programme.
    pub program: Option<&'static str>,
    /// Declared country.
    pub country: Option<&'static str>,
    /// Declared use.
    pub declared_use: Option<&'static str>,
}

/// Parameters an account sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Habits {
    /// Temperature, where sent.
    pub temperature: Option<f32>,
    /// The account changes its temperature from request to request.
    pub sweeps: bool,
    /// Nucleus share, where sent.
    pub top_p: Option<f32>,
    /// Cap of the answer, where sent.
    pub max_tokens: Option<u32>,
    /// Streams its answers.
    pub stream: bool,
    /// Share of requests with several answers, and how many.
    pub several: (f64, u8),
    /// Share of requests with log-probabilities, and how many of the top.
    pub logprobs: (f64, u8),
    /// Share of requests with a bias on tokens.
    pub bias: f64,
    /// Share of requests with a seed.
    pub seed: f64,
    /// Share of requests for JSON.
    pub json: f64,
    /// Uses `/v1/messages`.
    pub messages_api: bool,
    /// Which model it asks for.
    pub model: &'static str,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The account.
    pub row: AccountRow,
    /// Clients in use; the first is the main one.
    pub clients: Vec<Client>,
    /// Addresses.
    pub place: Place,
    /// Parameters.
    pub habits: Habits,
    /// Hours east of Greenwich.
    pub east: i32,
}

const COUNTRIES: [(&str, i32, f64, &str); 12] = [
    ("US", -6, 24.0, "en-US,en;q=0.9"),
    ("GB", 0, 7.0, "en-GB,en;q=0.9"),
    ("DE", 1, 8.0, "de-DE,de;q=0.9,en;q=0.7"),
    ("FR", 1, 5.0, "fr-FR,fr;q=0.9"),
    ("BR", -3, 6.0, "pt-BR,pt;q=0.9"),
    ("IN", 5, 13.0, "en-IN,en;q=0.9"),
    ("JP", 9, 7.0, "ja,en;q=0.6"),
    ("SG", 8, 4.0, "en-SG,en;q=0.9"),
    ("KR", 9, 4.0, "ko-KR,ko;q=0.9"),
    ("NG", 1, 3.0, "en-NG,en;q=0.9"),
    ("MX", -6, 4.0, "es-MX,es;q=0.9"),
    ("CA", -5, 4.0, "en-CA,en;q=0.9"),
];
const PLANS: [&str; 4] = ["free", "payg", "team", "enterprise"];
impl Habits {
    /// Parameters as accounts of a class send them.
    pub(crate) fn draw(class: Class, draw: &mut Draw) -> Self {
        // Weights of: absent, 0, 0.2, 0.7, 1.0.
        let (temperature, capped, stream, rare): ([f64; 5], f64, f64, f64) = match class {
            Class::Person => ([6.0, 0.3, 0.3, 2.5, 1.2], 0.4, 0.85, 0.1),
            Class::Developer => ([4.0, 2.5, 1.0, 1.5, 1.0], 0.55, 0.45, 0.8),
            Class::Agent => ([4.0, 3.0, 0.5, 0.7, 2.0], 0.7, 0.5, 0.4),
            Class::Batch => ([2.0, 4.5, 0.7, 1.2, 1.6], 0.75, 0.1, 2.0),
            Class::Product => ([3.0, 2.3, 1.5, 2.3, 1.0], 0.75, 0.5, 0.9),
            Class::School => ([6.0, 0.6, 0.4, 2.0, 1.0], 0.4, 0.7, 0.3),
        };
        let at = draw.weighted(temperature.iter().copied());
        let rare = |base: f64, share: f64, draw: &mut Draw| match draw.chance(base * rare) {
            true => share.max(draw.unit()),
            false => 0.0,
        };
        Self {
            temperature: [None, Some(0.0), Some(0.2), Some(0.7), Some(1.0)][at],
            sweeps: draw.chance(0.06),
            top_p: draw
                .chance(0.12)
                .then_some(if draw.chance(0.6) { 0.95 } else { 0.9 }),
            max_tokens: draw
                .chance(capped)
                .then(|| *draw.pick(&[256, 512, 800, 1_000, 1_024, 1_500, 2_048, 4_096, 8_192])),
            stream: draw.chance(stream),
            several: (rare(0.08, 0.3, draw), draw.between(2, 5) as u8),
            logprobs: (rare(0.12, 0.4, draw), *draw.pick(&[1, 3, 5, 5, 20])),
            bias: rare(0.05, 0.3, draw),
            seed: rare(0.15, 0.8, draw),
            json: rare(0.2, 0.3, draw),
            messages_api: draw.chance(0.22),
            model: *draw.pick(&["m1", "m1", "m1", "m1-mini"]),
        }
    }
}

/// What is asked of `Identity::draw`.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    /// A number that no other account of the world has.
    pub number: u64,
    /// The world's seed.
    pub seed: u64,
    /// How it looks.
    pub class: Class,
    /// What it shares with others.
    pub shared: Option<&'a Shared>,
    /// What it declares.
    pub declares: Option<&'static str>,
    /// Start of the world, in milliseconds since 1970.
    pub start: i64,
    /// Opened at this time; otherwise some time before the start.
    pub created: Option<i64>,
}

impl Identity {
    /// An account that looks like those of its class.
    pub(crate) fn draw(wish: &Wish<'_>) -> Self {
        let draw = &mut Draw::named(wish.seed, "identity", wish.number);
        let class = wish.class;
        let at = draw.weighted(COUNTRIES.iter().map(|row| row.2));
        let (country, east, _, accept) = COUNTRIES[at];
        let plan = PLANS[draw.weighted(plan_weights(class).into_iter())];
        let shared = wish.shared;
        let token = |kind: &str, number: u64| {
            format!(
                "{:016x}",
                hash(&[
                    kind.as_bytes(),
                    &wish.seed.to_le_bytes(),
                    &number.to_le_bytes()
                ])
            )
        };
        let paying = plan != "free" || draw.chance(0.2);
        let payment = match shared.filter(|shared| shared.payment) {
            Some(shared) => Some(token("group-payment", shared.number)),
            None => paying.then(|| token("payment", wish.number)),
        };
        let organization: Option<Arc<str>> = match shared.filter(|shared| shared.organization) {
            Some(shared) => Some(token("group-org", shared.number).into()),
            None => (matches!(plan, "team" | "enterprise") || draw.chance(0.1))
                .then(|| token("org", wish.number).into()),
        };
        let age_days = draw.spread(120.0, 1.3, 0.05, 1_500.0);
        let created = wish
            .created
            .unwrap_or(wish.start - (age_days * 86_400_000.0) as i64);
        let program = match class {
            Class::School => draw.chance(0.5).then_some("education"),
            _ => draw
                .chance(0.09)
                .then(|| *draw.pick(&["education", "startup", "startup", "research"])),
        };
        let row = AccountRow {
            id: format!("a-{}", token("account", wish.number)).into(),
            created: rfc3339(created),
            plan,
            organization,
            email_hash: draw.chance(0.95).then(|| token("email", wish.number)),
            payment_hash: payment,
            phone_hash: draw.chance(0.6).then(|| token("phone", wish.number)),
            program,
            country: draw.chance(0.9).then_some(country),
            declared_use: wish.declares,
        };
        let clients = (0..1 + draw.weighted([6.0, 2.5, 1.0].into_iter()))
            .map(|_| Client::draw(draw.chance(interactive(class)), accept, draw))
            .collect();
        let place = Place::draw(class, shared, draw);
        Self {
            row,
            clients,
            place,
            habits: Habits::draw(class, draw),
            east,
        }
    }

    /// The source of one request.
    pub(crate) fn source(&self, draw: &mut Draw) -> Source {
        let client = match draw.chance(0.85) {
            true => &self.clients[0],
            false => draw.pick(&self.clients),
        };
        self.source_with(client, draw)
    }

    /// The source of one request that shows this client.
    pub(crate) fn source_with(&self, client: &Client, draw: &mut Draw) -> Source {
        let (ip, asn, network) = self.place.address(draw);
        Source {
            ip,
            asn,
            network,
            user_agent: client.user_agent.clone(),
            header_order: client.header_order.clone(),
            ja4: Some(client.ja4.clone()),
            accept_language: client.accept_language,
        }
    }

    /// Makes the account look as a careless pool does: one client, one cloud, one card, new.
    pub(crate) fn make_crude(&mut self, pool: u64, level: u8, created: i64) {
        let draw = &mut Draw::named(pool, "crude", 0);
        let asn = 4_200_000_000 + draw.below(40) as u32;
        let client = Client::draw(false, "", draw);
        let own = &mut Draw::named(pool, "member", hash(&[self.row.id.as_bytes()]));
        // L0 sits in one /24, L1 in several of one provider.
        let blocks = if level == 0 { 1 } else { 6 };
        let block = own.below(blocks) as u64;
        let mixed = hash(&[&pool.to_le_bytes(), &block.to_le_bytes()]).to_be_bytes();
        let ip = Ipv4Addr::new(
            240 + (asn % 15) as u8,
            mixed[1],
            mixed[2],
            own.between(20, 219) as u8,
        );
        self.place = Place {
            homes: vec![(ip, asn, NETWORKS[0])],
            fresh: 0.0,
        };
        self.clients = vec![client];
        self.row.created = rfc3339(created);
        self.row.plan = "payg";
        self.row.organization = None;
        let cards = if level == 0 { 1 } else { 4 };
        self.row.payment_hash = Some(format!(
            "{:016x}",
            hash(&[
                b"card",
                &pool.to_le_bytes(),
                &(own.below(cards) as u64).to_le_bytes()
            ])
        ));
        self.row.program = own
            .chance(0.3)
            .then(|| *draw.pick(&["education", "startup"]));
        self.habits = Habits {
            temperature: Some(1.0),
            max_tokens: Some(2_048),
            several: (0.0, 1),
            logprobs: (0.0, 1),
            model: "m1",
            ..Habits::default()
        };
    }
}

/// Share of interactive clients among accounts of a class.
fn interactive(class: Class) -> f64 {
    match class {
        Class::Person => 0.85,
        Class::School => 0.7,
        Class::Developer => 0.35,
        Class::Product => 0.1,
        Class::Agent | Class::Batch => 0.05,
    }
}

fn plan_weights(class: Class) -> [f64; 4] {
    match class {
        Class::Person => [5.0, 4.5, 0.4, 0.1],
        Class::School => [7.0, 1.5, 1.3, 0.2],
        Class::Developer => [2.0, 5.0, 2.3, 0.7],
        Class::Agent | Class::Batch => [0.7, 5.5, 2.5, 1.3],
        Class::Product => [0.2, 5.0, 3.0, 1.8],
    }
}

/// Milliseconds since 1970 as RFC 3339.
pub(crate) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| "1970-01-01T00:00:00.000Z".to_owned(),
        |at| format!("{at:.3}"),
    )
}
