use proptest::prelude::*;
use record::{
    Actor, Alarm, Amount, Call, CallRole, Id, Interval, Measure, Metric, Money, Paid, Quote, Real,
    RunCreated, RunEvent, Score, Usage, UsageSource,
};

use super::*;
use crate::state::Illegal;

fn real(value: f64) -> Real {
    Real::new(value).unwrap()
}

fn amount(nanos: u64, tokens: u64) -> Amount {
    Amount {
        money: Money::from_nanos(nanos),
        tokens,
    }
}

const RUN_FILE: &str = r#"
run = { name = "r", grant = "g", seed = 7 }
student = { model = "s.gguf" }
teacher = { name = "t", licence = "mit" }
data = { items = "i", holdout = "h", student = "{text}" }
evaluate = { scorer = { kind = "exact" }, every = 4 }
budget = { dollars = 0.00001, tokens = 4000 }
[stages.on_policy]
steps = 10
checkpoint_every = 2
learning = { batch = 2, rate = { rate = 1e-3 }, loss = { kind = "reverse_kl" } }
"#;

pub(crate) fn created(cold: bool, local: bool) -> RunEvent {
    let mut text = RUN_FILE.to_owned();
    if cold {
        text.push_str(
            "[stages.cold_start]\nsteps = 3\nlearning = { batch = 2, rate = { rate = 1e-3 }, loss = { kind = \"cross_entropy\" } }\n",
        );
    }
    if local {
        text = text.replace("name = \"t\"", "name = \"t\", model = \"t.gguf\"");
    }
    let spec = crate::file::parse(std::path::Path::new("x"), &text).unwrap();
    RunEvent::Created(Box::new(RunCreated {
        name: "r".into(),
        grant: Id::from_bytes([1; 16]),
        account: Id::from_bytes([2; 16]),
        parent: None,
        seed: 7,
        spec: serde_json::to_string(&spec).unwrap(),
        budget: spec.budget.amount(),
        student: [3; 32],
        teacher: [4; 32],
        data: [[5; 32], [6; 32]],
    }))
}

fn paid(nanos: u64) -> Paid {
    Paid {
        slice: Id::from_bytes([9; 16]),
        amount: amount(nanos, 10),
    }
}

fn moved(state: &State, to: Stage, cause: Cause, back_to: Option<u64>) -> RunEvent {
    RunEvent::Moved {
        from: state.stage,
        to,
        cause,
        actor: Actor::House,
        back_to,
    }
}

fn score(of: Scored, value: f64) -> Score {
    Score {
        of,
        scorer: "exact".into(),
        items: 10,
        right: Some(5),
        score: Interval {
            low: real(0.0),
            value: real(value),
            high: real(1.0),
        },
    }
}

/// What a driver would write when it does what the plan says, one event at a time; `whim` decides
/// what happens by chance.
pub(crate) fn events(state: &State, whim: u8) -> Vec<RunEvent> {
    match next(state) {
        Next::Move { to, cause } => vec![moved(state, to, cause, None)],
        Next::Approve => vec![RunEvent::Approved {
            grant_revision: 1,
            licence: "mit".into(),
        }],
        Next::Probe => vec![RunEvent::Quoted {
            quote: Box::new(Quote {
                verdict: if whim == 3 { "do_not" } else { "go" }.into(),
                why: String::new(),
                amount: [Amount::ZERO; 3],
                seconds: [real(1.0); 3],
            }),
            paid: paid(1),
        }],
        Next::Smoke => vec![moved(state, Stage::Collect, Cause::Done, None)],
        Next::Collect => vec![moved(state, Stage::Curate, Cause::Done, None)],
        Next::Curate => vec![moved(state, Stage::ColdStart, Cause::Done, None)],
        Next::Learn { stage, until, .. } => learn(state, stage, until, whim),
        Next::Evaluate { who, place } => {
            let (stage, step) = place.unwrap_or((Stage::ColdStart, 0));
            let scores = who.iter().map(|of| score(*of, f64::from(whim) / 255.0));
            vec![RunEvent::Evaluated {
                stage,
                step,
                scores: scores.collect(),
                paid: paid(2),
            }]
        }
        Next::Export => vec![RunEvent::Exported {
            files: vec![record::Export {
                form: "gguf".into(),
                path: "s".into(),
                digest: [1; 32],
            }],
        }],
        Next::Wait => match state.paused_in {
            Some(stage) => vec![moved(state, stage, Cause::Asked("go on".into()), None)],
            None => vec![],
        },
        Next::End => vec![],
    }
}

