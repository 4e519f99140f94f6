//! Bad input, and ends that come too early.

use crate::child::{Child, Folder, checkpoints, fail, run, steps};
use lm::Family;
use std::sync::atomic::Ordering;
use trainer::protocol::*;

fn failed(change: impl FnOnce(&mut Learn)) -> Failed {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    change(&mut job);
    fail(Job::Learn(Box::new(job))).1
}

#[test]
fn jobs_that_can_not_be_done_are_told_why() {
    let parent = |job: &mut Learn| job.teacher = Teacher::Parent;
    let kind = |kind| move |job: &mut Learn| job.learning.loss.kind = kind;
    type Change<'a> = (&'a str, &'a str, &'a dyn Fn(&mut Learn));
    let changes: [Change<'_>; 12] = [
        ("job_invalid", "whole distribution", &parent),
        ("job_invalid", "needs a teacher", &|job| {
            job.teacher = Teacher::None
        }),
        ("job_invalid", "temperature than 1", &|job| {
            job.learning.loss.support = Support::Teacher(3);
            job.learning.loss.temperature = 2.0;
        }),
        ("job_invalid", "batch x samples", &|job| {
            job.learning.batch = 0
        }),
        ("job_invalid", "ids of a support", &|job| {
            job.learning.loss.support = Support::Union(0);
        }),
        ("job_invalid", "beta", &kind(Kind::Gjsd { beta: 1.5 })),
        ("job_invalid", "own answers", &|job| {
            job.stage = Stage::ColdStart;
            job.learning.loss.support = Support::Student(3);
        }),
        ("job_invalid", "rate", &|job| job.learning.rate.rate = -1.0),
        ("model_missing", "nowhere.gguf", &|job| {
            job.student.model = "/nowhere.gguf".into();
        }),
        ("file", "nothing.jsonl", &|job| {
            job.items = "/nothing.jsonl".into()
        }),
        ("item_invalid", "room for 16", &|job| job.learning.rows = 16),
        ("checkpoint_unusable", "not there", &|job| {
            job.from = Some(Place {
                stage: Stage::OnPolicy,
                step: 4,
            });
        }),
    ];
    for (code, says, change) in changes {
        let failed = failed(change);
        assert_eq!(failed.code, code, "{failed:?}");
        assert!(failed.message.contains(says), "{says}: {failed:?}");
    }
}

#[test]
fn bad_items_are_named() {
    let folder = Folder::new();
    let job = || Job::Learn(Box::new(folder.learn(Kind::ReverseKl)));
    let write = |text: &str| std::fs::write(folder.items(), text).unwrap();
    write("{\"id\":\"a\",\"student\":{\"text\":\"x\"}}\nnonsense\n");
    let failed = fail(job()).1;
    assert_eq!(
        (failed.fault, failed.code.as_str()),
        (Fault::Items, "items_invalid")
    );
    assert!(failed.message.contains("line 2"), "{failed:?}");
    write("");
    assert!(fail(job()).1.message.contains("holds no items"));
    for (text, says) in [(String::new(), "empty"), ("word ".repeat(600), "context")] {
        let text = serde_json::to_string(&text).unwrap();
        write(&format!(
            "{{\"id\":\"bad one\",\"student\":{{\"text\":{text}}}}}\n"
        ));
        let failed = fail(job()).1;
        assert_eq!(failed.fault, Fault::Items, "{failed:?}");
        assert!(failed.message.contains(says), "{failed:?}");
    }
}

#[test]
fn bad_lines_and_early_ends() {
    for (line, says) in [
        ("nonsense\n", "line 1"),
        ("{\"order\":\"pause\"}\n", "no job"),
        (
            "{\"order\":\"job\",\"version\":9,\"job\":\"learn\"}\n",
            "line 1",
        ),
        ("{\"order\":\"job\"", "line 1"),
    ] {
        let mut child = Child::new();
        child.write(line);
        child.close();
        let (reports, good) = child.rest();
        let Some(Report::Failed(failed)) = reports.last() else {
            panic!("{reports:?}")
        };
        assert!(!good && failed.message.contains(says), "{failed:?}");
    }
}

#[test]
fn another_protocol_is_refused() {
    let folder = Folder::new();
    let mut child = Child::new();
    child.tell(&Order::Job {
        version: VERSION + 1,
        job: Job::Learn(Box::new(folder.learn(Kind::ReverseKl))),
    });
    let (reports, _) = child.rest();
    let Some(Report::Failed(failed)) = reports.last() else {
        panic!("{reports:?}")
    };
    assert!(failed.message.contains("protocol 2"), "{failed:?}");
}

#[test]
fn a_child_notices_that_its_parent_has_gone() {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    job.steps = 500;
    let mut child = Child::new();
    child.job(Job::Learn(Box::new(job)));
    while !matches!(child.next(), Some(Report::Step(_))) {}
    assert_eq!(child.orphaned.load(Ordering::SeqCst), 0);
    child.close();
    let orphaned = std::sync::Arc::clone(&child.orphaned);
    // In the child's own process this would end it; here the job goes on to its end.
    while orphaned.load(Ordering::SeqCst) == 0 {
        assert!(child.next().is_some());
    }
}

#[test]
fn a_training_that_diverges_leaves_its_checkpoint() {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    job.until = Some(1);
    let first = run(Job::Learn(Box::new(job.clone())));
    job.until = None;
    (job.learning.rate.rate, job.learning.clip) = (1e30, 0.0);
    let (reports, failed) = fail(Job::Learn(Box::new(job.clone())));
    assert!(
        matches!(failed.fault, Fault::Learning | Fault::Job),
        "{failed:?}"
    );
    let stands = checkpoints(&reports).pop().or(checkpoints(&first).pop());
    let path = folder.run().join(stands.unwrap().path);
    assert!(path.is_dir());
    // With a sane rate it goes on from the checkpoint before.
    job.from = Some(checkpoints(&first)[0].place);
    job.learning.rate.rate = 1e-3;
    let again = run(Job::Learn(Box::new(job)));
    assert_eq!(steps(&again).len(), 5);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    job.until = Some(1);
    run(Job::Learn(Box::new(job.clone())));
    job.until = None;
    let student = job.student.clone();
    job.student.tuning = Tuning::Full;
    let failed = fail(Job::Learn(Box::new(job.clone()))).1;
    assert_eq!(failed.code, "checkpoint_unusable", "{failed:?}");
    job.student = student;
    let state = folder.run().join("checkpoints/on_policy-000001/state");
    let mut bytes = std::fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&state, &bytes).unwrap();
    let failed = fail(Job::Learn(Box::new(job))).1;
    assert!(failed.message.contains("altered"), "{failed:?}");
}

#[test]
fn a_folder_that_can_not_be_written_is_the_machine_s_fault() {
    let folder = Folder::new();
    std::fs::write(folder.run().join("checkpoints"), "a file").unwrap();
    let failed = fail(Job::Learn(Box::new(folder.learn(Kind::ReverseKl)))).1;
    assert_eq!(failed.fault, Fault::Machine, "{failed:?}");
}

#[test]
fn a_teacher_of_another_family_with_the_same_tokens_teaches() {
    let folder = Folder::new();
    let file = lm::testing::tiny_gguf(Family::Qwen2, 4);
    std::fs::write(folder.model("teacher"), file).unwrap();
    let mut job = folder.learn(Kind::ReverseKl);
    job.steps = 1;
    run(Job::Learn(Box::new(job)));
}
