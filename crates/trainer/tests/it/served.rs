//! A teacher that the parent asks.

use crate::child::{Child, Folder, checkpoints, run, steps};
use lm::{Model, Options, Scoring};
use trainer::protocol::*;

/// Answers a child's questions from a model, as a parent would.
pub(crate) fn answer(model: &Model, question: &Score) -> Scores {
    let one = |s: &Sequence| {
        let scoring = Scoring {
            tokens: &s.tokens,
            from: s.from,
            top: question.top as usize,
            at: &s.ids,
        };
        let scored = model.score_many(&[scoring]).unwrap().remove(0);
        let position = |s: lm::Scored| PositionScores {
            at: s.at.iter().map(|&lp| Some(lp)).collect(),
            top: s.top.iter().map(|t| (t.token, t.logprob)).collect(),
            tail: Some(f64::from(s.tail).exp()),
        };
        let positions = scored.into_iter().map(position).collect();
        Some(SequenceScores { positions })
    };
    Scores {
        question: question.question,
        sequences: question.sequences.iter().map(one).collect(),
    }
}

/// Does a job with a parent that answers as `change` lets it.
pub(crate) fn served(
    job: &Learn,
    of: (&Folder, &str),
    change: impl Fn(&mut Scores),
) -> (Vec<Report>, bool) {
    served_job(Job::Learn(Box::new(job.clone())), of, change)
}

/// The same of any job.
pub(crate) fn served_job(
    job: Job,
    (folder, teacher): (&Folder, &str),
    change: impl Fn(&mut Scores),
) -> (Vec<Report>, bool) {
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let model = Model::load(&folder.model(teacher), &options).unwrap();
    let mut child = Child::new();
    child.job(job);
    let mut reports = Vec::new();
    while let Some(report) = child.next() {
        if let Report::Score(question) = &report {
            let mut scores = answer(&model, question);
            change(&mut scores);
            child.tell(&Order::Scores(scores));
        }
        reports.push(report);
    }
    let (_, good) = child.rest();
    (reports, good)
}

fn job(folder: &Folder, support: Support) -> Learn {
    let mut job = folder.learn(Kind::ReverseKl);
    (job.steps, job.learning.loss.support) = (3, support);
    job
}

#[test]
fn a_served_teacher_teaches_as_one_beside_the_student() {
    for support in [Support::Student(5), Support::Union(4), Support::Teacher(4)] {
        let (here, there) = (Folder::new(), Folder::new());
        let local = run(Job::Learn(Box::new(job(&here, support))));
        let mut job = job(&there, support);
        job.teacher = Teacher::Parent;
        let (served, good) = served(&job, (&there, "teacher"), |_| ());
        assert!(good);
        let digests = |r: &[Report]| {
            checkpoints(r)
                .into_iter()
                .map(|c| c.digest)
                .collect::<Vec<_>>()
        };
        assert_eq!(digests(&local), digests(&served), "{support:?}");
        let metrics = |r: &[Report]| steps(r).into_iter().map(|s| s.metrics).collect::<Vec<_>>();
        assert_eq!(metrics(&local), metrics(&served));
    }
}

#[test]
fn a_question_says_all_that_a_teacher_needs() {
    let folder = Folder::new();
    let mut job = job(&folder, Support::Student(5));
    job.teacher = Teacher::Parent;
    let (reports, _) = served(&job, (&folder, "teacher"), |_| ());
    let question = reports.iter().find_map(|r| match r {
        Report::Score(score) => Some(score),
        _ => None,
    });
    let question = question.unwrap();
    assert_eq!((question.question, question.step, question.top), (1, 1, 16));
    assert_eq!(question.sequences.len(), 6);
    for s in &question.sequences {
        assert_eq!(s.ids.len(), s.tokens.len() - s.from);
        for (ids, token) in s.ids.iter().zip(&s.tokens[s.from..]) {
            assert!(ids.contains(token) && ids.len() <= 6 && ids.is_sorted());
        }
        assert!(
            matches!(&s.prompt, Prompt::Text { text } if text.starts_with("read the examples"))
        );
    }
}

#[test]
fn what_the_teacher_does_not_score_is_not_learnt() {
    let folder = Folder::new();
    let mut job = job(&folder, Support::Student(5));
    job.teacher = Teacher::Parent;
    let (reports, good) = served(&job, (&folder, "teacher"), |scores| {
        scores.sequences[1] = None
    });
    let all = steps(&reports);
    assert!(good && all.iter().all(|s| s.unscored == 1 && s.metrics.tokens > 0));
    let (reports, good) = served(&job, (&Folder::new(), "teacher"), |s| {
        s.sequences.fill(None)
    });
    assert!(!good || steps(&reports).is_empty());
}

#[test]
fn impossible_scores_end_the_job_and_the_checkpoint_stands() {
    let folder = Folder::new();
    let mut job = job(&folder, Support::Student(5));
    job.teacher = Teacher::Parent;
    let spoil = |scores: &mut Scores| {
        if scores.question == 2
            && let Some(s) = &mut scores.sequences[0]
        {
            s.positions[0].at[0] = Some(0.5);
        }
    };
    let (reports, good) = served(&job, (&folder, "teacher"), spoil);
    let Some(Report::Failed(failed)) = reports.last() else {
        panic!("{reports:?}")
    };
    assert!(!good);
    assert_eq!(
        (failed.fault, failed.code.as_str()),
        (Fault::Teacher, "scores_invalid")
    );
    // It goes on from step 1.
    let (reports, good) = served(&job, (&folder, "teacher"), |_| ());
    assert!(good);
    assert_eq!(steps(&reports)[0].step, 2);
}

#[test]
fn one_step_off_asks_before_it_samples_the_next() {
    let folder = Folder::new();
    let mut job = job(&folder, Support::Student(5));
    (job.teacher, job.learning.one_step_off) = (Teacher::Parent, true);
    let (reports, good) = served(&job, (&folder, "teacher"), |_| ());
    assert!(good);
    let staleness: Vec<u32> = steps(&reports).iter().map(|s| s.staleness).collect();
    assert_eq!(staleness, [0, 1, 1]);
}
