//! What a step does with every loss, in both stages.

use crate::child::{Folder, checkpoints, run, steps};
use trainer::protocol::*;

fn learn(change: impl FnOnce(&mut Learn)) -> Vec<Report> {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    change(&mut job);
    run(Job::Learn(Box::new(job)))
}

/// The mean of the first and of the last steps' divergences.
fn ends(steps: &[Step]) -> (f64, f64) {
    let kl = |steps: &[Step]| {
        let sum: f64 = steps.iter().map(|s| s.metrics.kl.unwrap()).sum();
        sum / steps.len() as f64
    };
    (kl(&steps[..5]), kl(&steps[steps.len() - 5..]))
}

#[test]
fn the_student_comes_closer_to_its_teacher() {
    let reports = learn(|job| {
        job.steps = 40;
        job.checkpoint_every = 30;
    });
    let Some(Report::Ready(ready)) = reports.first() else {
        panic!("{reports:?}")
    };
    assert_eq!(
        (ready.items, ready.from, ready.student.len()),
        (7, None, 64)
    );
    let steps = steps(&reports);
    let (first, last) = ends(&steps);
    assert!(last < 0.7 * first, "from {first} to {last}");
    let places: Vec<u64> = checkpoints(&reports).iter().map(|c| c.place.step).collect();
    assert_eq!(places, [30, 40]);
    let step = &steps[2];
    assert_eq!((step.step, step.items.len(), step.samples.len()), (3, 3, 1));
    let sample = &step.samples[0];
    assert_eq!(sample.item, step.items[0]);
    assert!(
        sample
            .tokens
            .iter()
            .all(|t| t.student < 0.0 && t.teacher.unwrap() < 0.0)
    );
    let m = step.metrics;
    assert!(m.entropy.unwrap() > 0.5 && (0.0..=1.0).contains(&m.overlap.unwrap()));
    assert!(m.tokens >= 6 && m.length <= 6.0 && m.gradient_norm > 0.0 && m.loss > 0.0);
    assert_eq!(step.tokens.answer, m.tokens);
    assert!(step.tokens.teacher_prompt > step.tokens.student_prompt);
}

#[test]
fn every_loss_and_support_learns() {
    let policy = Kind::Policy {
        low: Some(0.2),
        high: None,
        gamma: 0.5,
        most: 5.0,
    };
    let whole = Support::Whole;
    for (kind, support, tail) in [
        (Kind::CrossEntropy, whole, Tail::Bucket),
        (Kind::ForwardKl, Support::Teacher(5), Tail::Bucket),
        (Kind::ForwardKl, Support::Draws(30), Tail::Bucket),
        (Kind::CrossEntropy, Support::Draws(30), Tail::Bucket),
        (Kind::ReverseKl, Support::Student(5), Tail::Bucket),
        (Kind::ReverseKl, Support::Union(5), Tail::Renormalised),
        (Kind::ReverseKl, Support::Student(5), Tail::PerId),
        (Kind::Gjsd { beta: 0.5 }, whole, Tail::Bucket),
        (Kind::SkewForward { alpha: 0.1 }, whole, Tail::Bucket),
        (
            Kind::SkewReverse { alpha: 0.1 },
            Support::Union(3),
            Tail::Truncated,
        ),
        (Kind::TotalVariation, whole, Tail::Bucket),
        (Kind::K1, whole, Tail::Bucket),
        (Kind::K2, whole, Tail::Bucket),
        (Kind::K3, whole, Tail::Bucket),
        (policy, whole, Tail::Bucket),
    ] {
        let reports = learn(|job| {
            job.steps = 2;
            job.learning.loss.kind = kind;
            (job.learning.loss.support, job.learning.loss.tail) = (support, tail);
        });
        for step in steps(&reports) {
            let m = step.metrics;
            assert!(m.gradient_norm > 0.0 && m.kl.is_some(), "{kind:?}: {m:?}");
        }
    }
}

#[test]
fn a_temperature_and_a_floor_reach_the_loss() {
    let loss = |temperature, floor| {
        let reports = learn(|job| {
            job.steps = 1;
            job.learning.loss.temperature = temperature;
            job.learning.loss.floor = floor;
        });
        let metrics = steps(&reports)[0].metrics;
        (metrics.loss, metrics.clamped)
    };
    let (warm, none) = loss(1.0, None);
    assert!(none == 0 && loss(3.0, None).0 < warm);
    assert!(loss(1.0, Some(-3.0)).1 > 0);
}

#[test]
fn a_cold_start_learns_given_answers_and_on_policy_goes_on_from_it() {
    let folder = Folder::new();
    let mut cold = folder.learn(Kind::CrossEntropy);
    (cold.stage, cold.teacher, cold.steps) = (Stage::ColdStart, Teacher::None, 30);
    (cold.checkpoint_every, cold.learning.batch) = (30, 7);
    let reports = run(Job::Learn(Box::new(cold.clone())));
    let all = steps(&reports);
    let (first, last) = (all[0].metrics, all[29].metrics);
    assert!(
        last.loss < first.loss / 2.0,
        "from {} to {}",
        first.loss,
        last.loss
    );
    assert_eq!(
        (first.kl, first.entropy, first.overlap, first.cut),
        (None, None, None, None)
    );
    // By forward divergence from a teacher that reads another prompt, too.
    cold.learning.loss.kind = Kind::ForwardKl;
    cold.teacher = Teacher::Local {
        model: folder.model("teacher"),
    };
    (cold.from, cold.steps) = (checkpoints(&reports).pop().map(|c| c.place), 32);
    let more = steps(&run(Job::Learn(Box::new(cold))));
    assert_eq!(more.iter().map(|s| s.step).collect::<Vec<_>>(), [31, 32]);
    // The next stage counts its own steps, from the student of the one before.
    let mut next = folder.learn(Kind::ReverseKl);
    next.steps = 1;
    next.begin = Some(Place {
        stage: Stage::ColdStart,
        step: 32,
    });
    let reports = run(Job::Learn(Box::new(next.clone())));
    let Report::Ready(ready) = &reports[0] else {
        panic!("{reports:?}")
    };
    assert_eq!(ready.from, next.begin);
    let warm = steps(&reports);
    let cool = steps(&learn(|job| job.steps = 1));
    assert_eq!(warm[0].step, 1);
    assert_ne!(warm[0].ids, cool[0].ids);
}

#[test]
fn full_tuning_learns_as_well() {
    let reports = learn(|job| {
        job.student.tuning = Tuning::Full;
        job.learning.rate.rate = 1e-3;
        (job.steps, job.checkpoint_every) = (20, 20);
    });
    let (first, last) = ends(&steps(&reports));
    assert!(last < first, "from {first} to {last}");
}

#[test]
fn draws_teach_as_the_whole_does_and_come_again() {
    let drawn = |draws, steps: u64| {
        learn(|job| {
            (job.steps, job.checkpoint_every) = (steps, steps);
            job.learning.loss.kind = Kind::ForwardKl;
            job.learning.loss.support = draws;
        })
    };
    let reports = drawn(Support::Draws(40), 40);
    let (first, last) = ends(&steps(&reports));
    assert!(last < 0.8 * first, "from {first} to {last}");
    let digest = |support| checkpoints(&drawn(support, 2)).pop().unwrap().digest;
    assert_eq!(digest(Support::Draws(40)), digest(Support::Draws(40)));
    assert_ne!(digest(Support::Draws(40)), digest(Support::Draws(41)));
}
