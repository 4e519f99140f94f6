//! A teacher with another tokenizer: the student learns from spans of text.

use crate::child::{Folder, bytes, checkpoints, fail, run, steps};
use lm::Family;
use lm::testing::tiny_gguf_merging;
use trainer::protocol::*;

const PLAIN: Kind = Kind::Uld { shared: None };
const SHARED: Kind = Kind::Uld {
    shared: Some(Shared {
        kind: Divergence::ReverseKl,
        weight: 1.0,
        rest: 0.5,
    }),
};

/// A folder whose teacher has fewer merges, and so more tokens of the same text.
fn folder() -> Folder {
    with_fewer("teacher")
}

fn with_fewer(whose: &str) -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.model(whose), tiny_gguf_merging(Family::Qwen2, 2, 3)).unwrap();
    folder
}

fn job(folder: &Folder, kind: Kind, stage: Stage) -> Learn {
    let mut job = folder.learn(kind);
    (job.stage, job.steps, job.checkpoint_every) = (stage, 30, 30);
    (job.learning.batch, job.learning.samples) = (7, 1);
    job.sampling.max_tokens = 12;
    job
}

fn losses(reports: &[Report]) -> (f64, f64) {
    let losses: Vec<f64> = steps(reports).iter().map(|s| s.metrics.loss).collect();
    let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
    (mean(&losses[..4]), mean(&losses[losses.len() - 4..]))
}

#[test]
fn where_texts_alone_are_learnt_a_probe_does_without_the_other_tokenizer() {
    let folder = folder();
    let learn = job(&folder, Kind::CrossEntropy, Stage::ColdStart);
    let reports = run(Job::Probe(Box::new(Probe { learn, items: 3 })));
    let told = reports.iter().find_map(|report| match report {
        Report::Probed(probed) => Some(probed),
        _ => None,
    });
    let probed = told.unwrap();
    assert!(probed.seconds.learning > 0.0);
    assert_eq!((probed.metrics.kl, probed.tokenizers), (None, None));
    // A loss that asks the teacher says what is wrong.
    let learn = job(&folder, Kind::ForwardKl, Stage::ColdStart);
    let (_, said) = fail(Job::Probe(Box::new(Probe { learn, items: 3 })));
    assert!(said.message.contains("token"), "{said:?}");
}

#[test]
fn the_loss_between_vocabularies_falls_in_a_cold_start() {
    for (kind, finer) in [(PLAIN, "teacher"), (SHARED, "teacher"), (SHARED, "student")] {
        let folder = with_fewer(finer);
        let reports = run(Job::Learn(Box::new(job(&folder, kind, Stage::ColdStart))));
        let (first, last) = losses(&reports);
        assert!(last < 0.8 * first, "{kind:?}: from {first} to {last}");
        let step = &steps(&reports)[0];
        // What the teacher read is counted in its own tokens; a span has several of the finer side.
        let (answer, read) = (
            step.tokens.answer,
            step.tokens.here - step.tokens.teacher_prompt,
        );
        match finer {
            "teacher" => assert!(step.metrics.tokens == answer && read > answer),
            _ => assert!(step.metrics.tokens < answer && read < answer),
        }
    }
}

#[test]
fn the_student_s_own_answers_are_read_in_the_teacher_s_tokens() {
    let folder = folder();
    let reports = run(Job::Learn(Box::new(job(&folder, SHARED, Stage::OnPolicy))));
    let (first, last) = losses(&reports);
    assert!(last < first, "from {first} to {last}");
    let all = steps(&reports);
    let told = all.iter().filter_map(|s| s.metrics.kl).count();
    assert_eq!((told, all[0].metrics.overlap), (30, None));
}

#[test]
fn steps_in_pieces_are_steps_in_one() {
    let course = |untils: &[u64]| {
        let folder = folder();
        let mut digests = Vec::new();
        for &until in untils {
            let mut job = job(&folder, SHARED, Stage::OnPolicy);
            (job.checkpoint_every, job.until) = (1, Some(until));
            let reports = run(Job::Learn(Box::new(job)));
            digests.extend(checkpoints(&reports).into_iter().map(|c| c.digest));
        }
        (digests, bytes(&folder.run()))
    };
    assert_eq!(course(&[5]), course(&[1, 3, 5]));
}

#[test]
fn a_probe_measures_it_too() {
    let folder = folder();
    let learn = job(&folder, PLAIN, Stage::OnPolicy);
    let probe = Probe { learn, items: 4 };
    let reports = run(Job::Probe(Box::new(probe)));
    let Some(Report::Probed(probed)) = reports.iter().rev().nth(1) else {
        panic!("{reports:?}")
    };
    let tokenizers = probed.tokenizers.unwrap();
    assert!(
        !tokenizers.same && tokenizers.shared > 250,
        "{tokenizers:?}"
    );
    assert!(probed.metrics.loss > 0.0);
}

#[test]
fn other_losses_point_here_and_what_does_not_fit_is_refused() {
    let folder = folder();
    let refused = |change: &dyn Fn(&mut Learn)| {
        let mut job = job(&folder, PLAIN, Stage::OnPolicy);
        change(&mut job);
        fail(Job::Learn(Box::new(job))).1
    };
    let failed = refused(&|job| job.learning.loss.kind = Kind::ReverseKl);
    assert!(
        failed.code == "tokenizer_mismatch" && failed.hint.contains("uld"),
        "{failed:?}"
    );
    let failed = refused(&|job| job.teacher = Teacher::Parent);
    assert!(
        failed.message.contains("must be on this machine"),
        "{failed:?}"
    );
    let failed = refused(&|job| job.learning.loss.support = Support::Teacher(5));
    assert!(failed.message.contains("whole vocabularies"), "{failed:?}");
    let failed = refused(&|job| job.learning.loss.temperature = 2.0);
    assert!(failed.message.contains("temperature 1"), "{failed:?}");
}
