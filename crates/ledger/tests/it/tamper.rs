//! Whatever is changed, cut or rewritten behind the ledger's back is found, and named.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::chain::{HEADER_BYTES, Head, Header, commitment};
use ledger::{Draft, Error, Ledger, Lock, NoFolder, Reader, Report, verify};
use rusqlite::Connection;

use crate::kit::{self, Count, KIND, payload};

const ENTRIES: u64 = 5;

/// A small closed ledger: five entries and a head, folded, and three bodies.
fn closed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = kit::options(dir.path());
    // All in one block, by the last fold.
    options.fold_every = Duration::from_secs(3600);
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    for number in 0..ENTRIES {
        let bytes = payload(number, 24);
        ledger
            .observe(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
    }
    ledger
        .vault()
        .put(&[b"a body"], Lock::House, u64::MAX)
        .expect("keeps");
    ledger
        .vault()
        .put(&[b"another"], Lock::Key(&[7; 32]), u64::MAX)
        .expect("keeps");
    ledger.close().expect("closes");
    dir
}

/// A copy of a ledger that runs: nothing is folded yet, as after a `kill -9`.
fn running() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = kit::options(dir.path());
    options.fold_every = Duration::from_secs(3600);
    options.segment_bytes = 900;
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    for number in 0..ENTRIES {
        let bytes = payload(number, 24);
        let bound = ledger
            .bind(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
        bound.wait().expect("durable");
    }
    ledger.sign_head().expect("signs");
    let copy = tempfile::tempdir().expect("a folder");
    copy_folder(dir.path(), copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes a folder");
    for item in fs::read_dir(from).expect("lists") {
        let path = item.expect("lists").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copies");
        }
    }
}

fn check(folder: &Path) -> Report {
    let reader = Reader::open(folder, None).expect("opens");
    verify(&reader, &mut |_| {}).expect("can be read")
}

fn store(folder: &Path) -> Connection {
    Connection::open(folder.join("ledger.sqlite")).expect("opens")
}

#[test]
fn an_untouched_ledger_is_sound_and_wholly_attested() {
    for dir in [closed(), running()] {
        let report = check(dir.path());
        assert_eq!(report.findings, []);
        assert_eq!((report.tip, report.unattested()), (ENTRIES + 1, 0));
    }
}

/// Flips every byte of the one blob that a query finds, and expects each flip to be found at the
/// entry that `expect` names for it.
fn flip_column(folder: &Path, column: &str, expect: impl Fn(usize) -> Option<u64>) {
    let store = store(folder);
    let reader = Reader::open(folder, None).expect("opens");
    let select = format!("select {column} from block");
    let good: Vec<u8> = store
        .query_row(&select, [], |row| row.get(0))
        .expect("one block");
    let update = format!("update block set {column} = ?1");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        store.execute(&update, [bad]).expect("updates");
        let report = verify(&reader, &mut |_| {}).expect("can be read");
        let found = report.first_bad().expect("every flip is found");
        if let Some(seq) = expect(at) {
            assert_eq!(found.seq, seq, "{column} {at}: {:?}", report.findings);
        }
    }
    store.execute(&update, [good]).expect("updates");
    assert!(check(folder).is_sound());
}

#[test]
fn a_flip_of_any_byte_of_a_header_is_found_and_named() {
    let dir = closed();
    flip_column(dir.path(), "headers", |at| {
        Some((at / HEADER_BYTES) as u64 + 1)
    });
}

#[test]
fn a_flip_of_any_byte_of_a_payload_or_salt_is_found() {
    let dir = closed();
    // Length, salt and payload of an entry take 44 bytes; a changed length also moves the rest.
    flip_column(dir.path(), "payloads", |at| {
        let (entry, inside) = (at / 44, at % 44);
        (inside >= 4 && entry < ENTRIES as usize).then_some(entry as u64 + 1)
    });
}

#[test]
fn a_flip_of_any_byte_of_a_head_is_found() {
    let dir = closed();
    flip_file(dir.path(), &dir.path().join("heads.log"));
}

#[test]
fn a_flip_of_any_byte_of_the_journal_is_found() {
    let dir = running();
    for path in segments(dir.path()) {
        flip_file(dir.path(), &path);
    }
}

