//! What stops a run: its budget, its grant, somebody's wish, a teacher that is no use; and that it
//! goes on from there.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use distill::folder::{Ask, Folder};
use distill::teacher::{Answer, Reply, Teacher, Text, Unanswered, Written};
use distill::{Observer, State, World};
use record::id::kind;
use record::{Actor, Cause, Change, Id, Measure, RunEvent, Stage, Time, Usage, UsageSource};
use trainer::protocol::{Ending, PositionScores, Score, SequenceScores};

use crate::house::{GRANT, House, Wanted};

/// Drives a run in this process, with what `when` does at each event.
pub(crate) fn drive(
    house: &House,
    run: Id<kind::Run>,
    teachers: &[(&str, &dyn Teacher)],
    when: &mut dyn FnMut(&State, &RunEvent, &ledger::facts::Facts),
) -> State {
    struct Told<'a> {
        when: &'a mut dyn FnMut(&State, &RunEvent, &ledger::facts::Facts),
        facts: ledger::facts::Facts,
    }
    impl Observer for Told<'_> {
        fn event(&mut self, state: &State, event: &RunEvent) {
            (self.when)(state, event, &self.facts);
        }
    }
    let facts = house.facts();
    let program = house.command(run, None).get_program().to_owned();
    let clock = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Time::from_micros(u64::try_from(since.unwrap().as_micros()).unwrap())
    };
    let stop = AtomicBool::new(false);
    let mut told = Told {
        when,
        facts: facts.clone(),
    };
    let mut world = World {
        facts: &facts,
        runs: &house.runs(),
        trainer: &[program, "trainer".into()],
        clock: &clock,
        random: &|bytes| getrandom::fill(bytes).unwrap(),
        free: &|_| None,
        teachers: teachers
            .iter()
            .map(|(name, teacher)| ((*name).to_owned(), *teacher))
            .collect(),
        stop: &stop,
        observer: &mut told,
        by: Actor::House,
    };
    let mut state = distill::drive(&mut world, run).unwrap();
    if matches!(state.cause, Some(Cause::Advice(_))) {
        distill::resume(&facts, (run, &mut state), &Actor::House, "", None).unwrap();
        state = distill::drive(&mut world, run).unwrap();
    }
    facts.close().unwrap();
    state
}

#[test]
fn a_budget_that_is_reached_pauses_and_is_not_overrun() {
    let house = House::new();
    let wanted = Wanted {
        tokens: 4_000,
        steps: 200,
        ..Wanted::default()
    };
    let run = house.make(&house.spec(&wanted));
    let state = house.finish(run);
    assert_eq!(state.stage, Stage::Paused, "{:?}", state.cause);
    assert_eq!(state.cause, Some(Cause::Budget));
    assert!(state.done(Stage::OnPolicy) > 0);
    assert!(state.spent.fits(state.created.budget));
    // The step under way was finished and written down.
    assert_eq!(
        state.checkpoint(Stage::OnPolicy),
        Some(state.done(Stage::OnPolicy))
    );
    house.check_money(&[run]);
}

#[test]
fn a_revoked_grant_pauses_in_mid_run() {
    let house = House::new();
    let wanted = Wanted {
        steps: 40,
        ..Wanted::default()
    };
    let run = house.make(&house.spec(&wanted));
    let state = drive(&house, run, &[], &mut |_, event, facts| {
        if matches!(event, RunEvent::Step { step: 3, .. }) {
            let change = Change::GrantRevoked { grant: GRANT };
            facts.change(Actor::House, "", change).unwrap();
        }
    });
    assert_eq!(state.stage, Stage::Paused);
    assert_eq!(
        state.cause,
        Some(Cause::Grant("the grant was revoked".into()))
    );
    assert!(
        state.done(Stage::OnPolicy) < 8,
        "{}",
        state.done(Stage::OnPolicy)
    );
    house.check_money(&[run]);
}

