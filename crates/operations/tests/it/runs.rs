//! Runs that several people move, clean and fork at the same time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use operations::distill::{self, Clean, How, Made, Place, Steer};
use operations::{Error, House, Nothing, grant};
use record::id::kind;
use record::{Actor, Cause, Fact, Id, RunEvent, Stage};
use tempfile::TempDir;

use crate::fixture::{Fixture, operator};
use crate::issue;

/// A house with a grant, and a run file beside it whose models nobody loads.
fn house() -> (Fixture, TempDir, PathBuf) {
    let fixture = Fixture::new();
    fixture.account("a");
    let grant = grant::issue(&fixture.house, &operator(), issue("a"));
    let grant = grant.unwrap().grant.id;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["student.gguf", "teacher.gguf"] {
        std::fs::write(path(name), name).unwrap();
    }
    for (name, row) in [("items.jsonl", 1), ("holdout.jsonl", 2)] {
        let row = format!("{{\"id\":\"r{row}\",\"text\":\"what is {row}\"}}\n");
        std::fs::write(path(name), row).unwrap();
    }
    let text = format!(
        "[run]\nname = \"tiny\"\nseed = 5\ngrant = \"{grant}\"\n\
         [student]\nmodel = {:?}\n\
         [teacher]\nname = \"m\"\nlicence = \"own\"\nmodel = {:?}\n\
         [data]\nitems = {:?}\nholdout = {:?}\nstudent = \"{{text}}?\"\n\
         [stages.on_policy]\nsteps = 4\n\
         learning = {{ batch = 2, rate = {{ rate = 1e-2 }}, loss = {{ kind = \"reverse_kl\" }} }}\n\
         [evaluate]\nscorer = {{ kind = \"exact\" }}\n\
         [budget]\ndollars = 1\ntokens = 1000\n",
        path("student.gguf"),
        path("teacher.gguf"),
        path("items.jsonl"),
        path("holdout.jsonl"),
    );
    let file = folder.path().join("run.toml");
    std::fs::write(&file, text).unwrap();
    (fixture, folder, file)
}

fn how(by: &Actor) -> How<'_> {
    How {
        by,
        why: "a test",
        plan_only: false,
    }
}

fn make(house: &House, file: &std::path::Path) -> Made {
    let place = Place {
        runs: &house.runs,
        source: &|_| None,
    };
    distill::make(house, &place, file, how(&operator())).unwrap()
}

fn steer(run: Id<kind::Run>) -> Steer {
    Steer {
        run: run.to_string(),
        revision: None,
        why: "a test".into(),
    }
}

fn bind(house: &House, run: Id<kind::Run>, event: RunEvent) {
    let event = Box::new(event);
    let bound = house.facts.bind(&Fact::Run { run, event });
    bound.unwrap().wait().unwrap();
}

#[test]
fn moves_at_once_are_made_one_after_the_other() {
    let (fixture, _folder, file) = house();
    let house = &fixture.house;
    let run = make(house, &file).id;
    for round in 0..20 {
        distill::pause(house, &operator(), steer(run)).unwrap();
        let before = house.folded.one(run).unwrap().notes.len();
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for one in 0..4 {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let (name, by) = (run.to_string(), operator());
                    // The house itself goes on with none that a person paused.
                    let gone_on = match one {
                        0 => distill::go_on(&house.facts, &house.folded, run, "").map(|_| run),
                        _ => distill::resume(house, &name, (&by, ""), None),
                    };
                    assert_eq!(gone_on.unwrap(), run);
                });
            }
        });
        let now = house.folded.one(run).unwrap();
        assert_eq!(now.state.stage, Stage::Approval, "round {round}");
        assert_eq!(now.notes.len(), before + 1);
    }
}

#[test]
fn who_moves_a_run_that_nobody_drives_holds_it_meanwhile() {
    let (fixture, _folder, file) = house();
    let house = &fixture.house;
    let run = make(house, &file).id;
    let folder = ::distill::folder::Folder::new(&house.runs, run);
    let driver = folder.lock().unwrap();
    let asked = distill::cancel(house, &operator(), steer(run)).unwrap();
    assert!(!asked.done);
    assert_eq!(house.folded.one(run).unwrap().state.stage, Stage::Approval);
    drop(driver);
    let done = distill::cancel(house, &operator(), steer(run)).unwrap();
    assert!(done.done && !folder.is_driven());
}

