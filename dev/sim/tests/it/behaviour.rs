//! Rates, mixing, reuse of our own answers, hopping, rotation, pivots.

use std::collections::{HashMap, HashSet};

use sim::Recipe;

use crate::kit::{self, Set};

fn per_account(set: &Set, member: bool) -> HashMap<&str, u32> {
    let mut counts = HashMap::new();
    for exchange in &set.exchanges {
        if set.truth[&exchange.account].campaign.is_some() == member && exchange.status == 200 {
            *counts.entry(exchange.account.as_str()).or_insert(0) += 1;
        }
    }
    counts
}

#[test]
fn volumes_are_as_asked() {
    let set = kit::make(
        &kit::with_campaign(
            "recipes=['cot-harvest']\nlevels=[2]\ncount=60\naccounts=1\nexchanges=[12, 60, 300]",
        ),
        5,
    );
    let mut counts: Vec<u32> = per_account(&set, true).into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts.len(), 60);
    assert!(counts[0] >= 8 && counts[59] <= 300, "{counts:?}");
    assert!((40..90).contains(&counts[30]), "median {}", counts[30]);
}

#[test]
fn rates_a_day_are_as_asked() {
    let set = kit::make(
        &kit::with_campaign(
            "recipes=['evol-instruct']\nlevels=[2]\naccounts=40\nper_day=[13, 25, 60]",
        ),
        6,
    );
    let span = 3.0 * 0.9;
    for (account, count) in per_account(&set, true) {
        let rate = f64::from(count) / span;
        assert!((8.0..80.0).contains(&rate), "{account}: {rate} a day");
    }
}

#[test]
fn mixing_is_as_asked() {
    for mix in [0.5, 0.9, 0.95, 0.98] {
        let set = kit::make(
            &kit::with_campaign(&format!(
                "recipes=['self-instruct']\nlevels=[2]\naccounts=30\nmix=[{mix}]\nhop=0.3\nexchanges=[80, 120, 200]"
            )),
            7,
        );
        let honest = set
            .truth_exchanges
            .values()
            .filter(|line| line.label == "honest")
            .count();
        let share = honest as f64 / set.truth_exchanges.len() as f64;
        assert!((share - mix).abs() < 0.03, "{share} of {mix}");
        assert!(
            set.truth
                .values()
                .filter(|line| line.campaign.is_some())
                .all(|line| line.label == "router")
        );
    }
}

/// Seeds that anybody may send at any time, so that seeing them again says nothing.
const SEEDS: &str = concat!(
    include_str!("../../texts/prompts.txt"),
    include_str!("../../texts/code.txt")
);

/// Stretches of a text that are long enough to be nobody's by accident.
fn stretches(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '\n'])
        .map(str::trim)
        .filter(|part| part.len() >= 34)
}

#[test]
fn feedback_recipes_send_our_own_answers_back() {
    for recipe in Recipe::ALL.into_iter().filter(|recipe| recipe.feeds_back()) {
        let campaign = format!(
            "recipes=['{}']\nlevels=[2]\naccounts=6\nexchanges=[40, 60, 90]",
            recipe.name()
        );
        let set = kit::make(&kit::with_campaign(&campaign), 8);
        let mut given: HashMap<String, (jiff::Timestamp, String)> = HashMap::new();
        let (mut fed_back, mut across, mut requests) = (0, 0, 0);
        for exchange in &set.exchanges {
            if set.truth[&exchange.account].campaign.is_none() {
                continue;
            }
            requests += 1;
            let text = kit::new_text(exchange);
            let reused = stretches(&text).find_map(|part| given.get(part));
            if let Some((since, whose)) = reused {
                assert!(*since <= exchange.time, "fed back before it was answered");
                fed_back += 1;
                across += u32::from(*whose != exchange.account);
            }
            let ended =
                exchange.time + jiff::SignedDuration::from_millis(exchange.duration_ms as i64);
            for part in stretches(&kit::answer(exchange)).filter(|part| !SEEDS.contains(part)) {
                given
                    .entry(part.to_owned())
                    .or_insert((ended, exchange.account.clone()));
            }
        }
        assert!(
            fed_back * 10 > requests,
            "{}: {fed_back} of {requests}",
            recipe.name()
        );
        if recipe != Recipe::UltraChat {
            assert!(across > 0, "{}: never by another account", recipe.name());
        }
    }
}

