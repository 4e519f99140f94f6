use super::text::{folded, runs, words};
use super::*;
use crate::random::Random;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

fn line(id: &str, prompt: &str) -> String {
    serde_json::json!({ "id": id, "prompt": prompt }).to_string()
}

fn answered(id: &str, prompt: &str, answer: &str) -> String {
    serde_json::json!({ "id": id, "prompt": prompt, "answer": answer }).to_string()
}

fn run(settings: Settings, hold_out: &[String], rows: &[String]) -> Curated {
    let lines = |rows: &'_ [String]| {
        rows.iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (hold_out, rows) = (lines(hold_out), lines(rows));
    curate(
        settings,
        hold_out.iter().map(String::as_str),
        rows.iter().map(String::as_str),
        &mut |_| {},
    )
    .unwrap()
}

/// Each row's id and its first reason.
fn reasons(curated: &Curated) -> BTreeMap<String, Option<Reason>> {
    let fates = curated.fates.iter();
    fates
        .map(|fate| (fate.id.clone(), fate.reasons.first().copied()))
        .collect()
}

/// Text of `words` words that come from a seed: no two seeds share five on end.
fn prose(seed: u64, words: usize) -> String {
    let mut random = Random::new(seed);
    let word = |_| format!("w{}", random.below(50_000));
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn rows_leave_for_what_they_tell_by_themselves() {
    let rows = [
        "no json".to_owned(),
        r#"{"id": "nothing"}"#.to_owned(),
        line("empty", "  "),
        r#"{"id": "cut", "prompt": "what is a wolf", "answer": "a", "finish_reason": "length"}"#.into(),
        line("mail", "write to anna.berg@example.org about the wolf"),
        answered("refusal", "how do wolves hunt", "I\u{2019}m sorry, but I can't help."),
        r#"{"id": "chat", "messages": [{"role": "user", "content": "where do wolves live"}, {"role": "assistant", "content": "in woods"}]}"#.into(),
        answered("good", "do wolves howl at night", "They do."),
    ];
    let curated = run(Settings::default(), &[], &rows);
    let firsts: Vec<Option<Reason>> = curated
        .fates
        .iter()
        .map(|f| f.reasons.first().copied())
        .collect();
    assert_eq!(
        firsts,
        [
            Some(Reason::Parse),
            Some(Reason::Parse),
            Some(Reason::Length),
            Some(Reason::Finish),
            Some(Reason::Private),
            Some(Reason::Refusal),
            None,
            None,
        ]
    );
    let funnel = &curated.funnel;
    assert_eq!((funnel.rows, funnel.kept), (8, 2));
    assert_eq!(funnel.left(Reason::Parse), 2);
    assert_eq!(funnel.stages[0].entered, 8);
    assert_eq!(funnel.stages[1].entered, 6);
    assert_eq!(funnel.stages[0].examples.len(), 2);
}

#[test]
fn a_row_tells_all_that_is_wrong_with_it_alone() {
    let row = answered(
        "x",
        "call +44 20 7946 0958 today please",
        "As an AI I won't",
    );
    let curated = run(Settings::default(), &[], &[row]);
    assert_eq!(curated.fates[0].reasons, [Reason::Private, Reason::Refusal]);
}

#[test]
fn twins_leave_and_signs_make_a_difference() {
    let rows = [
        line("a", "What is  2 + 2?"),
        line("b", "what is 2 + 2?"),
        line("c", "what is 2 - 2?"),
        line("d", "what is 3 + 2?"),
    ];
    let curated = run(Settings::default(), &[], &rows);
    assert_eq!(curated.funnel.left(Reason::Duplicate), 1);
    assert_eq!(curated.funnel.kept, 3);
}

#[test]
fn near_duplicates_leave_and_relatives_stay_together() {
    let base = prose(1, 120);
    let mut near = base.clone();
    near.push_str(" and two words");
    // Half of it is another's: a likeness of about 0.6.
    let half = format!("{} {}", &base[..base.len() * 3 / 4], prose(2, 8));
    let rows = [
        line("a", &base),
        line("b", &near),
        line("c", &half),
        line("d", &prose(3, 120)),
    ];
    let curated = run(Settings::default(), &[], &rows);
    assert_eq!(
        curated.funnel.left(Reason::NearDuplicate),
        1,
        "{:?}",
        curated.funnel
    );
    let stays: Vec<Option<usize>> = curated.fates.iter().map(|f| f.cluster).collect();
    let first = stays[0].or(stays[1]);
    assert!(
        first.is_some() && first == stays[2] && first != stays[3],
        "{stays:?}"
    );
}

#[test]
fn an_id_belongs_to_one_row() {
    let rows = [
        line("a", "one wolf"),
        line("a", "two wolves"),
        r#"{"prompt": "three"}"#.into(),
    ];
    let curated = run(Settings::default(), &[], &rows);
    assert_eq!(curated.funnel.left(Reason::Id), 1);
    assert_eq!(curated.fates[2].id.len(), 16);
}

#[test]
fn planted_leaks_are_found_and_clean_rows_are_not() {
    // Hold-out texts of 30 words, all with the same wording around them.
    let ask = "Read the text below and answer in one word whether its author is glad or sad today:";
    let held: Vec<String> = (0..100).map(|n| prose(1000 + n, 30)).collect();
    let hold_out: Vec<String> = held
        .iter()
        .enumerate()
        .map(|(n, text)| line(&format!("h{n}"), &format!("{ask} {text}")))
        .collect();
    let mut rows: Vec<String> = (0..500)
        .map(|n| line(&format!("clean{n}"), &format!("{ask} {}", prose(n, 30))))
        .collect();
    let half = |text: &str, from: usize, to: usize| {
        text.split(' ')
            .skip(from)
            .take(to - from)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let planted = [
        ("exact", format!("{ask} {}", held[0])),
        (
            "spelt otherwise",
            format!("{} {}", ask.to_uppercase(), held[1].to_uppercase()),
        ),
        (
            "wrapped",
            format!(
                "{} {} {}",
                prose(7777, 200),
                half(&held[2], 0, 30),
                prose(7778, 200)
            ),
        ),
        (
            "other wording",
            format!("Is the person who wrote this happy? {}", held[3]),
        ),
        ("first half", format!("{ask} {}", half(&held[4], 0, 15))),
        ("second half", format!("{ask} {}", half(&held[4], 15, 30))),
        ("short piece", half(&held[5], 3, 13)),
    ];
    rows.extend(planted.iter().map(|(id, text)| line(id, text)));
    // One word of each five is another's: no long run is left, nor is the half.
    let patchy: Vec<&str> = held[6]
        .split(' ')
        .enumerate()
        .map(|(n, word)| if n == 14 { "other" } else { word })
        .collect();
    rows.push(line("patched", &patchy.join(" ")));
    let settings = Settings {
        // All of them share the wording: they are near to each other, and that is not what is tested.
        duplicates: Duplicates {
            near: 1.0,
            cluster: 1.0,
        },
        ..Settings::default()
    };
    let curated = run(settings, &hold_out, &rows);
    let reasons = reasons(&curated);
    for (id, _) in &planted {
        assert_eq!(reasons[*id], Some(Reason::Leakage), "{id}");
    }
    assert_eq!(reasons["patched"], Some(Reason::Leakage));
    let dropped: Vec<_> = reasons
        .iter()
        .filter(|(id, reason)| id.starts_with("clean") && reason.is_some())
        .collect();
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn the_demonstrations_sentences_are_clean() {
    let kept = |name: &str| {
        let path = format!("{}/../../bench/distill/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let (hold_out, rows) = (kept("holdout.jsonl"), kept("train.jsonl"));
    let settings = Settings {
        text: vec!["sentence".into()],
        group: Some("pattern".into()),
        ..Settings::default()
    };
    let curated = curate(settings, hold_out.lines(), rows.lines(), &mut |_| {}).unwrap();
    assert_eq!(curated.funnel.kept, 1000, "{:?}", curated.funnel);
}

#[test]
fn personal_data_is_found_and_lookalikes_are_not() {
    let finder = private::Finder::new(&Private::ALL).unwrap();
    let found = [
        ("a.b+c@mail.example.co.uk", Private::Email),
        ("ring +49 (0)30 901820 now", Private::Phone),
        ("or (212) 555-0123", Private::Phone),
        ("3782-822463-10005", Private::Card),
        ("4111 1111 1111 1111", Private::Card),
        ("IBAN GB82 WEST 1234 5698 7654 32", Private::Iban),
        ("DE89370400440532013000", Private::Iban),
        ("key sk-proj-abcdefghijklmnopqrstuvwx", Private::Secret),
        ("AKIAIOSFODNN7EXAMPLE", Private::Secret),
        ("-----BEGIN RSA PRIVATE KEY-----", Private::Secret),
    ];
    for (text, kind) in found {
        assert_eq!(finder.find(text), Some(kind), "{text}");
    }
    let lookalikes = [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "GB82 WEST 1234 5698 7654 33",
        "12345678901234567890",
        "2024-11-26 10:30:00",
        "version 1.2.3+4.5.6",
        "see @name and foo@bar",
        "in 1998 he sold 3,200 sk-ates",
        "ISBN 978-3-16-148410-0",
        "x = 3 + 40 (20) 10",
        "12500+21000-6300=27200",
        "profit was 2000000-400000=1600000",
    ];
    for text in lookalikes {
        assert_eq!(finder.find(text), None, "{text}");
    }
    let none = private::Finder::new(&[]).unwrap();
    assert_eq!(none.find("a@example.org"), None);
}

#[test]
fn answers_that_decline_are_told_from_those_that_do_not() {
    let pattern = refusal::phrases(&["That is secret".into()]).unwrap();
    let declines = |answer: &str| refusal::declines(&pattern, answer);
    for answer in [
        "I\u{2019}m sorry, but I can\u{2019}t do that.",
        "I cannot assist with this.",
        "As an AI, I have no team.",
        "As a Large Language Model (LLM), no.",
        "Well, that is secret.",
    ] {
        assert!(declines(answer), "{answer}");
    }
    for answer in [
        "I'm unable to attend the meeting on Friday.",
        "It is taken as an aid to concentration.",
        "I am sorry that you lost it. I can send another.",
        &format!("{} As an AI, no.", "word ".repeat(80)),
        "",
    ] {
        assert!(!declines(answer), "{answer}");
    }
}

#[test]
fn answers_are_checked() {
    let kept = |check: Check, answer: &str| {
        let row = serde_json::json!({"prompt": "x", "answer": answer, "expected": r#"{"a": 1}"#});
        let settings = Settings {
            check: Some(check),
            ..Settings::default()
        };
        run(settings, &[], &[row.to_string()]).funnel.kept == 1
    };
    let expected = |rule| Check::Expected {
        field: "expected".into(),
        rule,
    };
    let json = || expected(crate::measure::Rule::JsonFields { fields: vec![] });
    assert!(kept(json(), r#"{"a":1}"#) && !kept(json(), r#"{"a":2}"#));
    let fields = || Check::Fields {
        fields: vec!["a".into()],
    };
    assert!(kept(fields(), r#"so: {"a": "z"}"#));
    assert!(!kept(fields(), r#"{"a": 1, "b": 2}"#) && !kept(fields(), "none"));
    let regex = || Check::Regex {
        pattern: "^yes".into(),
    };
    assert!(kept(regex(), "yes, it is") && !kept(regex(), "oh yes"));
    let schema = || {
        let schema = serde_json::json!({"properties": {"a": {"type": "integer"}}});
        Check::JsonSchema {
            schema: schema.try_into().unwrap(),
        }
    };
    assert!(kept(schema(), r#"{"a":1}"#) && !kept(schema(), r#"{"a":"1"}"#));
}

#[test]
fn classes_become_nearly_equal() {
    let rows: Vec<String> = (0..100)
        .map(|n| {
            let class = if n < 90 { "many" } else { "few" };
            serde_json::json!({"prompt": prose(n, 10), "class": class}).to_string()
        })
        .collect();
    let settings = Settings {
        balance: Some(Balance {
            field: "class".into(),
            most: 2.0,
        }),
        ..Settings::default()
    };
    let curated = run(settings, &[], &rows);
    assert_eq!(curated.funnel.left(Reason::Balance), 70);
    assert!(curated.fates[90..].iter().all(|fate| fate.part.is_some()));
}

fn halves(seed: u64) -> Settings {
    let split = |name: &str, share| Split {
        name: name.into(),
        share,
    };
    Settings {
        splits: vec![split("train", 0.8), split("test", 0.2)],
        seed,
        group: Some("group".into()),
        ..Settings::default()
    }
}

#[test]
fn parts_have_their_shares() {
    let rows: Vec<String> = (0..1000)
        .map(|n| line(&format!("{n}"), &prose(n, 12)))
        .collect();
    let curated = run(halves(4), &[], &rows);
    let counts: Vec<u64> = curated.frozen.parts.iter().map(|part| part.rows).collect();
    assert_eq!(counts, [800, 200]);
    assert_ne!(curated.frozen, run(halves(5), &[], &rows).frozen);
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        Curator::new(settings).err()
    };
    assert!(matches!(
        refused(|s| s.duplicates.near = 0.2),
        Some(CurateError::Setting { .. })
    ));
    assert!(matches!(
        refused(|s| s.leakage.wording = f64::NAN),
        Some(CurateError::Setting { .. })
    ));
    let none = |s: &mut Settings| {
        s.splits = vec![Split {
            name: "a".into(),
            share: 0.0,
        }]
    };
    assert!(matches!(refused(none), Some(CurateError::Setting { .. })));
    let bad = |s: &mut Settings| {
        s.check = Some(Check::Regex {
            pattern: "(".into(),
        })
    };
    assert!(matches!(refused(bad), Some(CurateError::Check(_))));
    let mut few = Curator::new(Settings {
        most_rows: 1,
        ..Settings::default()
    })
    .unwrap();
    few.push(&line("a", "b")).unwrap();
    assert!(matches!(few.push("x"), Err(CurateError::Rows(1))));
    let mut curator = Curator::new(Settings::default()).unwrap();
    assert!(matches!(
        curator.hold_out("x"),
        Err(CurateError::HoldOut { line: 0, .. })
    ));
}

/// Rows of all sorts: fresh ones, twins, near ones, relatives, groups, bad ones.
fn mixture() -> impl Strategy<Value = Vec<String>> {
    let row = (0_u64..12, 0_u64..6, 0_usize..40).prop_map(|(text, change, group)| {
        let words = prose(text, 60);
        let prompt = match change {
            0 => words,
            1 => words.to_uppercase(),
            2 => format!("{words} and more"),
            3 => format!(
                "{} {}",
                &words[..words.len() * 3 / 4],
                prose(text + 100, 12)
            ),
            4 => return "{".to_owned(),
            _ => format!("{words} someone@example.org"),
        };
        serde_json::json!({"prompt": prompt, "group": group.to_string()}).to_string()
    });
    prop::collection::vec(row, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_rows_does_not_matter(rows in mixture(), seed: u64) {
        let first = run(halves(seed), &[], &rows);
        let mut shuffled = rows;
        let mut random = Random::new(seed);
        for place in (1..shuffled.len()).rev() {
            shuffled.swap(place, random.below(place + 1));
        }
        let second = run(halves(seed), &[], &shuffled);
        prop_assert_eq!(&first.frozen, &second.frozen);
        let counts = |c: &Curated| c.funnel.stages.iter().map(|s| (s.entered, s.left)).collect::<Vec<_>>();
        prop_assert_eq!(counts(&first), counts(&second));
        let kept = |c: &Curated| {
            let fates = c.fates.iter().filter_map(|f| Some((f.id.clone(), f.part?)));
            fates.collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(kept(&first), kept(&second));
    }

    #[test]
    fn every_row_stays_in_one_part_or_leaves_for_a_reason(rows in mixture(), seed: u64) {
        let curated = run(halves(seed), &[], &rows);
        prop_assert_eq!(curated.fates.len(), rows.len());
        for fate in &curated.fates {
            prop_assert_eq!(fate.part.is_none(), !fate.reasons.is_empty());
        }
        let kept = curated.fates.iter().filter(|f| f.part.is_some()).count() as u64;
        prop_assert_eq!(curated.funnel.kept, kept);
        prop_assert_eq!(curated.frozen.parts.iter().map(|p| p.rows).sum::<u64>(), kept);
    }

    #[test]
    fn no_cluster_or_group_is_on_both_sides(rows in mixture(), seed: u64) {
        let curated = run(halves(seed), &[], &rows);
        let mut parts: HashMap<(bool, String), usize> = HashMap::new();
        for (fate, row) in curated.fates.iter().zip(&rows) {
            let (Some(part), Some(cluster)) = (fate.part, fate.cluster) else { continue };
            let group = Row::parse(row).unwrap().field("group").unwrap();
            for key in [(true, cluster.to_string()), (false, group)] {
                prop_assert_eq!(*parts.entry(key).or_insert(part), part);
            }
        }
    }

    #[test]
    fn likeness_is_near_the_true_share(shared in 1_usize..200, own in 0_usize..200, seed: u64) {
        let words_of = |seed: u64, count: usize| {
            let mut random = Random::new(seed);
            (0..count).map(|_| random.next()).collect::<Vec<_>>()
        };
        let common = words_of(seed, shared);
        let (a, b) = (words_of(seed ^ 1, own), words_of(seed ^ 2, own));
        let min_hash = minhash::MinHash::new();
        let sign = |own: &[u64]| min_hash.signature(&[common.as_slice(), own].concat());
        let truth = shared as f64 / (shared + 2 * own) as f64;
        // Five standard errors.
        prop_assert!((minhash::likeness(&sign(&a), &sign(&b)) - truth).abs() < 0.23);
    }

    #[test]
    fn folded_texts_have_one_space_between_words(text in ".{0,80}") {
        let folded = folded(&text);
        let words_of = folded.split_whitespace().collect::<Vec<_>>();
        prop_assert_eq!(&folded, &words_of.join(" "));
        let words = words(&folded);
        prop_assert!(words.len() <= words_of.len());
        prop_assert!(runs(&words, 5).len() <= words.len());
    }
}