#[test]
fn somebody_pauses_resumes_and_cancels() {
    let house = House::new();
    let run = house.make(&house.spec(&Wanted::default()));
    let folder = Folder::new(&house.runs(), run);
    let ask = folder.clone();
    let state = drive(&house, run, &[], &mut |_, event, _| {
        if matches!(event, RunEvent::Step { step: 2, .. }) {
            ask.ask(Ask::Pause, &record::Actor::House, "lunch").unwrap();
        }
    });
    assert_eq!(state.stage, Stage::Paused);
    assert_eq!(state.cause, Some(Cause::Asked("lunch".into())));
    let done = state.done(Stage::OnPolicy);
    assert_eq!(state.checkpoint(Stage::OnPolicy), Some(done));
    house.resume(run);
    let state = drive(&house, run, &[], &mut |_, event, _| {
        if matches!(event, RunEvent::Step { .. }) {
            folder
                .ask(Ask::Cancel, &record::Actor::House, "enough")
                .unwrap();
        }
    });
    assert_eq!(state.stage, Stage::Cancelled);
    assert_eq!(distill::plan::next(&state), distill::Next::End);
    house.check_money(&[run]);
}

/// A teacher that does what its script says, once each, and is right otherwise.
pub(crate) struct Scripted {
    script: Mutex<Vec<&'static str>>,
    asked: Mutex<u64>,
    texts: Mutex<u64>,
}

impl Scripted {
    pub(crate) fn new(script: &[&'static str]) -> Self {
        Self {
            script: Mutex::new(script.to_vec()),
            asked: Mutex::new(0),
            texts: Mutex::new(0),
        }
    }
}

impl Teacher for Scripted {
    fn score(&self, question: &Score, _: &str) -> Result<Answer, Unanswered> {
        *self.asked.lock().unwrap() += 1;
        let mut script = self.script.lock().unwrap();
        let said = if script.is_empty() {
            "right"
        } else {
            script.remove(0)
        };
        let value = match said {
            "refuses" => return Err(Unanswered::Refused("403: not under this grant".into())),
            "times out" => return Err(Unanswered::Lost("no answer in 120 s".into())),
            "impossible" => 0.7,
            _ => -8.0,
        };
        let sequence = |ids: &Vec<Vec<u32>>| SequenceScores {
            positions: ids
                .iter()
                .map(|ids| PositionScores {
                    at: vec![Some(value); ids.len()],
                    top: Vec::new(),
                    tail: Some(0.99),
                })
                .collect(),
        };
        Ok(Answer {
            revision: Some(if said == "other" { "b" } else { "a" }.into()),
            sequences: question
                .sequences
                .iter()
                .map(|s| sequence(&s.ids))
                .collect(),
            usage: Usage {
                input: 10,
                cached_input: 0,
                output: 0,
                reasoning: 0,
                source: UsageSource::Upstream,
            },
        })
    }

