//! The bounds that mathematics promises, and that everything stays finite: on masks, on padding, on
//! logits of ten thousand.

use super::gradients::{Checked, WHOLE, rows};
use super::*;
use proptest::prelude::*;

/// Slack for rounding.
const EPSILON: f64 = 1e-12;

fn sparse(kind: Kind, tail: Tail, ids: &[u32], all: &[f64], student: &[f64]) -> f64 {
    let known: Vec<f64> = ids.iter().map(|&i| all[i as usize]).collect();
    let target = Target::Sparse {
        ids,
        logprobs: &known,
        tail,
    };
    run(Loss::new(kind), student, &target).0.value
}

fn choose(support: Support, teacher: &[f64], student: &[f64]) -> Vec<u32> {
    let mut ids = Vec::new();
    support.choose(teacher, student, Some(0), &mut ids).unwrap();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn divergences_are_bounded((teacher, student) in rows()) {
        let value = |kind| run(Loss::new(kind), &student, &Target::Logits(&teacher)).0.value;
        for kind in WHOLE {
            prop_assert!(value(kind) >= -EPSILON, "{kind:?}");
        }
        for beta in [0.05f64, 0.3, 0.5, 0.9] {
            let entropy = -beta * beta.ln() - (1.0 - beta) * (1.0 - beta).ln();
            let mixed = value(Kind::Gjsd { beta });
            prop_assert!(mixed <= entropy + EPSILON, "{mixed}");
        }
        let variation = value(Kind::TotalVariation);
        prop_assert!(variation <= 1.0 + EPSILON);
        // Pinsker's inequality, which ties two of them together.
        for kind in [Kind::ForwardKl, Kind::ReverseKl] {
            prop_assert!(2.0 * variation * variation <= value(kind) + EPSILON);
        }
        // Skewing can only bring the two nearer: by convexity.
        for alpha in [0.1, 0.5] {
            let bound = |skewed, plain| value(skewed) <= (1.0 - alpha) * value(plain) + EPSILON;
            prop_assert!(bound(Kind::SkewForward { alpha }, Kind::ForwardKl), "forward");
            prop_assert!(bound(Kind::SkewReverse { alpha }, Kind::ReverseKl), "reverse");
        }
        // The cross-entropy is the entropy and the divergence.
        let entropy = run(Loss::new(Kind::CrossEntropy), &teacher, &Target::Logits(&teacher)).0.value;
        prop_assert!((value(Kind::CrossEntropy) - entropy - value(Kind::ForwardKl)).abs() < 1e-9);
        // Nothing is apart from itself.
        for kind in WHOLE.into_iter().filter(|&k| k != Kind::CrossEntropy) {
            let (out, grad) = run(Loss::new(kind), &teacher, &Target::Logits(&teacher));
            prop_assert!(out.value.abs() < EPSILON && !out.saturated);
            prop_assert!(grad.iter().all(|g| g.abs() < 1e-9));
        }
    }

    #[test]
    fn a_bucketed_divergence_is_at_most_the_full_one_and_grows_to_it((teacher, student) in rows()) {
        let all = logprobs(&teacher, 1.0);
        for kind in WHOLE.into_iter().filter(|&k| k != Kind::CrossEntropy) {
            let full = run(Loss::new(kind), &student, &Target::Logits(&teacher)).0.value;
            let supports: [fn(usize) -> Support; 3] =
                [Support::Teacher, Support::Student, Support::Union];
            for support in supports {
                let mut before = -EPSILON;
                for k in 1..=teacher.len() {
                    let ids = choose(support(k), &teacher, &student);
                    let value = sparse(kind, Tail::Bucket, &ids, &all, &student);
                    // A finer partition sees more, by data processing.
                    prop_assert!(value >= before - 1e-9, "{kind:?} {k}");
                    prop_assert!(value <= full + 1e-9, "{kind:?} {k}: {value} {full}");
                    before = value;
                }
                prop_assert!((before - full).abs() < 1e-9, "{kind:?}: {before} {full}");
            }
        }
    }

    #[test]
    fn terms_of_single_ids_are_not_negative((teacher, student) in rows(), k in 1usize..5) {
        let all = logprobs(&teacher, 1.0);
        for kind in WHOLE.into_iter().filter(|&k| k != Kind::CrossEntropy) {
            let ids = choose(Support::Teacher(k), &teacher, &student);
            for id in &ids {
                prop_assert!(sparse(kind, Tail::PerId, &[*id], &all, &student) >= -EPSILON, "{kind:?}");
            }
            // At full vocabulary all the forms are the divergence.
            let ids = choose(Support::Teacher(99), &teacher, &student);
            let full = run(Loss::new(kind), &student, &Target::Logits(&teacher)).0.value;
            for tail in [Tail::Bucket, Tail::Renormalised, Tail::Truncated, Tail::PerId] {
                let value = sparse(kind, tail, &ids, &all, &student);
                prop_assert!((value - full).abs() < 1e-9, "{kind:?} {tail:?} {value} {full}");
            }
        }
    }

    #[test]
    fn estimators_are_bounded(lp in -80.0..0.0f64, student in prop::collection::vec(-9.0..9.0f64, 2..6)) {
        let target = Target::Scored { token: 0, logprob: lp };
        let value = |kind| run(Loss::new(kind), &student, &target).0.value;
        prop_assert!(value(Kind::K3) >= 0.0 && value(Kind::K2) >= 0.0);
        // e^r >= 1 + r + r^2/2 where r is positive.
        if value(Kind::K1) < 0.0 {
            prop_assert!(value(Kind::K3) >= value(Kind::K2) * (1.0 - 1e-12));
        }
    }

    #[test]
    fn supports_hold_the_likeliest((teacher, student) in rows(), k in 1usize..6) {
        for (support, row) in [(Support::Teacher(k), &teacher), (Support::Student(k), &student)] {
            let ids = choose(support, &teacher, &student);
            let there = row.iter().filter(|l| l.is_finite()).count();
            prop_assert_eq!(ids.len(), k.min(there));
            let least = ids.iter().map(|&i| row[i as usize]).fold(f64::INFINITY, f64::min);
            let outside = (0..row.len() as u32).filter(|i| !ids.contains(i));
            prop_assert!(outside.into_iter().all(|i| row[i as usize] <= least));
        }
        let both = choose(Support::Union(k), &teacher, &student);
        prop_assert!(both.contains(&0) && both.windows(2).all(|w| w[0] < w[1]));
    }
}

