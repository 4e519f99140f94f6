use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use record::{Reason, Time};

use super::*;
use crate::chain::{Header, Tip};
use crate::facts::testing::{START_US, exchange, refusal};
use crate::facts::totals::{Totals, USED, USED_ALL, USED_MONTHS, refused_key};
use crate::folder::Folder;
use crate::start::upgrade;
use crate::store::{Block, Group, SqliteStore, Store};

const MODELS: [&str; 3] = ["small", "large", ""];
const DAY_US: u64 = 86_400_000_000;
/// Of days in two months.
const DAYS_APART: u64 = 9;

/// Facts of some days, not every one.
fn any_fact() -> impl Strategy<Value = Fact> {
    let at = 0..3 * DAY_US;
    let at = at.prop_map(|at| at / DAY_US * DAYS_APART * DAY_US + at % DAY_US);
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

/// What a version of the folder put out for a fact.
fn fold(version: u64, header: &Header, payload: &[u8], fact: &Fact, out: &mut GroupOut) {
    if version == 3 {
        return Totals.fold(header, payload, out);
    }
    let mut new = GroupOut::default();
    Totals.fold(header, payload, &mut new);
    for (namespace, key, sums) in new.totals() {
        let is_rolled = ROLLUP.iter().find(|(_, name)| *name == namespace);
        if let Some((old, _)) = is_rolled.filter(|_| version == 2) {
            let (at, model) = rollup::read_key(key).unwrap();
            for (measure, sum) in sums.iter().enumerate().filter(|(_, sum)| **sum != 0) {
                let key = [&at.to_be_bytes()[..], &[measure as u8], model.as_bytes()].concat();
                out.add(old, &key, *sum);
            }
        }
    }
    match fact {
        Fact::Exchange(exchange) => {
            let (account, day) = (exchange.account.bytes(), exchange.arrived.day());
            let key = refused_key(&account, day, &exchange.model);
            for (measure, sum) in MEASURES.into_iter().zip(Tally::of(exchange).used()) {
                if sum != 0 {
                    out.add(measure, &key, sum);
                }
            }
        }
        Fact::Refusal(_) => {
            let refused = new.totals().find(|(of, _, _)| *of == REFUSALS);
            let (_, key, _) = refused.unwrap();
            out.add(REFUSALS, key, 1);
        }
        _ => {}
    }
}

/// Entries of these facts from a position on, in one block, with what a version put out.
fn block(version: u64, facts: &[Fact], first: u64) -> (Block, GroupOut) {
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
        fold(version, &header, &payload, fact, &mut out);
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

type Sums = BTreeMap<Vec<u8>, Vec<i64>>;

fn held(store: &SqliteStore, namespace: &str) -> Sums {
    let mut held = Sums::new();
    let mut put = |key: &[u8], sums: &[i64]| {
        held.insert(key.to_vec(), sums.to_vec());
    };
    store.each_total(namespace, &[], None, &mut put).unwrap();
    held
}

fn put_out(out: &GroupOut, namespace: &str) -> Sums {
    let of = out.totals().filter(|(found, _, _)| *found == namespace);
    of.map(|(_, key, sums)| (key.to_vec(), sums.to_vec()))
        .collect()
}

/// The store in `path`, the first `cut` facts in it folded by an older version, the payloads at
/// `gone` dropped, then brought up to date and the rest folded.
fn upgraded(
    path: &Path,
    version: u64,
    (facts, cut): (&[Fact], usize),
    gone: &[usize],
) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let (old, out) = block(version, &facts[..cut], 1);
    let drops = |header: &Header| gone.contains(&(header.seq as usize));
    let left = match cut {
        0 => None,
        _ => old.payloads_without(drops).unwrap(),
    };
    commit(&store, old, &out);
    // The first version did not say which it was.
    if version > 1 {
        store.set_meta("folds", &version.to_le_bytes()).unwrap();
    }
    if let Some(payloads) = left {
        store.replace_payloads(1, payloads.as_deref()).unwrap();
    }
    upgrade(&store, &mut Totals, &|_, _| {}).unwrap();
    let (new, out) = block(3, &facts[cut..], cut as u64 + 1);
    commit(&store, new, &out);
    // A second time there is nothing left to do.
    upgrade(&store, &mut Totals, &|_, _| {}).unwrap();
    for old in MEASURES.into_iter().chain(ROLLUP.map(|(old, _)| old)) {
        assert_eq!(held(&store, old), Sums::new(), "{old} is left");
    }
    store
}

/// Model and day of the roll-up's rows, without the place that `gone` payloads can't tell.
fn certain(sums: &Sums) -> Sums {
    let mut certain = Sums::new();
    for (key, sums) in sums {
        let used = Tally::read(sums).used();
        if used.iter().any(|sum| *sum != 0) {
            certain.insert(key.clone(), used.to_vec());
        }
    }
    certain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is made of an older version's sums, and the rest folded behind it, are those of the
    /// whole.
    #[test]
    fn a_prefix_and_the_rest_are_the_whole(
        facts in prop::collection::vec(any_fact(), 0..60),
        cut in 0..60usize,
        version in 1..=3u64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (_, whole) = block(3, &facts, 1);
        let cut = (&facts[..], cut.min(facts.len()));
        let store = upgraded(&dir.path().join("s"), version, cut, &[]);
        for namespace in [HOURS, DAYS, USED, USED_MONTHS, USED_ALL, REFUSALS] {
            prop_assert_eq!(held(&store, namespace), put_out(&whole, namespace), "{}", namespace);
        }
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
        let (_, whole) = block(3, &facts, 1);
        let store = upgraded(&dir.path().join("s"), 1, (&facts, facts.len()), &gone);
        let (days, whole) = (held(&store, DAYS), put_out(&whole, DAYS));
        prop_assert_eq!(certain(&days), certain(&whole));
        // The model of a refusal that is gone is not known any more.
        let refused = |sums: &Sums| {
            let mut by_day = BTreeMap::<u32, u64>::new();
            for (key, sums) in sums {
                let (day, _) = rollup::read_key(key).unwrap();
                let refusals = Tally::read(sums).refusals;
                if refusals > 0 {
                    *by_day.entry(day).or_default() += refusals;
                }
            }
            by_day
        };
        prop_assert_eq!(refused(&days), refused(&whole));
        let mut by_day = BTreeMap::<Vec<u8>, Tally>::new();
        for (key, sums) in held(&store, HOURS) {
            let (hour, model) = rollup::read_key(&key).unwrap();
            let day = rollup::key(hour / HOURS_A_DAY, model);
            by_day.entry(day).or_default().add(&Tally::read(&sums));
        }
        let days: BTreeMap<_, _> = days.into_iter().map(|(key, sums)| (key, Tally::read(&sums))).collect();
        prop_assert_eq!(by_day, days);
    }
}
