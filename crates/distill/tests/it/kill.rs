//! Runs that are killed, at chosen points and at any moment, end with the same student's bytes as
//! their unkilled twins; nothing is bought twice, and no money is lost or made.
//!
//! `STILLHOUSE_SOAK=1` kills each of them a hundred times; with `--nocapture` each says how often it
//! died and how long it took to go on.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use distill::State;
use record::id::kind;
use record::{Call, Id, RunEvent, Stage};

use crate::house::{House, Wanted};

fn soaks() -> bool {
    std::env::var_os("STILLHOUSE_SOAK").is_some()
}

/// How often a run is killed.
fn kills() -> u64 {
    if soaks() { 100 } else { 12 }
}

/// How often it must really have died. A short run may have ended before.
fn least() -> u64 {
    if soaks() { 100 } else { 5 }
}

/// Steps of a run: enough that each kill finds something to do.
fn steps() -> u64 {
    if soaks() { 160 } else { 8 }
}

pub(crate) fn ended(state: &State) -> bool {
    matches!(state.stage, Stage::Held | Stage::Rejected)
}

/// What must be the same: each checkpoint's student, what each step learnt, and how it ended.
pub(crate) fn outcome(state: &State) -> (Stage, Vec<String>) {
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
pub(crate) fn check_calls(events: &[RunEvent]) {
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

/// A run that is never killed.
fn twin(house: &House, wanted: &Wanted) -> (Id<kind::Run>, State) {
    let twin = house.make(&house.spec(wanted));
    let whole = house.finish(twin);
    assert!(ended(&whole), "{:?} {:?}", whole.stage, whole.cause);
    assert_eq!(whole.done(Stage::OnPolicy), wanted.steps);
    // How it went on is told of those that were killed.
    let _ = std::fs::remove_file(house.path("resumes.log"));
    (twin, whole)
}

/// Drives a run whose process dies again and again, each time somewhere else, to its end.
pub(crate) fn killed(
    house: &House,
    run: Id<kind::Run>,
    deaths: impl Iterator<Item = String>,
) -> (State, u64) {
    let mut died = 0;
    for death in deaths {
        let output = house.drive(run, Some(&death));
        died += u64::from(!output.status.success());
        let state = house.state(run);
        house.overrule(run, &state);
        if ended(&state) && !matches!(state.stage, Stage::Held) {
            break;
        }
    }
    (house.finish(run), died)
}

/// Says how often a run died, and how long it took to go on: microseconds from the process's start to
/// the child's readiness and to the first new step, less what loading the models took.
fn tell(house: &House, what: &str, (died, least): (u64, u64)) {
    assert!(died >= least, "{what}: it died {died} times only");
    let log = std::fs::read_to_string(house.path("resumes.log")).unwrap_or_default();
    let lines: Vec<Vec<u64>> = log
        .lines()
        .map(|line| line.split(' ').map(|n| n.parse().unwrap()).collect())
        .collect();
    let of = |column: usize| {
        let mut all: Vec<u64> = lines
            .iter()
            .map(|l| l[column].saturating_sub(l[2]))
            .collect();
        all.sort_unstable();
        let at = |share: usize| all.get(all.len() * share / 100).map_or(0, |us| us / 1000);
        format!("{} ms (median), {} ms (longest)", at(50), at(99))
    };
    let told = format!(
        "{what}: killed {died} times; of {} that went on, besides loading: ready after {}, first new step after {}\n",
        lines.len(),
        of(0),
        of(1)
    );
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

#[test]
fn a_run_killed_after_any_entry_ends_as_its_twin() {
    let house = House::new();
    let wanted = Wanted {
        cold: true,
        steps: steps(),
        ..Wanted::default()
    };
    let (twin, whole) = twin(&house, &wanted);
    assert_eq!(whole.done(Stage::ColdStart), 3);
    let run = house.make(&house.spec(&wanted));
    // Each life writes a few entries and dies; the last falls after a step, a checkpoint, a move.
    let deaths = (0..kills() + 4).map(|n| format!("event:{}", 2 + n % 3));
    let (state, died) = killed(&house, run, deaths);
    tell(&house, "after any entry", (died, least()));
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
    let (twin, whole) = twin(&house, &wanted);
    let calls = |run: Id<kind::Run>| {
        let events = house.events(run);
        check_calls(&events);
        events
            .iter()
            .filter(|event| matches!(event, RunEvent::Bought { .. }))
            .count()
    };
    let run = house.make(&house.spec(&wanted));
    let deaths = (0..kills() + 4).map(|n| match n % 3 {
        0 => "answer:1".to_owned(),
        1 => "answer:2".to_owned(),
        _ => format!("event:{}", 3 + n % 5),
    });
    let (state, died) = killed(&house, run, deaths);
    tell(&house, "between an answer and its entry", (died, least()));
    assert_eq!(outcome(&state), outcome(&whole));
    assert_eq!(calls(run), calls(twin));
    assert!(calls(run) >= 6);
    // Asked again by the same key alone: for scores once for each death in between, for texts as many
    // as are asked for at a time.
    let log = std::fs::read_to_string(house.path("calls.log")).unwrap();
    let mut asked: HashMap<&str, u64> = HashMap::new();
    for call in log.lines() {
        *asked.entry(call).or_default() += 1;
    }
    let again = |what: &str| -> u64 {
        let calls = asked.iter().filter(|(call, _)| call.starts_with(what));
        calls.map(|(_, times)| times - 1).sum()
    };
    assert!(again("score") <= died, "{} in {died}", again("score"));
    assert!(again("write") <= died * 8, "{} in {died}", again("write"));
    house.check_money(&[twin, run]);
}

/// Kills a driver with SIGKILL; its child before it where that is wanted, else the child ends with its
/// standard input. Whether it still ran.
fn kill(process: &mut Child, child_too: bool) -> bool {
    let pid = process.id();
    if child_too {
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
    let status = process.wait().unwrap();
    status.code().is_none()
}

/// What a kill may have left: advice that was not yet overruled, or a pause since the child died first.
fn go_on(house: &House, run: Id<kind::Run>) {
    let state = house.state(run);
    if state.stage == Stage::Paused {
        house.resume(run);
    }
}

/// Kills runs, one after the other, until so many lives ended as they were to: how far a life comes is
/// the machine's, and on a quick one few of them are enough to end a run. Each run ends as its twin.
fn kill_again_and_again(
    house: &House,
    (enough, lives): (u64, u64),
    mut life: impl FnMut(Id<kind::Run>, u64) -> bool,
) -> u64 {
    let wanted = Wanted {
        steps: if soaks() { 400 } else { 40 },
        ..Wanted::default()
    };
    let (twin, whole) = twin(house, &wanted);
    let mut runs = vec![twin];
    let (mut died, mut n) = (0, 0);
    while died < enough && n < lives {
        let run = house.make(&house.spec(&wanted));
        runs.push(run);
        while died < enough && n < lives && !ended(&house.state(run)) {
            died += u64::from(life(run, n));
            n += 1;
            go_on(house, run);
        }
        assert_eq!(outcome(&house.finish(run)), outcome(&whole));
    }
    house.check_money(&runs);
    died
}

#[test]
fn a_run_killed_at_any_moment_ends_as_its_twin() {
    let house = House::new();
    let died = kill_again_and_again(&house, (kills(), kills() * 2), |run, n| {
        let mut process = house.command(run, None).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40 + n * 97 % 300));
        kill(&mut process, n % 2 == 0)
    });
    tell(&house, "at any moment", (died, least()));
}

/// Checkpoints that are half written.
fn half_written(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with(".part"))
        .count()
}

#[test]
fn a_run_killed_inside_checkpoint_writes_ends_as_its_twin() {
    let house = House::new();
    // On a busy machine a write may be over before it is seen.
    let (enough, least) = if soaks() { (50, 50) } else { (3, 1) };
    let inside = kill_again_and_again(&house, (enough, enough * 4), |run, _| {
        let folder = house.runs().join(run.to_string()).join("checkpoints");
        let mut process = house.command(run, None).spawn().unwrap();
        // What the life before left is swept first; so what is seen after that is its own.
        let mut swept = half_written(&folder) == 0;
        let began = Instant::now();
        while process.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60) {
            let half = half_written(&folder) > 0;
            swept |= !half;
            if half && swept {
                break;
            }
        }
        kill(&mut process, true);
        half_written(&folder) > 0
    });
    let what = format!("inside checkpoint writes, {inside} of which left one half written");
    tell(&house, &what, (inside, least));
}

