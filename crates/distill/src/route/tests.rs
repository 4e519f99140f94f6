use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::example::run_file;
use crate::rows;
use crate::spec::Teacher;

/// A run with further teachers, each of the rows whose field `d` is one of these.
fn spec(further: &[Vec<u8>]) -> Spec {
    let mut spec = run_file(&[("name = \"t\"", "name = \"general\"")]);
    let teachers = further.iter().enumerate();
    let one = |(number, values): (usize, &Vec<u8>)| Teacher {
        name: format!("t{number}"),
        rows: Some(Rows {
            field: "d".into(),
            is: values.iter().map(u8::to_string).collect(),
        }),
        ..spec.teacher.clone()
    };
    spec.teachers = teachers.map(one).collect();
    spec
}

/// Rows with a text and, but for 9, a number as `d`.
fn rows_of(values: &[u8]) -> Vec<Row> {
    let line = |value: &u8| match value {
        9 => "{\"text\":\"x\"}\n".to_owned(),
        value => format!("{{\"text\":\"x\",\"d\":{value}}}\n"),
    };
    let text: String = values.iter().map(line).collect();
    rows::read(Path::new("x"), &text, "id").unwrap()
}

fn assigned(spec: &Spec, rows: &[Row]) -> (Vec<Item>, Vec<u64>) {
    let mut items = rows::items(Path::new("x"), rows, &spec.data).unwrap();
    let counts = assign(spec, rows, &mut items);
    (items, counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each row has one teacher, the first that it fits; a further one takes only what was left.
    #[test]
    fn each_row_has_the_first_teacher_that_it_fits(
        values in proptest::collection::vec(0..10u8, 1..40),
        further in proptest::collection::vec(proptest::collection::vec(0..9u8, 1..4), 0..4),
        most in 1..20usize,
    ) {
        let (spec, rows) = (spec(&further), rows_of(&values));
        let (items, counts) = assigned(&spec, &rows);
        prop_assert_eq!(counts.iter().sum::<u64>(), rows.len() as u64);
        for (value, item) in values.iter().zip(&items) {
            let first = further.iter().position(|its| its.contains(value));
            let number = first.map_or(0, |place| place + 1);
            let name = item.taught_by.as_deref();
            prop_assert_eq!(spec.teacher_number(name), Some(number));
            prop_assert_eq!(name.is_none(), number == 0);
        }
        // They come back from the file that they are written to.
        let read = trainer::protocol::items(rows::lines(&items).as_bytes()).unwrap();
        prop_assert_eq!(&read, &items);
        // Without the last one its rows alone have another.
        if let Some(fewer) = spec.teachers.len().checked_sub(1) {
            let mut before = spec.clone();
            before.teachers.truncate(fewer);
            for (item, old) in items.iter().zip(assigned(&before, &rows).0) {
                let last = spec.teacher_number(item.taught_by.as_deref()) == Some(fewer + 1);
                let kept = if last { old.taught_by.is_none() } else { &old == item };
                prop_assert!(kept);
            }
        }
        let few = few(&spec, &items, most);
        let each = (most / (further.len() + 1)).max(1);
        let mut at = items.iter();
        prop_assert!(few.iter().all(|item| at.any(|other| other == item)), "in their order");
        for number in 0..=further.len() {
            let of = |items: &[Item]| {
                let its = items.iter();
                its.filter(|i| spec.teacher_number(i.taught_by.as_deref()) == Some(number)).count()
            };
            prop_assert_eq!(of(&few), of(&items).min(each));
        }
    }
}

/// What a run with one teacher writes down is what it always was, and what was written is read.
#[test]
fn with_one_teacher_nothing_new_is_written() {
    let (spec, rows) = (spec(&[]), rows_of(&[1, 2, 3]));
    let json = serde_json::to_string(&spec).unwrap();
    assert!(
        json.contains(r#""teacher":{"name":"general","idempotent":false,"licence":""},"data""#)
    );
    let (items, counts) = assigned(&spec, &rows);
    assert_eq!(counts, [3]);
    check(&spec, &rows, &counts).unwrap();
    let lines = rows::lines(&items);
    let first = lines.lines().next().unwrap();
    assert_eq!(first, r#"{"id":"1","student":{"text":"x"}}"#);
    assert_eq!(few(&spec, &items, 2), &items[..2]);
}

#[test]
fn one_that_would_teach_nothing_is_told_with_a_hint() {
    let rows = rows_of(&[1, 2, 9]);
    let told = |spec: &Spec| {
        let counts = assigned(spec, &rows).1;
        let error = check(spec, &rows, &counts).unwrap_err();
        (error.to_string(), error.hint().unwrap().to_owned())
    };
    check(&spec(&[vec![1]]), &rows, &[2, 1]).unwrap();
    let mut other = spec(&[vec![1]]);
    other.teachers[0].rows.as_mut().unwrap().field = "txt".into();
    let (what, hint) = told(&other);
    assert_eq!(
        what,
        "the teacher `t0` takes rows by `txt`, a field that no row has"
    );
    assert_eq!(hint, "did you mean `text`?");
    other.teachers[0].rows.as_mut().unwrap().field = "zzz".into();
    assert_eq!(told(&other).1, "rows have d, text");
    let (what, hint) = told(&spec(&[vec![1], vec![5, 6]]));
    assert_eq!(what, "the teacher `t1` takes no row: `d` is nowhere 5 or 6");
    assert_eq!(hint, "`d` is 1, 2");
    let (what, _) = told(&spec(&[vec![1], vec![1]]));
    assert!(what.contains("those before it take all"), "{what}");
}

/// What is bought for the small evaluation is what all of the hold-out is cut into.
#[test]
fn few_items_that_are_scored_elsewhere_are_whole_calls() {
    let mut spec = spec(&[vec![1], vec![2]]);
    let values: Vec<u8> = (0..150).map(|n| n % 3).collect();
    let (items, _) = assigned(&spec, &rows_of(&values));
    let counts = |spec: &Spec, most: usize| -> Vec<usize> {
        let few = few_measured(spec, &items, most);
        let count = |number: usize| {
            let its = few.iter();
            its.filter(|i| spec.teacher_number(i.taught_by.as_deref()) == Some(number))
                .count()
        };
        (0..3).map(count).collect()
    };
    assert_eq!(
        counts(&spec, 64),
        [21, 21, 21],
        "texts are bought one by one"
    );
    spec.evaluate.scorer = Rule::Perplexity;
    assert_eq!(counts(&spec, 64), [16, 16, 16]);
    assert_eq!(counts(&spec, 120), [32, 32, 32]);
    // As many as there are, and one whole call at least.
    assert_eq!(counts(&spec, 200), [50, 50, 50]);
    assert_eq!(counts(&spec, 20), [16, 16, 16]);
    // On this machine nothing is bought.
    spec.teachers[0].model = Some("x.gguf".into());
    assert_eq!(counts(&spec, 64), [16, 21, 16]);
    spec.evaluate.teacher = false;
    assert_eq!(counts(&spec, 64), [21, 21, 21]);
}
