//! The jobs that do not learn: answers, probes, exports.

use crate::child::{Folder, checkpoints, fail, run};
use crate::served::served_job;
use lm::{Model, Options, Specials};
use trainer::protocol::*;

fn answer(folder: &Folder, who: Who) -> Answer {
    Answer {
        folder: folder.run(),
        items: folder.items(),
        seed: 11,
        who,
        student: folder.student(),
        place: None,
        teacher: Some(folder.model("teacher")),
        sampling: Sampling {
            max_tokens: 8,
            temperature: 0.0,
            slots: 3,
            ..Sampling::default()
        },
        samples: 1,
        score: false,
        fast: false,
        threads: 1,
    }
}

fn answers(job: Answer) -> Vec<Answered> {
    let reports = run(Job::Answer(Box::new(job)));
    let all = reports.into_iter().filter_map(|r| match r {
        Report::Answers(a) => Some(a.answers),
        _ => None,
    });
    all.flatten().collect()
}

fn trained() -> Folder {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    (job.steps, job.checkpoint_every) = (12, 6);
    run(Job::Learn(Box::new(job)));
    folder
}

#[test]
fn start_student_and_teacher_answer_each_as_itself() {
    let folder = trained();
    let start = answers(answer(&folder, Who::Start));
    let student = answers(answer(&folder, Who::Student));
    let teacher = answers(answer(&folder, Who::Teacher));
    let ids = |a: &[Answered]| a.iter().map(|a| a.item.clone()).collect::<Vec<_>>();
    assert_eq!(
        ids(&start),
        (0..7).map(|i| format!("i{i}")).collect::<Vec<_>>()
    );
    let texts = |a: &[Answered]| a.iter().map(|a| a.text.clone()).collect::<Vec<_>>();
    assert_ne!(texts(&start), texts(&student));
    assert_ne!(texts(&start), texts(&teacher));
    assert!(teacher[0].prompt_tokens > start[0].prompt_tokens);
    // A student at an earlier place is another one.
    let mut earlier = answer(&folder, Who::Student);
    earlier.place = Some(Place {
        stage: Stage::OnPolicy,
        step: 6,
    });
    let logprobs = |a: &[Answered]| a.iter().map(|a| a.logprob).collect::<Vec<_>>();
    assert_ne!(logprobs(&answers(earlier)), logprobs(&student));
    // Several answers to an item, the same each time.
    let mut many = answer(&folder, Who::Student);
    (many.samples, many.sampling.temperature) = (3, 1.0);
    let first = answers(many.clone());
    assert_eq!(first.len(), 21);
    assert_eq!(
        first.iter().map(|a| a.sample).collect::<Vec<_>>()[..4],
        [0, 1, 2, 0]
    );
    assert_ne!(first[0].text, first[1].text);
    assert_eq!(answers(many), first);
}

#[test]
fn given_answers_are_scored() {
    let folder = Folder::new();
    let mut job = answer(&folder, Who::Start);
    job.score = true;
    let scored = answers(job);
    let model = Model::load(&folder.model("student"), &Options::default()).unwrap();
    let tokenizer = model.tokenizer();
    let prompt = tokenizer.encode("what is 2?", Specials::Text);
    let mut tokens = prompt.clone();
    tokens.extend(tokenizer.encode("the answer 2", Specials::Text));
    tokens.extend(tokenizer.end());
    let want = model.score(&tokens, 0).unwrap();
    let want: f64 = want[prompt.len() - 1..]
        .iter()
        .map(|s| f64::from(s.logprob))
        .sum();
    assert!((scored[2].logprob - want).abs() < 1e-4);
    assert_eq!(scored[2].tokens, (tokens.len() - prompt.len()) as u64);
    assert_eq!(
        (scored[2].ending, scored[2].text.as_str()),
        (None, "the answer 2")
    );
}

#[test]
fn a_teacher_elsewhere_scores_given_answers_as_one_here() {
    let folder = Folder::new();
    let mut job = answer(&folder, Who::Teacher);
    job.score = true;
    let here = answers(job.clone());
    job.teacher = None;
    let asked = |change: &dyn Fn(&mut Scores)| {
        let job = Job::Answer(Box::new(job.clone()));
        served_job(job, (&folder, "teacher"), change)
    };
    let (reports, good) = asked(&|_| {});
    assert!(good);
    let told = |reports: &[Report]| -> Vec<Answered> {
        let all = reports.iter().filter_map(|r| match r {
            Report::Answers(a) => Some(a.answers.clone()),
            _ => None,
        });
        all.flatten().collect()
    };
    let there = told(&reports);
    assert_eq!(there.len(), 7);
    for (here, there) in here.iter().zip(&there) {
        assert!((here.logprob - there.logprob).abs() < 1e-4);
        let same = |a: &Answered| (a.item.clone(), a.text.clone(), a.prompt_tokens, a.tokens);
        assert_eq!(same(here), same(there));
    }
    // Questions are numbered by their first items, so that each call has a name of its own.
    let steps = reports.iter().filter_map(|r| match r {
        Report::Score(question) => Some(question.step),
        _ => None,
    });
    assert_eq!(steps.collect::<Vec<_>>(), [0, 3, 6]);
    // One that tells nothing of a text can't be measured by it.
    let (reports, good) = asked(&|scores| scores.sequences[0] = None);
    let Some(Report::Failed(failed)) = reports.last() else {
        panic!("{reports:?}")
    };
    assert!(!good && failed.message.contains("how likely"), "{failed:?}");
}

