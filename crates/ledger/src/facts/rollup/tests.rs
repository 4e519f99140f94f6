use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use record::{Amount, Endpoint, Id, Money, Origin, Usage};

use super::super::totals::Totals;
use super::*;
use crate::chain::{Header, Tip};
use crate::folder::Folder;
use crate::start::upgrade;
use crate::store::{Block, Group, SqliteStore, Store};

const MODELS: [&str; 3] = ["small", "large", ""];
/// 2025-11-25, 00:00 UTC.
const START_US: u64 = 1_764_028_800_000_000;

fn exchange(number: u64, at: u64, model: &str, status: u16) -> Fact {
    Fact::Exchange(Box::new(Exchange {
        id: Id::from_bytes([number as u8; 16]),
        account: Id::from_bytes([(number % 3) as u8; 16]),
        key: None,
        grant: None,
        endpoint: Endpoint::Chat,
        model: model.into(),
        upstream: "u".into(),
        arrived: Time::from_micros(START_US + at),
        first_byte_us: 1,
        duration_us: 2,
        status,
        outcome: match status {
            200 => Outcome::Completed,
            _ => Outcome::UpstreamError,
        },
        streamed: false,
        request_bytes: number,
        response_bytes: 3,
        usage: (status == 200).then_some(Usage {
            input: 10 + number,
            cached_input: number % 4,
            output: 5,
            reasoning: number % 2,
            source: match number % 3 {
                0 => UsageSource::Estimated,
                _ => UsageSource::Upstream,
            },
        }),
        cost: Amount {
            money: Money::from_nanos(100 + number),
            tokens: 15,
        },
        shares: Vec::new(),
        edits: Vec::new(),
        origin: Origin::default(),
        bodies: None,
        idempotency: None,
    }))
}

fn refusal(number: u64, at: u64, model: &str, reason: Reason) -> Fact {
    Fact::Refusal(Box::new(Refusal {
        id: Id::from_bytes([number as u8; 16]),
        account: number.is_multiple_of(2).then_some(Id::from_bytes([1; 16])),
        key: None,
        grant: None,
        path: "/v1/chat/completions".into(),
        model: model.into(),
        arrived: Time::from_micros(START_US + at),
        status: 429,
        reason,
        origin: Origin::default(),
    }))
}

/// Facts of three days.
fn any_fact() -> impl Strategy<Value = Fact> {
    let at = 0..3 * 24 * HOUR_US;
    (0..8u8, 0..200u64, at, prop::sample::select(&MODELS[..])).prop_map(
        |(sort, number, at, model)| match sort {
            0..4 => exchange(number, at, model, 200),
            4 => exchange(number, at, model, 502),
            5 => refusal(number, at, model, Reason::RequestsPerMinute),
            6 => refusal(number, at, "no such model", Reason::ModelNotFound),
            _ => Fact::RefusalsCounted {
                from: Time::from_micros(START_US + at),
                until: Time::from_micros(START_US + at + 5),
                count: number,
            },
        },
    )
}

/// Entries of these facts from a position on, in one block, with what they put out.
fn block(facts: &[Fact], first: u64) -> (Block, GroupOut) {
    let (mut block, mut out) = (Block::default(), GroupOut::default());
    for (fact, seq) in facts.iter().zip(first..) {
        let mut payload = Vec::new();
        let kind = codec::encode(fact, &mut payload);
        let header = Header {
            kind,
            version: codec::VERSION,
            seq,
            time_us: START_US + seq,
            chain: [1; 16],
            prev: [2; 32],
            commitment: [3; 32],
        };
        block.push(&header, &header.encode(), &[4; 16], &payload);
        Totals.fold(&header, &payload, &mut out);
    }
    (block, out)
}

fn commit(store: &SqliteStore, block: Block, out: &GroupOut) {
    if block.headers.is_empty() {
        return;
    }
    let tip = Tip {
        seq: block.last_seq,
        hash: [5; 32],
        time_us: block.last_us,
    };
    let blocks = &[block];
    store.commit(&Group { blocks, tip, out }).unwrap();
}

type Sums = BTreeMap<Vec<u8>, i64>;

fn held(store: &SqliteStore, namespace: &str) -> Sums {
    store.totals(namespace, &[]).unwrap().into_iter().collect()
}

fn put_out(out: &GroupOut, namespace: &str) -> Sums {
    let of = out.totals().filter(|(found, _, _)| *found == namespace);
    of.map(|(_, key, sum)| (key.to_vec(), sum)).collect()
}

