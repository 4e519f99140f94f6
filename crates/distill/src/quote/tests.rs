use record::Prices;
use trainer::protocol::Metrics;

use super::*;
use crate::example::run_file;
use crate::spec::{Served, Teacher};

/// A run of a cold start and an on-policy stage.
fn example() -> Spec {
    run_file(&[
        ("name = \"t\"", "name = \"general\""),
        ("steps = 4", "steps = 20"),
        ("batch = 2", "batch = 4"),
        ("reverse_kl", "k1"),
        (
            "[stages.on_policy]",
            "[stages.cold_start]\nsteps = 5\nlearning = { batch = 4, rate = { rate = 1e-3 }, \
             loss = { kind = \"cross_entropy\" } }\n[stages.on_policy]",
        ),
    ])
}

fn served(name: &str, nanos: u64) -> Teacher {
    let mut spec = example();
    spec.teacher.name = name.into();
    spec.teacher.served = Some(Served {
        upstream: "u".into(),
        model: name.into(),
        prices: Prices {
            input: nanos,
            cached: nanos,
            output: nanos,
            reasoning: nanos,
        },
    });
    spec.teacher
}

/// A teacher of so many of the rows.
fn of(items: usize, holdout: usize, right: f64) -> OfTeacher {
    OfTeacher {
        items,
        holdout,
        known: 0,
        start: vec![0.0; holdout],
        right: vec![right; holdout],
        lengths: vec![10; holdout],
        prompt: 20.0,
        speed: Speed {
            loading: 0.0,
            each: 1.0,
        },
    }
}

fn quoted(teachers: Vec<Teacher>, of: &[OfTeacher]) -> Quote {
    quoted_of(&with(teachers), None, of)
}

/// The run with these teachers.
fn with(teachers: Vec<Teacher>) -> Spec {
    let mut spec = example();
    let mut teachers = teachers.into_iter();
    spec.teacher = teachers.next().unwrap();
    spec.teachers = teachers.collect();
    spec
}

fn quoted_of(spec: &Spec, probed: Option<&Probed>, of: &[OfTeacher]) -> Quote {
    let right: Vec<f64> = of.iter().flat_map(|t| t.right.clone()).collect();
    let measured = Measured {
        probed,
        start: &vec![0.0; right.len()],
        teacher: &right,
        lengths: &[10, 10],
        teacher_lengths: &[10, 10],
        speed: Speed {
            loading: 0.0,
            each: 1.0,
        },
        items: of.iter().map(|t| t.items).sum(),
        holdout: right.len(),
        teachers: of,
        spent: Amount::ZERO,
    };
    quote(spec, &measured)
}

/// A probe of 4 answers of 10 tokens, of which the teacher's prompts took so many in all.
fn probed(teacher_prompt: u64, scoring: f64) -> Probed {
    let told = serde_json::json!({
        "items": 4,
        "answers": 4,
        "metrics": Metrics::default(),
        "tokens": { "student_prompt": 40, "teacher_prompt": teacher_prompt, "answer": 40 },
        "longest": 20,
        "seconds": { "sampling": 4.0, "scoring": scoring, "learning": 4.0, "refreshing": 0.0 },
        "loading": 0.0,
        "memory": 0,
    });
    serde_json::from_value(told).unwrap()
}

/// The likely seconds.
fn seconds(quote: &Quote) -> f64 {
    quote.seconds[1].get()
}

/// The likely nanodollars.
fn nanos(quote: &Quote) -> f64 {
    quote.amount[1].money.nanos() as f64
}

fn close(is: f64, wanted: f64) {
    assert!((is - wanted).abs() <= 1e-6 * wanted, "{is} for {wanted}");
}

/// What the run takes more, by `of`, when its stage has as many steps again.
fn doubled(
    spec: &Spec,
    stage: fn(&mut Spec) -> &mut crate::spec::Stage,
    of: impl Fn(&Spec) -> f64,
) -> f64 {
    let mut twice = spec.clone();
    stage(&mut twice).steps *= 2;
    of(&twice) - of(spec)
}

fn cold(spec: &mut Spec) -> &mut crate::spec::Stage {
    spec.stages.cold_start.as_mut().unwrap()
}

fn own(spec: &mut Spec) -> &mut crate::spec::Stage {
    spec.stages.on_policy.as_mut().unwrap()
}

fn kind(json: &str) -> trainer::protocol::Kind {
    serde_json::from_str(json).unwrap()
}

#[test]
fn each_teacher_is_paid_for_its_share_at_its_price() {
    let one = quoted(vec![served("a", 1000)], &[of(90, 30, 1.0)]);
    let two = [of(60, 20, 1.0), of(30, 10, 1.0)];
    // Two at one price cost what one does.
    let same = quoted(vec![served("a", 1000), served("b", 1000)], &two);
    assert_eq!(one.amount[1].tokens, same.amount[1].tokens);
    let dollars = |quote: &Quote| quote.amount[1].money.nanos() as f64;
    let likely = |a: f64, b: f64| assert!((a - b).abs() <= 1e-3 * b, "{a} and {b}");
    likely(dollars(&same), dollars(&one));
    // A third of the rows at ten times the price; a third for nothing.
    let dear = quoted(vec![served("a", 1000), served("b", 10_000)], &two);
    likely(dollars(&dear), dollars(&one) * (2.0 + 10.0) / 3.0);
    let mut here = served("b", 0);
    (here.served, here.model) = (None, Some("b.gguf".into()));
    let mixed = quoted(vec![served("a", 1000), here], &two);
    likely(dollars(&mixed), dollars(&one) * 2.0 / 3.0);
    // Its smoke test is on top.
    assert!(mixed.amount[1].tokens > one.amount[1].tokens);
}

