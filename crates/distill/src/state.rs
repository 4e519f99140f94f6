//! The state of a run: a fold over its events, and nothing else. Folding refuses what cannot be:
//! a move that the state machine does not have, a call that was bought before.

use std::collections::BTreeMap;

use record::id::kind;
use record::{
    Alarm, Amount, Call, Cause, Export, Id, Measure, Metric, Quote, RunCreated, RunEvent, Score,
    Stage,
};

use crate::spec::Spec;

mod apply;

pub(crate) use apply::seconds;

/// Why an event cannot follow those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The run has no first entry.
    #[error("the run was not created yet")]
    NotCreated,
    /// It has two.
    #[error("the run was created before")]
    Twice,
    /// Its settings can't be read.
    #[error("the run's settings can't be read: {0}")]
    Spec(String),
    /// A move from where it is not.
    #[error("the run is in {is:?}, not in {said:?}")]
    Elsewhere {
        /// Where it is.
        is: Stage,
        /// Where the event says it is.
        said: Stage,
    },
    /// A move that there is not.
    #[error("a run does not go from {from:?} to {to:?}")]
    Move {
        /// From.
        from: Stage,
        /// To.
        to: Stage,
    },
    /// A call that was answered before.
    #[error("the call was bought before: {0:?}")]
    Bought(Call),
    /// A call that was not asked.
    #[error("the call was not asked: {0:?}")]
    NotAsked(Call),
    /// A step that skips one or was taken before.
    #[error("step {step} of {stage:?} does not follow step {after}")]
    Step {
        /// The stage.
        stage: Stage,
        /// The step.
        step: u64,
        /// The last one.
        after: u64,
    },
    /// Files are removed of a run that goes on.
    #[error("the run is in {0:?}, and its files are needed")]
    GoesOn(Stage),
    /// More than the budget would be spent.
    #[error("the budget would be overspent")]
    Budget,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It may be under way: at most this is spent.
    Asked {
        /// The request's digest.
        request: [u8; 32],
        /// The most that it costs.
        worst: Amount,
        /// Whether it can be asked again without a new price.
        idempotent: bool,
        /// The slice that pays.
        slice: Id<kind::Slice>,
    },
    /// It was answered.
    Bought {
        /// The request's digest.
        request: [u8; 32],
        /// The answer's, in the vault.
        response: [u8; 32],
    },
    /// It had no answer of use.
    Lost,
}

/// How much of the gap from start to teacher the newest measured student has closed; none where
/// they are not all measured, or the teacher is not better.
pub fn gap(state: &State) -> Option<f64> {
    let start = merit(state.start.as_ref()?);
    let gap = merit(state.teacher.as_ref()?) - start;
    let student = merit(&state.evaluations.last()?.score);
    (gap > 0.0).then(|| (student - start) / gap)
}

/// A score as a number of which more is better.
pub(crate) fn merit(score: &Score) -> f64 {
    let value = score.score.value.get();
    match score.scorer == crate::measure::PERPLEXITY {
        true => -value,
        false => value,
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Over what was learnt.
    pub items: [u8; 32],
    /// What was measured.
    pub measures: Vec<Measure>,
}

impl Step {
    /// One of its numbers.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        let found = self.measures.iter().find(|m| m.metric == metric);
        found.map(|measure| measure.value.get())
    }
}

/// A measured student.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// In which stage.
    pub stage: Stage,
    /// After which step.
    pub step: u64,
    /// Its score.
    pub score: Score,
}

/// A place: after so many steps of a stage.
pub type Place = (Stage, u64);

/// A run, as its events tell.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// How it was written down.
    pub created: RunCreated,
    /// Its settings.
    pub spec: Spec,
    /// Where it stands.
    pub stage: Stage,
    /// Where it goes on when it is resumed.
    pub paused_in: Option<Stage>,
    /// Why it stands there.
    pub cause: Option<Cause>,
    /// The stage after which it pauses by itself, until a person resumes it.
    pub until: Option<Stage>,
    /// Whether grant, licence and budget were found to cover it.
    pub approved: bool,
    /// What it is expected to need.
    pub quote: Option<Quote>,
    /// Somebody resumed it after the advice not to go on.
    pub overruled: bool,
    /// Steps taken, by place.
    pub steps: BTreeMap<Place, Step>,
    /// Checkpoints that stand, with the student's digest.
    pub checkpoints: BTreeMap<Place, [u8; 32]>,
    /// Bought calls.
    pub calls: BTreeMap<Call, Fate>,
    /// Settled so far.
    pub spent: Amount,
    /// The worst case of calls under way.
    pub reserved: Amount,
    /// The start model's score on the hold-out.
    pub start: Option<Score>,
    /// The teacher's.
    pub teacher: Option<Score>,
    /// The student's, in order.
    pub evaluations: Vec<Evaluation>,
    /// Alarms, in order.
    pub alarms: Vec<(Alarm, Stage, u64)>,
    /// How often it went back to an earlier checkpoint; it learns with another seed then.
    pub rollbacks: u64,
    /// Its files.
    pub exported: Vec<Export>,
    /// Seconds of work that steps told of.
    pub seconds: f64,
}

