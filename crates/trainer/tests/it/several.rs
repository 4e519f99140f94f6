//! Several teachers: each item is graded by its own.

use crate::child::{Folder, bytes, checkpoints, fail, run, steps};
use crate::served::served;
use lm::Family;
use lm::testing::tiny_gguf;
use trainer::protocol::*;

/// A folder with a second teacher, `coder`, of every third item.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.model("coder"), tiny_gguf(Family::Llama, 3)).unwrap();
    let text = std::fs::read(folder.items()).unwrap();
    let mut all = items(text.as_slice()).unwrap();
    for item in all.iter_mut().step_by(3) {
        item.taught_by = Some("coder".into());
    }
    folder.write_items(&all);
    folder
}

fn further(teacher: Teacher) -> Vec<Further> {
    let name = "coder".into();
    vec![Further { name, teacher }]
}

fn local(folder: &Folder, name: &str) -> Teacher {
    Teacher::Local {
        model: folder.model(name),
    }
}

fn job(folder: &Folder, support: Support) -> Learn {
    let mut job = folder.learn(Kind::ReverseKl);
    job.teachers = further(local(folder, "coder"));
    job.learning.loss.support = support;
    job
}

fn learn(job: &Learn) -> Vec<Report> {
    run(Job::Learn(Box::new(job.clone())))
}

fn digests(reports: &[Report]) -> Vec<String> {
    let checkpoints = checkpoints(reports).into_iter();
    checkpoints.map(|checkpoint| checkpoint.digest).collect()
}

#[test]
fn stopped_after_any_step_two_teachers_lead_to_the_same_bytes() {
    for one_step_off in [false, true] {
        let (whole, parts) = (folder(), folder());
        let mut job_of_whole = job(&whole, Support::Whole);
        job_of_whole.learning.one_step_off = one_step_off;
        let reports = learn(&job_of_whole);
        let Some(Report::Ready(ready)) = reports.first() else {
            panic!("{reports:?}")
        };
        let coder = ready.teachers.get("coder").unwrap();
        assert!(coder.len() == 64 && ready.teacher.as_ref() != Some(coder));
        for until in 1..=6 {
            let mut part = job(&parts, Support::Whole);
            (part.until, part.learning.one_step_off) = (Some(until), one_step_off);
            learn(&part);
        }
        assert_eq!(bytes(&whole.run()), bytes(&parts.run()));
    }
}

#[test]
fn each_item_learns_from_its_own_teacher() {
    let (two, one, other) = (folder(), folder(), folder());
    let both = learn(&job(&two, Support::Whole));
    // Two names of one file are one teacher, loaded once and packed together.
    let mut same = job(&one, Support::Whole);
    same.teachers = further(local(&one, "teacher"));
    let mut alone = job(&other, Support::Whole);
    alone.teachers = further(local(&other, "teacher"));
    let same = learn(&same);
    let text = std::fs::read(other.items()).unwrap();
    let mut all = items(text.as_slice()).unwrap();
    all.iter_mut().for_each(|item| item.taught_by = None);
    other.write_items(&all);
    let alone = learn(&alone);
    assert_eq!(digests(&same), digests(&alone));
    assert_ne!(digests(&same), digests(&both));
    let of = |reports: &[Report]| steps(reports).remove(0);
    let (both, alone) = (of(&both), of(&alone));
    assert_eq!(both.ids, alone.ids);
    assert_eq!(both.tokens, alone.tokens);
    let tokens = both.tokens;
    assert_eq!(tokens.here, tokens.teacher_prompt + tokens.answer);
}

#[test]
fn a_served_one_is_asked_about_its_own_items_alone() {
    for support in [Support::Student(5), Support::Teacher(4)] {
        let (here, there) = (folder(), folder());
        let local = learn(&job(&here, support));
        let mut mixed = job(&there, support);
        mixed.teachers = further(Teacher::Parent);
        let (reports, good) = served(&mixed, (&there, "coder"), |_| ());
        assert!(good, "{:?}", reports.last());
        assert_eq!(digests(&local), digests(&reports), "{support:?}");
        let numbers = |r: &[Report]| steps(r).into_iter().map(|s| s.metrics).collect::<Vec<_>>();
        assert_eq!(numbers(&local), numbers(&reports));
        let mut asked = 0;
        for report in &reports {
            let Report::Score(question) = report else {
                continue;
            };
            asked += question.sequences.len();
            for sequence in &question.sequences {
                assert_eq!(sequence.teacher.as_deref(), Some("coder"));
                assert!(["i0", "i3", "i6"].contains(&sequence.item.as_str()));
            }
        }
        let all: usize = steps(&reports).iter().map(|s| s.items.len() * 2).sum();
        assert!(0 < asked && asked < all, "{asked} of {all}");
        for step in steps(&reports) {
            let tokens = step.tokens;
            assert!(
                tokens.here < tokens.teacher_prompt + tokens.answer || {
                    let mut items = step.items.iter();
                    !items.any(|item| ["i0", "i3", "i6"].contains(&item.as_str()))
                }
            );
        }
    }
}

#[test]
fn a_probe_tells_of_each_teacher() {
    let folder = folder();
    let learn = job(&folder, Support::Whole);
    // One item of the batch is of one teacher: the other one's first is added.
    let reports = run(Job::Probe(Box::new(Probe { learn, items: 1 })));
    let probed = reports.iter().find_map(|report| match report {
        Report::Probed(probed) => Some(probed),
        _ => None,
    });
    let probed = probed.unwrap();
    assert_eq!((probed.items, probed.answers), (1, 4));
    let names: Vec<_> = probed.teachers.iter().map(|t| t.name.as_deref()).collect();
    assert_eq!(names, [None, Some("coder")]);
    for teacher in &probed.teachers {
        assert_eq!(teacher.answers, 2);
        assert!(teacher.kl.is_some() && (0.0..=1.0).contains(&teacher.overlap.unwrap()));
        assert!(teacher.tokenizers.unwrap().same);
    }
}

#[test]
fn what_can_not_go_together_is_said() {
    let folder = folder();
    let refused = |change: &dyn Fn(&mut Learn)| {
        let mut job = job(&folder, Support::Whole);
        change(&mut job);
        fail(Job::Learn(Box::new(job))).1.message
    };
    let served = refused(&|job| job.teachers = further(Teacher::Parent));
    assert!(served.contains("no whole distribution"), "{served}");
    let unknown = refused(&|job| job.teachers.clear());
    assert!(unknown.contains("\"coder\" is none of"), "{unknown}");
    let twice = refused(&|job| job.teachers.extend(job.teachers.clone()));
    assert!(twice.contains("two teachers have one name"), "{twice}");
}