#[test]
fn the_gap_of_each_teacher_is_told() {
    let teachers = || vec![served("a", 1), served("b", 1)];
    let why = quoted(teachers(), &[of(60, 20, 1.0), of(30, 10, 0.0)]).why;
    assert!(
        why.starts_with("on 30 items the teacher is 66.7 points over the start"),
        "{why}"
    );
    assert!(
        why.contains("a 100.0 points over it (100.0 to 100.0) on 20"),
        "{why}"
    );
    assert!(
        why.contains("b 0.0 points over it (0.0 to 0.0) on 10, no gap"),
        "{why}"
    );
    let none = quoted(teachers(), &[of(60, 20, 0.0), of(30, 10, 0.0)]);
    assert_eq!(none.verdict, "do_not");
    let one = quoted(vec![served("a", 1)], &[of(90, 30, 1.0)]).why;
    assert_eq!(
        one,
        "on 30 items the teacher is 100.0 points over the start (100.0 to 100.0)"
    );
}

#[test]
fn a_pair_is_two_answers_that_are_scored_before_they_are_learnt() {
    let mut spec = with(vec![served("a", 1000)]);
    spec.evaluate.teacher = false;
    spec.stages.on_policy = None;
    cold(&mut spec).learning.loss.kind = kind("\"dpo\"");
    let mut teacher = of(90, 30, 1.0);
    let quoted =
        |spec: &Spec, teacher: &OfTeacher| quoted_of(spec, None, std::slice::from_ref(teacher));
    let more = doubled(&spec, cold, |spec| seconds(&quoted(spec, &teacher)));
    // 5 steps of 4 pairs, an answer's pass a second.
    close(more, 5.0 * 4.0 * 2.0 * 2.0);
    // `samples` are those of sampled answers.
    cold(&mut spec).learning.samples = 3;
    close(
        doubled(&spec, cold, |spec| seconds(&quoted(spec, &teacher))),
        more,
    );
    // Nothing is collected: no teacher is loaded for it, and none reads.
    let before = quoted(&spec, &teacher);
    teacher.speed.loading = 1000.0;
    let after = quoted(&spec, &teacher);
    close(seconds(&after), seconds(&before));
    assert_eq!(after.amount[1].tokens, 0);
}

#[test]
fn a_probe_of_pairs_has_their_scoring_in_it() {
    let mut spec = with(vec![served("a", 1000)]);
    cold(&mut spec).learning.loss.kind = kind("\"dpo\"");
    let each = |spec: &Spec, probed: &Probed| {
        let more = doubled(spec, cold, |spec| {
            seconds(&quoted_of(spec, Some(probed), &[of(90, 30, 1.0)]))
        });
        more / (5.0 * 4.0 * 2.0)
    };
    // Four answers were learnt in four seconds, by a loss of single ones.
    close(each(&spec, &probed(80, 4.0)), 2.0);
    // Of an item's four answers two were learnt.
    own(&mut spec).learning.loss.kind = kind("\"dpo\"");
    own(&mut spec).learning.samples = 4;
    close(each(&spec, &probed(0, 0.0)), 2.0);
    own(&mut spec).learning.samples = 2;
    close(each(&spec, &probed(0, 0.0)), 1.0);
}

#[test]
fn each_teacher_reads_prompts_of_its_own_length() {
    let mut two = [of(50, 10, 1.0), of(50, 10, 1.0)];
    (two[0].prompt, two[1].prompt) = (1000.0, 10.0);
    let more = |prices: [u64; 2], of: &[OfTeacher], probed: Option<&Probed>| {
        let spec = with(vec![served("a", prices[0]), served("b", prices[1])]);
        doubled(&spec, own, |spec| nanos(&quoted_of(spec, probed, of)))
    };
    // 20 steps of 4 answers of 10 tokens, half of them each one's.
    let skewed = probed(4 * 400, 4.0);
    for probed in [None, Some(&skewed)] {
        close(more([1000, 0], &two, probed), 40.0 * 1010.0 * 1000.0);
        close(more([0, 1000], &two, probed), 40.0 * 20.0 * 1000.0);
    }
    // The only one's are those that the probe read.
    let spec = with(vec![served("a", 1000)]);
    let one = [of(90, 30, 1.0)];
    let more = doubled(&spec, own, |spec| {
        nanos(&quoted_of(spec, Some(&skewed), &one))
    });
    close(more, 80.0 * 410.0 * 1000.0);
}

#[test]
fn a_cold_start_s_scores_take_time_where_the_probe_asked_for_none() {
    let mut teacher = of(90, 30, 1.0);
    teacher.speed.each = 3.0;
    let scoring = |own_kind: &str, probed: &Probed| {
        let mut spec = with(vec![served("a", 1000)]);
        own(&mut spec).learning.loss.kind = kind(own_kind);
        let more = |loss: &str| {
            let mut spec = spec.clone();
            cold(&mut spec).learning.loss.kind = kind(loss);
            let of = [teacher.clone()];
            doubled(&spec, cold, |spec| {
                seconds(&quoted_of(spec, Some(probed), &of))
            })
        };
        (more("\"forward_kl\"") - more("\"cross_entropy\"")) / (5.0 * 4.0)
    };
    close(scoring("\"grpo\"", &probed(0, 0.0)), 3.0);
    close(scoring("\"dpo\"", &probed(0, 0.0)), 3.0);
    // Else what the probe's took: a second an answer.
    close(scoring("\"k1\"", &probed(80, 4.0)), 1.0);
}