    fn write(&self, texts: &[(&Text, &str)]) -> Vec<Result<Reply, Unanswered>> {
        let reply = |_: &(&Text, &str)| {
            *self.texts.lock().unwrap() += 1;
            let usage = Usage {
                input: 5,
                cached_input: 0,
                output: 1,
                reasoning: 0,
                source: UsageSource::Upstream,
            };
            Ok(Reply {
                revision: None,
                written: Written {
                    text: "a".into(),
                    ending: Ending::End,
                    read: 5,
                    tokens: 1,
                },
                usage,
            })
        };
        texts.iter().map(reply).collect()
    }
}

fn scripted(script: &[&'static str]) -> (House, Id<kind::Run>, State, u64) {
    let house = House::new();
    let run = house.make(&house.spec(&Wanted {
        served: true,
        ..Wanted::default()
    }));
    let teacher = Scripted::new(script);
    let state = drive(&house, run, &[("teacher", &teacher)], &mut |_, _, _| {});
    let asked = *teacher.asked.lock().unwrap() + *teacher.texts.lock().unwrap();
    (house, run, state, asked)
}

#[test]
fn a_teacher_that_fails_now_and_then_is_asked_again() {
    let (house, run, state, asked) = scripted(&["refuses", "times out", "right", "impossible"]);
    assert!(
        matches!(state.stage, Stage::Held | Stage::Rejected),
        "{:?}",
        state.cause
    );
    let bought = |wanted: fn(&RunEvent) -> bool| {
        let events = house.events(run);
        events.iter().filter(|event| wanted(event)).count() as u64
    };
    let answered = bought(|event| matches!(event, RunEvent::Bought { .. }));
    assert_eq!(asked, answered + 3);
    // What timed out was asked again under its key; the others are lost, and one of them was paid.
    let lost = house
        .events(run)
        .into_iter()
        .filter_map(|event| match event {
            RunEvent::Lost { spent, why, .. } => Some((spent.tokens, why)),
            _ => None,
        });
    let lost: Vec<_> = lost.collect();
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert_eq!(lost[0].0, 0);
    assert_eq!(lost[1].0, 10);
    assert!(lost[1].1.contains("impossible"), "{lost:?}");
    house.check_money(&[run]);
}

#[test]
fn a_teacher_that_is_no_use_pauses_with_why() {
    for (script, says) in [
        (&["impossible"; 3], "no answer of use in 3 tries"),
        (
            &["right", "other", "other"],
            "changed its version from a to b",
        ),
        (&["refuses"; 3], "403: not under this grant"),
    ] {
        let (house, run, state, _) = scripted(script);
        assert_eq!(state.stage, Stage::Paused);
        let Some(Cause::Failed(why)) = &state.cause else {
            panic!("{:?}", state.cause);
        };
        assert!(why.contains(says), "{why}");
        house.check_money(&[run]);
    }
}

#[test]
fn measures_are_told_of_each_step() {
    let house = House::new();
    let run = house.make(&house.spec(&Wanted::default()));
    let state = house.finish(run);
    let step = state.steps.values().next().unwrap();
    let told: Vec<_> = step.measures.iter().map(|m: &Measure| m.metric).collect();
    for metric in [
        record::Metric::Loss,
        record::Metric::Kl,
        record::Metric::Entropy,
        record::Metric::Length,
        record::Metric::GradientNorm,
    ] {
        assert!(told.contains(&metric), "{metric:?} of {told:?}");
    }
}

#[test]
fn a_perplexity_is_of_the_expected_texts_and_less_is_better() {
    let house = House::new();
    let mut spec = house.spec(&Wanted::default());
    spec.evaluate.scorer = distill::measure::Rule::Perplexity;
    let wanting = {
        let facts = house.facts();
        let grant = facts.directory().grant(GRANT).cloned().unwrap();
        let id = Id::from_bytes([99; 16]);
        let made = distill::create::create(&facts, &house.runs(), id, (&spec, &grant), None);
        facts.close().unwrap();
        made.unwrap_err().to_string()
    };
    assert!(wanting.contains("no text in `expected`"), "{wanting}");
    spec.data.expected = "text".into();
    let run = house.make(&spec);
    let state = house.finish(run);
    let of = |score: Option<&record::Score>| {
        let score = score.unwrap();
        assert_eq!((score.scorer.as_str(), score.right), ("perplexity", None));
        let [low, value, high] = [score.score.low, score.score.value, score.score.high];
        assert!(1.0 < low.get() && low.get() <= value.get() && value.get() <= high.get());
        value.get()
    };
    let (start, _) = (of(state.start.as_ref()), of(state.teacher.as_ref()));
    let student = of(state.evaluations.last().map(|e| &e.score));
    assert_eq!(state.stage == Stage::Held, student < start);
    house.check_money(&[run]);
}

#[test]
fn a_perplexity_of_a_teacher_elsewhere_is_bought_where_its_scores_are_learnt_from() {
    let house = House::new();
    let measured = |stages: fn(&mut distill::spec::Stages)| {
        let mut spec = house.spec(&Wanted {
            served: true,
            cold: true,
            ..Wanted::default()
        });
        spec.evaluate.scorer = distill::measure::Rule::Perplexity;
        spec.data.expected = "text".into();
        stages(&mut spec.stages);
        let run = house.make(&spec);
        let state = house.finish(run);
        let scores = state
            .calls
            .keys()
            .filter(|call| (call.stage, call.role) == (Stage::Evaluate, record::CallRole::Score));
        (run, state.teacher.clone(), scores.count())
    };
    let (both, teacher, bought) = measured(|_| {});
    // It gives each token nine parts of ten. What the plan bought was not bought again.
    let score = teacher.unwrap().score;
    assert!((score.value.get() - 1.0 / 0.9).abs() < 1e-3, "{score:?}");
    assert_eq!(bought, 1);
    // Where texts alone are learnt, nobody knows whether its tokens are the student's.
    let (cold, teacher, bought) = measured(|stages| stages.on_policy = None);
    assert_eq!((teacher, bought), (None, 0));
    house.check_money(&[both, cold]);
}
