//! Links, clusters and streams: what merges, what must not, and the bounds.

use std::sync::LazyLock;

use guard::cluster::{Changes, Cluster};
use guard::digest::{About, Digest, HashKey, Template};
use guard::echo::{AccountNumber, Found, Handed, Origin};
use guard::link::{Linked, Links, Options};
use guard::profile::{Echoes, Sketcher};
use guard::stream::{self, Streams};
use proptest::prelude::*;
use record::Time;

use crate::world::ask;

const HOUR: u64 = 3_600_000_000;
const START: u64 = 20_700 * 24 * HOUR;

/// A question from nowhere that is known again by nothing but its words.
static ASKED: LazyLock<Digest> = LazyLock::new(|| {
    let mut digest = ask("What is the tallest hill between the two rivers of the north?").digest();
    digest.template = Template::default();
    digest.origin = Default::default();
    digest
});

/// Links and streams with a clock of their own: a minute for each exchange.
struct Site {
    links: Links,
    streams: Streams,
    sketcher: Sketcher,
    number: u64,
}

impl Site {
    fn new(accounts: u32) -> Self {
        let mut site = Self {
            links: Links::new(Options::default()),
            streams: Streams::new(stream::Options::default()),
            sketcher: Sketcher::new(&HashKey::new([7; 32])),
            number: 0,
        };
        for account in 0..accounts {
            site.links
                .account(AccountNumber(account), &About::default());
        }
        site
    }

    fn now(&self) -> Time {
        Time::from_micros(START + self.number * 60_000_000)
    }

    fn see(&mut self, account: u32, digest: &Digest, found: &Found) -> u64 {
        self.number += 1;
        let linked = Linked {
            number: self.number,
            account: AccountNumber(account),
            arrived: self.now(),
            digest,
            found,
        };
        self.links.exchange(&linked);
        let event = self
            .sketcher
            .event(linked.number, linked.arrived, digest, Echoes::default());
        let cluster = self.links.cluster_of(linked.account);
        self.streams.exchange(&linked, &event, cluster);
        self.number
    }

    /// `to` goes on with a conversation that only `from` had.
    fn hand(&mut self, from: u32, to: u32) {
        let exchange = 1 << 40 | u64::from(from) << 20 | u64::from(to);
        self.hand_of(exchange, from, to);
    }

    fn hand_short(&mut self, from: u32, to: u32) {
        self.hand_bytes(1 << 41, (from, to), 100);
    }

    fn hand_of(&mut self, exchange: u64, from: u32, to: u32) {
        self.hand_bytes(exchange, (from, to), 900);
    }

    fn hand_bytes(&mut self, exchange: u64, (from, to): (u32, u32), bytes: u32) {
        let found = Found {
            handed: Some(Handed {
                account: AccountNumber(from),
                exchange,
                holders: 1,
                after_us: 1_000_000,
                bytes,
            }),
            ..Found::default()
        };
        self.see(to, &ASKED, &found);
    }

    fn boundary(&mut self) -> Changes {
        let changes = self.links.boundary(self.now());
        self.streams.boundary(&changes, &self.links);
        changes
    }

    fn groups(&self) -> Vec<Vec<u32>> {
        let members = |one: &Cluster| one.accounts.iter().map(|account| account.0).collect();
        self.links.clusters().map(members).collect()
    }

    /// A pool: each hands to three others of it.
    fn pool(&mut self, from: u32, many: u32) {
        for account in 0..many {
            for step in [1, 4, 6] {
                self.hand(from + account, from + (account + step) % many);
            }
        }
    }
}

#[test]
fn what_is_not_near_certain_waits_for_the_boundary() {
    let mut site = Site::new(4);
    // A short conversation: enough to join, not to join at once.
    site.hand_short(0, 2);
    assert!(site.groups().is_empty());
    site.boundary();
    assert_eq!(site.groups(), [[0, 2]]);
    // Two clusters with a near-certain link between them stay two until the boundary has weighed it.
    site.hand(1, 3);
    site.hand(0, 1);
    assert_eq!(site.groups(), [[0, 2], [1, 3]]);
}

#[test]
fn joining_at_once_is_bounded_too() {
    let mut site = Site::new(2_000);
    for account in 1..2_000 {
        site.hand(0, account);
    }
    assert_eq!(site.groups()[0].len(), 512);
    site.boundary();
    let size = site.groups()[0].len();
    assert!((512..=2_000).contains(&size), "{size}");
}