/// In a segment that is used again remains of older entries stand behind the end; a flip there
/// changes nothing that anybody reads.
#[test]
fn a_flip_of_any_byte_of_a_segment_that_is_used_again_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = kit::options(dir.path());
    options.fold_every = Duration::from_secs(3600);
    options.segment_bytes = 1500;
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    let observe = |number| {
        let bytes = payload(number, 24);
        ledger
            .observe(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
    };
    for number in 0..40 {
        observe(number);
        assert!(ledger.flush(Duration::from_secs(30)));
    }
    // Spares are made beside the writer, so how soon a segment comes back is not ours to say.
    let copy = (40..400).step_by(6).find_map(|number| {
        observe(number);
        assert!(ledger.flush(Duration::from_secs(30)));
        (number + 1..number + 6).for_each(observe);
        ledger.sign_head().expect("signs");
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(dir.path(), copy.path());
        let found = used_again(copy.path()).next().is_some();
        found.then_some(copy)
    });
    let copy = copy.expect("a segment is used again");
    for (path, end) in used_again(copy.path()) {
        flip_part(copy.path(), &path, end);
    }
}

/// The segments of a folder that were used before and hold entries again, each with its end.
fn used_again(folder: &Path) -> impl Iterator<Item = (PathBuf, usize)> {
    segments(folder).into_iter().filter_map(|path| {
        let bytes = fs::read(&path).ok()?;
        let end = end_of(&bytes);
        let holds = bytes.starts_with(b"SHJRNL02") && end > 72 + 16;
        holds.then_some((path, end))
    })
}

/// Where the zeros behind the last frame end.
fn end_of(segment: &[u8]) -> usize {
    let mut at = 72;
    while let Some(bytes) = segment.get(at..at + 4) {
        let len = u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
        at += 16 + len as usize;
        if len == 0 {
            break;
        }
    }
    at
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let items = fs::read_dir(folder.join("journal")).expect("lists");
    let mut paths: Vec<PathBuf> = items.map(|item| item.expect("lists").path()).collect();
    paths.sort();
    paths
}

fn flip_file(folder: &Path, path: &Path) {
    let size = fs::metadata(path).expect("is there").len();
    flip_part(folder, path, size as usize);
}

fn flip_part(folder: &Path, path: &Path, end: usize) {
    let good = fs::read(path).expect("reads");
    let reader = Reader::open(folder, None).expect("opens");
    let sound = || {
        verify(&reader, &mut |_| {})
            .expect("can be read")
            .is_sound()
    };
    for at in 0..end {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(path, bad).expect("writes");
        assert!(!sound(), "{path:?} {at} was not found");
    }
    fs::write(path, good).expect("writes");
    assert!(sound());
}

