//! Rows of losses at a real vocabulary's size: they allocate nothing.

use crate::allocation::peak;
use lm::loss::{Kind, Loss, Span, Tail, Target, Uld};

const VOCABULARY: usize = 49_152;

fn row(turn: f32) -> Vec<f32> {
    (0..VOCABULARY)
        .map(|i| (i as f32 * turn).sin() * 6.0)
        .collect()
}

#[test]
fn rows_allocate_nothing() {
    let (teacher, student) = (row(0.7), row(1.3));
    let mut grad = vec![0.0; VOCABULARY];
    let (ids, logprobs) = ([5, 9, 40_000], [-1.0, -2.0, -3.0]);
    let sparse = |tail| Target::Sparse {
        ids: &ids,
        logprobs: &logprobs,
        tail,
    };
    let logprob = -2.0;
    for (kind, target) in [
        (Kind::CrossEntropy, Target::Token(7)),
        (Kind::ForwardKl, Target::Logits(&teacher)),
        (Kind::ReverseKl, Target::Logits(&teacher)),
        (Kind::Gjsd { beta: 0.5 }, Target::Logits(&teacher)),
        (Kind::SkewReverse { alpha: 0.1 }, sparse(Tail::Bucket)),
        (Kind::ReverseKl, sparse(Tail::Renormalised)),
        (Kind::K3, Target::Scored { token: 3, logprob }),
    ] {
        let loss = Loss::new(kind);
        let (out, bytes) = peak(|| loss.row(&student, &target, &mut grad));
        assert!(out.value.is_finite() && out.value > 0.0, "{kind:?}");
        assert_eq!(bytes, 0, "{kind:?}");
    }
    let mut uld = Uld::new(1.0).unwrap();
    let span = |logits| Span { logits, rest: 0.0 };
    let (student, teacher) = (span(&student[..]), span(&teacher[..]));
    let first = uld.row(student, teacher, &mut grad);
    let (second, bytes) = peak(|| uld.row(student, teacher, &mut grad));
    assert_eq!((first, bytes), (second, 0));
}
