//! Runs with several teachers: each row has its own, here and elsewhere, and what is true of runs with
//! one is true of them.

use std::collections::HashMap;

use distill::Spec;
use distill::spec::{Rows, Served, Teacher};
use record::id::kind;
use record::{CallRole, Cause, Id, RunEvent, Stage};
use trainer::protocol::Support;

use crate::house::{House, Wanted};
use crate::kill::{check_calls, ended, killed, outcome};
use crate::stops::{Scripted, drive};

/// Rows of which every third one is code.
fn write_rows(house: &House) {
    for (name, from, to) in [("items", 0, 9), ("holdout", 20, 26)] {
        let rows: String = (from..to)
            .map(|n| {
                let domain = if n % 3 == 0 { "code" } else { "prose" };
                format!("{{\"id\":\"r{n}\",\"text\":\"what is {n}\",\"domain\":\"{domain}\"}}\n")
            })
            .collect();
        std::fs::write(house.path(name).with_extension("jsonl"), rows).unwrap();
    }
}

fn is_code(id: &str) -> bool {
    id.trim_start_matches('r').parse::<u64>().unwrap() % 3 == 0
}

/// A run whose code has a teacher of its own, elsewhere or here.
fn spec(house: &House, wanted: &Wanted, served: bool) -> Spec {
    write_rows(house);
    let mut spec = house.spec(wanted);
    let prices = record::Prices {
        input: 1000,
        cached: 1000,
        output: 1000,
        reasoning: 1000,
    };
    spec.teachers = vec![Teacher {
        name: "coder".into(),
        model: (!served).then(|| house.path("coder.gguf")),
        served: served.then(|| Served {
            upstream: "elsewhere".into(),
            model: "coder".into(),
            prices,
        }),
        idempotent: true,
        licence: "apache-2.0".into(),
        rows: Some(Rows {
            field: "domain".into(),
            is: vec!["code".into(), "sql".into()],
        }),
        share: None,
    }];
    if let (Some(stage), true) = (&mut spec.stages.on_policy, served) {
        stage.learning.loss.support = Support::Student(4);
    }
    spec
}

fn steps() -> u64 {
    match std::env::var_os("STILLHOUSE_SOAK") {
        Some(_) => 160,
        None => 8,
    }
}

#[test]
fn two_teachers_here_killed_and_resumed_end_as_their_twin() {
    let house = House::new();
    let wanted = Wanted {
        cold: true,
        steps: steps(),
        ..Wanted::default()
    };
    let settings = spec(&house, &wanted, false);
    let twin = house.make(&settings);
    let whole = house.finish(twin);
    assert!(ended(&whole), "{:?} {:?}", whole.stage, whole.cause);
    let run = house.make(&settings);
    let deaths = (0..16).map(|n| format!("event:{}", 2 + n % 3));
    let (state, died) = killed(&house, run, deaths);
    assert!(died >= 5, "{died}");
    assert_eq!(outcome(&state), outcome(&whole));
    house.check_money(&[twin, run]);
    // The routed teachers are what is measured: all of the hold-out, each row by its own.
    assert_eq!(state.teacher.as_ref().map(|score| score.items), Some(6));
    let shares: Vec<_> = state
        .spec
        .all_teachers()
        .map(|t| t.share.clone().unwrap())
        .collect();
    assert_eq!((shares[0].items, shares[0].holdout), (6, 4));
    assert_eq!((shares[1].items, shares[1].holdout), (3, 2));
    let why = &state.quote.as_ref().unwrap().why;
    assert!(
        why.contains("[teacher ") && why.contains("; coder "),
        "{why}"
    );
    assert_eq!(
        why.matches("of likeliest tokens shared").count(),
        2,
        "{why}"
    );
    // With the other file for the same rows it is another student.
    let mut other = settings.clone();
    other.teachers[0].model = Some(house.path("teacher.gguf"));
    let other = house.finish(house.make(&other));
    assert_ne!(outcome(&other).1, outcome(&whole).1);
}

/// What a run bought: roles and items.
fn bought(house: &House, run: Id<kind::Run>) -> Vec<(CallRole, String)> {
    let events = house.events(run);
    check_calls(&events);
    let calls = events.into_iter().filter_map(|event| match event {
        RunEvent::Bought { call, .. } => Some((call.role, call.item)),
        _ => None,
    });
    calls.collect()
}