/// The store in `path`, the first `cut` facts in it folded by the version before roll-ups, the
/// payloads at `gone` dropped, then brought up to date and the rest folded.
fn upgraded(path: &Path, facts: &[Fact], cut: usize, gone: &[usize]) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let (old, mut out) = block(&facts[..cut], 1);
    out.totals.remove(HOURS);
    out.totals.remove(DAYS);
    let drops = |header: &Header| gone.contains(&(header.seq as usize));
    let left = match cut {
        0 => None,
        _ => old.payloads_without(drops).unwrap(),
    };
    commit(&store, old, &out);
    if let Some(payloads) = left {
        store.replace_payloads(1, payloads.as_deref()).unwrap();
    }
    upgrade(&store, &mut Totals, &|_, _| {}).unwrap();
    let (new, out) = block(&facts[cut..], cut as u64 + 1);
    commit(&store, new, &out);
    // A second time there is nothing left to do.
    upgrade(&store, &mut Totals, &|_, _| {}).unwrap();
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The roll-up made of a prefix, and the rest folded behind it, are the roll-up of the whole.
    #[test]
    fn a_prefix_and_the_rest_are_the_whole(
        facts in prop::collection::vec(any_fact(), 0..60),
        cut in 0..60usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (_, whole) = block(&facts, 1);
        let store = upgraded(&dir.path().join("s"), &facts, cut.min(facts.len()), &[]);
        prop_assert_eq!(held(&store, HOURS), put_out(&whole, HOURS));
        prop_assert_eq!(held(&store, DAYS), put_out(&whole, DAYS));
    }

    /// Where payloads are gone, nothing that was summed by account is lost from the days.
    #[test]
    fn what_is_gone_is_in_its_day(
        facts in prop::collection::vec(any_fact(), 1..60),
        gone in prop::collection::vec(1..60usize, 0..30),
    ) {
        let dir = tempfile::tempdir().unwrap();
        // Floods have no sums by account, and are never pruned.
        let counted = |at: &usize| matches!(facts.get(*at - 1), Some(Fact::RefusalsCounted { .. }));
        let gone: Vec<usize> = gone.into_iter().filter(|at| !counted(at)).collect();
        let (_, whole) = block(&facts, 1);
        let store = upgraded(&dir.path().join("s"), &facts, facts.len(), &gone);
        let (days, whole) = (held(&store, DAYS), put_out(&whole, DAYS));
        let certain = |sums: &Sums| -> Sums {
            sums.iter().filter(|(key, _)| usize::from(key[4]) < REFUSED)
                .map(|(key, sum)| (key.clone(), *sum)).collect()
        };
        prop_assert_eq!(certain(&days), certain(&whole));
        // The model of a refusal that is gone is not known any more.
        let refused = |sums: &Sums| {
            let mut by_day = BTreeMap::<u32, u64>::new();
            for (key, sum) in sums {
                let (day, _, tally) = read(key, *sum).unwrap();
                *by_day.entry(day).or_default() += tally.refusals;
            }
            by_day
        };
        prop_assert_eq!(refused(&days), refused(&whole));
        let mut by_day = Sums::new();
        for (key, sum) in held(&store, HOURS) {
            let (hour, _, _) = read(&key, sum).unwrap();
            let mut key = key.clone();
            key[..4].copy_from_slice(&(hour / HOURS_A_DAY).to_be_bytes());
            *by_day.entry(key).or_default() += sum;
        }
        prop_assert_eq!(by_day, days);
    }
}

#[test]
fn a_name_that_is_no_model_makes_no_row() {
    let (_, out) = block(&[refusal(1, 0, "made up", Reason::ModelNotFound)], 1);
    let sums = put_out(&out, DAYS);
    assert_eq!(sums.len(), 1);
    let (key, sum) = sums.iter().next().unwrap();
    let (day, model, tally) = read(key, *sum).unwrap();
    assert_eq!((day, model, tally), (20_417, "", Tally::refusals(1)));
}

#[test]
fn an_upstreams_failure_is_an_error_and_a_clients_is_none() {
    let tally = |status| match exchange(1, 0, "m", status) {
        Fact::Exchange(exchange) => Tally::of(&exchange),
        _ => Tally::default(),
    };
    assert_eq!(
        (tally(200).errors, tally(404).errors, tally(502).errors),
        (0, 0, 1)
    );
    assert_eq!(tally(404).requests, 1);
}