fn learn(state: &State, stage: Stage, until: u64, whim: u8) -> Vec<RunEvent> {
    if whim > 250 && stage == Stage::OnPolicy {
        let alarm = Cause::Alarm(Alarm::Kl);
        let best = state.best().map_or(0, |best| best.step);
        return vec![moved(state, Stage::Paused, alarm, Some(best))];
    }
    let step = state.done(stage) + 1;
    let mut written = Vec::new();
    if step <= until {
        written.extend(bought(state, stage, step, whim));
        written.push(RunEvent::Step {
            stage,
            step,
            items: [step as u8; 32],
            teacher: [4; 32],
            measures: vec![Measure {
                metric: Metric::Loss,
                value: real(1.0),
            }],
            paid: paid(3),
        });
    }
    if step.min(until).is_multiple_of(2) || step >= until {
        written.push(RunEvent::Checkpoint {
            stage,
            step: step.min(until),
            digest: [step as u8; 32],
        });
    }
    written
}

/// A call for a step, as `drive` makes it: never what the state has an answer to.
fn bought(state: &State, stage: Stage, step: u64, whim: u8) -> Vec<RunEvent> {
    let request = [whim % 2; 32];
    let mut call = Call {
        stage,
        step,
        item: "part-0".into(),
        attempt: 0,
        role: CallRole::Score,
    };
    let (attempt, answer) = state.attempt(&call, &request);
    if answer.is_some() {
        return Vec::new();
    }
    call.attempt = attempt;
    let slice = Id::from_bytes([9; 16]);
    let asked = RunEvent::Asked {
        call: call.clone(),
        request,
        slice,
        worst: amount(50, 40),
        idempotent: whim.is_multiple_of(3),
    };
    let end = match whim % 5 {
        0 => RunEvent::Lost {
            call,
            slice,
            spent: amount(u64::from(whim) % 50, 1),
            why: "lost".into(),
        },
        _ => RunEvent::Bought {
            call,
            request,
            slice,
            usage: Usage {
                input: 1,
                cached_input: 0,
                output: 0,
                reasoning: 0,
                source: UsageSource::Upstream,
            },
            spent: amount(40, 30),
            response: [whim; 32],
        },
    };
    vec![asked, end]
}