#[test]
fn a_flip_of_any_byte_of_a_body_is_found() {
    let dir = closed();
    let vault = Connection::open(dir.path().join("vault.sqlite")).expect("opens");
    for column in ["hash", "lock", "nonce", "sealed", "seal"] {
        let select = format!("select hash, {column} from body order by hash");
        let rows: Vec<(Vec<u8>, Vec<u8>)> = vault
            .prepare(&select)
            .and_then(|mut select| {
                select
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .expect("reads");
        assert_eq!(rows.len(), 2);
        for (hash, good) in rows {
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 1;
                let update = format!("update body set {column} = ?1 where hash = ?2");
                vault.execute(&update, [&bad, &hash]).expect("updates");
                assert!(!check(dir.path()).is_sound(), "{column} {at} was not found");
                let back = if column == "hash" { &bad } else { &hash };
                vault.execute(&update, [&good, back]).expect("updates");
            }
        }
    }
    assert!(check(dir.path()).is_sound());
}

#[test]
fn a_cut_tail_is_found() {
    let dir = closed();
    let db = store(dir.path());
    let headers: Vec<u8> = db
        .query_row("select headers from block", [], |row| row.get(0))
        .expect("reads");
    let payloads: Vec<u8> = db
        .query_row("select payloads from block", [], |row| row.get(0))
        .expect("reads");
    let keep = 4;
    // A careful hand: block, tip and journal all agree on the shorter chain.
    let header = header_at(&headers, keep - 1);
    db.execute(
        "update block set headers = ?1, payloads = ?2, last_seq = ?3, last_us = ?4",
        rusqlite::params![
            &headers[..keep * HEADER_BYTES],
            &payloads[..keep * 44],
            keep as i64,
            header.time_us as i64
        ],
    )
    .expect("updates");
    set_tip(&db, &header);
    fs::remove_dir_all(dir.path().join("journal")).expect("removes");
    fs::create_dir(dir.path().join("journal")).expect("makes");
    let report = check(dir.path());
    let found = report.first_bad().expect("is found");
    assert_eq!(found.seq, keep as u64 + 1, "{found:?}");
    drop(db);
    let opened = Ledger::open(kit::options(dir.path()), Box::new(NoFolder));
    assert!(
        matches!(opened, Err(Error::Damage { seq: 5, .. })),
        "it must not go on from there"
    );
}

#[test]
fn a_rewrite_with_all_links_made_anew_is_found() {
    let dir = closed();
    let db = store(dir.path());
    let headers: Vec<u8> = db
        .query_row("select headers from block", [], |row| row.get(0))
        .expect("reads");
    let mut payloads: Vec<u8> = db
        .query_row("select payloads from block", [], |row| row.get(0))
        .expect("reads");
    // Entry 3 tells another story, and everything behind it is linked anew.
    payloads[2 * 44 + 20] ^= 0xff;
    let mut out = headers[..2 * HEADER_BYTES].to_vec();
    let mut prev = header_at(&headers, 1).hash();
    let mut last = header_at(&headers, 1);
    for place in 2..headers.len() / HEADER_BYTES {
        let mut header = header_at(&headers, place);
        header.prev = prev;
        if place == 2 {
            let sealed = &payloads[2 * 44 + 4..3 * 44];
            let salt = sealed[..16].try_into().expect("16 bytes");
            header.commitment = commitment(salt, &sealed[16..]);
        }
        out.extend_from_slice(&header.encode());
        prev = header.hash();
        last = header;
    }
    db.execute(
        "update block set headers = ?1, payloads = ?2",
        rusqlite::params![out, payloads],
    )
    .expect("updates");
    set_tip(&db, &last);
    fs::remove_dir_all(dir.path().join("journal")).expect("removes");
    fs::create_dir(dir.path().join("journal")).expect("makes");
    let report = check(dir.path());
    assert_eq!(report.first_bad().expect("is found").seq, ENTRIES + 1);
    drop(db);
    let opened = Ledger::open(kit::options(dir.path()), Box::new(NoFolder));
    assert!(
        matches!(opened, Err(Error::Damage { .. })),
        "it must not go on from there"
    );
}

fn header_at(headers: &[u8], place: usize) -> Header {
    let bytes = &headers[place * HEADER_BYTES..][..HEADER_BYTES];
    Header::decode(bytes.try_into().expect("a header's length")).expect("a header")
}

fn set_tip(db: &Connection, header: &Header) {
    let mut tip = header.seq.to_le_bytes().to_vec();
    tip.extend_from_slice(&header.hash());
    tip.extend_from_slice(&header.time_us.to_le_bytes());
    db.execute("update meta set value = ?1 where key = 'tip'", [tip])
        .expect("updates");
}

#[test]
fn a_payload_that_is_missing_without_a_marker_is_found() {
    let dir = closed();
    store(dir.path())
        .execute("update block set payloads = null", [])
        .expect("updates");
    assert_eq!(check(dir.path()).first_bad().expect("is found").seq, 1);
}

#[test]
fn missing_blocks_and_missing_heads_are_found() {
    let dir = closed();
    store(dir.path())
        .execute("delete from block", [])
        .expect("deletes");
    assert_eq!(check(dir.path()).first_bad().expect("is found").seq, 1);
    let dir = closed();
    fs::remove_file(dir.path().join("heads.log")).expect("removes");
    assert!(!check(dir.path()).is_sound());
}

#[test]
fn entries_behind_the_newest_head_are_counted_as_unattested() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = kit::open(dir.path());
    ledger
        .observe(&[Draft::new(KIND, 1, b"x")])
        .expect("appends");
    ledger.sign_head().expect("signs");
    for _ in 0..5 {
        ledger
            .observe(&[Draft::new(KIND, 1, b"x")])
            .expect("appends");
    }
    assert!(ledger.flush(Duration::from_secs(30)));
    // Beside the running server.
    let report = check(dir.path());
    assert_eq!(
        (report.findings, report.tip, report.attested),
        (vec![], 7, 2)
    );
    let line = fs::read_to_string(dir.path().join("heads.log")).expect("reads");
    assert_eq!(Head::from_line(line.trim_end()).expect("a head").seq, 2);
}

#[test]
fn a_damaged_folder_is_not_opened_and_the_message_tells_where() {
    let dir = running();
    let first = segments(dir.path()).swap_remove(0);
    let mut bytes = fs::read(&first).expect("reads");
    bytes[72 + 160 + 50] ^= 1;
    fs::write(&first, bytes).expect("writes");
    let Err(error) = Ledger::open(kit::options(dir.path()), Box::new(NoFolder)) else {
        panic!("it opened");
    };
    assert!(matches!(error, Error::Damage { seq: 2, .. }), "{error}");
    assert!(
        error.to_string().contains("000000000001.log\" at 232"),
        "{error}"
    );
}
