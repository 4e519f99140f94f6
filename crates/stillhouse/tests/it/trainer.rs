//! The hidden verb `trainer` as a process: it ends with its parent, and killed at any moment, again and
//! again, it comes to the same student as one that never was.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lm::Family;
use lm::testing::tiny_gguf;
use serde_json::{Value, json};

/// Steps of the run that is killed.
const STEPS: u64 = 24;

fn kills() -> u64 {
    match std::env::var_os("STILLHOUSE_SOAK") {
        Some(_) => 100,
        None => 8,
    }
}

/// A number below `most`; no test may depend on which.
fn random(most: u64) -> u64 {
    RandomState::new().build_hasher().finish() % most.max(1)
}

fn folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, seed) in [("student", 1), ("teacher", 2)] {
        let file = tiny_gguf(Family::Llama, seed);
        std::fs::write(root.path().join(name), file).unwrap();
    }
    let item = |n: usize| {
        let student = json!({ "text": format!("what is {n}?") });
        let teacher = json!({ "text": format!("look, then say: what is {n}?") });
        json!({ "id": format!("i{n}"), "student": student, "teacher": teacher }).to_string()
    };
    let items: Vec<String> = (0..9).map(item).collect();
    std::fs::write(root.path().join("items.jsonl"), items.join("\n")).unwrap();
    root
}

fn job(root: &Path, steps: u64) -> Value {
    json!({
        "order": "job", "version": 1, "job": "learn",
        "folder": root, "items": root.join("items.jsonl"), "seed": 5, "stage": "on_policy",
        "student": { "model": root.join("student"), "tuning": { "kind": "lora", "rank": 4, "alpha": 8.0 } },
        "teacher": { "kind": "local", "model": root.join("teacher") },
        "learning": { "batch": 3, "samples": 2, "rate": { "rate": 0.005 }, "loss": { "kind": "reverse_kl" }, "rows": 128 },
        "sampling": { "max_tokens": 8 },
        "steps": steps, "checkpoint_every": 2, "keep": 2, "threads": 1,
    })
}

/// A child that was given a job; its lines come over a channel.
fn start(job: &Value) -> (Child, Receiver<Value>) {
    start_as(&[], job)
}

fn start_as(arguments: &[&str], job: &Value) -> (Child, Receiver<Value>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stillhouse"))
        .arg("trainer")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{job}").unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            // The last line of one that was killed may be cut off.
            let Ok(line) = serde_json::from_str(&line) else {
                break;
            };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    (child, lines)
}

/// The student's digest at the end.
fn last_digest(lines: &[Value]) -> Option<String> {
    let checkpoint = lines.iter().rev().find(|l| l["report"] == "checkpoint")?;
    (checkpoint["place"]["step"] == STEPS)
        .then(|| checkpoint["digest"].as_str().map(str::to_owned))?
}

/// Lets a child come to its end.
fn finish(job: &Value) -> Vec<Value> {
    let (mut child, lines) = start(job);
    let lines: Vec<Value> = lines.into_iter().collect();
    assert!(child.wait().unwrap().success(), "{:?}", lines.last());
    lines
}

#[test]
fn the_child_ends_with_its_parent_in_the_middle_of_a_job() {
    let root = folder();
    let (mut child, lines) = start(&job(root.path(), 100_000));
    while lines.recv().unwrap()["report"] != "step" {}
    drop(child.stdin.take());
    // The pipe ends with the process; it had a hundred thousand steps to go.
    while let Ok(line) = lines.recv() {
        assert_ne!(line["report"], "done");
    }
    assert!(!child.wait().unwrap().success());
}

#[test]
fn in_the_background_it_waits_behind_others() {
    let root = folder();
    let niceness = |background: &[&str]| {
        let (child, lines) = start_as(background, &job(root.path(), 100_000));
        while lines.recv().unwrap()["report"] != "step" {}
        // The fields after the name, which ends with the last parenthesis; niceness is the 19th.
        let nice = |stat: String| -> i32 {
            let fields = stat.rsplit_once(") ").unwrap().1;
            fields.split(' ').nth(16).unwrap().parse().unwrap()
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        let stats = tasks.flatten().map(|task| task.path().join("stat"));
        let all: Vec<i32> = stats
            .map(|stat| nice(std::fs::read_to_string(stat).unwrap()))
            .collect();
        drop(child);
        all
    };
    assert!(niceness(&["--background"]).iter().all(|nice| *nice == 19));
    assert!(niceness(&[]).iter().all(|nice| *nice < 19));
}

#[test]
fn killed_at_any_moment_it_comes_to_the_same_student() {
    let straight = folder();
    let wanted = last_digest(&finish(&job(straight.path(), STEPS))).unwrap();
    let root = folder();
    let job = job(root.path(), STEPS);
    let (mut seen, mut digests) = (Vec::new(), std::collections::HashMap::new());
    for _ in 0..kills() {
        let (mut child, lines) = start(&job);
        // After some reports, and then a moment, also while a checkpoint is written.
        for _ in 0..=random(6) {
            let Ok(line) = lines.recv() else {
                break;
            };
            if line["report"] == "step" {
                // A step that is done again is the same step.
                let (step, ids) = (line["step"].clone(), line["ids"].clone());
                let before = digests.insert(step.to_string(), ids.clone());
                assert!(before.is_none_or(|before| before == ids));
                seen.push(step);
            }
        }
        std::thread::sleep(Duration::from_micros(random(8000)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(!seen.is_empty());
    let lines = finish(&job);
    let digest = match last_digest(&lines) {
        Some(digest) => digest,
        // It had come to its end before the last kill: its last checkpoint says so.
        None => {
            let about = root
                .path()
                .join("checkpoints/on_policy-000024/checkpoint.json");
            let about: Value = serde_json::from_slice(&std::fs::read(about).unwrap()).unwrap();
            about["digest"].as_str().unwrap().to_owned()
        }
    };
    assert_eq!(digest, wanted);
    let state =
        |root: &Path| std::fs::read(root.join("checkpoints/on_policy-000024/state")).unwrap();
    assert!(state(root.path()) == state(straight.path()));
}

#[test]
fn what_is_no_job_is_answered_in_words() {
    let (mut child, lines) = start(&json!({ "order": "jump" }));
    let line = lines.recv().unwrap();
    assert_eq!(
        (&line["report"], &line["code"]),
        (&json!("failed"), &json!("order_invalid"))
    );
    assert!(!child.wait().unwrap().success());
}
