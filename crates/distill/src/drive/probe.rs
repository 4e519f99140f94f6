//! Measuring before spending: a probe of one batch, a small evaluation, the quote.

use record::{Amount, RunEvent, Stage};
use trainer::protocol::{Answered, Item, Job, Probe, Probed, Report, Who};

use super::answers::{Answers, Wanted};
use super::measure::bytes_of;
use super::watch::Flow;
use super::{Driver, Stop, Worked, worst};
use crate::error::Result;
use crate::measure::Rule;
use crate::quote::{Measured, OfTeacher, mean, quote};
use crate::spec::Teacher;
use crate::{route, rows};

/// Items of the small evaluation.
const FEW: usize = 64;
/// Items of the probe's batch at most.
const BATCH: u32 = 16;
/// Seconds of the machine that the probe may take before the budget is asked again.
const PROBING: f64 = 300.0;

/// Tokens of a prompt of the teacher's: those of the student's, which answered these items, in
/// proportion to their bytes.
fn prompt_tokens<'a>(answered: impl Iterator<Item = (&'a Answered, &'a Item)>) -> f64 {
    let (mut count, mut told, mut student, mut teacher) = (0_u64, 0, 0, 0);
    for (answer, item) in answered {
        count += 1;
        told += answer.prompt_tokens;
        student += bytes_of(&item.student);
        teacher += bytes_of(item.teacher());
    }
    let each = told as f64 / count.max(1) as f64;
    each * teacher as f64 / student.max(1) as f64
}

