//! `kill -9` under load: whatever an append had returned is there afterwards. The child is this
//! test binary itself; it tells each position as soon as it is acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use ledger::{Draft, Ledger, Reader, verify};

use crate::kit::{self, Count, KIND, payload};
use crate::sim::Random;

const FOLDER: &str = "STILLHOUSE_LEDGER_CHILD";

#[test]
fn no_kill_loses_what_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let rounds = if kit::soak() { 50 } else { 5 };
    let mut random = Random(11);
    let mut last = 0;
    for round in 0..rounds {
        let acknowledged = run_and_kill(dir.path(), 200 + random.below(4_000) as usize);
        let ledger = kit::open(dir.path());
        for (seq, entry) in (last + 1..).zip(ledger.read(last + 1..)) {
            assert_eq!(entry.expect("reads").header.seq, seq, "round {round}");
        }
        for (seq, number) in &acknowledged {
            let entry = ledger
                .entry(*seq)
                .expect("reads")
                .expect("it was acknowledged");
            assert_eq!(
                entry.payload(),
                Some(&payload(*number, 400)[..]),
                "round {round}"
            );
        }
        assert!(
            acknowledged.len() >= 200,
            "round {round}: {}",
            acknowledged.len()
        );
        last = ledger.tip().seq;
        drop(ledger);
        let reader = Reader::open(dir.path(), None).expect("opens");
        let report = verify(&reader, &mut |_| {}).expect("can be read");
        assert_eq!(report.findings, [], "round {round}");
    }
    // Each entry was counted once, over all the kills.
    let ledger = kit::open(dir.path());
    assert!(ledger.flush(Duration::from_secs(60)));
    let entries = ledger
        .read(..)
        .filter(|entry| entry.as_ref().expect("reads").header.kind == KIND);
    let count = entries.count() as i64;
    assert_eq!(
        ledger.totals("count", b"entries").expect("reads")[0].1,
        count
    );
}

/// Starts a child, and kills it after so many acknowledgements.
fn run_and_kill(folder: &std::path::Path, after: usize) -> Vec<(u64, u64)> {
    let this = std::env::current_exe().expect("this binary");
    let mut child = Command::new(this)
        .args(["--exact", "kill::child_appends", "--nocapture", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        let Ok(line) = line else { break };
        let mut words = line.split(' ');
        if words.next() != Some("kept") {
            continue;
        }
        let mut number = || words.next().and_then(|word| word.parse().ok());
        let (Some(seq), Some(count)) = (number(), number()) else {
            continue;
        };
        acknowledged.push((seq, count));
        if acknowledged.len() == after {
            child.kill().expect("is killed");
        }
    }
    child.wait().expect("ends");
    acknowledged
}

#[test]
#[ignore = "the child of no_kill_loses_what_was_acknowledged"]
fn child_appends() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut options = kit::options(folder.as_ref());
    options.head_every = Duration::from_millis(20);
    let ledger = Ledger::open(options, Box::new(Count)).expect("opens");
    thread::scope(|scope| {
        for thread in 0..3u64 {
            let ledger = &ledger;
            scope.spawn(move || {
                for step in 0u64.. {
                    let number = step * 3 + thread;
                    let bytes = payload(number, 400);
                    let drafts = [Draft::new(KIND, 1, &bytes)];
                    let appended = if thread == 0 {
                        ledger
                            .bind(&drafts)
                            .expect("appends")
                            .wait()
                            .expect("durable")
                    } else {
                        ledger.observe(&drafts).expect("appends")
                    };
                    let line = format!("kept {} {number}\n", appended.first);
                    std::io::stdout()
                        .lock()
                        .write_all(line.as_bytes())
                        .expect("is told");
                }
            });
        }
    });
}
