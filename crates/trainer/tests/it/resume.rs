//! Going on: after every step, after a pause, past what a kill left half written, and back.

use crate::child::{Child, Folder, bytes, checkpoints, run, steps, timeless};
use trainer::protocol::*;

/// Steps, digests of checkpoints, and the bytes of their folders.
type Course = (Vec<Step>, Vec<String>, Vec<(String, Vec<u8>)>);

/// Six steps straight.
fn straight(change: &dyn Fn(&mut Learn)) -> Course {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    change(&mut job);
    let reports = run(Job::Learn(Box::new(job)));
    let digests = checkpoints(&reports).into_iter().map(|c| c.digest);
    (
        timeless(steps(&reports)),
        digests.collect(),
        bytes(&folder.run()),
    )
}

/// The same in as many processes as steps.
fn in_pieces(change: &dyn Fn(&mut Learn)) -> Course {
    let folder = Folder::new();
    let (mut all, mut digests) = (Vec::new(), Vec::new());
    for until in 1..=6 {
        let mut job = folder.learn(Kind::ReverseKl);
        change(&mut job);
        job.until = Some(until);
        let reports = run(Job::Learn(Box::new(job)));
        all.extend(steps(&reports));
        digests.extend(checkpoints(&reports).into_iter().map(|c| c.digest));
        // What a kill in the middle of writing, or of clearing away, leaves.
        for junk in [".on_policy-000009.0.part", ".on_policy-000001.old"] {
            let junk = folder.run().join("checkpoints").join(junk);
            std::fs::create_dir_all(&junk).unwrap();
            std::fs::write(junk.join("state"), "half").unwrap();
        }
    }
    let clean = folder.learn(Kind::ReverseKl);
    run(Job::Learn(Box::new(Learn { steps: 6, ..clean })));
    (timeless(all), digests, bytes(&folder.run()))
}

#[test]
fn steps_in_pieces_are_steps_in_one() {
    assert_eq!(straight(&|_| ()), in_pieces(&|_| ()));
}

#[test]
fn one_step_off_goes_on_with_what_was_sampled_ahead() {
    let off = |job: &mut Learn| job.learning.one_step_off = true;
    let (steps, digests, files) = straight(&off);
    let staleness: Vec<u32> = steps.iter().map(|s| s.staleness).collect();
    assert_eq!(staleness, [0, 1, 1, 1, 1, 1]);
    assert!(files.iter().any(|(name, _)| name.contains("ahead.json")));
    assert_eq!(in_pieces(&off).1, digests);
    assert_ne!(straight(&|_| ()).1, digests);
}

#[test]
fn dropout_and_full_tuning_go_on_as_well() {
    let dropout = |job: &mut Learn| {
        job.student.tuning = Tuning::Lora {
            rank: 2,
            alpha: 4.0,
            dropout: 0.3,
            targets: vec![Target::Query, Target::Down],
        };
    };
    assert_eq!(straight(&dropout).1, pieces_digests(&dropout));
    let full = |job: &mut Learn| job.student.tuning = Tuning::Full;
    assert_eq!(straight(&full).1, pieces_digests(&full));
}

fn pieces_digests(change: &dyn Fn(&mut Learn)) -> Vec<String> {
    let folder = Folder::new();
    let mut out = Vec::new();
    for until in [2, 5, 6] {
        let mut job = folder.learn(Kind::ReverseKl);
        change(&mut job);
        job.until = Some(until);
        let reports = run(Job::Learn(Box::new(job)));
        out.extend(checkpoints(&reports).into_iter().map(|c| c.digest));
    }
    out
}

#[test]
fn threads_change_nothing() {
    let two = |job: &mut Learn| job.threads = 2;
    assert_eq!(straight(&|_| ()).1, straight(&two).1);
}

#[test]
fn a_pause_ends_after_the_step_with_a_checkpoint() {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    (job.steps, job.checkpoint_every) = (1000, 1000);
    let mut child = Child::new();
    child.job(Job::Learn(Box::new(job.clone())));
    while !matches!(child.next(), Some(Report::Step(_))) {}
    child.tell(&Order::Pause);
    let (reports, good) = child.rest();
    let Some(Report::Done(done)) = reports.last() else {
        panic!("{reports:?}")
    };
    let step = done.step.unwrap();
    assert!(good && done.paused && step < 1000);
    assert_eq!(checkpoints(&reports)[0].place.step, step);
    job.until = Some(step + 1);
    let reports = run(Job::Learn(Box::new(job)));
    assert_eq!(steps(&reports)[0].step, step + 1);
}

#[test]
fn a_roll_back_takes_another_course_and_old_checkpoints_go() {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    let first = run(Job::Learn(Box::new(job.clone())));
    let place = |step| Place {
        stage: Stage::OnPolicy,
        step,
    };
    (job.from, job.until) = (Some(place(2)), Some(3));
    let again = run(Job::Learn(Box::new(job.clone())));
    assert_eq!(checkpoints(&again)[0].digest, checkpoints(&first)[2].digest);
    // What came after is gone: it belongs to the other course.
    assert!(!folder.run().join("checkpoints/on_policy-000006").exists());
    job.seed += 1;
    let other = run(Job::Learn(Box::new(job.clone())));
    assert_ne!(checkpoints(&other)[0].digest, checkpoints(&first)[2].digest);
    (job.from, job.until, job.keep) = (None, None, Some(2));
    run(Job::Learn(Box::new(job)));
    let names = std::fs::read_dir(folder.run().join("checkpoints")).unwrap();
    assert_eq!(names.count(), 2);
}
