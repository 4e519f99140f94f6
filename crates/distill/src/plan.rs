//! What a run does next, as a pure function of its state; and which moves there are. Nothing here
//! does anything: no IO, no clock, no randomness.
//!
//! ```text
//! draft > approval > plan > smoke > collect > curate > cold_start > on_policy <> evaluate > held | rejected
//! ```
//! From any stage that is not an end a run can be paused, cancelled, or fail; a paused one goes on
//! where it was. A stage that a run does not have is passed through.

use record::{Cause, Scored, Stage};

use crate::state::{Place, State, merit};

/// Why a run pauses that was to go so far and no further.
const ONLY_SO_FAR: &str = "only so far";

/// What a run does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Go to another stage.
    Move {
        /// Which.
        to: Stage,
        /// Why.
        cause: Cause,
    },
    /// Check grant, licence and budget.
    Approve,
    /// Measure the gap, and say what the run will need.
    Probe,
    /// Take a few items all the way through.
    Smoke,
    /// Have the teacher write answers to learn from.
    Collect,
    /// Sort out what was collected.
    Curate,
    /// Learn.
    Learn {
        /// In which stage.
        stage: Stage,
        /// From which checkpoint; `None`: from the stage's beginning.
        from: Option<u64>,
        /// The student that the stage begins with; `None`: the start model.
        begin: Option<Place>,
        /// Up to this step.
        until: u64,
    },
    /// Measure on the hold-out.
    Evaluate {
        /// Whom.
        who: Vec<Scored>,
        /// Which student.
        place: Option<Place>,
    },
    /// Write the student's files.
    Export,
    /// Nothing until somebody resumes it.
    Wait,
    /// Nothing any more.
    End,
}

/// Whether a run can go from where it is to another stage.
pub fn allowed(state: &State, to: Stage) -> bool {
    use Stage::{
        Approval, Cancelled, ColdStart, Collect, Curate, Draft, Evaluate, Failed, Gate, Held,
        OnPolicy, Paused, Plan, Rejected, Released, Smoke,
    };
    let from = state.stage;
    let goes_on = |from: Stage| match (from, to) {
        (Plan | Smoke | Collect | Curate | ColdStart | OnPolicy | Evaluate, _)
            if !state.approved =>
        {
            false
        }
        (Approval, Plan) => state.approved,
        (Draft, Approval)
        | (Plan, Smoke)
        | (Smoke, Collect)
        | (Collect, Curate)
        | (Curate, ColdStart)
        | (ColdStart, OnPolicy)
        | (OnPolicy, Evaluate)
        | (Evaluate, OnPolicy | Gate | Held | Rejected)
        | (Gate, Released | Held | Rejected) => true,
        _ => false,
    };
    match (from, to) {
        (Released | Rejected | Cancelled | Failed, _) => false,
        (Held, _) => to == Gate || to == Cancelled,
        (Paused, Cancelled | Failed) => true,
        (Paused, _) => state.paused_in == Some(to),
        (_, Paused | Cancelled | Failed) => true,
        _ => goes_on(from),
    }
}

/// What the run does next.
pub fn next(state: &State) -> Next {
    let go = |to| Next::Move {
        to,
        cause: Cause::Done,
    };
    let skip = |to| Next::Move {
        to,
        cause: Cause::Skipped,
    };
    // Pairs are in the rows: no teacher writes anything for them.
    let cold = state.spec.stages.cold_start.is_some() && !state.spec.has_pairs();
    if state.stage != Stage::Paused && state.came_so_far() {
        let cause = Cause::Asked(ONLY_SO_FAR.into());
        let to = Stage::Paused;
        return Next::Move { to, cause };
    }
    match state.stage {
        Stage::Draft => go(Stage::Approval),
        Stage::Approval if state.approved => go(Stage::Plan),
        Stage::Approval => Next::Approve,
        Stage::Plan => match &state.quote {
            None => Next::Probe,
            Some(quote) if quote.verdict == "do_not" && !state.overruled => Next::Move {
                to: Stage::Paused,
                cause: Cause::Advice(quote.why.clone()),
            },
            Some(_) => go(Stage::Smoke),
        },
        Stage::Smoke => Next::Smoke,
        Stage::Collect if cold => Next::Collect,
        Stage::Collect => skip(Stage::Curate),
        Stage::Curate if cold => Next::Curate,
        Stage::Curate => skip(Stage::ColdStart),
        Stage::ColdStart => learn(state, Stage::ColdStart, Stage::OnPolicy),
        Stage::OnPolicy => learn(state, Stage::OnPolicy, Stage::Evaluate),
        Stage::Evaluate => evaluate(state),
        Stage::Held if state.exported.is_empty() => Next::Export,
        Stage::Gate
        | Stage::Released
        | Stage::Held
        | Stage::Rejected
        | Stage::Cancelled
        | Stage::Failed => Next::End,
        Stage::Paused => Next::Wait,
    }
}

/// The last step of a stage before something else is due.
fn until(state: &State, stage: Stage) -> u64 {
    let Some(settings) = state.spec.stage(stage) else {
        return 0;
    };
    let every = state.spec.evaluate.every;
    if stage != Stage::OnPolicy || every == 0 {
        return settings.steps;
    }
    // The last one that was measured and still stands.
    let standing = state.evaluations.iter().rev();
    let measured = standing
        .filter(|e| e.stage == stage && state.checkpoints.contains_key(&(stage, e.step)))
        .map(|e| e.step)
        .next()
        .unwrap_or(0);
    let due = (measured / every + 1).saturating_mul(every);
    due.min(settings.steps)
}

fn learn(state: &State, stage: Stage, then: Stage) -> Next {
    let until = until(state, stage);
    // A step without its checkpoint is taken again.
    let from = state.checkpoint(stage);
    if until == 0 {
        return Next::Move {
            to: then,
            cause: Cause::Skipped,
        };
    }
    if from == Some(until) {
        return Next::Move {
            to: then,
            cause: Cause::Done,
        };
    }
    let begin = match stage {
        Stage::OnPolicy => state.checkpoint(Stage::ColdStart),
        _ => None,
    };
    Next::Learn {
        stage,
        from,
        begin: begin.map(|step| (Stage::ColdStart, step)),
        until,
    }
}

fn evaluate(state: &State) -> Next {
    let place = state.place();
    let measured = place.is_some_and(|(stage, step)| {
        let last = state.evaluations.last();
        last.is_some_and(|e| (e.stage, e.step) == (stage, step))
    });
    let mut who = Vec::new();
    if state.start.is_none() {
        who.push(Scored::Start);
    }
    if state.teacher.is_none() && state.spec.measures_teacher() {
        who.push(Scored::Teacher);
    }
    if !measured && place.is_some() {
        who.push(Scored::Student);
    }
    if !who.is_empty() {
        return Next::Evaluate { who, place };
    }
    let steps = state.spec.stages.on_policy.as_ref().map_or(0, |s| s.steps);
    if state.checkpoint(Stage::OnPolicy).unwrap_or(0) < steps {
        return Next::Move {
            to: Stage::OnPolicy,
            cause: Cause::Done,
        };
    }
    let score = |score: Option<&record::Score>| score.map_or(f64::NEG_INFINITY, merit);
    let start = score(state.start.as_ref());
    let student = score(state.evaluations.last().map(|e| &e.score));
    // Whether it is enough is the gate's to say; a student that learnt nothing needs none.
    let to = match student > start {
        true => Stage::Held,
        false => Stage::Rejected,
    };
    Next::Move {
        to,
        cause: Cause::Done,
    }
}

#[cfg(test)]
pub(crate) mod tests;