#[test]
fn from_level_four_on_shards_are_disjoint() {
    let set = kit::make(
        &kit::with_campaign(
            "recipes=['cot-cleaning']\nlevels=[4]\naccounts=6\nexchanges=[40, 60, 90]",
        ),
        9,
    );
    let mut whose: HashMap<String, String> = HashMap::new();
    let mut own = 0;
    for exchange in set
        .exchanges
        .iter()
        .filter(|line| set.truth[&line.account].campaign.is_some())
    {
        let text = kit::new_text(exchange);
        for part in stretches(&text) {
            if let Some(owner) = whose.get(part) {
                assert_eq!(*owner, exchange.account, "{part}");
                own += 1;
            }
        }
        for part in stretches(&kit::answer(exchange)) {
            whose
                .entry(part.to_owned())
                .or_insert_with(|| exchange.account.clone());
        }
    }
    assert!(own > 20, "{own}");
}

#[test]
fn conversations_hop_between_accounts() {
    let hops = |hop: f64| {
        let set = kit::make(
            &kit::with_campaign(&format!(
                "recipes=['ultra-chat']\nlevels=[2]\naccounts=8\nhop={hop}\nexchanges=[40, 60, 90]"
            )),
            10,
        );
        let mut heads: HashMap<String, HashSet<&str>> = HashMap::new();
        for exchange in set
            .exchanges
            .iter()
            .filter(|line| set.truth[&line.account].campaign.is_some())
        {
            let messages = exchange.request["messages"].as_array().unwrap();
            if messages.len() > 1 {
                let head = format!("{}{}", messages[0]["content"], messages[1]["content"]);
                heads.entry(head).or_default().insert(&exchange.account);
            }
        }
        heads.values().filter(|accounts| accounts.len() > 1).count()
    };
    // Without hopping, only what one account was refused goes on under another.
    let (without, with) = (hops(0.0), hops(0.5));
    assert!(with > 10 && without * 5 < with, "{without} and {with}");
}

#[test]
fn suspended_accounts_are_replaced_within_the_hour() {
    let set = kit::make(
        &kit::with_campaign(
            "recipes=['self-instruct']\nlevels=[1]\naccounts=20\nexchanges=[60, 90, 120]\nsuspend_per_day=0.4",
        ),
        11,
    );
    let gone: HashMap<&str, jiff::Timestamp> = set
        .events
        .iter()
        .filter_map(|event| Some((event.account.as_deref()?, event.time)))
        .collect();
    assert!(gone.len() > 4, "{}", gone.len());
    let members: Vec<_> = set
        .truth
        .values()
        .filter(|line| line.campaign.is_some())
        .collect();
    assert!(members.len() > 20, "{} accounts", members.len());
    for exchange in &set.exchanges {
        let late = gone
            .get(exchange.account.as_str())
            .is_some_and(|since| *since <= exchange.time);
        assert_eq!(exchange.status == 403, late, "{}", exchange.id);
    }
}

#[test]
fn campaigns_pivot_on_the_day_of_a_release() {
    let mut world = kit::with_campaign(
        "recipes=['self-chat']\nlevels=[2]\naccounts=40\nexchanges=[60, 90, 120]",
    );
    world.releases.push(sim::Release {
        day: 1.5,
        model: "m9".into(),
    });
    let set = kit::make(&world, 12);
    let released = set
        .events
        .iter()
        .find(|event| event.event == "model_released")
        .unwrap()
        .time;
    let share = |member: bool| {
        let after: Vec<_> = set
            .exchanges
            .iter()
            .filter(|line| line.time >= released)
            .filter(|line| line.time < released + jiff::SignedDuration::from_hours(24))
            .filter(|line| set.truth[&line.account].campaign.is_some() == member)
            .collect();
        after.iter().filter(|line| line.model == "m9").count() as f64 / after.len() as f64
    };
    assert!(
        set.exchanges
            .iter()
            .all(|line| line.time >= released || line.model != "m9")
    );
    let (members, others) = (share(true), share(false));
    assert!((0.2..0.6).contains(&members), "{members}");
    assert!(members > 1.3 * others, "{members} and {others}");
}

#[test]
fn honest_accounts_feed_back_too() {
    // A detector of reuse must not be flattered: judges and writers reuse our answers as well.
    let set = kit::make(&kit::preset("small"), 13);
    let mut given: HashSet<String> = HashSet::new();
    let mut workloads: HashSet<&str> = HashSet::new();
    for exchange in &set.exchanges {
        let truth = &set.truth[&exchange.account];
        if truth.label != "honest" {
            continue;
        }
        let text = kit::new_text(exchange);
        if stretches(&text).any(|part| given.contains(part)) {
            workloads.insert(&truth.workload);
        }
        given.extend(stretches(&kit::answer(exchange)).map(str::to_owned));
    }
    assert!(
        workloads.contains("judge-product") && workloads.len() >= 3,
        "{workloads:?}"
    );
}
