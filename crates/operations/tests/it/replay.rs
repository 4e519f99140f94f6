//! Replays of small traffic sets and logs: what is read, what is skipped, and that the same input is
//! the same bytes whatever it is packed in and however many threads read it.

use std::collections::BTreeMap;
use std::fs::{read, read_to_string, write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use guard::digest::{Digester, HashKey, Scratch};
use operations::replay::{BadLine, Format, Observer, Replay, Report, World, replay};
use operations::{Error, Result};
use record::Time;
use tempfile::TempDir;
use wire::traffic::{Line, line};

const KEY: [u8; 32] = [9; 32];
const WRITTEN: [&str; 3] = ["findings.jsonl", "accounts.jsonl", "clusters.jsonl"];

#[derive(Default)]
struct Told(Vec<BadLine>);

impl Observer for Told {
    fn bad_line(&mut self, line: &BadLine) {
        self.0.push(line.clone());
    }
}

fn asked(input: &Path, out: &Path) -> Replay {
    Replay {
        input: input.to_owned(),
        out: out.to_owned(),
        from: None,
        account: None,
        hash_key: Some(KEY),
        card: None,
        force: false,
        threads: 2,
        version: "test".into(),
    }
}

fn run_with(asked: &Replay, stopped: bool) -> (Result<Report>, Vec<BadLine>) {
    let mut told = Told::default();
    let done = replay(
        asked,
        &mut World {
            clock: &|| Time::from_micros(5),
            peak_memory: &|| None,
            stop: &AtomicBool::new(stopped),
            observer: &mut told,
        },
    );
    (done, told.0)
}

/// A folder with this traffic, and room for results.
struct Set(TempDir);

impl Set {
    fn of(lines: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        write(folder.path().join("in/traffic.jsonl"), lines.join("\n")).unwrap();
        Self(folder)
    }

    fn input(&self) -> PathBuf {
        self.0.path().join("in")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    fn run(&self) -> Report {
        run_with(&asked(&self.input(), &self.out()), false)
            .0
            .unwrap()
    }

    /// What was written, and the folder made free again.
    fn taken(&self) -> Vec<Vec<u8>> {
        let files = WRITTEN.map(|name| read(self.out().join(name)).unwrap());
        std::fs::remove_dir_all(self.out()).unwrap();
        files.to_vec()
    }
}

fn at(second: u64) -> String {
    Time::from_micros((1_777_593_600 + second) * 1_000_000).rfc3339()
}

fn exchange(number: u64, account: &str) -> String {
    format!(
        r#"{{"id":"e{number}","time":"{}","duration_ms":{},"account":"{account}","source":{{"ip":"192.0.2.{}","user_agent":"x/1"}},"endpoint":"/v1/chat/completions","model":"m","request":{{"model":"m","messages":[{{"role":"user","content":"Explain step {number} of making copper in a few plain words, please."}}]}},"status":200,"response":{{"choices":[{{"message":{{"role":"assistant","content":"Step {number} is heating the ore until it melts and the slag can be skimmed."}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":9,"completion_tokens":12}}}}}}"#,
        at(number),
        500 + number % 7 * 900,
        number % 200,
    )
}

fn some(count: u64) -> Vec<String> {
    (0..count)
        .map(|number| exchange(number, &format!("a{}", number % 5)))
        .collect()
}

/// Accounts and their exchanges, as written.
fn accounts(out: &Path) -> BTreeMap<String, u64> {
    let text = read_to_string(out.join("accounts.jsonl")).unwrap();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let count = line["exchanges"].as_u64().unwrap();
        (line["account"].as_str().unwrap().to_owned(), count)
    });
    lines.collect()
}

