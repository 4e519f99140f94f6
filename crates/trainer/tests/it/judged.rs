//! Judged answers: the parent grades, and what it prefers becomes likelier.

use crate::child::{Child, Folder, bytes, checkpoints, fail, steps};
use trainer::protocol::*;

const GRPO: Kind = Kind::Grpo {
    low: 0.2,
    high: 0.2,
    spread: Spread::Population,
    teacher: 0.0,
    start: 0.0,
};

/// The share of letters up to `m`.
fn early(text: &str) -> f64 {
    let all = text.chars().count().max(1) as f64;
    text.chars().filter(|c| ('a'..='m').contains(c)).count() as f64 / all
}

/// Does a job whose answers are graded so.
fn graded(job: Learn, judge: fn(&str) -> f64) -> Vec<Report> {
    let mut child = Child::new();
    child.job(Job::Learn(Box::new(job)));
    let mut out = Vec::new();
    while let Some(report) = child.next() {
        if let Report::Grade(grade) = &report {
            let rewards = grade.answers.iter().map(|a| judge(&a.text)).collect();
            child.tell(&Order::Rewards(Rewards {
                question: grade.question,
                rewards,
            }));
        }
        out.push(report);
    }
    assert!(matches!(out.last(), Some(Report::Done(_))), "{out:?}");
    out
}

fn job(folder: &Folder) -> Learn {
    let mut job = folder.learn(GRPO);
    (job.learning.samples, job.learning.batch) = (6, 4);
    job.teacher = Teacher::None;
    job
}

#[test]
fn a_probe_tells_what_was_judged_also_where_all_are_worth_the_same() {
    let folder = Folder::new();
    let mut child = Child::new();
    let learn = job(&folder);
    child.job(Job::Probe(Box::new(Probe { learn, items: 4 })));
    let mut probed = None;
    while let Some(report) = child.next() {
        match report {
            Report::Grade(grade) => child.tell(&Order::Rewards(Rewards {
                question: grade.question,
                rewards: vec![0.0; grade.answers.len()],
            })),
            Report::Probed(told) => probed = Some(told),
            _ => {}
        }
    }
    let probed = probed.unwrap();
    assert_eq!(
        (probed.metrics.reward, probed.metrics.alike),
        (Some(0.0), Some(1.0))
    );
    // What it was timed on is not told as the step's.
    assert_eq!(
        (probed.metrics.tokens, probed.metrics.gradient_norm),
        (0, 0.0)
    );
}

#[test]
fn what_is_rewarded_becomes_likelier() {
    let folder = Folder::new();
    let mut job = job(&folder);
    (job.steps, job.checkpoint_every) = (40, 40);
    job.learning.rate.rate = 2e-2;
    let steps = steps(&graded(job, early));
    let mean = |steps: &[Step]| {
        let sum: f64 = steps.iter().map(|s| s.metrics.reward.unwrap()).sum();
        sum / steps.len() as f64
    };
    let (first, last) = (mean(&steps[..5]), mean(&steps[35..]));
    assert!(last > first + 0.2, "from {first} to {last}");
    let metrics = steps[0].metrics;
    assert!(metrics.alike.unwrap() < 1.0 && metrics.kl.is_none());
    assert_eq!(steps[0].tokens.teacher_prompt, 0);
}

#[test]
fn steps_in_pieces_are_steps_in_one() {
    let course = |untils: &[u64]| {
        let folder = Folder::new();
        let mut digests = Vec::new();
        for &until in untils {
            let mut job = job(&folder);
            job.until = Some(until);
            let reports = graded(job, early);
            digests.extend(checkpoints(&reports).into_iter().map(|c| c.digest));
        }
        (digests, bytes(&folder.run()))
    };
    assert_eq!(course(&[6]), course(&[1, 4, 6]));
}

#[test]
fn where_all_are_alike_nothing_is_learnt_and_the_step_counts() {
    let folder = Folder::new();
    let reports = graded(job(&folder), |_| 1.0);
    let digests: Vec<String> = checkpoints(&reports)
        .into_iter()
        .map(|c| c.digest)
        .collect();
    assert!(digests.windows(2).all(|two| two[0] == two[1]));
    let last = steps(&reports).pop().unwrap();
    assert_eq!((last.step, last.metrics.alike), (6, Some(1.0)));
    assert_eq!((last.metrics.tokens, last.metrics.gradient_norm), (0, 0.0));
}

#[test]
fn the_teacher_can_have_a_say_beside_the_judge() {
    let folder = Folder::new();
    let mut job = job(&folder);
    job.learning.loss.kind = Kind::Grpo {
        low: 0.2,
        high: 0.2,
        spread: Spread::None,
        teacher: 0.5,
        start: 0.0,
    };
    job.teacher = folder.learn(GRPO).teacher;
    // Alike for the judge, so that the teacher alone teaches.
    (job.steps, job.checkpoint_every) = (40, 40);
    let steps = steps(&graded(job, |_| 0.0));
    let kl = |step: &Step| step.metrics.kl.unwrap();
    let mean = |steps: &[Step]| steps.iter().map(kl).sum::<f64>() / steps.len() as f64;
    let (first, last) = (mean(&steps[..5]), mean(&steps[35..]));
    assert!(last < first, "from {first} to {last}");
}

