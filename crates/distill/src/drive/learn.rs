//! Learning: the child takes steps, each is written down, checked against what was written before
//! where it is taken again, paid, and looked at for alarms.

use record::{Alarm, Amount, Cause, Measure, Metric, Real, RunEvent, Stage};
use trainer::protocol::{
    self, Checkpoint, Further, Job, Learn, Ready, Report, Stage as Learning, Step,
    Teacher as Source,
};

use super::watch::Flow;
use super::{Driver, Stop, Worked, worst};
use crate::alarm::{self, Crossed};
use crate::error::{Error, Result};
use crate::spec::Teacher;
use crate::state::Place;

/// Seconds of a step, before one was seen.
const UNSEEN: f64 = 120.0;
/// Steps whose worst case is reserved: the one under way, and the one that begins before the child
/// hears that it is to pause.
const AHEAD: u64 = 2;

/// The child's name of a stage.
pub(super) fn stage_of(stage: Stage) -> Learning {
    match stage {
        Stage::ColdStart => Learning::ColdStart,
        _ => Learning::OnPolicy,
    }
}

/// A stage by the child's name.
pub(super) fn of_child(stage: Learning) -> Stage {
    match stage {
        Learning::ColdStart => Stage::ColdStart,
        Learning::OnPolicy => Stage::OnPolicy,
    }
}

/// The child's name of a place.
pub(super) fn place_of((stage, step): Place) -> protocol::Place {
    protocol::Place {
        stage: stage_of(stage),
        step,
    }
}

/// A digest as the child writes it.
pub(super) fn digest(text: &str) -> Result<[u8; 32]> {
    let mut digest = [0; 32];
    let hex = text.strip_prefix("blake3:").unwrap_or(text);
    hex::decode_to_slice(hex, &mut digest)
        .map_err(|_| Error::Child(format!("it wrote {text:?} for a digest")))?;
    Ok(digest)
}

impl Driver<'_, '_> {
    /// The job of a stage.
    pub(super) fn learn_job(
        &self,
        stage: Stage,
        (from, begin): (Option<u64>, Option<Place>),
        until: u64,
    ) -> Result<Learn> {
        let spec = &self.state.spec;
        let settings = spec
            .stage(stage)
            .ok_or_else(|| Error::Refused(format!("the run has no stage {stage:?}")))?;
        // Asked where the loss wants it: a cold start may learn the answers' tokens alone.
        let source = |teacher: &Teacher| match &teacher.model {
            Some(model) => Source::Local {
                model: model.clone(),
            },
            None => Source::Parent,
        };
        let further = spec.teachers.iter().map(|teacher| Further {
            name: teacher.name.clone(),
            teacher: source(teacher),
        });
        let items = match stage {
            Stage::ColdStart if !spec.has_pairs() => "curated.jsonl",
            _ => "items.jsonl",
        };
        Ok(Learn {
            folder: self.folder.root().to_owned(),
            items: self.folder.path(items),
            seed: self.state.seed(),
            stage: stage_of(stage),
            student: spec.student.clone(),
            teacher: source(&spec.teacher),
            teachers: further.collect(),
            learning: settings.learning.clone(),
            sampling: settings.sampling.clone(),
            steps: settings.steps,
            until: Some(until),
            from: from.map(|step| place_of((stage, step))),
            begin: begin.map(place_of),
            checkpoint_every: settings.checkpoint_every,
            keep: None,
            show: 2,
            threads: spec.run.threads,
        })
    }

    pub(super) fn learn(
        &mut self,
        stage: Stage,
        from: Option<u64>,
        begin: Option<Place>,
        until: u64,
    ) -> Result<Worked<()>> {
        self.drop_checkpoints(stage)?;
        let job = self.learn_job(stage, (from, begin), until)?;
        let items = self.longest_prompt()?;
        if let Err(stop) = self.draw(self.ahead(stage, items))? {
            return Ok(Err(stop));
        }
        let job = Job::Learn(Box::new(job));
        let worked = self.work(job, |this, child, report| match report {
            Report::Ready(ready) => {
                this.world.observer.loaded(&this.state, ready.seconds);
                Ok(this.ready(&ready))
            }
            Report::Score(question) => this.answer(child, &question),
            Report::Grade(question) => this.grade(child, &question),
            Report::Step(step) => this.stepped(stage, &step, items),
            Report::Checkpoint(at) => this.checkpointed(stage, &at),
            _ => Ok(Flow::On),
        })?;
        Ok(worked.map(drop))
    }

    /// A model's file that is another than when the run was made is no longer that run's.
    fn ready(&self, ready: &Ready) -> Flow {
        let created = &self.state.created;
        let other = |told: &str, known: &[u8; 32], is_file: bool| {
            is_file && digest(told).is_ok_and(|told| told != *known)
        };
        if other(
            &ready.student,
            &created.student,
            self.state.spec.student.model.is_file(),
        ) {
            return Flow::Stop(Stop::failed(
                "the student's model file is another than when the run was made",
            ));
        }
        for (number, teacher) in self.state.spec.all_teachers().enumerate() {
            let is_file = teacher.model.as_ref().is_some_and(|model| model.is_file());
            let told = match number {
                0 => ready.teacher.as_ref(),
                _ => ready.teachers.get(&teacher.name),
            };
            let known = match &teacher.share {
                Some(share) => digest(&share.digest).unwrap_or_default(),
                None => created.teacher,
            };
            if told.is_some_and(|told| other(told, &known, is_file)) {
                let whose = match self.state.spec.has_several_teachers() {
                    true => format!("the teacher `{}`'s", teacher.name),
                    false => "the teacher's".to_owned(),
                };
                return Flow::Stop(Stop::failed(format!(
                    "{whose} model file is another than when the run was made"
                )));
            }
        }
        Flow::On
    }

