//! What each event does to a run's state. An event that cannot follow is refused, and the state is as
//! it was; nothing is decided here.

use record::{Actor, Amount, Call, Cause, Metric, RunEvent, Score, Scored, Stage};

use super::{Evaluation, Fate, Illegal, Place, State, Step};
use crate::plan;

impl State {
    /// Takes in the next event.
    ///
    /// # Errors
    /// It cannot follow those before it; then nothing was taken in.
    pub fn apply(&mut self, event: &RunEvent) -> Result<(), Illegal> {
        match event {
            RunEvent::Created(_) => return Err(Illegal::Twice),
            RunEvent::Approved { .. } => self.approved = true,
            RunEvent::Moved {
                from,
                to,
                cause,
                back_to,
                actor,
            } => {
                self.moved((*from, *to), cause, *back_to)?;
                // The house goes on with what it left, and no further than before.
                if *from == Stage::Paused && *actor != Actor::House {
                    self.until = None;
                }
            }
            RunEvent::Asked { .. } | RunEvent::Bought { .. } | RunEvent::Lost { .. } => {
                self.called(event)?;
            }
            RunEvent::Step {
                stage,
                step,
                items,
                measures,
                paid,
                ..
            } => {
                let after = self.done(*stage);
                let (stage, step) = (*stage, *step);
                if step != after + 1 {
                    return Err(Illegal::Step { stage, step, after });
                }
                self.pay(paid.amount)?;
                let (items, measures) = (*items, measures.clone());
                let taken = Step { items, measures };
                self.seconds += seconds(&taken);
                self.steps.insert((stage, step), taken);
            }
            RunEvent::Checkpoint {
                stage,
                step,
                digest,
            } => {
                self.checkpoints.insert((*stage, *step), *digest);
            }
            RunEvent::Evaluated {
                stage,
                step,
                scores,
                paid,
            } => {
                self.pay(paid.amount)?;
                self.evaluated((*stage, *step), scores);
            }
            RunEvent::Alarmed {
                alarm, stage, step, ..
            } => self.alarms.push((*alarm, *stage, *step)),
            RunEvent::Quoted { quote, paid } => {
                self.pay(paid.amount)?;
                self.quote = Some(quote.as_ref().clone());
            }
            RunEvent::Exported { files } => self.exported.clone_from(files),
            RunEvent::Worked { paid, .. } => self.pay(paid.amount)?,
            RunEvent::Cleaned { kept, .. } => self.cleaned(kept)?,
        }
        Ok(())
    }

    fn cleaned(&mut self, kept: &[Place]) -> Result<(), Illegal> {
        if plan::next(self) != plan::Next::End {
            return Err(Illegal::GoesOn(self.stage));
        }
        self.checkpoints.retain(|place, _| kept.contains(place));
        if matches!(self.stage, Stage::Rejected | Stage::Cancelled) {
            self.exported.clear();
        }
        Ok(())
    }

    fn moved(
        &mut self,
        (from, to): (Stage, Stage),
        cause: &Cause,
        back_to: Option<u64>,
    ) -> Result<(), Illegal> {
        if from != self.stage {
            let (is, said) = (self.stage, from);
            return Err(Illegal::Elsewhere { is, said });
        }
        if !plan::allowed(self, to) {
            return Err(Illegal::Move { from, to });
        }
        if to == Stage::Paused {
            self.paused_in = Some(from);
        } else if from == Stage::Paused {
            self.overruled |= matches!(self.cause, Some(Cause::Advice(_)));
            self.paused_in = None;
        }
        if let Some(step) = back_to {
            let stage = match from {
                Stage::Evaluate | Stage::Paused => self.learning(),
                other => other,
            };
            self.steps.retain(|(s, k), _| *s != stage || *k <= step);
            self.checkpoints
                .retain(|(s, k), _| *s != stage || *k <= step);
            self.evaluations
                .retain(|e| e.stage != stage || e.step <= step);
            self.rollbacks += 1;
        }
        self.stage = to;
        self.cause = Some(cause.clone());
        Ok(())
    }

    fn called(&mut self, event: &RunEvent) -> Result<(), Illegal> {
        match event {
            RunEvent::Asked {
                call,
                request,
                slice,
                worst,
                idempotent,
            } => {
                let reserved = match self.calls.get(call) {
                    None => self.reserved,
                    // Under way when the run was stopped: the same again.
                    Some(Fate::Asked {
                        worst,
                        idempotent: true,
                        ..
                    }) => self.reserved.minus(*worst),
                    Some(_) => return Err(Illegal::Bought(call.clone())),
                };
                let reserved = reserved.plus(*worst);
                if !self.spent.plus(reserved).fits(self.created.budget) {
                    return Err(Illegal::Budget);
                }
                self.reserved = reserved;
                let asked = Fate::Asked {
                    request: *request,
                    worst: *worst,
                    idempotent: *idempotent,
                    slice: *slice,
                };
                self.calls.insert(call.clone(), asked);
            }
            RunEvent::Bought {
                call,
                request,
                spent,
                response,
                ..
            } => {
                self.answered(call, *spent)?;
                let (request, response) = (*request, *response);
                let bought = Fate::Bought { request, response };
                self.calls.insert(call.clone(), bought);
            }
            RunEvent::Lost { call, spent, .. } => {
                self.answered(call, *spent)?;
                self.calls.insert(call.clone(), Fate::Lost);
            }
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, call: &Call, spent: Amount) -> Result<(), Illegal> {
        match self.calls.get(call) {
            Some(Fate::Asked { worst, .. }) => {
                let worst = *worst;
                if !spent.fits(worst) {
                    return Err(Illegal::Budget);
                }
                self.reserved = self.reserved.minus(worst);
                self.pay(spent)
            }
            Some(Fate::Bought { .. }) => Err(Illegal::Bought(call.clone())),
            _ => Err(Illegal::NotAsked(call.clone())),
        }
    }

    fn pay(&mut self, amount: Amount) -> Result<(), Illegal> {
        let spent = self.spent.plus(amount);
        if !spent.plus(self.reserved).fits(self.created.budget) {
            return Err(Illegal::Budget);
        }
        self.spent = spent;
        Ok(())
    }

    fn evaluated(&mut self, (stage, step): Place, scores: &[Score]) {
        for score in scores {
            match score.of {
                Scored::Start => self.start = Some(score.clone()),
                Scored::Teacher => self.teacher = Some(score.clone()),
                Scored::Student => self.evaluations.push(Evaluation {
                    stage,
                    step,
                    score: score.clone(),
                }),
            }
        }
    }
}

/// Seconds that a step took.
pub(crate) fn seconds(step: &Step) -> f64 {
    [
        Metric::SampleSeconds,
        Metric::ScoreSeconds,
        Metric::LearnSeconds,
    ]
    .into_iter()
    .filter_map(|metric| step.get(metric))
    .sum()
}