#[test]
fn rewards_and_settings_that_cannot_be_are_refused() {
    let folder = Folder::new();
    let mut one = job(&folder);
    one.learning.samples = 1;
    let (_, failed) = fail(Job::Learn(Box::new(one)));
    assert!(failed.message.contains("samples is 2"), "{failed:?}");
    let mut cold = job(&folder);
    cold.stage = Stage::ColdStart;
    let (_, failed) = fail(Job::Learn(Box::new(cold)));
    assert!(failed.message.contains("own answers"), "{failed:?}");
    let mut child = Child::new();
    child.job(Job::Learn(Box::new(job(&folder))));
    while !matches!(child.next(), Some(Report::Grade(_))) {}
    child.tell(&Order::Rewards(Rewards {
        question: 1,
        rewards: vec![1.0; 3],
    }));
    let (reports, good) = child.rest();
    let Some(Report::Failed(failed)) = reports.last() else {
        panic!("{reports:?}")
    };
    assert!(!good && failed.message.contains("3 rewards for 24 answers"));
}

const DPO: Kind = Kind::Dpo {
    beta: 0.1,
    flipped: 0.0,
    by_length: false,
};

#[test]
fn what_is_preferred_becomes_likelier() {
    let folder = Folder::new();
    let mut job = job(&folder);
    job.learning.loss.kind = DPO;
    (job.steps, job.checkpoint_every) = (40, 40);
    let steps = steps(&graded(job, early));
    let mean = |steps: &[Step], of: fn(&Metrics) -> Option<f64>| {
        let sum: f64 = steps.iter().map(|s| of(&s.metrics).unwrap()).sum();
        sum / steps.len() as f64
    };
    // At the start student and reference are one model.
    let first = steps[0].metrics;
    assert!(first.margin.unwrap().abs() < 1e-3, "{first:?}");
    assert!((first.loss - std::f64::consts::LN_2).abs() < 1e-3);
    assert!(mean(&steps[35..], |m| m.margin) > 0.05);
    let reward = |steps: &[Step]| mean(steps, |m| m.reward);
    let (first, last) = (reward(&steps[..5]), reward(&steps[35..]));
    assert!(last > first + 0.1, "from {first} to {last}");
}

#[test]
fn pairs_that_items_have_are_learnt_in_a_cold_start() {
    let folder = Folder::new();
    let mut job = folder.learn(DPO);
    (job.stage, job.teacher) = (Stage::ColdStart, Teacher::None);
    (job.steps, job.checkpoint_every) = (40, 40);
    let all = steps(&crate::child::run(Job::Learn(Box::new(job.clone()))));
    let (first, last) = (all[0].metrics, all[39].metrics);
    assert!(first.margin.unwrap().abs() < 1e-3 && last.margin.unwrap() > 0.5);
    assert!(last.loss < first.loss / 1.2, "{last:?}");
    // An item without its other answer can't be learnt from.
    let text = std::fs::read_to_string(folder.items()).unwrap();
    std::fs::write(folder.items(), text.replace("rejected", "answer2")).unwrap();
    let (_, failed) = fail(Job::Learn(Box::new(job)));
    assert!(failed.message.contains("answer2"), "{failed:?}");
}

#[test]
fn pairs_in_pieces_are_pairs_in_one() {
    let course = |untils: &[u64]| {
        let folder = Folder::new();
        let mut digests = Vec::new();
        for &until in untils {
            let mut job = job(&folder);
            (job.learning.loss.kind, job.until) = (DPO, Some(until));
            let reports = graded(job, early);
            digests.extend(checkpoints(&reports).into_iter().map(|c| c.digest));
        }
        (digests, bytes(&folder.run()))
    };
    assert_eq!(course(&[5]), course(&[2, 3, 5]));
}

#[test]
fn pairs_and_dropout_do_not_go_together() {
    let folder = Folder::new();
    let mut job = job(&folder);
    job.learning.loss.kind = DPO;
    job.student.tuning = Tuning::Lora {
        rank: 2,
        alpha: 4.0,
        dropout: 0.1,
        targets: Vec::new(),
    };
    let (_, failed) = fail(Job::Learn(Box::new(job)));
    assert!(failed.message.contains("dropout"), "{failed:?}");
}

#[test]
fn the_start_model_holds_the_student_back() {
    // How much more reward a student comes to, with a tie to its start and without.
    let gain = |start| {
        let folder = Folder::new();
        let mut job = job(&folder);
        job.learning.loss.kind = Kind::Grpo {
            low: 0.2,
            high: 0.2,
            spread: Spread::Population,
            teacher: 0.0,
            start,
        };
        (job.steps, job.checkpoint_every) = (30, 30);
        job.learning.rate.rate = 2e-2;
        let steps = steps(&graded(job, early));
        let of = |steps: &[Step]| {
            let sum: f64 = steps.iter().map(|s| s.metrics.reward.unwrap()).sum();
            sum / steps.len() as f64
        };
        of(&steps[25..]) - of(&steps[..5])
    };
    let (free, tied) = (gain(0.0), gain(3.0));
    assert!(tied < free - 0.1, "{tied} with a tie, {free} without");
}