/// One id of a hostile row: huge, ordinary, masked.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e4..1e4f64,
        2 => -5.0..5.0f64,
        1 => Just(f64::NEG_INFINITY),
        1 => Just(1e4),
        1 => Just(-1e4),
    ]
}

fn finite<T: Float>(loss: Loss, student: &[T], target: &Target<'_, T>) -> Checked {
    let (out, grad) = run(loss, student, target);
    prop_assert!(out.value.is_finite(), "{loss:?} {student:?} {target:?}");
    let all = grad.iter().all(|g| g.is_finite());
    prop_assert!(all, "{loss:?} {student:?} {target:?} {grad:?}");
    Ok(())
}

fn finite_everywhere<T: Float>(teacher: &[T], student: &[T], temperature: f64) -> Checked {
    let wide: Vec<f64> = teacher.iter().map(|x| x.wide()).collect();
    let all: Vec<T> = logprobs(&wide, temperature)
        .into_iter()
        .map(T::narrow)
        .collect();
    let ids = [0, 2];
    let known = [all[0], all[2]];
    for kind in WHOLE {
        for floor in [None, Some(-30.0)] {
            let loss = Loss {
                floor,
                ..Loss::new(kind).at(temperature)
            };
            finite(loss, student, &Target::Logits(teacher))?;
            finite(loss, student, &Target::LogProbs(&all))?;
            for tail in [
                Tail::Bucket,
                Tail::Renormalised,
                Tail::Truncated,
                Tail::PerId,
            ] {
                let target = Target::Sparse {
                    ids: &ids,
                    logprobs: &known,
                    tail,
                };
                finite(loss, student, &target)?;
            }
        }
    }
    finite(Loss::new(Kind::CrossEntropy), student, &Target::Token(1))?;
    for kind in [Kind::K1, Kind::K2, Kind::K3] {
        finite(
            Loss::new(kind),
            student,
            &Target::Scored {
                token: 1,
                logprob: all[1].wide(),
            },
        )?;
    }
    for (low, high) in [(0.2, 0.2), (f64::INFINITY, f64::INFINITY)] {
        for advantage in [-1.0, 0.0, 1.0] {
            let target = Target::Sampled {
                token: 1,
                advantage,
                old_logprob: -3e4,
            };
            finite(Loss::new(Kind::Policy { low, high }), student, &target)?;
        }
    }
    let mut grad = student.to_vec();
    let span = |logits| Span { logits, rest: 0.0 };
    let out = Uld::new(temperature)
        .unwrap()
        .row(span(student), span(teacher), &mut grad);
    prop_assert!(out.outcome.value.is_finite() && grad.iter().all(|g| g.wide().is_finite()));
    Ok(())
}