#[test]
fn of_one_here_and_one_elsewhere_only_its_rows_are_bought_each_once() {
    let house = House::new();
    let wanted = Wanted {
        cold: true,
        steps: steps(),
        ..Wanted::default()
    };
    let settings = spec(&house, &wanted, true);
    let twin = house.make(&settings);
    let whole = house.finish(twin);
    assert!(ended(&whole), "{:?} {:?}", whole.stage, whole.cause);
    let run = house.make(&settings);
    let deaths = (0..16).map(|n| match n % 3 {
        0 => "answer:1".to_owned(),
        1 => "answer:2".to_owned(),
        _ => format!("event:{}", 3 + n % 5),
    });
    let (state, died) = killed(&house, run, deaths);
    assert!(died >= 5, "{died}");
    assert_eq!(outcome(&state), outcome(&whole));
    let (calls, twins) = (bought(&house, run), bought(&house, twin));
    let count = |calls: &[(CallRole, String)]| {
        let mut count: HashMap<(CallRole, String), u64> = HashMap::new();
        calls
            .iter()
            .for_each(|call| *count.entry(call.clone()).or_default() += 1);
        count
    };
    assert_eq!(count(&calls), count(&twins));
    let texts = calls.iter().filter(|(role, _)| *role == CallRole::Answer);
    // Three of the items for the cold start, two of the hold-out.
    assert_eq!(texts.clone().count(), 5);
    assert!(texts.clone().all(|(_, item)| is_code(item)), "{calls:?}");
    let scores = calls.iter().filter(|(role, _)| *role == CallRole::Score);
    assert!(scores.clone().count() >= 4, "{calls:?}");
    assert!(
        scores.clone().all(|(_, item)| item == "part-0@coder"),
        "{calls:?}"
    );
    // Nobody else was asked.
    let log = std::fs::read_to_string(house.path("calls.log")).unwrap();
    assert!(log.lines().all(|call| call.contains("@coder")), "{log}");
    house.check_money(&[twin, run]);
}

#[test]
fn a_grant_and_a_licence_must_cover_each_teacher() {
    let house = House::new();
    let settings = spec(&house, &Wanted::default(), false);
    let approved = |settings: &Spec| {
        let run = house.make(settings);
        assert!(house.drive(run, None).status.success());
        let state = house.state(run);
        let licence = house.events(run).into_iter().find_map(|event| match event {
            RunEvent::Approved { licence, .. } => Some(licence),
            _ => None,
        });
        (state, licence)
    };
    let (_, licence) = approved(&settings);
    assert_eq!(licence.as_deref(), Some("teacher: own; coder: apache-2.0"));
    let refused = |settings: &Spec| {
        let (state, licence) = approved(settings);
        assert_eq!((state.stage, licence), (Stage::Paused, None));
        match state.cause {
            Some(Cause::Grant(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let mut closed = settings.clone();
    closed.teachers[0].licence = "openai".into();
    let why = refused(&closed);
    assert!(
        why.starts_with("coder: the licence `openai` forbids"),
        "{why}"
    );
    let mut other = settings;
    other.teachers[0].name = "stranger".into();
    let why = refused(&other);
    assert!(
        why.contains("does not name the teacher `stranger`"),
        "{why}"
    );
}

#[test]
fn versions_are_watched_by_teacher() {
    let wanted = Wanted {
        served: true,
        steps: 20,
        ..Wanted::default()
    };
    let driven = |house: &House, run, script: &[&'static str]| {
        let (teacher, coder) = (Scripted::new(&[]), Scripted::new(script));
        let teachers: [(&str, &dyn distill::teacher::Teacher); 2] =
            [("teacher", &teacher), ("coder", &coder)];
        let state = drive(house, run, &teachers, &mut |_, _, _| {});
        house.check_money(&[run]);
        state
    };
    // One is of another version than the other all along.
    let house = House::new();
    let run = house.make(&spec(&house, &wanted, true));
    let state = driven(&house, run, &["other"; 40]);
    assert!(ended(&state), "{:?}", state.cause);
    // It changes; also a process that did not hear of the first one finds that.
    let house = House::new();
    let run = house.make(&spec(&house, &wanted, true));
    for script in [&["other", "other", "right"][..], &[]] {
        let state = driven(&house, run, script);
        let Some(Cause::Failed(why)) = &state.cause else {
            panic!("{:?}", state.cause)
        };
        let says = "the teacher `coder` changed its version from b to a";
        assert!(why.contains(says), "{why}");
        house.resume(run);
    }
}
