use super::*;
use proptest::prelude::*;
use serde::Deserialize;

/// What scipy and statsmodels say: `bench/reference/measure_reference.py`.
#[derive(Deserialize)]
struct Reference {
    wilson: Vec<(u64, u64, f64, f64)>,
    values: Vec<f64>,
    grid: Vec<f64>,
    quantiles: Vec<f64>,
    mean: [f64; 3],
    start: Vec<f64>,
    teacher: Vec<f64>,
    students: Vec<Vec<f64>>,
    paired: [f64; 3],
    gap: [f64; 3],
    gap_seeds: [f64; 3],
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn near(value: f64, wanted: f64, most: f64) {
    assert!((value - wanted).abs() <= most, "{value}, not {wanted}");
}

/// The values are equal; the ends differ by the resampling, under 5 % of the width.
fn like(given: Estimate, [value, low, high]: [f64; 3]) {
    near(given.value, value, 1e-12);
    near(given.low, low, 0.05 * (high - low));
    near(given.high, high, 0.05 * (high - low));
}

#[test]
fn wilson_is_statsmodels() {
    for (successes, trials, low, high) in reference().wilson {
        let given = wilson(successes, trials);
        near(given.value, successes as f64 / trials as f64, 0.0);
        near(given.low, low, 1e-12);
        near(given.high, high, 1e-12);
    }
    assert_eq!((wilson(0, 0).low, wilson(0, 0).high), (0.0, 1.0));
}

#[test]
fn quantiles_are_numpys() {
    let Reference {
        mut values,
        grid,
        quantiles,
        ..
    } = reference();
    values.sort_unstable_by(f64::total_cmp);
    for (share, wanted) in grid.iter().zip(quantiles) {
        near(quantile(&values, *share), wanted, 1e-12);
    }
    assert!(quantile(&[], 0.5).is_nan());
}

#[test]
fn bootstrap_intervals_are_scipys() {
    let r = reference();
    let how = Resampling::default();
    like(bootstrap(&r.values, how), r.mean);
    like(paired_difference(&r.students[0], &r.teacher, how), r.paired);
}

#[test]
fn the_recovered_gap_has_scipys_interval_over_items_and_numpys_over_seeds() {
    let r = reference();
    let all: Vec<&[f64]> = r.students.iter().map(Vec::as_slice).collect();
    let arms = |students| Arms {
        start: &r.start,
        teacher: &r.teacher,
        students,
    };
    let one = gap_recovered(&arms(&all[..1]), Resampling::default()).unwrap();
    like(one.recovered, r.gap);
    let three = gap_recovered(&arms(&all), Resampling::default()).unwrap();
    like(three.recovered, r.gap_seeds);
    assert_eq!((one.without_gap, three.without_gap), (0.0, 0.0));
}

#[test]
fn without_a_gap_nothing_is_recovered() {
    let (low, high): (&[f64], &[f64]) = (&[0.0, 1.0], &[1.0, 1.0]);
    let recovered = |start, teacher, students: &[&[f64]]| {
        let arms = Arms {
            start,
            teacher,
            students,
        };
        gap_recovered(&arms, Resampling::default())
    };
    assert_eq!(recovered(high, low, &[low]), None);
    assert_eq!(recovered(low, low, &[high]), None);
    assert_eq!(recovered(low, high, &[]), None);
    assert_eq!(recovered(low, high, &[&[1.0]]), None);
    assert_eq!(recovered(&[], &[], &[&[]]), None);
    // Of two items that differ, a quarter of the resamples draws the one without a gap twice.
    let gap = recovered(low, high, &[high]).unwrap();
    near(gap.without_gap, 0.25, 0.02);
    near(gap.recovered.value, 1.0, 0.0);
}

fn score(rule: Rule, answer: &str, expected: &str) -> Score {
    Scorer::new(&rule).unwrap().score(answer, expected).unwrap()
}

fn fields(names: &[&str]) -> Rule {
    Rule::JsonFields {
        fields: names.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn texts_are_judged() {
    assert!(score(Rule::Exact, " yes\n", "yes").right);
    assert!(!score(Rule::Exact, "Yes", "yes").right);
    assert!(score(Rule::Contains, "oh yes", "yes").right);
    let digits = |answer| {
        let pattern = "^[0-9]+$".into();
        score(Rule::Regex { pattern }, answer, "").right
    };
    assert!(digits("12") && !digits("1x"));
    let bad = Rule::Regex {
        pattern: "(".into(),
    };
    assert!(matches!(Scorer::new(&bad), Err(ScorerError::Pattern(_))));
}

#[test]
fn objects_are_judged_field_by_field() {
    let wanted = r#"{"name": "A {b}", "age": 3}"#;
    let right = score(
        fields(&[]),
        r#"Sure: {"age": 3, "name": "A {b}"} and so on"#,
        wanted,
    );
    assert!(right.right && right.share == 1.0);
    let half = score(fields(&[]), r#"{"name": "A {b}", "age": "3"}"#, wanted);
    assert!(!half.right && half.share == 0.5);
    assert_eq!(half.fields, [("age".into(), false), ("name".into(), true)]);
    let more = score(
        fields(&[]),
        r#"{"name": "A {b}", "age": 3, "x": 1}"#,
        wanted,
    );
    assert!(!more.right && more.share == 1.0);
    assert!(score(fields(&["age"]), r#"{"age": 3, "x": 1}"#, wanted).right);
    for none in ["", "no", "{", r#"{"name": "#, "{1}"] {
        let score = score(fields(&[]), none, wanted);
        assert!(!score.right && score.share == 0.0, "{none}");
    }
    let scorer = Scorer::new(&fields(&["city"])).unwrap();
    assert!(matches!(
        scorer.score("{}", wanted),
        Err(ScorerError::Expected(_))
    ));
}

#[test]
fn perplexity_is_of_the_mean() {
    near(
        perplexity(&[-0.5, -1.5]).unwrap(),
        std::f64::consts::E,
        1e-12,
    );
    assert_eq!(perplexity(&[]), None);
}

#[test]
fn slices_add_up() {
    let items = [("a", true), ("b", false), ("a", false)];
    let all = slices(items);
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].name.as_str(), all[0].items), ("a", 2));
    assert_eq!(all[0].share, wilson(1, 2));
    assert_eq!(share(&[true, false]), wilson(1, 2));
    assert_eq!(cost_per_point(10.0, 0.0, 0.5), Some(0.2));
    assert_eq!(cost_per_point(10.0, 0.5, 0.5), None);
}

proptest! {
    #[test]
    fn intervals_hold_their_value(values in prop::collection::vec(-1e3..1e3_f64, 1..40), seed: u64) {
        let how = Resampling { times: 200, seed };
        let given = bootstrap(&values, how);
        prop_assert!(given.low <= given.high);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(least - 1e-9 <= given.low && given.high <= most + 1e-9);
        prop_assert_eq!(given, bootstrap(&values, how));
    }

    #[test]
    fn wilson_holds_the_share(trials in 1_u64..10_000, part in 0.0..=1.0_f64) {
        let successes = (trials as f64 * part) as u64;
        let given = wilson(successes, trials);
        prop_assert!(0.0 <= given.low && given.low <= given.value);
        prop_assert!(given.value <= given.high && given.high <= 1.0);
    }
}