/// With the small model, where it is there: what going on takes besides loading it. The soak's, since it
/// learns for a minute.
#[test]
fn a_real_models_run_goes_on() {
    let Some(model) = std::env::var_os("STILLHOUSE_MODEL").filter(|_| soaks()) else {
        return;
    };
    let house = House::new();
    let mut spec = house.spec(&Wanted {
        steps: 20,
        ..Wanted::default()
    });
    spec.student.model = model.clone().into();
    spec.teacher.model = Some(model.into());
    spec.evaluate.every = 0;
    if let Some(stage) = &mut spec.stages.on_policy {
        stage.checkpoint_every = 1;
    }
    let run = house.make(&spec);
    let mut died = 0;
    while house.state(run).done(Stage::OnPolicy) < 8 {
        let output = house.drive(run, Some("event:3"));
        died += u64::from(!output.status.success());
        let state = house.state(run);
        let advised = house.overrule(run, &state);
        assert!(advised || state.stage != Stage::Paused, "{:?}", state.cause);
    }
    tell(&house, "the small model, after any entry", (died, 4));
    let state = house.state(run);
    let steps: Vec<u64> = state.steps.keys().map(|(_, step)| *step).collect();
    assert_eq!(steps, (1..=state.done(Stage::OnPolicy)).collect::<Vec<_>>());
}
