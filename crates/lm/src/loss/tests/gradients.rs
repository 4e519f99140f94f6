//! Every gradient against central finite differences of its own value, on rows with masks too.

use super::*;
use proptest::prelude::*;

const STEP: f64 = 1e-5;

pub(super) type Checked = std::result::Result<(), TestCaseError>;

pub(super) const WHOLE: [Kind; 8] = [
    Kind::CrossEntropy,
    Kind::ForwardKl,
    Kind::ReverseKl,
    Kind::Gjsd { beta: 0.1 },
    Kind::Gjsd { beta: 0.6 },
    Kind::SkewForward { alpha: 0.1 },
    Kind::SkewReverse { alpha: 0.3 },
    Kind::TotalVariation,
];

/// Checks the gradient of a row. Entries that a kink is near to are passed over.
fn check(loss: Loss, student: &[f64], target: &Target<'_, f64>) -> Checked {
    let (out, grad) = run(loss, student, target);
    prop_assert!(out.value.is_finite(), "{loss:?}");
    let sum: f64 = grad.iter().sum();
    prop_assert!(
        sum.abs() < 1e-9 * grad[0].abs().max(1.0),
        "a shift of all logits changes nothing: {sum}"
    );
    for i in 0..student.len() {
        if student[i] == f64::NEG_INFINITY {
            prop_assert_eq!(grad[i], 0.0);
            continue;
        }
        let at = |by: f64| {
            let mut moved = student.to_vec();
            moved[i] += by;
            run(loss, &moved, target).0.value
        };
        let (up, down) = (at(STEP), at(-STEP));
        let kink = (up - out.value) - (out.value - down);
        if loss.kind == Kind::TotalVariation && kink.abs() > 1e-9 {
            continue;
        }
        let want = (up - down) / (2.0 * STEP);
        // K3 of a token that the student hardly knows is large: its difference is as rough as that.
        let rounding = 4.0 * f64::EPSILON * out.value.abs() / STEP;
        prop_assert!(
            (grad[i] - want).abs() < 1e-6 * want.abs().max(1.0) + rounding,
            "{loss:?} {i}: {} {want}",
            grad[i]
        );
    }
    Ok(())
}

