//! Measuring before spending: a probe of one batch, a small evaluation, the quote.

use record::{Amount, RunEvent, Stage};
use trainer::protocol::{self, Answered, Job, Probe, Probed, Report, Who};

use super::measure::{Answers, Wanted, bytes_of};
use super::watch::Flow;
use super::{Driver, Stop, Worked};
use crate::error::Result;
use crate::measure::Rule;
use crate::quote::{Measured, Speed, mean, quote};
use crate::rows;

/// Items of the small evaluation.
const FEW: usize = 64;
/// Items of the probe's batch at most.
const BATCH: u32 = 16;
/// Seconds of the machine that the probe may take before the budget is asked again.
const PROBING: f64 = 300.0;

/// Tokens of a prompt of the teacher's: those of the student's, in proportion to their bytes.
fn prompt_tokens(
    answers: &[trainer::protocol::Answered],
    items: &[trainer::protocol::Item],
) -> f64 {
    let told: u64 = answers.iter().map(|answer| answer.prompt_tokens).sum();
    let bytes = |prompt: fn(&trainer::protocol::Item) -> &trainer::protocol::Prompt| -> u64 {
        items.iter().map(|item| bytes_of(prompt(item))).sum()
    };
    let (student, teacher) = (bytes(|item| &item.student), bytes(|item| item.teacher()));
    let each = told as f64 / answers.len().max(1) as f64;
    each * teacher as f64 / student.max(1) as f64
}

impl Driver<'_, '_> {
    pub(super) fn probe(&mut self) -> Result<Worked<()>> {
        let began = (self.world.clock)();
        let holdout = self.items("holdout.jsonl")?;
        let few = &holdout[..holdout.len().min(FEW)];
        self.folder
            .write("few.jsonl", rows::lines(few).as_bytes())?;
        let start = match self.small(Who::Start)? {
            Ok(start) => start,
            Err(stop) => return Ok(Err(stop)),
        };
        let local = self.state.spec.teacher.model.is_some();
        // What a teacher elsewhere writes here is not bought again when the hold-out is measured.
        let teacher = match local || self.state.spec.measures_teacher() {
            false => None,
            true => match self.small(Who::Teacher)? {
                Ok(teacher) => Some(teacher),
                Err(stop) => return Ok(Err(stop)),
            },
        };
        let probed = match self.probe_batch(local)? {
            Ok(probed) => probed,
            Err(stop) => return Ok(Err(stop)),
        };
        let lengths = |answers: &[Answered]| answers.iter().map(|a| a.tokens).collect::<Vec<_>>();
        let start_right = self.judged(&start.answers)?;
        let teacher_right = match &teacher {
            Some(teacher) => self.judged(&teacher.answers)?,
            None => Vec::new(),
        };
        let of = |answers: &Answers| Speed {
            loading: answers.loading,
            each: (answers.seconds - answers.loading) / answers.answers.len().max(1) as f64,
        };
        let tokens = teacher.as_ref().map_or(0, |teacher| teacher.tokens)
            + match (&probed, local) {
                (Some(p), true) if p.tokens.teacher_prompt > 0 => {
                    p.tokens.teacher_prompt + p.tokens.answer
                }
                _ => 0,
            };
        let Some(paid) = self.payment(self.since(began), tokens)? else {
            return Ok(Err(Stop::pause(record::Cause::Budget)));
        };
        let prompt = prompt_tokens(&start.answers, few);
        let quote = quote(
            &self.state.spec,
            &Measured {
                probed: probed.as_ref(),
                start: &start_right,
                teacher: &teacher_right,
                lengths: &lengths(&start.answers),
                teacher_lengths: &teacher.as_ref().map_or(Vec::new(), |t| lengths(&t.answers)),
                prompt: match &teacher {
                    Some(teacher) => mean(teacher.answers.iter().map(|a| a.prompt_tokens)),
                    None => prompt,
                },
                speeds: [of(&start), teacher.as_ref().map_or(of(&start), of)],
                items: self.items("items.jsonl")?.len(),
                holdout: holdout.len(),
                known: if local { 0 } else { few.len() },
                spent: self.state.spent.plus(paid.amount),
            },
        );
        if let Some(probed) = &probed {
            let told = serde_json::to_vec(probed).unwrap_or_default();
            self.folder.write("probed.json", &told)?;
        }
        self.record(&RunEvent::Quoted {
            quote: Box::new(quote),
            paid,
        })?;
        Ok(Ok(()))
    }

    fn small(&mut self, who: Who) -> Result<Worked<super::measure::Answers>> {
        let wanted = Wanted {
            who,
            stage: Stage::Evaluate,
            place: None,
            items: "few.jsonl",
            given: self.state.spec.evaluate.scorer == Rule::Perplexity,
            sampling: self.greedy(),
            file: format!("answers/few-{who:?}.json").to_lowercase(),
        };
        self.answers(&wanted)
    }

    /// One batch of the on-policy stage (of the cold start, where that is all), measured and not
    /// learnt. A teacher elsewhere is asked for it as for the first step's, which is not bought again
    /// where it is the same.
    fn probe_batch(&mut self, local: bool) -> Result<Worked<Option<Probed>>> {
        let stages = &self.state.spec.stages;
        let (at, stage) = match (&stages.on_policy, &stages.cold_start) {
            (Some(stage), _) => (Stage::OnPolicy, stage.clone()),
            // Only for what a step of learning takes: one elsewhere is not paid for that.
            (None, Some(stage)) if local && !stage.learning.loss.kind.is_of_pairs() => {
                (Stage::ColdStart, stage.clone())
            }
            _ => return Ok(Ok(None)),
        };
        let mut learn = self.learn_job(at, (None, None), stage.steps)?;
        learn.items = self.folder.path("items.jsonl");
        let items = stage.learning.batch.min(BATCH);
        let answers = u64::from(items) * u64::from(stage.learning.samples);
        let asked = stage
            .learning
            .loss
            .kind
            .asks_teacher(protocol::Stage::OnPolicy);
        let tokens = match local && asked {
            true => answers * (self.longest_prompt()? + stage.sampling.max_tokens as u64),
            false => 0,
        };
        let machine = self.state.spec.budget.machine(PROBING);
        let half = record::Money::from_nanos(self.state.left().money.nanos() / 2);
        let worst = Amount {
            money: machine.min(half),
            tokens,
        };
        if let Err(stop) = self.draw(worst)? {
            return Ok(Err(stop));
        }
        let mut found = None;
        let job = Job::Probe(Box::new(Probe { learn, items }));
        let worked = self.work(job, |this, child, report| match report {
            Report::Score(question) => this.answer(child, &question),
            Report::Grade(question) => this.grade(child, &question),
            Report::Probed(probed) => {
                found = Some(*probed);
                Ok(Flow::On)
            }
            _ => Ok(Flow::On),
        })?;
        Ok(worked.map(|_| found))
    }
}
