//! Budgets: what is settled and reserved never exceeds them, at every prefix of the ledger; all
//! of them can be used; and a crash loses none.

use std::sync::Arc;

use record::{
    Amount, BudgetOwner, Fact, Money, Outcome, Prices, SpendLimit, SpendPeriod, UsageSource,
};

use crate::books::{copy, exchanges, facts_of, peak};
use crate::house::{House, Setup, http, route};
use crate::peer::{CHAT, Peer, json};
use crate::puppet::{feed, puppet};

const PATH: &str = "/v1/chat/completions";

fn spend(nanos: u64) -> Option<SpendLimit> {
    Some(SpendLimit {
        amount: Money::from_nanos(nanos),
        period: SpendPeriod::Total,
    })
}

/// An answer that cost exactly `output` tokens; canned because the test is about the sum.
fn costing(output: u64) -> String {
    let usage = format!(r#"{{"prompt_tokens":0,"completion_tokens":{output}}}"#);
    format!(r#"{{"choices":[{{"index":0,"message":{{"content":"x"}}}}],"usage":{usage}}}"#)
}

/// A house whose model `m` costs one nano a token of output and answers with all that it may.
async fn priced() -> (Peer, House) {
    let peer = Peer::answers(|seen| {
        let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        json("200 OK", "", &costing(body["max_tokens"].as_u64().unwrap()))
    })
    .await;
    let mut priced = route("m", http(&peer));
    priced.prices = Prices {
        output: 1,
        ..Prices::default()
    };
    let house = Setup::new(vec![priced]).open().await;
    (peer, house)
}

fn ask(most: u64) -> String {
    format!(r#"{{"model":"m","max_tokens":{most},"messages":[]}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_use_a_small_budget_up_and_never_more() {
    let (peer, house) = priced().await;
    let account = house.account(|account| account.spend = spend(1_000));
    let key = house.key(account, |_| {});
    let house = Arc::new(house);
    // 40 requests of 50 against a budget that holds 20 of them, all at once.
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (house, key) = (Arc::clone(&house), key.clone());
            tokio::spawn(async move { house.post(&key, PATH, &ask(50)).await })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        assert!(
            answer.status() == 200 || answer.code() == "budget_exhausted",
            "{}",
            answer.body
        );
        statuses.push(answer.status());
    }
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((served, peer.seen().len()), (20, 20));
    // Nothing is left, not even for the smallest.
    assert_eq!(
        house.post(&key, PATH, &ask(1)).await.code(),
        "budget_exhausted"
    );
    let owner = BudgetOwner::Account(account);
    assert_eq!(peak(&house.facts(), owner).money.nanos(), 1_000);
    let spent: u64 = house.exchanges().iter().map(|e| e.cost.money.nanos()).sum();
    assert_eq!(spent, 1_000);
    Arc::into_inner(house).unwrap().finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_needed_is_given_back() {
    // The answers cost a tenth of what they might.
    let peer = Peer::always(json("200 OK", "", &costing(5))).await;
    let mut cheap = route("m", http(&peer));
    cheap.prices.output = 1;
    let house = Setup::new(vec![cheap]).open().await;
    let account = house.account(|account| account.spend = spend(100));
    let key = house.key(account, |_| {});
    let mut served = 0;
    while house.post(&key, PATH, &ask(50)).await.status() == 200 {
        served += 1;
    }
    // After 11 requests 45 are left: less than the next one's worst case.
    assert_eq!(served, 11);
    assert_eq!(house.post(&key, PATH, &ask(45)).await.status(), 200);
    assert!(
        peak(&house.facts(), BudgetOwner::Account(account))
            .money
            .nanos()
            <= 100
    );
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_has_a_limit_of_its_own_beside_the_accounts() {
    let (_peer, house) = priced().await;
    let account = house.account(|account| account.spend = spend(1_000));
    let small = house.key(account, |key| key.spend = spend(100));
    let free = house.key(account, |_| {});
    assert_eq!(house.post(&small, PATH, &ask(100)).await.status(), 200);
    assert_eq!(
        house.post(&small, PATH, &ask(1)).await.code(),
        "budget_exhausted"
    );
    assert_eq!(house.post(&free, PATH, &ask(900)).await.status(), 200);
    assert_eq!(
        house.post(&free, PATH, &ask(1)).await.code(),
        "budget_exhausted"
    );
    let key = BudgetOwner::Key(house.key_id(&small));
    assert_eq!(peak(&house.facts(), key).money.nanos(), 100);
    let both = house
        .exchanges()
        .into_iter()
        .find(|e| e.cost.money.nanos() == 100)
        .unwrap();
    assert_eq!(both.shares.len(), 2, "one of each budget");
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upstream_is_told_the_bound_that_was_drawn() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let mut setup = Setup::new(vec![route("m", http(&peer))]);
    setup.options.default_max_output = 500;
    let mut capped = route("capped", http(&peer));
    capped.max_output_tokens = Some(50);
    setup.routes.push(capped);
    let house = setup.open().await;
    let bounded = house.account(|account| account.spend = spend(1_000_000));
    let bounded = house.key(bounded, |_| {});
    for (key, model, asked, told) in [
        (&house.key, "m", None, None),
        (&bounded, "m", None, Some(500)),
        (&bounded, "m", Some(9_000), Some(500)),
        (&bounded, "m", Some(7), Some(7)),
        (&house.key, "capped", None, None),
        (&house.key, "capped", Some(60), Some(50)),
        (&bounded, "capped", None, Some(50)),
    ] {
        let most = asked.map(|most: u64| format!(r#""max_completion_tokens":{most},"#));
        let ask = format!(
            r#"{{{}"model":"{model}","messages":[]}}"#,
            most.unwrap_or_default()
        );
        assert_eq!(house.post(key, PATH, &ask).await.status(), 200);
        let seen = peer.seen().pop().unwrap();
        let seen: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(seen["max_completion_tokens"].as_u64(), told, "{ask}");
    }
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upstream_charges_beyond_is_an_overrun() {
    // An upstream that does not keep to max_tokens; canned, since no honest one does so.
    let peer = Peer::always(json("200 OK", "", &costing(80))).await;
    let mut rude = route("m", http(&peer));
    rude.prices.output = 1;
    let house = Setup::new(vec![rude]).open().await;
    let account = house.account(|account| account.spend = spend(100));
    let key = house.key(account, |_| {});
    let answer = house.post(&key, PATH, &ask(50)).await;
    let exchange = house.exchange(&answer.id());
    assert_eq!(exchange.cost.money.nanos(), 80);
    assert_eq!(
        house.post(&key, PATH, &ask(21)).await.code(),
        "budget_exhausted"
    );
    assert_eq!(house.post(&key, PATH, &ask(20)).await.status(), 200);
    let folder = house.finish().await;
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_open_slices_are_settled_by_what_was_recorded() {
    let (upstream, mut questions) = puppet();
    let mut priced = route("m", upstream);
    priced.prices.output = 1;
    let house = Setup::new(vec![priced.clone()]).open().await;
    let account = house.account(|account| account.spend = spend(10_000));
    let key = house.key(account, |_| {});
    let mut done = house.send(&key, PATH, &ask(30)).await;
    questions.recv().await.unwrap().whole(&costing(30));
    assert_eq!(done.answer().await.status(), 200);
    // One more is under way when the lights go out: a copy of the folder is what the disk has.
    let stream = ask(500).replace("\"messages\"", "\"stream\":true,\"messages\"");
    let mut lost = house.send(&key, PATH, &stream).await;
    let feeder = questions.recv().await.unwrap().stream();
    assert!(lost.head().await.is_some());
    feed(&feeder, crate::peer::EVENTS[0]);
    assert!(lost.part().await.is_some());
    assert!(house.facts.ledger().flush(crate::client::SOON));
    let mut setup = Setup::new(vec![priced]);
    copy(house.folder.path(), setup.folder.path());
    setup.ledger = |_| {};

    let again = setup.open().await;
    let budget = record::Budget {
        owner: BudgetOwner::Account(account),
        start_day: 0,
    };
    let spent = again.facts.spent(&budget);
    assert_eq!(
        (spent.gone.money.nanos(), spent.reserved),
        (30, Amount::ZERO)
    );
    // Known credentials open, and what is left is what was left.
    let asking = ask(9_970);
    let mut all = again.send(&key, PATH, &asking).await;
    questions.recv().await.unwrap().whole(&costing(9_970));
    assert_eq!(all.answer().await.status(), 200);
    assert_eq!(
        again.post(&key, PATH, &ask(1)).await.code(),
        "budget_exhausted"
    );
    let facts = facts_of(&again.facts);
    assert_eq!(peak(&facts, budget.owner).money.nanos(), 10_000);
    assert_eq!(exchanges(&facts).len(), 2);
    again.finish().await;

    // The first house lives on: its client left, which is an estimate of what was streamed.
    drop(lost);
    let left = house
        .until("the client's leaving", |house| {
            house
                .exchanges()
                .into_iter()
                .find(|e| e.outcome == Outcome::ClientLeft)
        })
        .await;
    assert_eq!(left.usage.unwrap().source, UsageSource::Estimated);
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_that_are_done_with_are_settled_while_the_server_runs() {
    let (_peer, house) = priced().await;
    let account = house.account(|account| account.spend = spend(1_000));
    let key = house.key(account, |_| {});
    assert_eq!(house.post(&key, PATH, &ask(50)).await.status(), 200);
    let settled = |house: &House| {
        let settled = house
            .facts()
            .iter()
            .any(|fact| matches!(fact, Fact::SliceSettled { .. }));
        settled.then_some(())
    };
    house.until("a settlement", settled).await;
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_goes_and_comes_back_finds_what_was_spent() {
    let (_peer, house) = priced().await;
    let account = house.account(|account| account.spend = spend(10_000));
    let key = house.key(account, |_| {});
    let change = |spend| {
        house.change(record::Change::AccountLimits {
            account,
            limits: record::Limits::default(),
            spend,
        });
    };
    assert_eq!(house.post(&key, PATH, &ask(50)).await.status(), 200);
    // Its slice is still open when another purse takes the place of the first.
    change(None);
    let free = house.post(&key, PATH, &ask(70)).await;
    assert!(house.exchange(&free.id()).shares.is_empty());
    change(spend(10_000));
    let mut all = 50;
    for most in [50, 5_000, 4_000, 500, 300] {
        all += u64::from(house.post(&key, PATH, &ask(most)).await.status() == 200) * most;
    }
    assert!(all > 9_800 && all <= 10_000, "{all}");
    assert!(
        peak(&house.facts(), BudgetOwner::Account(account))
            .money
            .nanos()
            <= 10_000
    );
    // A lower limit than what was spent refuses, a higher one opens.
    change(spend(100));
    assert_eq!(
        house.post(&key, PATH, &ask(1)).await.code(),
        "budget_exhausted"
    );
    change(spend(20_000));
    assert_eq!(house.post(&key, PATH, &ask(5_000)).await.status(), 200);
    house.finish().await;
}