#[test]
fn a_broken_run_is_shown_as_broken_among_the_others() {
    let (fixture, _folder, file) = house();
    let (house, by) = (&fixture.house, operator());
    let [one, broken] = [0, 1].map(|_| make(house, &file).id);
    let elsewhere = RunEvent::Moved {
        from: Stage::Paused,
        to: Stage::Plan,
        cause: Cause::Done,
        actor: Actor::House,
        back_to: None,
    };
    bind(house, broken, elsewhere);
    let board = distill::list(house, &by, Nothing {}).unwrap();
    let rows: Vec<_> = board.runs.iter().map(|row| row.stage.as_str()).collect();
    assert_eq!(rows, ["broken", "approval"]);
    assert_eq!(board.runs[0].id, broken.to_string());
    let why = &board.runs[0].why;
    assert!(
        why.contains("the run is in Approval, not in Paused"),
        "{why}"
    );
    // The other is found by its name, moved and cleaned; the broken one says what is wrong.
    let steer_named = || Steer {
        run: "tiny".into(),
        ..steer(one)
    };
    assert!(distill::cancel(house, &by, steer_named()).unwrap().done);
    distill::clean(house, &by, Clean::default()).unwrap();
    let refused = distill::resume(house, &broken.to_string(), (&by, ""), None);
    assert!(
        matches!(refused, Err(Error::Internal { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_forks_model_stays_while_the_fork_is_made_and_who_looks_does_not_wait() {
    let (mut fixture, _folder, file) = house();
    let parent = make(&fixture.house, &file).id;
    let digest = [0xab; 32];
    let checkpoint = RunEvent::Checkpoint {
        stage: Stage::OnPolicy,
        step: 2,
        digest,
    };
    bind(&fixture.house, parent, checkpoint);
    distill::cancel(&fixture.house, &operator(), steer(parent)).unwrap();
    let folder = ::distill::folder::Folder::new(&fixture.house.runs, parent);
    let model = folder.path("fork-2-abababababab").join("safetensors");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("model.safetensors"), "weights").unwrap();
    // In the middle of the making somebody looks what can go, and somebody removes it.
    let (now, begin) = mpsc::channel();
    let (looks, looked) = mpsc::channel();
    let (cleans, cleaned) = mpsc::channel();
    let (now, told) = (Mutex::new(now), Mutex::new((looked, cleaned)));
    let (random, is_first) = (Arc::clone(&fixture.house.random), AtomicBool::new(true));
    fixture.house.random = Arc::new(move |bytes: &mut [u8]| {
        if is_first.swap(false, Ordering::Relaxed) {
            now.lock().unwrap().send(()).unwrap();
            let told = told.lock().unwrap();
            let looked = told.0.recv_timeout(Duration::from_secs(60));
            looked.expect("who only looks waits for nobody");
            // Who removes waits; one who did not would be done by now.
            let _ = told.1.recv_timeout(Duration::from_millis(200));
        }
        random(bytes);
    });
    let house = &fixture.house;
    let fork = std::thread::scope(|scope| {
        scope.spawn(move || {
            begin.recv().unwrap();
            let clean = |apply| {
                let input = Clean {
                    apply,
                    ..Clean::default()
                };
                distill::clean(house, &operator(), input).unwrap()
            };
            assert!(!clean(false).runs.is_empty());
            looks.send(()).unwrap();
            let _ = (clean(true), cleans.send(()));
        });
        let place = Place {
            runs: &house.runs,
            source: &|_| None,
        };
        let from = (&*parent.to_string(), None);
        distill::fork(house, &place, from, None, how(&operator())).map(|made| made.state)
    });
    assert_eq!(fork.unwrap().spec.student.model, model);
    assert!(model.join("model.safetensors").is_file());
}