impl Driver<'_, '_> {
    pub(super) fn probe(&mut self) -> Result<Worked<()>> {
        let began = (self.world.clock)();
        let holdout = self.items("holdout.jsonl")?;
        let few = route::few_measured(&self.state.spec, &holdout, FEW);
        let few = few.as_slice();
        self.folder
            .write("few.jsonl", rows::lines(few).as_bytes())?;
        let start = match self.small(Who::Start)? {
            Ok(start) => start,
            Err(stop) => return Ok(Err(stop)),
        };
        let all_here = self.state.spec.all_teachers().all(Teacher::is_here);
        // What a teacher elsewhere writes here is not bought again when the hold-out is measured.
        let teacher = match all_here || self.state.spec.measures_teacher() {
            false => None,
            true => match self.small(Who::Teacher)? {
                Ok(teacher) => Some(teacher),
                Err(stop) => return Ok(Err(stop)),
            },
        };
        let probed = match self.probe_batch(all_here)? {
            Ok(probed) => probed,
            Err(stop) => return Ok(Err(stop)),
        };
        let lengths = |answers: &[Answered]| answers.iter().map(|a| a.tokens).collect::<Vec<_>>();
        let start_right = self.judged(&start.answers)?;
        let teacher_right = match &teacher {
            Some(teacher) => self.judged(&teacher.answers)?,
            None => Vec::new(),
        };
        let tokens = teacher.as_ref().map_or(0, |teacher| teacher.tokens)
            + probed.as_ref().map_or(0, |probed| probed.tokens.here);
        let Some(paid) = self.payment(self.since(began), tokens)? else {
            return Ok(Err(Stop::pause(record::Cause::Budget)));
        };
        let right = (start_right.as_slice(), teacher_right.as_slice());
        let teachers = self.of_teachers(few, (&start, teacher.as_ref()), right)?;
        let quote = quote(
            &self.state.spec,
            &Measured {
                probed: probed.as_ref(),
                start: &start_right,
                teacher: &teacher_right,
                lengths: &lengths(&start.answers),
                teacher_lengths: &teacher.as_ref().map_or(Vec::new(), |t| lengths(&t.answers)),
                speed: start.pace.speed,
                items: self.items("items.jsonl")?.len(),
                holdout: holdout.len(),
                teachers: &teachers,
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

    /// What was measured of each teacher: `few` are the items that the start model, and the teachers,
    /// answered.
    fn of_teachers(
        &self,
        few: &[Item],
        (start, teacher): (&Answers, Option<&Answers>),
        (start_right, teacher_right): (&[f64], &[f64]),
    ) -> Result<Vec<OfTeacher>> {
        let spec = &self.state.spec;
        let count = |items: &[Item], number: usize| {
            let its = items.iter().filter(|item| self.number_of(item) == number);
            its.count()
        };
        let (items, holdout) = (self.items("items.jsonl")?, self.items("holdout.jsonl")?);
        let one =
            |number: usize| {
                // Answers are in the items' order, each item's there.
                let its = few.iter().enumerate();
                let places = its.filter(|(_, item)| self.number_of(item) == number);
                let places: Vec<usize> = places.map(|(place, _)| place).collect();
                let at = |values: &[f64]| -> Vec<f64> {
                    let its = places
                        .iter()
                        .filter_map(|place| values.get(*place).copied());
                    its.collect()
                };
                let answers = teacher.iter().flat_map(|teacher| {
                    let its = places.iter();
                    its.filter_map(|place| teacher.answers.get(*place))
                });
                let answers: Vec<&Answered> = answers.collect();
                let speed = teacher.map_or(start.pace.speed, |teacher| {
                    let mut parts = teacher.pace.parts.iter();
                    let part = parts.find(|part| part.teacher == number);
                    part.map_or(teacher.pace.speed, |part| part.speed)
                });
                OfTeacher {
                    items: count(&items, number),
                    holdout: count(&holdout, number),
                    known: match spec.teacher_at(number).is_here() {
                        true => 0,
                        false => places.len(),
                    },
                    start: at(start_right),
                    right: at(teacher_right),
                    lengths: answers.iter().map(|answer| answer.tokens).collect(),
                    prompt: match answers.is_empty() {
                        true => prompt_tokens(places.iter().filter_map(|place| {
                            Some((start.answers.get(*place)?, few.get(*place)?))
                        })),
                        false => mean(answers.iter().map(|answer| answer.prompt_tokens)),
                    },
                    speed,
                }
            };
        Ok((0..=spec.teachers.len()).map(one).collect())
    }

    fn small(&mut self, who: Who) -> Result<Worked<super::answers::Answers>> {
        let wanted = Wanted {
            who,
            teacher: None,
            stage: Stage::Evaluate,
            place: None,
            items: "few.jsonl",
            given: self.state.spec.evaluate.scorer == Rule::Perplexity,
            sampling: self.greedy(),
            file: format!("answers/few-{who:?}.json").to_lowercase(),
        };
        self.answers(&wanted)
    }

    /// One batch of the on-policy stage (of the cold start, where that is all), measured. A teacher
    /// elsewhere is asked for it as for the first step's, which is not bought again where it is the
    /// same; where only a cold start is learnt, it is not asked.
    fn probe_batch(&mut self, all_here: bool) -> Result<Worked<Option<Probed>>> {
        let stages = &self.state.spec.stages;
        let (at, stage) = match (&stages.on_policy, &stages.cold_start) {
            (Some(stage), _) => (Stage::OnPolicy, stage.clone()),
            (None, Some(stage)) if !stage.learning.loss.kind.is_of_pairs() => {
                (Stage::ColdStart, stage.clone())
            }
            _ => return Ok(Ok(None)),
        };
        let mut learn = self.learn_job(at, (None, None), stage.steps)?;
        if at == Stage::ColdStart && !all_here {
            // Only for what a step of learning takes: one elsewhere is not paid for that.
            learn = learn.without_teachers();
        }
        learn.items = self.folder.path("items.jsonl");
        let items = stage.learning.batch.min(BATCH);
        let tokens = match learn.has_teacher() {
            true => worst::probe(&self.state.spec, &stage, (items, self.longest_prompt()?)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use trainer::protocol::Prompt;

    #[test]
    fn a_teacher_s_prompts_are_foreseen_from_those_of_its_own_items() {
        let text = |length: usize| Prompt::Text {
            text: "x".repeat(length),
        };
        let item = |student: usize, teacher: usize| Item {
            id: "i".into(),
            student: text(student),
            teacher: Some(text(teacher)),
            taught_by: None,
            answer: None,
            rejected: None,
        };
        let answer = |prompt_tokens: u64| Answered {
            item: "i".into(),
            sample: 0,
            text: String::new(),
            ending: None,
            prompt_tokens,
            tokens: 1,
            logprob: 0.0,
        };
        // 64 bytes are counted on top of each text.
        let (short, long) = (item(36, 136), item(936, 936));
        let answers = [answer(10), answer(90)];
        let of_one = prompt_tokens([(&answers[0], &short)].into_iter());
        assert!((of_one - 20.0).abs() < 1e-9, "{of_one}");
        let of_other = prompt_tokens([(&answers[1], &long)].into_iter());
        assert!((of_other - 90.0).abs() < 1e-9, "{of_other}");
        assert_eq!(prompt_tokens(std::iter::empty()), 0.0);
    }
}