impl State {
    /// The state after these events.
    ///
    /// # Errors
    /// The first event that cannot follow those before it.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a RunEvent>) -> Result<Self, Illegal> {
        let mut events = events.into_iter();
        let first = events.next().ok_or(Illegal::NotCreated)?;
        let mut state = Self::new(first)?;
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// The state after the first event.
    ///
    /// # Errors
    /// It is not the one that creates a run, or its settings can't be read.
    pub fn new(event: &RunEvent) -> Result<Self, Illegal> {
        let RunEvent::Created(created) = event else {
            return Err(Illegal::NotCreated);
        };
        let spec: Result<Spec, _> = serde_json::from_str(&created.spec);
        let spec = spec.map_err(|error| Illegal::Spec(error.to_string()))?;
        Ok(Self {
            created: created.as_ref().clone(),
            until: spec.run.until,
            spec,
            stage: Stage::Draft,
            paused_in: None,
            cause: None,
            approved: false,
            quote: None,
            overruled: false,
            steps: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            calls: BTreeMap::new(),
            spent: Amount::ZERO,
            reserved: Amount::ZERO,
            start: None,
            teacher: None,
            evaluations: Vec::new(),
            alarms: Vec::new(),
            rollbacks: 0,
            exported: Vec::new(),
            seconds: 0.0,
        })
    }

    /// Whether it has done all that it was asked to do before a person resumes it.
    pub fn came_so_far(&self) -> bool {
        let at = self.paused_in.unwrap_or(self.stage);
        self.until.is_some_and(|until| at > until) && at < Stage::Gate
    }

    /// The last step that was taken in a stage; 0 for none.
    pub fn done(&self, stage: Stage) -> u64 {
        let steps = self.steps.range((stage, 0)..=(stage, u64::MAX));
        steps.last().map_or(0, |((_, step), _)| *step)
    }

    /// The last checkpoint of a stage.
    pub fn checkpoint(&self, stage: Stage) -> Option<u64> {
        let found = self.checkpoints.range((stage, 0)..=(stage, u64::MAX));
        found.last().map(|((_, step), _)| *step)
    }

    /// The stage that the student learnt in last.
    pub fn learning(&self) -> Stage {
        let at = self.paused_in.unwrap_or(self.stage);
        match self.spec.stages.on_policy.is_some() && at >= Stage::OnPolicy {
            true => Stage::OnPolicy,
            false => Stage::ColdStart,
        }
    }

    /// Where the student stands: its newest checkpoint; `None` at the start model.
    pub fn place(&self) -> Option<Place> {
        let last = self.checkpoints.last_key_value();
        last.map(|(place, _)| *place)
    }

    /// The evaluated checkpoint with the best score that still stands.
    pub fn best(&self) -> Option<&Evaluation> {
        let standing = self
            .evaluations
            .iter()
            .filter(|e| self.checkpoints.contains_key(&(e.stage, e.step)));
        standing.max_by(|a, b| merit(&a.score).total_cmp(&merit(&b.score)))
    }

    /// What may still be spent beside what is reserved.
    pub fn left(&self) -> Amount {
        self.created.budget.minus(self.spent).minus(self.reserved)
    }

    /// The seed of what it learns from now on.
    pub fn seed(&self) -> u64 {
        // After a roll-back the same seed would lead to the same place.
        self.created
            .seed
            .wrapping_add(self.rollbacks.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The attempt of a call, and its answer where it was bought. A call with another request, or
    /// one that was lost, is another attempt.
    pub fn attempt(&self, wanted: &Call, request: &[u8; 32]) -> (u32, Option<[u8; 32]>) {
        let mut call = wanted.clone();
        call.attempt = 0;
        loop {
            match self.calls.get(&call) {
                Some(Fate::Bought {
                    request: asked,
                    response,
                }) if asked == request => return (call.attempt, Some(*response)),
                Some(Fate::Asked {
                    request: asked,
                    idempotent: true,
                    ..
                }) if asked == request => return (call.attempt, None),
                None => return (call.attempt, None),
                Some(_) => call.attempt += 1,
            }
        }
    }

    /// Calls whose answer was lost when the run was stopped, and that are paid all the same.
    pub fn adrift(&self) -> Vec<(Call, Amount, Id<kind::Slice>)> {
        let adrift = self.calls.iter().filter_map(|(call, fate)| match fate {
            Fate::Asked {
                worst,
                idempotent: false,
                slice,
                ..
            } => Some((call.clone(), *worst, *slice)),
            _ => None,
        });
        adrift.collect()
    }
}