/// Runs a run by chance, as long as it goes; whatever does not fit the budget is not written.
fn history(cold: bool, local: bool, whims: &[u8]) -> Vec<RunEvent> {
    let mut history = vec![created(cold, local)];
    let mut state = State::fold(&history).unwrap();
    for whim in whims {
        for event in events(&state, *whim) {
            match state.apply(&event) {
                Ok(()) => history.push(event),
                Err(Illegal::Budget) => return history,
                Err(other) => panic!("{other} at {event:?}"),
            }
        }
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn at_every_prefix_no_budget_is_overrun_and_no_call_bought_twice(
        cold: bool, local: bool, whims in prop::collection::vec(any::<u8>(), 1..150),
    ) {
        let history = history(cold, local, &whims);
        let mut bought = std::collections::HashSet::new();
        for length in 1..=history.len() {
            let state = State::fold(&history[..length]).unwrap();
            let taken = state.spent.plus(state.reserved);
            prop_assert!(taken.fits(state.created.budget));
            if let RunEvent::Bought { call, .. } = &history[length - 1] {
                prop_assert!(bought.insert(call.clone()), "{call:?}");
            }
        }
    }

    #[test]
    fn a_replayed_prefix_goes_on_as_the_whole(
        cold: bool, local: bool, whims in prop::collection::vec(any::<u8>(), 1..150),
        cut in any::<prop::sample::Index>(),
    ) {
        let history = history(cold, local, &whims);
        let cut = cut.index(history.len()) + 1;
        let whole = State::fold(&history).unwrap();
        let mut state = State::fold(&history[..cut]).unwrap();
        let replayed = State::fold(&history[..cut]).unwrap();
        prop_assert_eq!(next(&state), next(&replayed));
        for event in &history[cut..] {
            state.apply(event).unwrap();
        }
        prop_assert_eq!(next(&state), next(&whole));
        prop_assert_eq!(state, whole);
    }

    #[test]
    fn what_the_plan_says_is_allowed(
        cold: bool, local: bool, whims in prop::collection::vec(any::<u8>(), 1..150),
    ) {
        let history = history(cold, local, &whims);
        for length in 1..=history.len() {
            let state = State::fold(&history[..length]).unwrap();
            if let Next::Move { to, .. } = next(&state) {
                prop_assert!(allowed(&state, to), "{:?} to {to:?}", state.stage);
            }
        }
    }
}

#[test]
fn a_run_ends_held_and_its_stages_are_in_order() {
    // Scores rise with the whim, so that the student ends above the start.
    let whims: Vec<u8> = (1..200).collect();
    let history = history(true, true, &whims);
    let state = State::fold(&history).unwrap();
    assert_eq!(state.stage, Stage::Held);
    assert_eq!(next(&state), Next::End);
    let mut stages: Vec<Stage> = Vec::new();
    for event in &history {
        if let RunEvent::Moved { to, .. } = event
            && *to != Stage::Paused
            && !stages.contains(to)
        {
            stages.push(*to);
        }
    }
    let order = [
        Stage::Approval,
        Stage::Plan,
        Stage::Smoke,
        Stage::Collect,
        Stage::Curate,
        Stage::ColdStart,
        Stage::OnPolicy,
        Stage::Evaluate,
        Stage::Held,
    ];
    assert_eq!(stages, order);
}

#[test]
fn illegal_moves_are_refused() {
    let mut state = State::fold(&[created(false, true)]).unwrap();
    for to in [Stage::Plan, Stage::OnPolicy, Stage::Held, Stage::Released] {
        let event = moved(&state, to, Cause::Done, None);
        let from = Stage::Draft;
        assert_eq!(state.apply(&event), Err(Illegal::Move { from, to }));
    }
    state
        .apply(&moved(&state, Stage::Approval, Cause::Done, None))
        .unwrap();
    // Nothing is spent before it is approved.
    let event = moved(&state, Stage::Plan, Cause::Done, None);
    assert!(state.apply(&event).is_err());
    let pause = moved(&state, Stage::Paused, Cause::Budget, None);
    state.apply(&pause).unwrap();
    assert_eq!(next(&state), Next::Wait);
    let event = moved(&state, Stage::Evaluate, Cause::Done, None);
    assert!(state.apply(&event).is_err());
    let cancel = moved(&state, Stage::Cancelled, Cause::Asked(String::new()), None);
    state.apply(&cancel).unwrap();
    assert_eq!(next(&state), Next::End);
    let resume = moved(&state, Stage::Approval, Cause::Done, None);
    assert!(state.apply(&resume).is_err());
}

#[test]
fn advice_not_to_go_on_waits_for_a_person() {
    let history = history(false, true, &[0, 0, 0, 3, 0]);
    let mut state = State::fold(&history).unwrap();
    assert_eq!(state.stage, Stage::Paused);
    assert!(matches!(state.cause, Some(Cause::Advice(_))));
    let resume = moved(
        &state,
        Stage::Plan,
        Cause::Asked("I know better".into()),
        None,
    );
    state.apply(&resume).unwrap();
    assert!(matches!(
        next(&state),
        Next::Move {
            to: Stage::Smoke,
            ..
        }
    ));
}

#[test]
fn a_roll_back_takes_another_seed_and_learns_from_there() {
    let history = history(false, true, &[1; 40]);
    let before = history
        .iter()
        .position(|event| matches!(event, RunEvent::Step { step: 7, .. }))
        .unwrap();
    let mut state = State::fold(&history[..=before]).unwrap();
    let seed = state.seed();
    let pause = moved(&state, Stage::Paused, Cause::Alarm(Alarm::Cut), Some(4));
    state.apply(&pause).unwrap();
    assert_eq!(state.done(Stage::OnPolicy), 4);
    assert_ne!(state.seed(), seed);
    let resume = moved(&state, Stage::OnPolicy, Cause::Asked(String::new()), None);
    state.apply(&resume).unwrap();
    let Next::Learn { from, until, .. } = next(&state) else {
        panic!("{:?}", next(&state));
    };
    assert_eq!((from, until), (Some(4), 8));
}

#[test]
fn a_run_that_goes_only_so_far_waits_for_a_person_and_not_for_the_house() {
    let RunEvent::Created(mut made) = created(true, true) else {
        panic!("it is created");
    };
    let mut spec: crate::Spec = serde_json::from_str(&made.spec).unwrap();
    spec.run.until = Some(Stage::Plan);
    made.spec = serde_json::to_string(&spec).unwrap();
    let mut state = State::new(&RunEvent::Created(made)).unwrap();
    while next(&state) != Next::Wait {
        for event in events(&state, 0) {
            state.apply(&event).unwrap();
        }
    }
    assert!(state.quote.is_some() && state.came_so_far());
    assert_eq!(state.paused_in, Some(Stage::Smoke));
    // The house resumes what it left: no further.
    let again = moved(&state, Stage::Smoke, Cause::Asked("again".into()), None);
    let mut left = state.clone();
    left.apply(&again).unwrap();
    assert!(matches!(
        next(&left),
        Next::Move {
            to: Stage::Paused,
            ..
        }
    ));
    let RunEvent::Moved {
        from,
        to,
        cause,
        back_to,
        ..
    } = again
    else {
        panic!("it is a move");
    };
    let actor = Actor::Operator("somebody".into());
    state
        .apply(&RunEvent::Moved {
            from,
            to,
            cause,
            actor,
            back_to,
        })
        .unwrap();
    assert!(!state.came_so_far());
    assert_eq!(next(&state), Next::Smoke);
}
