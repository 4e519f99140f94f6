//! A run whose teacher has another tokenizer than its student.

use distill::State;
use lm::Family;
use lm::testing::tiny_gguf_merging;
use record::{Metric, Stage};

use crate::house::{House, Wanted};

#[test]
fn a_teacher_with_another_tokenizer_teaches_in_both_stages() {
    let house = House::new();
    let bytes = tiny_gguf_merging(Family::Qwen2, 2, 3);
    std::fs::write(house.path("teacher.gguf"), bytes).unwrap();
    let mut spec = house.spec(&Wanted {
        cold: true,
        steps: 8,
        ..Wanted::default()
    });
    let kind = |json: &str| serde_json::from_str(json).unwrap();
    let stages = &mut spec.stages;
    let cold = stages.cold_start.as_mut().unwrap();
    cold.learning.loss.kind = kind(r#"{"uld":{"shared":{"kind":"forward_kl"}}}"#);
    let own = stages.on_policy.as_mut().unwrap();
    own.learning.loss.kind = kind("\"uld\"");
    let (whole, killed) = (house.make(&spec), house.make(&spec));
    let state = house.finish(whole);
    let ended = |state: &State| matches!(state.stage, Stage::Held | Stage::Rejected);
    assert!(ended(&state), "{:?}", state.cause);
    let told = state
        .steps
        .values()
        .map(|step| step.get(Metric::Loss).unwrap());
    assert!(told.into_iter().all(|loss| loss > 0.0));
    for die in ["event:9", "event:3", "event:2"] {
        house.drive(killed, Some(die));
        let state = house.state(killed);
        house.overrule(killed, &state);
    }
    let other = house.finish(killed);
    assert_eq!(other.checkpoints, state.checkpoints);
    house.check_money(&[whole, killed]);
}