/// A request with this system text and question, by number.
fn request(system: u32, question: u64) -> Digest {
    let mut digest = ASKED.clone();
    digest.template.system = system;
    digest.ask.exact = guard_hash(question);
    digest.template.heads = [guard_hash(question) as u32 | 1; 3];
    digest
}

/// Any hash will do.
fn guard_hash(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn a_conversation_that_hops_joins() {
    let mut site = Site::new(4);
    site.hand(0, 2);
    assert_eq!(site.groups(), [[0, 2]], "before any boundary");
    let changes = site.boundary();
    assert_eq!(site.groups(), [[0, 2]]);
    assert_eq!(changes.changed, [0], "its past is gathered now");
    let cluster = site.links.cluster(0).unwrap();
    assert_eq!(cluster.links[0].signal, "C1.hand_off");
    assert_eq!((cluster.links[0].a.0, cluster.links[0].b.0), (0, 2));
    // Nothing new: nothing is told.
    assert_eq!(site.boundary(), Changes::default());
}

#[test]
fn one_organisation_is_free() {
    let mut site = Site::new(0);
    for account in 0..6 {
        let about = About {
            organization: if account < 3 { 77 } else { 0 },
            payment: 5,
            phone: 6,
            ..About::default()
        };
        site.links.account(AccountNumber(account), &about);
    }
    site.hand(0, 1);
    site.hand(1, 2);
    site.boundary();
    // Three accounts without one share payment and telephone, with each other and with the rest.
    assert_eq!(site.groups(), [[0, 1, 2, 3, 4, 5]]);
    let mut site = Site::new(0);
    for account in 0..3 {
        let about = About {
            organization: 77,
            payment: 5,
            phone: 6,
            ..About::default()
        };
        site.links.account(AccountNumber(account), &about);
    }
    site.hand(0, 1);
    site.hand(1, 2);
    site.boundary();
    assert!(site.groups().is_empty());
}

#[test]
fn a_public_conversation_joins_nobody() {
    let mut site = Site::new(12);
    for account in 1..12 {
        site.hand_of(5, 0, account);
    }
    site.boundary();
    assert!(site.groups().is_empty());
}

#[test]
fn what_honest_accounts_share_joins_nobody() {
    let mut site = Site::new(120);
    for round in 0..20 {
        for account in 0..120 {
            let digest = match account {
                // An office behind one address, each with questions of its own.
                0..30 => {
                    let mut digest = request(0, u64::from(account) << 20 | round);
                    digest.origin.address = 9;
                    digest
                }
                // A class and its assignment; a benchmark, in the same order.
                30..60 => request(3, 400 + round / 8),
                60..90 => request(4, 500 + round),
                // One application, with its users' questions.
                _ => request(5, u64::from(account) << 20 | round),
            };
            site.see(account, &digest, &Found::default());
        }
        site.boundary();
    }
    assert_eq!(site.groups(), Vec::<Vec<u32>>::new());
    assert!(site.links.pairs().all(|link| link.decibans < 24));
}

#[test]
fn one_family_is_not_enough_and_two_are() {
    let origin = |account| Origin {
        prints: 6,
        account: AccountNumber(account),
        exchange: 1,
    };
    let mut found = Found {
        accounts: 1,
        ..Found::default()
    };
    found.others.push(origin(0));
    let mut site = Site::new(2);
    for _ in 0..50 {
        site.see(1, &ASKED, &found);
    }
    site.boundary();
    assert!(site.groups().is_empty());
    // What was refused to one is asked by the other a minute later.
    let mut refused = ASKED.clone();
    refused.status = 429;
    site.see(0, &refused, &Found::default());
    site.see(1, &ASKED, &Found::default());
    site.boundary();
    assert_eq!(site.groups(), [[0, 1]]);
}

#[test]
fn a_retry_is_no_displacement() {
    let mut site = Site::new(3);
    let mut refused = ASKED.clone();
    refused.status = 429;
    site.see(0, &refused, &Found::default());
    site.see(0, &ASKED, &Found::default());
    site.see(1, &ASKED, &Found::default());
    assert_eq!(site.links.pairs().count(), 0);
    // Nor is what two others ask: anybody's request.
    site.see(0, &refused, &Found::default());
    site.see(1, &ASKED, &Found::default());
    site.see(2, &ASKED, &Found::default());
    assert_eq!(site.links.pairs().count(), 0);
}

#[test]
fn one_bridge_does_not_join_and_numbers_stay() {
    let mut site = Site::new(60);
    site.pool(0, 20);
    site.pool(20, 20);
    site.boundary();
    let before = site.groups();
    assert_eq!(before.len(), 2);
    site.hand(3, 31);
    let changes = site.boundary();
    assert_eq!(site.groups(), before);
    assert_eq!(changes, Changes::default());
    // Traffic that mixes makes one of them.
    for account in 0..20 {
        site.hand(account, 20 + (account * 7) % 20);
        site.hand(20 + account, (account * 3) % 20);
    }
    let changes = site.boundary();
    assert_eq!(site.groups().len(), 1);
    assert_eq!(changes.merged, [(1, 0)]);
    assert_eq!((changes.changed, changes.gone), (vec![0], vec![1]));
}

#[test]
fn an_erased_account_lets_a_cluster_fall_apart() {
    let mut site = Site::new(9);
    for (from, to) in [
        (0, 1),
        (1, 2),
        (0, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (4, 6),
    ] {
        site.hand(from, to);
    }
    site.boundary();
    assert_eq!(site.groups(), [[0, 1, 2, 3, 4, 5, 6]]);
    site.links.erase(AccountNumber(3));
    let changes = site.boundary();
    assert_eq!(site.groups(), [[0, 1, 2], [4, 5, 6]]);
    assert_eq!(changes.split, [(0, 1)]);
    assert_eq!(site.links.cluster_of(AccountNumber(3)), None);
}

#[test]
fn growth_is_bounded_a_boundary() {
    let mut site = Site::new(3_000);
    for account in 0..3_000 {
        for step in [1, 411, 1_190] {
            site.hand(account, (account + step) % 3_000);
        }
    }
    let changes = site.boundary();
    let largest = |site: &Site| site.groups().iter().map(Vec::len).max();
    assert_eq!(largest(&site), Some(512));
    assert!(changes.waiting >= 2_000);
    site.boundary();
    assert_eq!(largest(&site), Some(2_048));
    site.boundary();
    assert_eq!(site.groups(), [(0..3_000).collect::<Vec<u32>>()]);
}

#[test]
fn floods_of_accounts_do_not_grow_the_tables() {
    let options = Options {
        pairs: 1 << 12,
        identities: 1 << 12,
        things: 1 << 12,
    };
    let mut links = Links::new(options);
    let empty = links.bytes();
    let many = 60_000;
    for number in 0..many {
        let about = About {
            payment: guard_hash(number),
            phone: guard_hash(number + (1 << 40)),
            ..About::default()
        };
        let account = AccountNumber(number as u32);
        links.account(account, &about);
        let mut digest = request(number as u32, number);
        digest.origin.address = guard_hash(number) as u32;
        let found = Found {
            handed: Some(Handed {
                account: AccountNumber((number / 2) as u32),
                exchange: number,
                holders: 1,
                after_us: 5,
                bytes: 900,
            }),
            ..Found::default()
        };
        links.exchange(&Linked {
            number,
            account,
            arrived: Time::from_micros(START + number),
            digest: &digest,
            found: &found,
        });
    }
    links.boundary(Time::from_micros(START + HOUR));
    assert!(links.displaced() > 0);
    let tables = (1 << 12) * (24 + 2 * 64);
    let accounts = many as usize * 2 * 96;
    assert!(
        links.bytes() - empty < tables + accounts,
        "{}",
        links.bytes()
    );
}

#[test]
fn streams_keep_kinds_of_work_apart_and_know_the_past() {
    let mut site = Site::new(8);
    let mut graded = Vec::new();
    // Before anybody knows that the accounts belong together.
    for round in 0..12_u64 {
        for account in 0..8 {
            let place = round << 8 | u64::from(account);
            graded.push(site.see(account, &request(70, place), &Found::default()));
            site.see(account, &request(71, 1 << 30 | place), &Found::default());
        }
    }
    assert!(site.streams.all(&site.links).is_empty());
    site.pool(0, 8);
    site.boundary();
    for round in 0..12_u64 {
        for account in 0..8 {
            let place = 1 << 31 | round << 8 | u64::from(account);
            graded.push(site.see(account, &request(70, place), &Found::default()));
        }
    }
    site.boundary();
    let streams = site.streams.all(&site.links);
    // The first two of each were nobody's template yet.
    let of = |number: u64| {
        streams
            .iter()
            .find(|one| one.exchanges.contains(&number))
            .unwrap()
    };
    let (one, other) = (of(graded[40]), of(graded[40] + 1));
    assert_ne!(one.id, other.id);
    assert!(
        graded[2..]
            .iter()
            .all(|number| one.exchanges.contains(number))
    );
    assert_eq!(one.exchanges.len(), graded.len() - 2);
    assert_eq!(one.accounts.len(), 8);
    assert_eq!(one.profile.exchanges.0, 96);
    assert_eq!(other.profile.exchanges.0, 0);
}

#[test]
fn an_answer_that_is_fed_back_goes_where_it_is_fed() {
    let mut site = Site::new(3);
    site.hand(0, 1);
    site.hand(1, 2);
    site.boundary();
    let mut plain = request(0, 5);
    plain.template = Template::default();
    let answered = site.see(0, &plain, &Found::default());
    let mut found = Found {
        accounts: 1,
        ..Found::default()
    };
    found.others.push(Origin {
        prints: 5,
        account: AccountNumber(0),
        exchange: answered,
    });
    let mut last = 0;
    for round in 0..5 {
        let none = Found::default();
        let found = if round == 4 { &found } else { &none };
        last = site.see(1, &request(80, 900 + round), found);
    }
    let streams = site.streams.all(&site.links);
    let of = |number: u64| {
        streams
            .iter()
            .find(|one| one.exchanges.contains(&number))
            .unwrap()
            .id
    };
    assert_eq!(of(answered), of(last));
}

#[test]
fn profiles_of_streams_are_bounded() {
    let mut site = Site::new(6);
    site.streams = Streams::new(stream::Options {
        exchanges: 500,
        of_cluster: 4,
        profiles: 6,
    });
    site.pool(0, 3);
    site.pool(3, 3);
    site.boundary();
    for round in 0..400_u64 {
        for (account, busy) in [(0, 50), (3, 60)] {
            // One busy kind of work among many that come thrice.
            let system = if round % 2 == 0 {
                busy
            } else {
                1_000 + round as u32 / 6
            };
            site.see(account, &request(system, round), &Found::default());
        }
    }
    site.boundary();
    let streams = site.streams.all(&site.links);
    let profiled = streams.iter().filter(|one| one.profile.exchanges.0 > 0);
    assert!(profiled.count() <= 6);
    assert!(site.streams.displaced() > 0);
    // The ring holds the last ones.
    let held: usize = streams.iter().map(|one| one.exchanges.len()).sum();
    assert_eq!(held, 500);
    let busy = streams.iter().filter(|one| one.profile.exchanges.0 > 150);
    assert_eq!(busy.count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same evidence in any order within a boundary gives the same clusters and links. Numbers are
    /// given as near-certain links come, so they may differ.
    #[test]
    fn the_order_of_links_does_not_matter(
        pairs in prop::collection::btree_set((0_u32..24, 0_u32..24), 0..60),
        turn in any::<u64>(),
    ) {
        let pairs: Vec<(u32, u32)> = pairs.into_iter().filter(|(a, b)| a != b).collect();
        let mut turned = pairs.clone();
        turned.sort_by_key(|(a, b)| guard_hash(turn ^ u64::from(*a) << 32 ^ u64::from(*b)));
        let clusters = |pairs: &[(u32, u32)]| {
            let mut site = Site::new(24);
            for (from, to) in pairs {
                site.hand(*from, *to);
            }
            site.boundary();
            let clusters = site.links.clusters();
            let mut clusters: Vec<_> = clusters
                .map(|one| (one.accounts.clone(), one.links.clone()))
                .collect();
            clusters.sort_by(|one, next| one.0.cmp(&next.0));
            clusters
        };
        prop_assert_eq!(clusters(&pairs), clusters(&turned));
    }

    /// Members of clusters are told once, in order, and every number is told for them.
    #[test]
    fn clusters_are_a_partition(pairs in prop::collection::vec((0_u32..40, 0_u32..40), 0..120)) {
        let mut site = Site::new(40);
        for chunk in pairs.chunks(30) {
            for (from, to) in chunk.iter().filter(|(a, b)| a != b) {
                site.hand(*from, *to);
            }
            site.boundary();
            let mut seen = std::collections::BTreeSet::new();
            for cluster in site.links.clusters() {
                prop_assert!(cluster.accounts.len() > 1 && cluster.accounts.is_sorted());
                for account in &cluster.accounts {
                    prop_assert!(seen.insert(*account));
                    prop_assert_eq!(site.links.cluster_of(*account), Some(cluster.id));
                }
            }
        }
    }
}
