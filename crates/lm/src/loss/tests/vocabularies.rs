//! Losses between vocabularies: ULD, spans, GOLD's mixture.

use super::*;

fn span<T>(logits: &[T]) -> Span<'_, T> {
    Span { logits, rest: 0.0 }
}

fn uld(student: Span<'_, f64>, teacher: Span<'_, f64>) -> (SpanOutcome, Vec<f64>) {
    let mut grad = vec![9.0; student.logits.len()];
    let out = Uld::new(1.0).unwrap().row(student, teacher, &mut grad);
    (out, grad)
}

#[test]
fn the_reference_value() {
    let (out, _) = uld(span(&STUDENT), span(&TEACHER));
    near(out.outcome.value, 0.297209005291, 1e-12);
    let mut grad = [0f32; 4];
    let (t, s) = (narrow(&TEACHER), narrow(&STUDENT));
    let small = Uld::new(1.0).unwrap().row(span(&s), span(&t), &mut grad);
    near(small.outcome.value, 0.297209005291, 1e-6);
}

#[test]
fn order_and_padding_say_nothing() {
    let turned: Vec<f64> = TEACHER.iter().rev().copied().collect();
    let (out, _) = uld(span(&STUDENT), span(&turned));
    near(out.outcome.value, 0.297209005291, 1e-12);
    let padded = [TEACHER.to_vec(), vec![f64::NEG_INFINITY; 3]].concat();
    let (out, _) = uld(span(&STUDENT), span(&padded));
    near(out.outcome.value, 0.297209005291, 1e-12);
    let (out, grad) = uld(span(&padded), span(&STUDENT));
    near(out.outcome.value, 0.297209005291, 1e-12);
    assert!(grad.iter().all(|g| g.is_finite()));
}

#[test]
fn a_span_is_its_first_distribution_times_what_follows() {
    // By hand: student [.75, .25] times .5, teacher [.5, .5] times 1.
    let (third, half) = (3f64.ln(), 0.5f64.ln());
    let logits = [third, 0.0];
    let student = Span {
        logits: &logits,
        rest: half,
    };
    let (out, _) = uld(student, span(&[0.0, 0.0]));
    near(out.outcome.value, 0.125 + 0.375, 1e-12);
    // Both fall short, so that d value / d rest is minus their mass.
    near(out.rest, -0.5, 1e-12);
}

#[test]
fn slopes_are_those_of_the_value() {
    let shared = Shared {
        pairs: vec![(0, 1), (2, 0)],
        kind: Kind::Gjsd { beta: 0.4 },
        weight: 0.7,
        rest: 0.3,
    };
    for kind in [Kind::Gjsd { beta: 0.4 }, Kind::ReverseKl, Kind::ForwardKl] {
        let shared = Shared {
            kind,
            ..shared.clone()
        };
        let mut loss = Uld::new(1.5).unwrap().sharing(shared).unwrap();
        let teacher = [0.3, -0.8, 1.1, 0.2, -2.0];
        let mut run = |logits: &[f64], rest: f64| {
            let mut grad = vec![0.0; logits.len()];
            let student = Span { logits, rest };
            let teacher = Span {
                logits: &teacher,
                rest: -0.2,
            };
            (loss.row(student, teacher, &mut grad), grad)
        };
        let (out, grad) = run(&STUDENT, -0.6);
        let step = 1e-5;
        for i in 0..4 {
            let mut at = |by: f64| {
                let mut moved = STUDENT;
                moved[i] += by;
                run(&moved, -0.6).0.outcome.value
            };
            near(grad[i], (at(step) - at(-step)) / (2.0 * step), 1e-8);
        }
        let mut at = |by: f64| run(&STUDENT, -0.6 + by).0.outcome.value;
        near(out.rest, (at(step) - at(-step)) / (2.0 * step), 1e-8);
        assert!(out.outcome.value > 0.0);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let shared = |pairs: &[(u32, u32)], kind| Shared {
        pairs: pairs.to_vec(),
        kind,
        weight: 1.0,
        rest: 1.0,
    };
    let uld = || Uld::new(1.0).unwrap();
    assert!(
        uld()
            .sharing(shared(&[(0, 1), (0, 2)], Kind::ForwardKl))
            .is_err()
    );
    assert!(
        uld()
            .sharing(shared(&[(0, 1), (1, 1)], Kind::ForwardKl))
            .is_err()
    );
    assert!(uld().sharing(shared(&[(0, 1)], Kind::K3)).is_err());
    assert!(Uld::new(0.0).is_err());
    let mut beyond = uld().sharing(shared(&[(9, 0)], Kind::ForwardKl)).unwrap();
    let mut grad = [0.0; 4];
    let out = beyond.row(span(&STUDENT), span(&TEACHER), &mut grad);
    assert!(out.outcome.value.is_nan() && grad[0].is_nan());
}

#[test]
fn tokens_are_cut_where_both_tokenizers_cut() {
    // "hello| wor|ld|!" against "hel|lo| world|!".
    let got = spans(&[5, 4, 2, 1], &[3, 2, 6, 1]);
    assert_eq!(got, [(0..1, 0..2), (1..3, 2..3), (3..4, 3..4)]);
    assert_eq!(spans(&[2, 2], &[3, 1]), [(0..2, 0..2)]);
    // What only one side has is left out; tokens without text are taken along.
    assert_eq!(spans(&[2, 2], &[2]), [(0..1, 0..1)]);
    assert_eq!(spans(&[], &[1]), []);
    assert_eq!(spans(&[0, 2], &[2]).last().map(|s| s.0.end), Some(2));
}
