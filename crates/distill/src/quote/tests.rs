use std::path::Path;

use record::Prices;

use super::*;
use crate::spec::{Served, Teacher};

const FILE: &str = r#"
[run]
name = "r"
grant = "gt"
[student]
model = "s.gguf"
[teacher]
name = "general"
[data]
items = "i.jsonl"
holdout = "h.jsonl"
student = "{text}"
[stages.cold_start]
steps = 5
learning = { batch = 4, rate = { rate = 1e-3 }, loss = { kind = "cross_entropy" } }
[stages.on_policy]
steps = 20
learning = { batch = 4, rate = { rate = 1e-3 }, loss = { kind = "k1" } }
[evaluate]
scorer = { kind = "exact" }
[budget]
dollars = 1
tokens = 1000
"#;

fn served(name: &str, nanos: u64) -> Teacher {
    let mut spec = crate::file::parse(Path::new("x"), FILE).unwrap();
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
    let mut spec = crate::file::parse(Path::new("x"), FILE).unwrap();
    let mut teachers = teachers.into_iter();
    spec.teacher = teachers.next().unwrap();
    spec.teachers = teachers.collect();
    let right: Vec<f64> = of.iter().flat_map(|t| t.right.clone()).collect();
    let measured = Measured {
        probed: None,
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
    quote(&spec, &measured)
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