#[test]
fn a_probe_measures_and_leaves_nothing() {
    let folder = Folder::new();
    let probe = Probe {
        learn: folder.learn(Kind::ReverseKl),
        items: 4,
    };
    let reports = run(Job::Probe(Box::new(probe.clone())));
    let Some(Report::Probed(probed)) = reports.iter().rev().nth(1) else {
        panic!("{reports:?}")
    };
    assert_eq!((probed.items, probed.answers), (4, 8));
    let m = probed.metrics;
    assert!(m.kl.unwrap() > 0.0 && probed.kl_error.unwrap() > 0.0 && m.gradient_norm > 0.0);
    assert!(probed.teacher_entropy.unwrap() > 0.0 && probed.memory > 0);
    assert!(probed.tokenizers.unwrap().same && probed.seconds.sampling > 0.0);
    let left = std::fs::read_dir(folder.run().join("checkpoints")).unwrap();
    assert_eq!(left.count(), 0);
    // The student is the same afterwards: a second probe says the same.
    let again = run(Job::Probe(Box::new(probe)));
    let Some(Report::Probed(again)) = again.iter().rev().nth(1) else {
        panic!("no probe")
    };
    assert_eq!(again.metrics, m);
}

#[test]
fn without_a_teacher_a_probe_tells_what_a_step_takes() {
    let folder = Folder::new();
    let mut learn = folder.learn(Kind::CrossEntropy);
    learn.teacher = Teacher::None;
    let probe = Probe { learn, items: 4 };
    let reports = run(Job::Probe(Box::new(probe)));
    let Some(Report::Probed(probed)) = reports.iter().rev().nth(1) else {
        panic!("{reports:?}")
    };
    assert!(probed.seconds.learning > 0.0 && probed.tokens.answer > 0);
    let m = probed.metrics;
    assert_eq!(
        (m.kl, m.overlap, probed.tokens.teacher_prompt),
        (None, None, 0)
    );
}

#[test]
fn exports_are_whole_load_and_answer_as_the_student() {
    let folder = trained();
    let job = Export {
        folder: folder.run(),
        to: "export".into(),
        seed: 11,
        student: folder.student(),
        place: None,
        formats: vec![
            Format::Safetensors,
            Format::GgufF16,
            Format::GgufQ8,
            Format::Adapter,
        ],
        base: "tiny".into(),
    };
    for _ in 0..2 {
        let reports = run(Job::Export(Box::new(job.clone())));
        let Some(Report::Exported(exported)) = reports.iter().rev().nth(1) else {
            panic!("{reports:?}")
        };
        assert_eq!(exported.digest.len(), 64);
        for file in &exported.files {
            let bytes = std::fs::read(folder.run().join("export").join(&file.path)).unwrap();
            assert_eq!(bytes.len() as u64, file.bytes);
            assert_eq!(blake3::hash(&bytes).to_hex().to_string(), file.blake3);
        }
        let names: Vec<&str> = exported.files.iter().map(|f| f.path.as_str()).collect();
        assert!(
            names.contains(&"safetensors/model.safetensors"),
            "{names:?}"
        );
        assert!(
            names.contains(&"adapter/adapter_model.safetensors"),
            "{names:?}"
        );
    }
    let wanted = answers(answer(&folder, Who::Student));
    for name in ["safetensors", "student-f16.gguf", "student-q8_0.gguf"] {
        let mut exported = answer(&folder, Who::Start);
        exported.student.model = folder.run().join("export").join(name);
        let got = answers(exported);
        let pairs = got.iter().zip(&wanted);
        let apart: f64 = pairs.map(|(a, b)| (a.logprob - b.logprob).abs()).sum();
        let most = if name == "safetensors" { 1e-4 } else { 5.0 };
        assert!(apart < most, "{name}: {apart}");
    }
    let outside = Export {
        to: "../elsewhere".into(),
        ..job
    };
    assert_eq!(fail(Job::Export(Box::new(outside))).1.code, "job_invalid");
}

#[test]
fn a_stop_text_stays_where_it_is_asked_for() {
    let folder = Folder::new();
    let whole = answers(answer(&folder, Who::Start));
    let text = &whole[0].text;
    let middle = text
        .chars()
        .nth(text.chars().count() / 2)
        .unwrap()
        .to_string();
    let mut job = answer(&folder, Who::Start);
    job.sampling.stop = vec![middle.clone()];
    let cut = answers(job.clone());
    job.sampling.keep_stop = true;
    let kept = answers(job);
    assert_eq!(cut[0].ending, Some(Ending::Stop));
    assert_eq!(kept[0].text, cut[0].text.clone() + &middle);
}

#[test]
fn a_checkpoint_s_digest_is_that_of_its_student() {
    let folder = Folder::new();
    let mut job = folder.learn(Kind::ReverseKl);
    job.steps = 1;
    let reports = run(Job::Learn(Box::new(job)));
    let digest = &checkpoints(&reports)[0].digest;
    let reports = run(Job::Answer(Box::new(answer(&folder, Who::Student))));
    let Report::Ready(ready) = &reports[0] else {
        panic!("{reports:?}")
    };
    assert_eq!(&ready.student, digest);
}
