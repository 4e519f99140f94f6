//! `replay` from the command line: what it says, what it refuses, and how an interrupt ends it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::still::Still;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn line(number: u32) -> String {
    format!(
        r#"{{"id":"e{number}","time":"2026-05-01T00:00:{:02}Z","account":"<a>{}","endpoint":"/v1/chat/completions","request":{{"messages":[{{"role":"user","content":"question {number}"}}]}},"response":{{"choices":[{{"message":{{"content":"answer"}}}}]}}}}"#,
        number % 60,
        number % 3,
    )
}

#[test]
fn a_log_becomes_a_report() {
    let still = Still::new();
    let log = still.data.path().join("log.jsonl");
    let lines: Vec<String> = (0..30).map(line).collect();
    std::fs::write(&log, format!("{}\nbroken\n", lines.join("\n"))).unwrap();
    let out = still.data.path().join("out");
    let words = ["replay", text(&log), "--out", text(&out)];
    let said = still.say(&words);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err
            .contains("log.jsonl:31: skipped: it is not a JSON object"),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("30") && said.out.contains("report.html"),
        "{}",
        said.out
    );
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("What the guard found") && !report.contains("<a>0"));
    let refused = still.say(&words);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let again = still.json(&[&words[..], &["--force", "--threads", "1"]].concat());
    assert_eq!(again["counts"]["exchanges"], 30);
    assert_eq!(again["settings"]["hash_key"], "default");
    let wrong = still.say(&[&words[..], &["--force", "--hash-key", "abc"]].concat());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("64 hexadecimal digits"), "{}", wrong.err);
}

#[test]
fn an_interrupt_ends_it_with_what_was_read() {
    let still = Still::new();
    let log = still.data.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let out = still.data.path().join("out");
    let mut replay = still
        .command(&[
            "replay",
            text(&log),
            "--from",
            "traffic",
            "--out",
            text(&out),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads by now, so that it heeds signals.
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
    writeln!(pipe, "{}", line(1)).unwrap();
    let pid = replay.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut told = BufReader::new(replay.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("stopping") {
        assert_ne!(told.read_line(&mut said).unwrap(), 0, "{said}");
    }
    drop(pipe);
    assert_eq!(replay.wait().unwrap().code(), Some(130));
    told.read_to_string(&mut said).unwrap();
    assert!(said.contains("the replay was stopped"), "{said}");
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("Stopped before the end"));
}