/// Millions of rows in the soak, a few ten thousand by default.
fn cases() -> u32 {
    if std::env::var_os("STILLHOUSE_SOAK").is_some() {
        20_000
    } else {
        256
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn nothing_is_ever_nan(
        pairs in prop::collection::vec((wild(), wild()), 3..9), temperature in 0.1..4.0f64
    ) {
        let (teacher, student): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        finite_everywhere(&teacher, &student, temperature)?;
        finite_everywhere(&narrow(&teacher), &narrow(&student), temperature)?;
    }
}

#[test]
fn floors_are_counted() {
    let masked = f64::NEG_INFINITY;
    let (teacher, student) = ([0.0, 0.0, 0.0], [0.0, 0.0, masked]);
    // An id that only the student masks has no true value.
    let (out, _) = run(
        Loss::new(Kind::ForwardKl),
        &student,
        &Target::Logits(&teacher),
    );
    assert_eq!(out.clamped, 1);
    near(
        out.value,
        (2f64 / 3.0).ln() * 2.0 / 3.0 + ((1f64 / 3.0).ln() + 30.0) / 3.0,
        1e-12,
    );
    let (out, _) = run(
        Loss::new(Kind::ReverseKl),
        &teacher,
        &Target::Logits(&student),
    );
    assert_eq!(out.clamped, 1);
    // A mixture covers both.
    let jsd = Loss::new(Kind::Gjsd { beta: 0.5 });
    assert_eq!(run(jsd, &student, &Target::Logits(&teacher)).0.clamped, 0);
    // A floor that is asked for touches finite values.
    let far = [0.0, -100.0];
    let loss = Loss {
        floor: Some(-30.0),
        ..Loss::new(Kind::CrossEntropy)
    };
    let (out, grad) = run(loss, &far, &Target::Token(1));
    assert_eq!((out.value, out.clamped), (30.0, 1));
    near(grad[1], -1.0, 1e-12);
}

#[test]
fn targets_that_do_not_fit_are_refused_and_give_nan() {
    let row = [0.0; 4];
    let check = |kind, target: Target<'_, f64>| {
        let loss = Loss::new(kind);
        let refused = loss.check(4, &target).is_err();
        assert_eq!(
            refused,
            run(loss, &row, &target).0.value.is_nan(),
            "{target:?}"
        );
        refused
    };
    let (short, ids) = ([0.0; 3], [0, 9]);
    let sparse = |ids, logprobs| Target::Sparse {
        ids,
        logprobs,
        tail: Tail::Bucket,
    };
    let scored = Target::Scored {
        token: 0,
        logprob: -1.0,
    };
    assert!(check(Kind::ForwardKl, Target::Logits(&short)));
    assert!(check(Kind::CrossEntropy, Target::Token(4)));
    assert!(check(Kind::ReverseKl, Target::Token(1)));
    assert!(check(Kind::ForwardKl, sparse(&ids, &[0.0, 0.0])));
    assert!(check(Kind::ForwardKl, sparse(&ids[..1], &[0.0, 0.0])));
    assert!(check(Kind::ForwardKl, scored));
    assert!(check(Kind::K1, Target::Logits(&row)));
    assert!(check(Kind::Gjsd { beta: 1.0 }, Target::Logits(&row)));
    assert!(check(
        Kind::SkewForward { alpha: 1.0 },
        Target::Logits(&row)
    ));
    assert!(!check(Kind::K1, scored));
    let loss = Loss::new(Kind::ForwardKl).at(0.0);
    assert!(loss.check(4, &Target::Logits(&row)).is_err());
}