#[test]
fn bad_lines_are_counted_told_and_skipped() {
    let mut lines = some(20);
    lines.insert(3, exchange(1, "a1")[..200].to_owned());
    lines.insert(5, "{}".into());
    lines.insert(7, String::new());
    lines.insert(9, r#"{"time":"soon","account":"a"}"#.into());
    lines.insert(
        11,
        format!(
            r#"{{"time":"{}","event":"model_released","model":"m2"}}"#,
            at(5)
        ),
    );
    lines.insert(
        12,
        format!(
            r#"{{"time":"{}","event":"account_suspended","account":"new"}}"#,
            at(6)
        ),
    );
    lines.insert(
        13,
        format!(r#"{{"time":"{}","account":"a","digest":"AAAA"}}"#, at(6)),
    );
    let set = Set::of(&lines);
    let whole = read(set.input().join("traffic.jsonl")).unwrap();
    write(
        set.input().join("traffic.jsonl"),
        [&whole[..], b"\n\xff\xfe\n"].concat(),
    )
    .unwrap();
    let accounts_lines =
        "{\"id\":\"a1\",\"plan\":\"team\"}\nnothing\n{\"id\":\"a1\"}\n{\"id\":\"quiet\"}";
    write(set.input().join("accounts.jsonl"), accounts_lines).unwrap();
    let (done, told) = run_with(&asked(&set.input(), &set.out()), false);
    let counts = done.unwrap().summary.counts;
    assert_eq!(
        (counts.exchanges, counts.events, counts.accounts),
        (20, 2, 7)
    );
    assert_eq!(counts.accounts_described, 2);
    let reasons: Vec<(&str, u64)> = counts
        .bad
        .iter()
        .map(|(why, count)| (why.as_str(), *count))
        .collect();
    assert_eq!(
        reasons,
        [
            ("bad_digest", 1),
            ("no_time", 1),
            ("not_json", 2),
            ("not_utf8", 1),
            ("wrong_value", 2)
        ]
    );
    let places: Vec<(&str, u64)> = told
        .iter()
        .map(|bad| (bad.file.as_str(), bad.line))
        .collect();
    let expected = [4, 6, 10, 14, 28].map(|line| ("traffic.jsonl", line));
    assert_eq!(places, expected);
    assert_eq!(counts.bad_lines.len(), 7, "and those of accounts.jsonl");
    let found = accounts(&set.out());
    assert_eq!((found["a1"], found["quiet"], found["new"]), (4, 0, 0));
    let left = std::fs::read_dir(set.out()).unwrap().count();
    assert_eq!(left, 4, "nothing but results is left");
}

#[test]
fn the_same_input_is_the_same_bytes() {
    let set = Set::of(&some(3000));
    set.run();
    let first = set.taken();
    for threads in [1, 3, 7] {
        let asked = Replay {
            threads,
            ..asked(&set.input(), &set.out())
        };
        run_with(&asked, false).0.unwrap();
        assert_eq!(set.taken(), first, "{threads} threads");
    }
    let plain = set.input().join("traffic.jsonl");
    let lines = read(&plain).unwrap();
    let packed = zstd::encode_all(&lines[..], 1).unwrap();
    write(set.input().join("traffic.jsonl.zst"), packed).unwrap();
    std::fs::remove_file(&plain).unwrap();
    set.run();
    assert_eq!(set.taken(), first, "compressed");
    // Two streams one after the other, as rotation leaves them.
    std::fs::remove_file(set.input().join("traffic.jsonl.zst")).unwrap();
    let (one, other) = lines.split_at(lines.len() / 3);
    let mut packed = gzip(one);
    packed.extend(gzip(other));
    write(set.input().join("traffic.jsonl.gz"), &packed).unwrap();
    set.run();
    assert_eq!(set.taken(), first, "gzip");
    // A stream that was cut off is told.
    write(
        set.input().join("traffic.jsonl.gz"),
        &packed[..packed.len() - 9],
    )
    .unwrap();
    let (outcome, _) = run_with(&asked(&set.input(), &set.out()), false);
    assert!(outcome.is_err());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn digests_in_place_of_texts_give_the_same_findings() {
    let lines = some(300);
    let set = Set::of(&lines);
    set.run();
    let with_texts = set.taken();
    let (digester, mut scratch) = (Digester::new(&HashKey::new(KEY)), Scratch::default());
    let mut digest = |text: &String| {
        let Ok(Line::Exchange(exchange)) = line(text) else {
            panic!("{text}")
        };
        let digest = exchange
            .seen(|seen| digester.digest(seen, &mut scratch))
            .unwrap();
        let mut kept: serde_json::Value = serde_json::from_str(text).unwrap();
        let kept_map = kept.as_object_mut().unwrap();
        kept_map.retain(|key, _| matches!(key.as_str(), "id" | "time" | "duration_ms" | "account"));
        kept_map.insert("digest".into(), base64(&digest.encode()).into());
        kept.to_string()
    };
    let digests: Vec<String> = lines.iter().map(&mut digest).collect();
    let set = Set::of(&digests);
    assert_eq!(set.run().summary.counts.exchanges, 300);
    assert_eq!(set.taken(), with_texts);
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            out.push(char::from(
                LETTERS[(word >> (18 - 6 * place)) as usize & 63],
            ));
        }
    }
    out
}

#[test]
fn odd_traffic_is_folded_whole() {
    let head = |second: u64| format!(r#"{{"time":"{}","account":"odd","endpoint":"#, at(second));
    let long = "word and other words, ".repeat(50_000);
    let lines = [
        // A clock that goes back, one far ahead, and an exchange that lasts a year.
        r#"{"time":"1970-01-01T00:00:00Z","account":"odd","endpoint":"/v1/messages","request":{},"response":{}}"#.to_owned(),
        r#"{"time":"9999-12-31T23:59:59Z","account":"odd","duration_ms":31622400000,"endpoint":"/v1/responses","request":{"input":null}}"#.to_owned(),
        format!(r#"{}"/v2/unheard/of","request":{{"messages":[{{"role":"user","content":"hi"}}]}},"status":200}}"#, head(3)),
        format!(r#"{}"/v1/chat/completions","request":{{"messages":[{{"role":"user","content":"{long}"}}]}},"response":{{"choices":[]}}}}"#, head(2)),
        format!(r#"{}"/v1/chat/completions","request":{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:x"}}}}]}}]}},"response":{{"choices":[{{"message":{{"content":null}}}}]}}}}"#, head(1)),
        format!(r#"{}"/v1/completions","request":{{"prompt":[1,2,3]}},"response":{{"choices":[{{"text":""}}]}}}}"#, head(0)),
        format!(r#"{}"/v1/embeddings","request":{{"input":""}},"response":null,"status":429}}"#, head(9)),
        format!(r#"{}"/v1/chat/completions","request":{{"messages":"no list"}},"response":{{"choices":{{}}}}}}"#, head(4)),
    ];
    let set = Set::of(&lines);
    let report = set.run();
    assert_eq!(report.summary.counts.exchanges, lines.len() as u64);
    assert_eq!(report.summary.counts.bad_count(), 0);
    assert_eq!(accounts(&set.out())["odd"], lines.len() as u64);
}

#[test]
fn a_flood_of_new_accounts_is_folded() {
    let soak = std::env::var("STILLHOUSE_SOAK").is_ok_and(|soak| soak == "1");
    let count = if soak { 100_000 } else { 2_000 };
    let lines: Vec<String> = (0..count)
        .map(|number| exchange(number, &format!("new-{number}")))
        .collect();
    let set = Set::of(&lines);
    let report = set.run();
    assert_eq!(report.summary.counts.accounts, count);
    assert!(
        accounts(&set.out())
            .values()
            .all(|exchanges| *exchanges == 1)
    );
}

#[test]
fn places_that_are_taken_and_inputs_that_are_not_there_are_refused() {
    let set = Set::of(&some(5));
    std::fs::create_dir(set.out()).unwrap();
    write(set.out().join("mine.txt"), "mine").unwrap();
    let mut asked = asked(&set.input(), &set.out());
    let refused = run_with(&asked, false).0.unwrap_err();
    assert!(refused.hint().unwrap().contains("--force"), "{refused}");
    asked.force = true;
    run_with(&asked, false).0.unwrap();
    assert_eq!(read_to_string(set.out().join("mine.txt")).unwrap(), "mine");
    asked.out = set.input();
    let before = read(set.input().join("traffic.jsonl")).unwrap();
    assert!(
        matches!(run_with(&asked, false).0, Err(Error::Invalid { field, .. }) if field == "out")
    );
    assert_eq!(read(set.input().join("traffic.jsonl")).unwrap(), before);
    asked.out = set.out();
    asked.input = set.0.path().join("nowhere");
    assert!(matches!(
        run_with(&asked, false).0,
        Err(Error::NotFound { .. })
    ));
    let other = set.0.path().join("other.log");
    write(&other, "{\"some\":1}\nlines\n").unwrap();
    asked.input = other;
    let unknown = run_with(&asked, false).0.unwrap_err();
    assert!(unknown.hint().unwrap().contains("--from"), "{unknown}");
}

#[test]
fn a_stop_ends_it_with_what_was_read() {
    let set = Set::of(&some(50));
    let report = run_with(&asked(&set.input(), &set.out()), true).0.unwrap();
    assert!(report.summary.counts.stopped);
    assert!(set.out().join("summary.json").exists());
}

#[test]
fn logs_of_others_are_told_apart_and_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/golden/logs");
    for (name, exchanges) in [
        ("litellm", 5),
        ("helicone", 2),
        ("access-log", 3),
        ("stored-completions", 2),
    ] {
        let set = Set::of(&[]);
        let input = golden.join(format!("{name}.jsonl"));
        let report = run_with(&asked(&input, &set.out()), false).0.unwrap();
        assert_eq!(report.summary.settings.from, name);
        assert_eq!(report.summary.counts.exchanges, exchanges, "{name}");
        // The same as one document, over many lines.
        let text = read_to_string(&input).unwrap();
        let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let list: Vec<serde_json::Value> = values.collect();
        let document = set.0.path().join("document.json");
        write(&document, serde_json::to_string_pretty(&list).unwrap()).unwrap();
        let again = Replay {
            from: Some(Format::Litellm).filter(|format| format.name() == name),
            ..asked(&document, &set.0.path().join("again"))
        };
        let again = run_with(&again, false).0.unwrap();
        assert_eq!(
            again.summary.counts.exchanges, exchanges,
            "{name} as a document"
        );
    }
}