prop_compose! {
    /// Teacher and student with the same masked ids, never all of them.
    pub(super) fn rows()(
        pairs in prop::collection::vec((-6.0..6.0f64, -6.0..6.0f64, prop::bool::weighted(0.2)), 3..12)
    ) -> (Vec<f64>, Vec<f64>) {
        let mask = |x: f64, masked: bool, i: usize| if masked && i > 1 { f64::NEG_INFINITY } else { x };
        let each = pairs.iter().enumerate();
        each.map(|(i, &(t, s, m))| (mask(t, m, i), mask(s, m, i))).unzip()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_whole_rows((teacher, student) in rows(), temperature in 0.5..3.0f64, scaled: bool) {
        for kind in WHOLE {
            let loss = Loss { scaled, ..Loss::new(kind).at(temperature) };
            check(loss, &student, &Target::Logits(&teacher))?;
            let given = logprobs(&teacher, temperature);
            check(loss, &student, &Target::LogProbs(&given))?;
        }
    }

    #[test]
    fn of_sparse_rows((teacher, student) in rows(), k in 1usize..6, temperature in 0.5..3.0f64) {
        let all = logprobs(&teacher, temperature);
        let mut ids = Vec::new();
        Support::Union(k).choose(&teacher, &student, Some(1), &mut ids).unwrap();
        let known: Vec<f64> = ids.iter().map(|&i| all[i as usize]).collect();
        for kind in WHOLE {
            for tail in [Tail::Bucket, Tail::Renormalised, Tail::Truncated, Tail::PerId] {
                let target = Target::Sparse { ids: &ids, logprobs: &known, tail };
                check(Loss::new(kind).at(temperature), &student, &target)?;
            }
        }
    }

    #[test]
    fn of_tokens_and_draws((teacher, student) in rows(), seed: u64, temperature in 0.5..3.0f64) {
        let loss = Loss::new(Kind::CrossEntropy).at(temperature);
        check(loss, &student, &Target::Token(1))?;
        check(Loss::new(Kind::ForwardKl), &student, &Target::Token(0))?;
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        let mut n = 0;
        let mut uniform = || { n += 1; crate::sample::random::uniform(seed, n) };
        let all = logprobs(&teacher, temperature);
        draw(&all, (5, 0.8), &mut uniform, (&mut ids, &mut weights));
        prop_assert!(!ids.is_empty() && ids.windows(2).all(|w| w[0] < w[1]));
        check(loss, &student, &Target::Weighted { ids: &ids, weights: &weights })?;
    }

    #[test]
    fn of_sampled_tokens((teacher, student) in rows(), advantage in -2.0..2.0f64, old in -3.0..0.0f64) {
        let logprob = logprobs(&teacher, 1.0)[0];
        for kind in [Kind::K2, Kind::K3] {
            check(Loss::new(kind), &student, &Target::Scored { token: 0, logprob })?;
        }
        // The gradient of k1 is the policy gradient of -r, held fixed.
        let target = Target::Scored { token: 0, logprob };
        let (out, grad) = run(Loss::new(Kind::K1), &student, &target);
        let own = logprobs(&student, 1.0)[0];
        let free = Kind::Policy { low: f64::INFINITY, high: f64::INFINITY };
        let fixed = Target::Sampled { token: 0, advantage: -out.value, old_logprob: own };
        let (_, policy) = run(Loss::new(free), &student, &fixed);
        for (a, b) in grad.iter().zip(&policy) {
            prop_assert!((a - b).abs() < 1e-9);
        }
        let target = Target::Sampled { token: 0, advantage, old_logprob: old };
        check(Loss::new(free), &student, &target)?;
        let ratio = (own - old).exp();
        // Away from the two kinks.
        if (ratio - 0.8).abs() > 1e-3 && (ratio - 1.2).abs() > 1e-3 {
            check(Loss::new(Kind::Policy { low: 0.2, high: 0.2 }), &student, &target)?;
        }
    }

    #[test]
    fn single_precision_is_double_precision_rounded((teacher, student) in rows()) {
        let (t, s) = (narrow(&teacher), narrow(&student));
        let (teacher, student): (Vec<f64>, Vec<f64>) =
            (t.iter().map(|x| x.wide()).collect(), s.iter().map(|x| x.wide()).collect());
        for kind in WHOLE {
            let (out, grad) = run(Loss::new(kind), &student, &Target::Logits(&teacher));
            let (small, small_grad) = run(Loss::new(kind), &s, &Target::Logits(&t));
            prop_assert!((out.value - small.value).abs() < 1e-6);
            for (a, b) in grad.iter().zip(&small_grad) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn the_mean_gradient_of_random_draws_is_the_full_one() {
    let all = logprobs(&TEACHER, 1.0);
    let (_, want) = run(
        Loss::new(Kind::CrossEntropy),
        &STUDENT,
        &Target::LogProbs(&all),
    );
    for power in [1.0, 0.5] {
        let mut n = 0;
        let mut uniform = || {
            n += 1;
            crate::sample::random::uniform(11, n)
        };
        let mut mean = [0.0; 4];
        let rounds = 20_000;
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            draw(&all, (3, power), &mut uniform, (&mut ids, &mut weights));
            let target = Target::Weighted {
                ids: &ids,
                weights: &weights,
            };
            let (_, grad) = run(Loss::new(Kind::CrossEntropy), &STUDENT, &target);
            for (m, g) in mean.iter_mut().zip(grad) {
                *m += g / f64::from(rounds);
            }
        }
        // Six standard errors: a weight's deviation is below 0.5 at three draws.
        let all = mean.iter().zip(&want);
        all.for_each(|(m, w)| near(*m, *w, 6.0 * 0.5 / f64::from(rounds).sqrt()));
    }
}

#[test]
fn sampled_estimators_are_unbiased() {
    // Exact expectations over the student's own four tokens.
    let (p, q) = (logprobs(&TEACHER, 1.0), logprobs(&STUDENT, 1.0));
    let (_, want) = run(
        Loss::new(Kind::ReverseKl),
        &STUDENT,
        &Target::Logits(&TEACHER),
    );
    for kind in [Kind::K1, Kind::K2] {
        let mut mean = [0.0; 4];
        for token in 0..4 {
            let target = Target::Scored {
                token,
                logprob: p[token as usize],
            };
            let (_, grad) = run(Loss::new(kind), &STUDENT, &target);
            for (m, g) in mean.iter_mut().zip(grad) {
                *m += g * q[token as usize].exp();
            }
        }
        mean.iter()
            .zip(&want)
            .for_each(|(m, w)| near(*m, *w, 1e-12));
    }
}
