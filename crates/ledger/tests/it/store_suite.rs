//! One suite for every store: SQLite and the one in memory have to behave the same.

use std::sync::Arc;

use ledger::chain::{Seq, Tip};
use ledger::store::{Block, Group, SqliteStore, Store};
use ledger::{Error, GroupOut};

use crate::memory::MemoryStore;

fn each(run: impl Fn(&dyn Store)) {
    run(&MemoryStore::default());
    let dir = tempfile::tempdir().expect("a folder");
    run(&SqliteStore::open(&dir.path().join("store.sqlite")).expect("opens"));
}

fn block(first: Seq, last: Seq) -> Block {
    Block {
        first_seq: first,
        last_seq: last,
        first_us: first * 10,
        last_us: last * 10,
        headers: vec![first as u8; 104 * (last - first + 1) as usize],
        payloads: Some(vec![last as u8; 300_000]),
    }
}

fn tip(seq: Seq) -> Tip {
    Tip {
        seq,
        hash: [seq as u8; 32],
        time_us: seq * 10,
    }
}

fn commit(store: &dyn Store, blocks: &[Block], seq: Seq, out: &GroupOut) -> Result<(), Error> {
    store.commit(&Group {
        blocks,
        tip: tip(seq),
        out,
    })
}

#[test]
fn groups_follow_one_another_and_none_is_taken_twice() {
    each(|store| {
        assert_eq!(store.tip().expect("reads"), None);
        let mut out = GroupOut::default();
        out.add("money", b"a", 5);
        commit(store, &[block(1, 3), block(4, 9)], 9, &out).expect("follows");
        assert_eq!(store.tip().expect("reads"), Some(tip(9)));
        // Again, with a gap, and with a tip that is not the last block's.
        for (blocks, seq) in [
            (vec![block(1, 3), block(4, 9)], 9),
            (vec![block(11, 12)], 12),
            (vec![block(10, 12)], 11),
        ] {
            let refused = commit(store, &blocks, seq, &out);
            assert!(matches!(refused, Err(Error::Damage { .. })), "{refused:?}");
        }
        assert_eq!(
            store.totals("money", b"").expect("reads"),
            [(b"a".to_vec(), 5)]
        );
        assert_eq!(store.tip().expect("reads"), Some(tip(9)));
    });
}

#[test]
fn a_block_is_found_by_any_of_its_positions() {
    each(|store| {
        assert_eq!(store.block(1).expect("reads"), None);
        commit(store, &[block(1, 3), block(4, 9)], 9, &GroupOut::default()).expect("follows");
        for seq in [0, 1, 3] {
            assert_eq!(store.block(seq).expect("reads"), Some(block(1, 3)));
        }
        for seq in [4, 9] {
            assert_eq!(store.block(seq).expect("reads"), Some(block(4, 9)));
        }
        assert_eq!(store.block(10).expect("reads"), None);
        assert_eq!(store.block(Seq::MAX).expect("reads"), None);
    });
}

#[test]
fn payloads_are_replaced_and_headers_stay() {
    each(|store| {
        commit(store, &[block(1, 3)], 3, &GroupOut::default()).expect("follows");
        store.replace_payloads(1, Some(b"other")).expect("replaces");
        let found = store.block(2).expect("reads").expect("is there");
        assert_eq!(found.payloads.as_deref(), Some(&b"other"[..]));
        store.replace_payloads(1, None).expect("replaces");
        store.scrub().expect("scrubs");
        let found = store.block(2).expect("reads").expect("is there");
        assert_eq!((found.payloads, found.headers), (None, block(1, 3).headers));
    });
}

#[test]
fn sums_add_up_saturate_and_are_found_by_prefix() {
    each(|store| {
        let mut seq = 0;
        let mut add = |sums: &[(&[u8], i64)]| {
            let mut out = GroupOut::default();
            for (key, delta) in sums {
                out.add("money", key, *delta);
            }
            out.add("other", b"a1", 1);
            seq += 1;
            commit(store, &[block(seq, seq)], seq, &out).expect("follows");
        };
        add(&[
            (b"a1", 5),
            (b"a1", -2),
            (b"a2", i64::MAX),
            (b"b", 1),
            (b"\xff\xff", 2),
        ]);
        add(&[(b"a1", 4), (b"a2", 7), (b"b", i64::MIN), (b"b", -9)]);
        let pair = |key: &[u8], sum| (key.to_vec(), sum);
        let all = [
            pair(b"a1", 7),
            pair(b"a2", i64::MAX),
            pair(b"b", i64::MIN + 1),
            pair(b"\xff\xff", 2),
        ];
        assert_eq!(store.totals("money", b"").expect("reads"), all);
        assert_eq!(store.totals("money", b"a").expect("reads"), all[..2]);
        assert_eq!(store.totals("money", b"\xff").expect("reads"), all[3..]);
        assert_eq!(store.totals("none", b"").expect("reads"), []);
        let between = |from: &[u8], until: Option<&[u8]>| {
            let mut found = Vec::new();
            store
                .each_total("money", from, until, &mut |key, sums| {
                    assert_eq!(sums.len(), 1);
                    found.push((key.to_vec(), sums[0]));
                })
                .expect("reads");
            found
        };
        assert_eq!(between(b"", None), all);
        assert_eq!(between(&all[1].0, Some(&all[3].0)), all[1..3]);
        assert_eq!(between(&all[2].0, None), all[2..]);
        assert_eq!(between(&all[2].0, Some(&all[1].0)), []);
    });
}

