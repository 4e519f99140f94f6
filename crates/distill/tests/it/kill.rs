//! Runs that are killed, at chosen points and at any moment, end with the same student's bytes as
//! their unkilled twins; nothing is bought twice, and no money is lost or made.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use distill::State;
use record::id::kind;
use record::{Call, Id, RunEvent, Stage};

use crate::house::{House, Wanted};

/// Kills of the run with a teacher elsewhere.
fn kills() -> u64 {
    match std::env::var_os("STILLHOUSE_SOAK") {
        Some(_) => 100,
        None => 12,
    }
}

/// Steps of the runs: enough that each kill finds something to do.
fn steps() -> u64 {
    match std::env::var_os("STILLHOUSE_SOAK") {
        Some(_) => 60,
        None => 6,
    }
}

fn ended(state: &State) -> bool {
    matches!(state.stage, Stage::Held | Stage::Rejected)
}

/// What must be the same: each checkpoint's student, what each step learnt, and how it ended.
fn outcome(state: &State) -> (Stage, Vec<String>) {
    let mut told: Vec<String> = state
        .checkpoints
        .iter()
        .map(|(place, digest)| format!("{place:?} {}", hex::encode(digest)))
        .collect();
    for (place, step) in &state.steps {
        told.push(format!("{place:?} {}", hex::encode(step.items)));
    }
    for evaluation in &state.evaluations {
        told.push(format!("{evaluation:?}"));
    }
    let files = state.exported.iter().filter(|file| file.form != "card");
    told.extend(files.map(|file| format!("{} {}", file.path, hex::encode(file.digest))));
    (state.stage, told)
}

/// No call was bought twice, and none was asked again after its answer was written down.
fn check_calls(events: &[RunEvent]) {
    let mut bought: HashSet<&Call> = HashSet::new();
    let mut requests: HashMap<(u64, &str, [u8; 32]), u32> = HashMap::new();
    for event in events {
        match event {
            RunEvent::Asked { call, .. } => assert!(!bought.contains(call), "{call:?}"),
            RunEvent::Bought { call, request, .. } => {
                assert!(bought.insert(call), "{call:?}");
                let same = requests
                    .entry((call.step, call.item.as_str(), *request))
                    .or_default();
                *same += 1;
                assert_eq!(*same, 1, "the same was bought twice: {call:?}");
            }
            _ => {}
        }
    }
}

/// Drives a run whose process dies again and again, each time somewhere else, to its end.
fn killed(house: &House, run: Id<kind::Run>, deaths: &[String]) -> (State, u64) {
    let mut died = 0;
    for death in deaths {
        let output = house.drive(run, Some(death));
        died += u64::from(!output.status.success());
        let state = house.state(run);
        house.overrule(run, &state);
        if ended(&state) && !matches!(state.stage, Stage::Held) {
            break;
        }
    }
    (house.finish(run), died)
}

#[test]
fn a_run_killed_after_any_entry_ends_as_its_twin() {
    let house = House::new();
    let spec = house.spec(&Wanted {
        cold: true,
        steps: steps(),
        ..Wanted::default()
    });
    let twin = house.make(&spec);
    let whole = house.finish(twin);
    assert!(ended(&whole), "{:?} {:?}", whole.stage, whole.cause);
    assert_eq!(whole.done(Stage::OnPolicy), steps());
    assert_eq!(whole.done(Stage::ColdStart), 3);
    let run = house.make(&spec);
    // Each life writes three entries and dies; the third falls after a step, a checkpoint, a move.
    let deaths: Vec<String> = (0..kills())
        .map(|n| format!("event:{}", 2 + n % 3))
        .collect();
    let (state, died) = killed(&house, run, &deaths);
    assert!(died > 8, "it died {died} times only");
    assert_eq!(outcome(&state), outcome(&whole));
    house.check_money(&[twin, run]);
}

#[test]
fn a_run_killed_between_an_answer_and_its_entry_buys_nothing_twice() {
    let house = House::new();
    let wanted = Wanted {
        served: true,
        steps: steps(),
        ..Wanted::default()
    };
    let spec = house.spec(&wanted);
    let twin = house.make(&spec);
    let whole = house.finish(twin);
    assert!(ended(&whole), "{:?} {:?}", whole.stage, whole.cause);
    let calls = |run: Id<kind::Run>| {
        let events = house.events(run);
        check_calls(&events);
        events
            .iter()
            .filter(|event| matches!(event, RunEvent::Bought { .. }))
            .count()
    };
    let run = house.make(&spec);
    let deaths: Vec<String> = (0..kills() / 2 + 3)
        .map(|n| match n % 3 {
            0 => "answer:1".to_owned(),
            1 => "answer:2".to_owned(),
            _ => format!("event:{}", 3 + n % 5),
        })
        .collect();
    let (state, died) = killed(&house, run, &deaths);
    assert!(died > 5, "it died {died} times only");
    assert_eq!(outcome(&state), outcome(&whole));
    assert_eq!(calls(run), calls(twin));
    assert!(calls(run) >= 6);
    // Asked again by the same key alone, and once for each death in between.
    let log = std::fs::read_to_string(house.path("calls.log")).unwrap();
    let mut asked: HashMap<&str, u64> = HashMap::new();
    for key in log.lines() {
        *asked.entry(key).or_default() += 1;
    }
    let again: u64 = asked.values().map(|times| times - 1).sum();
    assert!(
        again <= died,
        "{again} calls were asked again in {died} deaths"
    );
    house.check_money(&[twin, run]);
}

#[test]
fn a_run_killed_at_any_moment_ends_as_its_twin() {
    let house = House::new();
    let spec = house.spec(&Wanted {
        steps: steps(),
        ..Wanted::default()
    });
    let twin = house.make(&spec);
    let whole = house.finish(twin);
    let run = house.make(&spec);
    for n in 0..kills() / 2 {
        let mut process = house.command(run, None).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40 + n * 97 % 700));
        // The child too, at times at once, else by the end of its standard input.
        if n % 2 == 0 {
            let pid = process.id();
            let path = format!("/proc/{pid}/task/{pid}/children");
            let children = std::fs::read_to_string(path).unwrap_or_default();
            for child in children.split_whitespace() {
                let killed = std::process::Command::new("kill")
                    .args(["-9", child])
                    .status();
                drop(killed);
            }
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let state = house.state(run);
        house.overrule(run, &state);
        // A child that was killed while its parent lived has paused the run.
        if state.stage == Stage::Paused && state.cause != whole.cause {
            let advice = matches!(state.cause, Some(record::Cause::Advice(_)));
            if !advice {
                house.resume(run);
            }
        }
    }
    let state = house.finish(run);
    assert_eq!(outcome(&state), outcome(&whole));
    house.check_money(&[twin, run]);
}
