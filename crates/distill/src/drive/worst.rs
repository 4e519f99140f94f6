//! How many tokens teachers on this machine read at most, in a step and in the probe: what is
//! reserved before either begins. Pure; what teachers elsewhere read is reserved with each call.

use trainer::protocol::Stage as Learning;

use crate::spec::{Spec, Stage, Teacher};

/// Tokens of a teacher's for one of the student's, where its tokenizer is another, as far as is reckoned with.
const FINER: u64 = 4;
/// Tokens that a chat template adds at most.
const TEMPLATE: u64 = 64;

/// Tokens of a step of so many items, whose longest prompt has at most so many.
pub(super) fn tokens(
    spec: &Spec,
    (at, stage): (Learning, &Stage),
    (items, longest): (u64, u64),
) -> u64 {
    let learning = &stage.learning;
    let any_here = spec.all_teachers().any(Teacher::is_here);
    if !any_here || !learning.loss.kind.asks_teacher(at) {
        return 0;
    }
    // A teacher with another tokenizer may cut the same text into more tokens.
    let finer = match learning.loss.kind.is_between_vocabularies() {
        true => FINER,
        false => 1,
    };
    let answers = items.saturating_mul(u64::from(learning.samples));
    let answer = (stage.sampling.max_tokens as u64).saturating_mul(finer);
    answers.saturating_mul(longest.saturating_add(TEMPLATE).saturating_add(answer))
}

/// Tokens of the probe of so many items: it learns as on policy, and takes an item of each teacher
/// that the batch has none of.
pub(super) fn probe(spec: &Spec, stage: &Stage, (items, longest): (u32, u64)) -> u64 {
    let items = u64::from(items) + spec.teachers.len() as u64;
    tokens(spec, (Learning::OnPolicy, stage), (items, longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::run_file;

    fn parsed(kind: &str) -> (Spec, Stage) {
        let spec = run_file(&[
            ("name = \"t\"", "name = \"t\"\nmodel = \"t.gguf\""),
            ("batch = 2", "batch = 3, samples = 2"),
            ("[evaluate]", "sampling = { max_tokens = 10 }\n[evaluate]"),
            ("reverse_kl", kind),
        ]);
        let stage = spec.stages.on_policy.clone().unwrap();
        (spec, stage)
    }

    #[test]
    fn a_probe_of_a_step_s_items_may_take_as_much_as_the_step() {
        let (spec, stage) = parsed("reverse_kl");
        let step = tokens(&spec, (Learning::OnPolicy, &stage), (3, 100));
        assert_eq!(step, 3 * 2 * (100 + 64 + 10));
        assert_eq!(probe(&spec, &stage, (3, 100)), step);
        // Another tokenizer's tokens are more.
        let (spec, stage) = parsed("uld");
        let step = tokens(&spec, (Learning::OnPolicy, &stage), (3, 100));
        assert_eq!(step, 3 * 2 * (100 + 64 + 4 * 10));
        assert_eq!(probe(&spec, &stage, (3, 100)), step);
    }

    #[test]
    fn a_probe_has_an_item_of_each_teacher_on_top() {
        let (mut spec, stage) = parsed("reverse_kl");
        spec.teachers = vec![spec.teacher.clone(), spec.teacher.clone()];
        let told = probe(&spec, &stage, (3, 100));
        assert_eq!(told, (3 + 2) * 2 * (100 + 64 + 10));
    }

    #[test]
    fn nothing_is_read_where_no_teacher_here_is_asked() {
        let (mut spec, mut stage) = parsed("reverse_kl");
        spec.teacher.model = None;
        assert_eq!(probe(&spec, &stage, (3, 100)), 0);
        let (spec, _) = parsed("reverse_kl");
        stage.learning.loss.kind = serde_json::from_str("\"grpo\"").unwrap();
        assert_eq!(probe(&spec, &stage, (3, 100)), 0);
        assert_eq!(tokens(&spec, (Learning::OnPolicy, &stage), (3, 100)), 0);
    }
}