    fn stepped(&mut self, stage: Stage, step: &Step, longest: u64) -> Result<Flow> {
        let items = digest(&step.ids)?;
        if let Some(known) = self.state.steps.get(&(stage, step.step)) {
            // Taken again after a stop: it must come out as it did.
            return Ok(match known.items == items {
                true => Flow::On,
                false => Flow::Stop(Stop::failed(format!(
                    "step {} came out otherwise than it is written down",
                    step.step
                ))),
            });
        }
        let Some(measures) = measures(step) else {
            return self.alarmed(
                stage,
                step.step,
                Crossed {
                    alarm: Alarm::Loss,
                    value: 0.0,
                    bound: 0.0,
                },
            );
        };
        // What a teacher elsewhere read was paid with its calls.
        let Some(paid) = self.paid(seconds(step), step.tokens.here) else {
            return Ok(Flow::Stop(Stop::pause(Cause::Budget)));
        };
        self.record(&RunEvent::Step {
            stage,
            step: step.step,
            items,
            teacher: self.state.created.teacher,
            measures,
            paid,
        })?;
        for sample in &step.samples {
            let told = serde_json::json!({ "stage": stage, "step": step.step, "sample": sample });
            self.folder.append("samples.jsonl", &told.to_string())?;
        }
        if let Some(crossed) = alarm::after_step(&self.state, stage) {
            return self.alarmed(stage, step.step, crossed);
        }
        let ahead = self.ahead(stage, longest);
        Ok(match self.draw(ahead)? {
            Ok(_) => Flow::On,
            Err(stop) => Flow::Pause(stop),
        })
    }

    /// Writes an alarm down; the run is paused, and goes back to the best checkpoint that was
    /// measured.
    pub(super) fn alarmed(&mut self, stage: Stage, step: u64, crossed: Crossed) -> Result<Flow> {
        let finite = |value| Real::new(value).or_else(|| Real::new(0.0));
        if let (Some(value), Some(bound)) = (finite(crossed.value), finite(crossed.bound)) {
            self.record(&RunEvent::Alarmed {
                alarm: crossed.alarm,
                stage,
                step,
                value,
                bound,
            })?;
        }
        let mut stop = Stop::pause(Cause::Alarm(crossed.alarm));
        let best = self.state.best().filter(|best| best.stage == stage);
        stop.back_to = Some(best.map_or(0, |best| best.step));
        Ok(Flow::Stop(stop))
    }

    fn checkpointed(&mut self, stage: Stage, at: &Checkpoint) -> Result<Flow> {
        let (digest, step) = (digest(&at.digest)?, at.place.step);
        match self.state.checkpoints.get(&(stage, step)) {
            Some(known) if *known == digest => {}
            Some(_) => {
                return Ok(Flow::Stop(Stop::failed(format!(
                    "the student after step {step} is another than is written down"
                ))));
            }
            None => self.record(&RunEvent::Checkpoint {
                stage,
                step,
                digest,
            })?,
        }
        Ok(Flow::On)
    }

    /// What the steps that may be under way cost at most.
    fn ahead(&self, stage: Stage, longest: u64) -> Amount {
        let Some(settings) = self.state.spec.stage(stage) else {
            return Amount::ZERO;
        };
        let items = u64::from(settings.learning.batch);
        let at = stage_of(stage);
        let tokens = worst::tokens(&self.state.spec, (at, settings), (items, longest));
        let seen = self.state.steps.range((stage, 0)..=(stage, u64::MAX));
        let slowest = seen
            .map(|(_, step)| crate::state::seconds(step))
            .fold(0.0, f64::max);
        let seconds = match slowest > 0.0 {
            true => slowest * 2.0,
            false => UNSEEN,
        };
        let machine = self.state.spec.budget.machine(seconds);
        Amount {
            money: record::Money::from_nanos(machine.nanos() * AHEAD),
            tokens: tokens * AHEAD,
        }
    }
}

/// What was measured of a step; `None` where a number is none.
fn measures(step: &Step) -> Option<Vec<Measure>> {
    let m = &step.metrics;
    let seconds = &step.seconds;
    let all = [
        (Metric::Loss, Some(m.loss)),
        (Metric::Kl, m.kl),
        (Metric::Entropy, m.entropy),
        (Metric::Length, Some(m.length)),
        (Metric::Cut, m.cut),
        (Metric::Repetition, m.repetition),
        (Metric::Overlap, m.overlap),
        (Metric::GradientNorm, Some(m.gradient_norm)),
        (Metric::Clamped, Some(m.clamped as f64)),
        (Metric::Saturated, Some(m.saturated as f64)),
        (Metric::Tokens, Some(m.tokens as f64)),
        (Metric::SampleSeconds, Some(seconds.sampling)),
        (Metric::ScoreSeconds, Some(seconds.scoring)),
        (
            Metric::LearnSeconds,
            Some(seconds.learning + seconds.refreshing),
        ),
        (Metric::Staleness, Some(f64::from(step.staleness))),
        (Metric::Reward, m.reward),
        (Metric::Alike, m.alike),
        (Metric::Margin, m.margin),
    ];
    let told = all
        .into_iter()
        .filter_map(|(metric, value)| Some((metric, value?)));
    told.map(|(metric, value)| {
        let value = Real::new(value)?;
        Some(Measure { metric, value })
    })
    .collect()
}

fn seconds(step: &Step) -> f64 {
    let s = &step.seconds;
    s.sampling + s.scoring + s.learning + s.refreshing
}
