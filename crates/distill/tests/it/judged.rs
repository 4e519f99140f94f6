//! Runs whose answers are judged: what is rewarded grows, and a run that was killed comes to the same
//! student.

use record::{Metric, Stage};

use crate::house::{House, Wanted};
use distill::{Spec, State};

/// A run that learns by rewards alone: an answer is right where it has a vowel.
fn spec(house: &House, steps: u64) -> Spec {
    let mut spec = house.spec(&Wanted {
        steps,
        ..Wanted::default()
    });
    let stage = spec.stages.on_policy.as_mut().unwrap();
    stage.learning.loss.kind = serde_json::from_str("\"grpo\"").unwrap();
    (stage.learning.batch, stage.learning.samples) = (3, 6);
    stage.learning.rate.rate = 2e-2;
    stage.reward =
        serde_json::from_str(r#"{"scorer":{"kind":"regex","pattern":"[aeiou]"}}"#).unwrap();
    spec
}

fn rewards(state: &State) -> Vec<f64> {
    let steps = state.steps.values();
    steps
        .map(|step| step.get(Metric::Reward).unwrap())
        .collect()
}

#[test]
fn what_is_rewarded_grows_and_no_teacher_is_asked() {
    let house = House::new();
    let mut spec = spec(&house, 30);
    spec.evaluate.every = 0;
    let run = house.make(&spec);
    let state = house.finish(run);
    assert!(
        matches!(state.stage, Stage::Held | Stage::Rejected),
        "{:?}",
        state.cause
    );
    let rewards = rewards(&state);
    let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
    let (first, last) = (mean(&rewards[..5]), mean(&rewards[25..]));
    assert!(last > first + 0.15, "from {first} to {last}");
    assert!(state.steps.values().all(|s| s.get(Metric::Kl).is_none()));
    assert!(state.steps.values().all(|s| s.get(Metric::Alike).is_some()));
    house.check_money(&[run]);
}

#[test]
fn a_judged_run_that_was_killed_comes_to_the_same_student() {
    let house = House::new();
    let spec = spec(&house, 6);
    let (whole, killed) = (house.make(&spec), house.make(&spec));
    let state = house.finish(whole);
    for die in ["event:3", "event:2", "event:2"] {
        house.drive(killed, Some(die));
        let state = house.state(killed);
        house.overrule(killed, &state);
    }
    let other = house.finish(killed);
    assert_eq!(other.checkpoints, state.checkpoints);
    assert_eq!(rewards(&other), rewards(&state));
}

#[test]
fn pairs_of_rows_are_learnt_without_a_collection() {
    let house = House::new();
    let rows: String = (0..9)
        .map(|n| format!("{{\"id\":\"r{n}\",\"text\":\"what is {n}\",\"chosen\":\"it is {n}\",\"rejected\":\"who knows\"}}\n"))
        .collect();
    let mut spec = house.spec(&Wanted {
        cold: true,
        ..Wanted::default()
    });
    spec.stages.on_policy = None;
    let stage = spec.stages.cold_start.as_mut().unwrap();
    stage.learning.loss.kind = serde_json::from_str("\"dpo\"").unwrap();
    stage.steps = 12;
    let facts = house.facts();
    let grant = facts
        .directory()
        .grant(crate::house::GRANT)
        .cloned()
        .unwrap();
    let id = record::Id::from_bytes([99; 16]);
    let made = distill::create::create(&facts, &house.runs(), id, (&spec, &grant), None);
    let error = made.unwrap_err().to_string();
    assert!(error.contains("no text in `chosen`"), "{error}");
    facts.close().unwrap();
    drop(facts);
    std::fs::write(house.path("items.jsonl"), rows).unwrap();
    let run = house.make(&spec);
    let state = house.finish(run);
    assert!(
        matches!(state.stage, Stage::Held | Stage::Rejected),
        "{:?}",
        state.cause
    );
    let margins: Vec<f64> = state
        .steps
        .values()
        .filter_map(|s| s.get(Metric::Margin))
        .collect();
    assert!(
        margins.len() == 12 && margins[11] > margins[0] + 0.01,
        "{margins:?}"
    );
    assert!(
        !house
            .runs()
            .join(run.to_string())
            .join("answers/collected.json")
            .exists()
    );
    house.check_money(&[run]);
}
