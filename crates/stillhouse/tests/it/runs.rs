//! Runs that a server drives beside its traffic: stopped, killed with `kill -9`, gone on with to the
//! same bytes; and a held student that it serves to its own organisation.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use crate::distill::house_with;
use crate::still::{Still, answered};

/// So many that a server can be stopped in between.
const STEPS: u64 = 96;

/// A run takes its time on a busy machine, and to look at it takes a process each time.
fn until(what: &str, mut test: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !test() {
        assert!(
            start.elapsed().as_secs() < 300,
            "waited in vain until {what}"
        );
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
}

fn long() -> (Still, String) {
    house_with(&[
        ("steps = 4", &format!("steps = {STEPS}")),
        ("checkpoint_every = 2", "checkpoint_every = 6"),
    ])
}

fn shown(still: &Still) -> Value {
    still.json(&["distill", "show", "tiny"])["row"].clone()
}

fn stage(row: &Value) -> &str {
    row["stage"].as_str().unwrap()
}

/// Waits until so many steps on policy are taken; goes on against the advice not to.
fn until_step(still: &Still, step: u64) {
    until("the steps are taken", || {
        let row = shown(still);
        if stage(&row) == "paused" {
            still.good(&["distill", "resume", "tiny", "--detach", "--why", "a test"]);
        }
        assert!(
            !["held", "rejected", "failed"].contains(&stage(&row)),
            "{row}"
        );
        stage(&row) == "on_policy" && row["step"].as_u64() >= Some(step)
    });
}

/// The weights at the end.
fn weights(still: &Still) -> Vec<u8> {
    let made = still.json(&["distill", "export", "tiny", "--at", &STEPS.to_string()]);
    let folder = std::path::PathBuf::from(made["folder"].as_str().unwrap());
    std::fs::read(folder.join("safetensors").join("model.safetensors")).unwrap()
}

#[test]
fn a_server_goes_on_with_its_runs_after_a_stop_and_a_kill_to_the_same_bytes() {
    let (twin, file) = long();
    twin.say(&["distill", "plan", &file]);
    let said = twin.say(&["distill", "resume", "tiny", "--why", "a test"]);
    assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);

    let (still, file) = long();
    let server = still.serve();
    let begun = still.json(&["distill", "run", &file, "--detach"]);
    assert_eq!(begun["made"], true);
    until_step(&still, 3);
    // It finishes its step, writes it down and says why it stands.
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let row = shown(&still);
    assert_eq!(
        (stage(&row), &row["driven"]),
        ("paused", &Value::from(false))
    );
    let server = still.serve();
    until_step(&still, row["step"].as_u64().unwrap() + 8);
    server.signal("-KILL");
    server.ended();
    let server = still.serve();
    until("the run ends", || {
        ["held", "rejected"].contains(&stage(&shown(&still)))
    });
    assert_eq!(weights(&still), weights(&twin));
    // What a person stopped waits for a person, and nothing was paid twice.
    let row = shown(&still);
    assert_eq!(row["step"], shown(&twin)["step"]);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn a_run_that_a_person_paused_waits_for_a_person() {
    let (still, file) = long();
    let server = still.serve();
    still.json(&["distill", "run", &file, "--detach"]);
    until_step(&still, 2);
    still.good(&["distill", "pause", "tiny", "--why", "lunch"]);
    until("it is paused", || stage(&shown(&still)) == "paused");
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let moves = still.json(&["distill", "show", "tiny"])["moves"].clone();
    let last = moves.as_array().unwrap().last().unwrap().clone();
    assert!(last["by"].as_str().unwrap().starts_with("uid:"), "{last}");
    assert!(last["why"].as_str().unwrap().contains("lunch"), "{last}");
    let server = still.serve();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(stage(&shown(&still)), "paused");
    still.good(&["distill", "cancel", "tiny"]);
    assert_eq!(stage(&shown(&still)), "cancelled");
    let said = still.say(&["distill", "resume", "tiny", "--detach"]);
    assert!(said.err.contains("the run has ended"), "{}", said.err);
    drop(server);
}

/// Asks a path with a credential; the status and the body.
fn ask(still: &Still, secret: &str, (method, path): (&str, &str), body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", still.port)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    answered(stream)
}

fn key(still: &Still, account: &str) -> String {
    let made = still.json(&["key", "create", "--account", account]);
    made["secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_held_student_is_served_to_its_own_organisation_alone() {
    let (still, file) = held();
    let server = still.serve();
    let run = still.json(&["distill", "run", &file, "--detach"])["run"].clone();
    until("the student is held", || {
        let row = shown(&still);
        if stage(&row) == "paused" {
            still.good(&["distill", "resume", "tiny", "--detach", "--why", "a test"]);
        }
        assert_ne!(stage(&row), "rejected", "{row}");
        let files = still.json(&["distill", "show", "tiny"])["files"].clone();
        stage(&row) == "held" && !files.as_array().unwrap().is_empty()
    });
    let name = format!("candidate/{}", run.as_str().unwrap());
    let ours = key(&still, "lab");
    still.good(&["organization", "create", "Other"]);
    still.good(&["account", "create", "stranger", "--organization", "Other"]);
    let theirs = key(&still, "stranger");
    let models = |secret: &str| {
        let (status, body) = ask(&still, secret, ("GET", "/v1/models"), "");
        assert_eq!(status, 200, "{body}");
        body.contains(&name)
    };
    until("the candidate is listed", || models(&ours));
    assert!(!models(&theirs));
    let body = |model: &str| {
        format!(
            "{{\"model\":\"{model}\",\"prompt\":\"what is 20?\",\"max_tokens\":4,\"temperature\":0}}"
        )
    };
    let completions = ("POST", "/v1/completions");
    let (status, answer) = ask(&still, &ours, completions, &body(&name));
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert!(
        answer["usage"]["completion_tokens"].as_u64() > Some(0),
        "{answer}"
    );
    // To the others there is no such model: the same words as for one that nobody has.
    let refused = ask(&still, &theirs, completions, &body(&name));
    assert_eq!(refused.0, 404, "{}", refused.1);
    let unknown = ask(&still, &theirs, completions, &body("candidate/nobody"));
    let plain = |(status, body): (u16, String), model: &str| {
        let error: Value = serde_json::from_str(&body).unwrap();
        (status, error["error"].to_string().replace(model, ""))
    };
    assert_eq!(plain(refused, &name), plain(unknown, "candidate/nobody"));
    // Recorded as any exchange is.
    let listed = still.json(&["exchange", "list", "--model", &name]);
    assert!(
        listed["exchanges"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["status"] == 200),
        "{listed}"
    );
    // Asked again after a restart, and no more once the run is cancelled.
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let server = still.serve();
    until("the candidate is listed again", || models(&ours));
    assert_eq!(ask(&still, &ours, completions, &body(&name)).0, 200);
    still.good(&["distill", "cancel", "tiny"]);
    assert!(!models(&ours));
    assert_eq!(ask(&still, &ours, completions, &body(&name)).0, 404);
    drop(server);
}

/// A house whose run ends held: its student learns what is counted as right.
fn held() -> (Still, String) {
    house_with(&[
        ("steps = 4", "steps = 60"),
        ("checkpoint_every = 2", "checkpoint_every = 20"),
        ("[aeiou]", "D"),
    ])
}

/// What a command says of a plan, without what it measured of the machine.
fn plan_of(out: &str) -> &str {
    let line = out.lines().find(|line| line.starts_with("plan: "));
    line.unwrap_or_else(|| panic!("no plan in {out}"))
}

/// The bytes of a fork's student at the end.
fn forked(still: &Still, run: &str) -> Vec<u8> {
    let made = still.json(&["distill", "export", run, "--at", "4"]);
    let folder = std::path::PathBuf::from(made["folder"].as_str().unwrap());
    std::fs::read(folder.join("safetensors").join("model.safetensors")).unwrap()
}

/// What cannot be is refused in the same words with a server and without one.
fn refused_alike(twin: &Still, still: &Still) {
    for (wrong, says) in [
        (
            ["distill", "fork", "tiny", "--at", "3"],
            "no checkpoint after step 3",
        ),
        (
            ["distill", "fork", "nobody", "--at", "2"],
            "there is no run `nobody`",
        ),
        (
            ["distill", "export", "tiny", "--at", "3"],
            "no such checkpoint",
        ),
    ] {
        let (alone, beside) = (twin.say(&wrong), still.say(&wrong));
        assert!(beside.err.contains(says), "{}", beside.err);
        assert_eq!((alone.code, alone.err), (beside.code, beside.err));
    }
}

#[test]
fn plan_fork_and_export_come_to_the_same_beside_a_server() {
    let (twin, file) = house_with(&[]);
    let (still, served) = house_with(&[]);
    let server = still.serve();
    let (alone, beside) = (
        twin.say(&["distill", "plan", &file]),
        still.say(&["distill", "plan", &served]),
    );
    assert_eq!(alone.code, beside.code, "{}{}", beside.out, beside.err);
    assert_eq!(plan_of(&alone.out), plan_of(&beside.out));
    let row = shown(&still);
    assert_eq!((stage(&row), &row["step"]), ("paused", &Value::from(0)));
    // What was only to be planned waits for a person, also at the next server.
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let server = still.serve();
    let moves = |still: &Still| {
        let moves = still.json(&["distill", "show", "tiny"])["moves"].clone();
        moves.as_array().unwrap().len()
    };
    let known = moves(&still);
    let again = ["distill", "resume", "tiny", "--why", "a test"];
    let (alone, beside) = (twin.say(&again), still.say(&again));
    assert!(
        [0, 4].contains(&beside.code),
        "{}{}",
        beside.out,
        beside.err
    );
    assert_eq!(alone.code, beside.code);
    assert!(moves(&still) > known);
    assert_eq!(forked(&twin, "tiny"), forked(&still, "tiny"));
    refused_alike(&twin, &still);
    let fork = [
        "distill",
        "fork",
        "tiny",
        "--at",
        "2",
        "--why",
        "another way",
    ];
    let (alone, beside) = (twin.say(&fork), still.say(&fork));
    assert_eq!(alone.code, beside.code, "{}{}", beside.out, beside.err);
    assert!([0, 3, 4].contains(&beside.code), "{}", beside.err);
    for still in [&twin, &still] {
        let shown = still.json(&["distill", "show", "tiny (fork)"]);
        let first = &shown["moves"][0];
        assert!(first["by"].as_str().unwrap().starts_with("uid:"), "{first}");
        assert!(first["why"].as_str().unwrap().contains("another way"));
        if shown["row"]["stage"] == "paused" {
            still.say(&["distill", "resume", "tiny (fork)", "--why", "a test"]);
        }
    }
    let name = "tiny (fork)";
    assert_eq!(forked(&twin, name), forked(&still, name));
    let left = still.good(&["distill", "fork", "tiny", "--at", "0", "--detach"]);
    assert!(left.starts_with("the server drives run run_"), "{left}");
    drop(server);
}

#[test]
fn a_plan_that_a_server_was_killed_in_is_made_by_the_next_and_goes_no_further() {
    let (still, file) = house_with(&[]);
    let server = still.serve();
    still.good(&["distill", "start", "--run", &file, "--plan-only"]);
    server.signal("-KILL");
    server.ended();
    let server = still.serve();
    until("the plan is made", || stage(&shown(&still)) == "paused");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let shown = still.json(&["distill", "show", "tiny"]);
    assert_eq!(shown["row"]["stage"], "paused", "{}", shown["row"]);
    assert!(shown["quote"]["verdict"].is_string(), "{}", shown["quote"]);
    assert_eq!(shown["row"]["step"], 0);
    drop(server);
}

/// Files that can go, or went, by the name of their run.
fn cleaned(still: &Still, more: &[&str]) -> Vec<(String, String)> {
    let said = still.json(&[&["distill", "clean"], more].concat());
    let runs = said["runs"].as_array().unwrap().iter();
    runs.flat_map(|run| {
        let name = run["name"].as_str().unwrap().to_owned();
        let files = run["files"].as_array().unwrap().iter();
        files.map(move |file| (name.clone(), file.as_str().unwrap().to_owned()))
    })
    .collect()
}

#[test]
fn files_of_a_run_that_is_over_go_beside_a_server_but_for_what_is_promised() {
    let (still, file) = held();
    let server = still.serve();
    let run = still.json(&["distill", "run", &file, "--detach"])["run"].clone();
    until("the student is held", || {
        let row = shown(&still);
        if stage(&row) == "paused" {
            still.good(&["distill", "resume", "tiny", "--detach", "--why", "a test"]);
        }
        let shown = still.json(&["distill", "show", "tiny"]);
        !shown["files"].as_array().unwrap().is_empty()
    });
    let folder = still.runs().join(run.as_str().unwrap());
    let place = |step: u64| format!("checkpoints/on_policy-{step:06}");
    let of = |name: &str, file: String| (name.to_owned(), file);
    let waste = [of("tiny", place(20)), of("tiny", place(40))];
    assert_eq!(cleaned(&still, &[]), waste);
    assert!(folder.join(place(20)).is_dir());
    assert_eq!(
        cleaned(&still, &["tiny", "--apply", "--why", "space"]),
        waste
    );
    assert!(!folder.join(place(20)).exists() && folder.join(place(60)).is_dir());
    assert_eq!(cleaned(&still, &[]), []);
    // The held student's files are there, and its last checkpoint can be forked; no other.
    let shown = still.json(&["distill", "show", "tiny"]);
    for file in shown["files"].as_array().unwrap() {
        assert!(
            folder.join(file["path"].as_str().unwrap()).is_file(),
            "{file}"
        );
    }
    assert_eq!(shown["checkpoints"], serde_json::json!([60]));
    let said = still.say(&["distill", "fork", "tiny", "--at", "20"]);
    assert!(
        said.err.contains("no checkpoint after step 20"),
        "{}",
        said.err
    );
    let fork = still.json(&["distill", "fork", "tiny", "--detach"])["run"].clone();
    let fork = fork.as_str().unwrap();
    // What it began with is needed as long as it may go on.
    assert_eq!(cleaned(&still, &[]), []);
    let said = still.say(&["distill", "clean", fork]);
    assert!(said.err.contains("its files are needed"), "{}", said.err);
    still.good(&["distill", "cancel", fork]);
    until("the fork has ended", || {
        still.json(&["distill", "show", fork])["row"]["stage"] == "cancelled"
    });
    until("nobody drives it", || {
        let left = cleaned(&still, &[]);
        left.iter()
            .any(|(name, file)| name == "tiny" && file.starts_with("fork-60-"))
    });
    still.good(&["distill", "clean", "--apply"]);
    assert_eq!(cleaned(&still, &[]), []);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}