#[test]
fn the_sums_of_a_key_stand_together_and_grow() {
    each(|store| {
        let add = |seq, all: &[(&'static str, &[i64])], dropped: Option<&'static str>| {
            let mut out = GroupOut::default();
            for (namespace, sums) in all {
                out.add_all(namespace, b"k", sums);
            }
            dropped.into_iter().for_each(|old| out.drop_totals(old));
            commit(store, &[block(seq, seq)], seq, &out).expect("follows");
        };
        let held = |namespace| {
            let mut found = Vec::new();
            store
                .each_total(namespace, b"", None, &mut |key, sums| {
                    found.push((key.to_vec(), sums.to_vec()));
                })
                .expect("reads");
            found
        };
        add(1, &[("a", &[1, i64::MAX, -3]), ("b", &[5])], None);
        add(
            2,
            &[("a", &[1, 1]), ("a", &[0, 0, 1, 7]), ("b", &[1, 1])],
            None,
        );
        assert_eq!(held("a"), [(b"k".to_vec(), vec![2, i64::MAX, -2, 7])]);
        assert_eq!(held("b"), [(b"k".to_vec(), vec![6, 1])]);
        // What is dropped is dropped first: what comes with it stays.
        add(3, &[("a", &[9, 9])], Some("a"));
        assert_eq!(held("a"), [(b"k".to_vec(), vec![9, 9])]);
        add(4, &[], Some("b"));
        assert_eq!(held("b"), []);
        assert_eq!(store.totals("a", b"").expect("reads"), [(b"k".to_vec(), 9)]);
    });
}

#[test]
fn points_are_set_replaced_removed_and_expire() {
    each(|store| {
        let mut out = GroupOut::default();
        out.put("index", b"a", b"1", Some(100));
        out.put("index", b"b", b"2", None);
        out.put("index", b"c", b"3", None);
        commit(store, &[block(1, 1)], 1, &out).expect("follows");
        let get = |key: &[u8], now| store.point("index", key, now).expect("reads");
        assert_eq!(get(b"a", 99), Some(b"1".to_vec()));
        assert_eq!(get(b"a", 100), None);
        assert_eq!(store.expire(99).expect("drops"), 0);
        assert_eq!(store.expire(100).expect("drops"), 1);
        assert_eq!(get(b"a", 0), None);
        let mut out = GroupOut::default();
        out.put("index", b"b", b"9", None);
        out.remove("index", b"c");
        commit(store, &[block(2, 2)], 2, &out).expect("follows");
        assert_eq!((get(b"b", 0), get(b"c", 0)), (Some(b"9".to_vec()), None));
    });
}

#[test]
fn two_snapshots_of_a_name_are_kept_and_none_from_before_an_erasure() {
    each(|store| {
        assert_eq!(store.snapshot("profiles").expect("reads"), None);
        for seq in [5, 6, 7] {
            store
                .put_snapshot("profiles", seq, &[seq as u8], 0)
                .expect("stores");
        }
        store.put_snapshot("links", 3, b"x", 0).expect("stores");
        assert_eq!(
            store.snapshot("profiles").expect("reads"),
            Some((7, vec![7]))
        );
        let names = |list: &[(&str, Seq)]| {
            list.iter()
                .map(|(name, seq)| ((*name).to_owned(), *seq))
                .collect::<Vec<_>>()
        };
        let listed = store.snapshots().expect("reads");
        assert_eq!(
            listed,
            names(&[("links", 3), ("profiles", 6), ("profiles", 7)])
        );
        store
            .put_snapshot("profiles", 9, b"new", 8)
            .expect("stores");
        assert_eq!(
            store.snapshots().expect("reads"),
            names(&[("links", 3), ("profiles", 9)])
        );
    });
}

#[test]
fn settings_are_kept() {
    each(|store| {
        assert_eq!(store.meta("a").expect("reads"), None);
        store.set_meta("a", b"1").expect("sets");
        store.set_meta("a", b"2").expect("sets");
        assert_eq!(store.meta("a").expect("reads"), Some(b"2".to_vec()));
    });
}

#[test]
fn sums_are_amended_together_with_a_setting() {
    each(|store| {
        let mut out = GroupOut::default();
        out.add("money", b"a", 5);
        commit(store, &[block(1, 3)], 3, &out).expect("follows");
        store.amend(&out, "version", b"2").expect("amends");
        let sums = store.totals("money", b"").expect("reads");
        assert_eq!(sums, [(b"a".to_vec(), 10)]);
        assert_eq!(store.meta("version").expect("reads"), Some(b"2".to_vec()));
        assert_eq!(store.tip().expect("reads"), Some(tip(3)));
    });
}

#[test]
fn readers_stand_beside_the_writer_and_a_newer_format_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("store.sqlite");
    let store = Arc::new(SqliteStore::open(&path).expect("opens"));
    let reader = SqliteStore::open_read_only(&path).expect("opens beside");
    assert_eq!(reader.tip().expect("reads"), None);
    commit(&*store, &[block(1, 1)], 1, &GroupOut::default()).expect("follows");
    assert_eq!(reader.tip().expect("reads"), Some(tip(1)));
    assert!(reader.set_meta("a", b"1").is_err());
    store.set_meta("format", &3u64.to_le_bytes()).expect("sets");
    drop(store);
    assert!(matches!(
        SqliteStore::open(&path),
        Err(Error::Format { found: 3, .. })
    ));
    assert!(matches!(
        SqliteStore::open_read_only(&path),
        Err(Error::Format { found: 3, .. })
    ));
}
