//! Answers that are measured or learnt from: the hold-out, the smoke test, the collection for a
//! cold start and its curation. Answers are kept as files in the run's folder, so that none is
//! written twice.

use std::collections::BTreeMap;

use record::{Amount, Interval, Paid, Real, RunEvent, Score, Scored, Stage};
use trainer::protocol::{Answer, Answered, Job, Report, Sampling, Who, items};

use super::answers::{Answers, Pace, Wanted};
use super::learn::place_of;
use super::watch::Flow;
use super::{Driver, Stop, Worked};
use crate::error::{Error, Result};
use crate::measure::{Estimate, Rule, Scorer, perplexity_of, wilson};
use crate::state::Place;
use crate::{alarm, create, curation, rows};

/// Seconds of the machine that a job of answers may take before the budget is asked again.
const ANSWERING: f64 = 1800.0;

impl Driver<'_, '_> {
    /// Has somebody answer items; what was answered before is read.
    pub(super) fn answers(&mut self, wanted: &Wanted<'_>) -> Result<Worked<Answers>> {
        if let Some(answers) = Answers::kept(&self.folder, &wanted.file)? {
            return Ok(Ok(answers));
        }
        let several = self.state.spec.has_several_teachers();
        let answered = match wanted.who {
            Who::Teacher if several && wanted.teacher.is_none() => self.routed(wanted)?,
            Who::Teacher => self.one_teachers(wanted)?,
            Who::Start | Who::Student => self.answers_here(wanted)?,
        };
        if let Ok(answered) = &answered {
            answered.keep(&self.folder, &wanted.file)?;
        }
        Ok(answered)
    }

    /// Answers of the teacher of a number.
    pub(super) fn one_teachers(&mut self, wanted: &Wanted<'_>) -> Result<Worked<Answers>> {
        match self.is_elsewhere(wanted) && !wanted.given {
            true => self.texts(wanted),
            false => self.answers_here(wanted),
        }
    }

    /// Whether who answers is a teacher elsewhere.
    fn is_elsewhere(&self, wanted: &Wanted<'_>) -> bool {
        let teacher = self.state.spec.teacher_at(wanted.number());
        wanted.who == Who::Teacher && !teacher.is_here()
    }

    /// Answers of a model on this machine; or scores of given ones, for which the child asks a teacher
    /// elsewhere.
    fn answers_here(&mut self, wanted: &Wanted<'_>) -> Result<Worked<Answers>> {
        let spec = &self.state.spec;
        let job = Job::Answer(Box::new(Answer {
            folder: self.folder.root().to_owned(),
            items: self.folder.path(wanted.items),
            seed: self.state.created.seed,
            who: wanted.who,
            student: spec.student.clone(),
            place: wanted.place.map(place_of),
            teacher: spec.teacher_at(wanted.number()).model.clone(),
            sampling: wanted.sampling.clone(),
            samples: 1,
            score: wanted.given,
            fast: false,
            threads: spec.run.threads,
        }));
        let worst = self.answering(wanted)?;
        if let Err(stop) = self.draw(worst)? {
            return Ok(Err(stop));
        }
        let began = (self.world.clock)();
        let mut answers: Vec<Answered> = Vec::new();
        let mut loading = 0.0;
        let what = format!("{:?} answers", wanted.who);
        let worked = self.work(job, |this, child, report| {
            match report {
                Report::Score(question) => return this.answer_for(wanted.stage, child, &question),
                Report::Ready(_) => loading = this.since(began),
                Report::Answers(told) => {
                    answers.extend(told.answers);
                    let (done, of) = (told.done as u64, told.of as u64);
                    this.world.observer.working(&this.state, &what, done, of);
                }
                _ => {}
            }
            Ok(Flow::On)
        })?;
        if let Err(stop) = worked {
            return Ok(Err(stop));
        }
        let tokens = match wanted.who {
            // Each call paid its own.
            Who::Teacher if self.is_elsewhere(wanted) => 0,
            Who::Teacher => answers.iter().map(|a| a.prompt_tokens + a.tokens).sum(),
            _ => 0,
        };
        let seconds = self.since(began);
        Ok(Ok(Answers {
            pace: Pace::of(answers.len(), seconds, loading),
            answers,
            seconds,
            tokens,
        }))
    }

    /// The most that answers cost.
    fn answering(&self, wanted: &Wanted<'_>) -> Result<Amount> {
        let tokens = match wanted.who {
            Who::Teacher if !self.is_elsewhere(wanted) => {
                let items = self.items(wanted.items)?;
                let prompts = items.iter().map(|item| bytes_of(item.teacher()));
                let answers = items.len() * wanted.sampling.max_tokens;
                prompts.sum::<u64>() + answers as u64
            }
            _ => 0,
        };
        let machine = self.state.spec.budget.machine(ANSWERING);
        let left = self.state.left();
        // The machine's time is taken as it comes, up to what is left.
        let money = machine.min(record::Money::from_nanos(left.money.nanos() / 2));
        Ok(Amount { money, tokens })
    }

    pub(super) fn items(&self, name: &str) -> Result<Vec<trainer::protocol::Item>> {
        let bytes = self.folder.read(name)?.unwrap_or_default();
        items(bytes.as_slice()).map_err(|error| Error::Child(format!("{name}: {error}")))
    }

    /// The longest prompt that the teacher is shown, in bytes: a token has at least one.
    pub(super) fn longest_prompt(&self) -> Result<u64> {
        let items = self.items("items.jsonl")?;
        let longest = items.iter().map(|item| bytes_of(item.teacher())).max();
        Ok(longest.unwrap_or(0))
    }

    /// How the hold-out is answered.
    pub(super) fn greedy(&self) -> Sampling {
        let evaluate = &self.state.spec.evaluate;
        Sampling {
            max_tokens: evaluate.max_tokens,
            temperature: 0.0,
            stop: evaluate.stop.clone(),
            keep_stop: evaluate.keep_stop,
            ..Sampling::default()
        }
    }

    /// How good each answer is, in the items' order: 1 where it is right, or its mean log-probability
    /// a token where that is what is measured.
    pub(super) fn judged(&self, answers: &[Answered]) -> Result<Vec<f64>> {
        if self.state.spec.evaluate.scorer == Rule::Perplexity {
            let mean = |answer: &Answered| answer.logprob / answer.tokens.max(1) as f64;
            return Ok(answers.iter().map(mean).collect());
        }
        let bytes = self.folder.read("expected.json")?.unwrap_or_default();
        let expected: BTreeMap<String, String> =
            serde_json::from_slice(&bytes).map_err(|error| Error::Child(error.to_string()))?;
        let refused = |error: crate::measure::ScorerError| Error::Refused(error.to_string());
        let scorer = Scorer::new(&self.state.spec.evaluate.scorer).map_err(refused)?;
        answers
            .iter()
            .map(|answer| {
                let wanted = expected.get(&answer.item).map_or("", String::as_str);
                let score = scorer.score(&answer.text, wanted).map_err(refused)?;
                Ok(f64::from(u8::from(score.right)))
            })
            .collect()
    }

    pub(super) fn evaluate(&mut self, who: &[Scored], place: Option<Place>) -> Result<Worked<()>> {
        let (mut scores, mut seconds, mut tokens) = (Vec::new(), 0.0, 0);
        for of in who {
            let answered = match self.answers(&self.holdout(*of, place))? {
                Ok(answered) => answered,
                Err(stop) => return Ok(Err(stop)),
            };
            seconds += answered.seconds;
            tokens += answered.tokens;
            scores.push(self.score(*of, &answered.answers)?);
        }
        let Some(paid) = self.payment(seconds, tokens)? else {
            return Ok(Err(Stop::pause(record::Cause::Budget)));
        };
        let (stage, step) = place.unwrap_or((Stage::ColdStart, 0));
        self.record(&RunEvent::Evaluated {
            stage,
            step,
            scores,
            paid,
        })?;
        if let Some(crossed) = alarm::after_evaluation(&self.state, &self.state.spec.alarms)
            && let Flow::Stop(stop) = self.alarmed(stage, step, crossed)?
        {
            return Ok(Err(stop));
        }
        Ok(Ok(()))
    }

    /// What answers to the hold-out come to, as the ledger has it.
    fn score(&self, of: Scored, answers: &[Answered]) -> Result<Score> {
        let rule = &self.state.spec.evaluate.scorer;
        let items = answers.len() as u64;
        let (right, estimate) = match rule {
            Rule::Perplexity => {
                let told = answers.iter().map(|a| (a.logprob, a.tokens as f64));
                (None, perplexity_of(&told.collect::<Vec<_>>()))
            }
            _ => {
                let right = self.judged(answers)?.iter().filter(|r| **r > 0.5).count() as u64;
                (Some(right), wilson(right, items))
            }
        };
        Ok(Score {
            of,
            scorer: rule.name().to_owned(),
            items,
            right,
            score: interval(estimate)?,
        })
    }

    fn holdout(&self, of: Scored, place: Option<Place>) -> Wanted<'static> {
        let (who, place) = match of {
            Scored::Start => (Who::Start, None),
            Scored::Teacher => (Who::Teacher, None),
            Scored::Student => (Who::Student, place),
        };
        Wanted {
            who,
            teacher: None,
            stage: Stage::Evaluate,
            place,
            items: "holdout.jsonl",
            given: self.state.spec.evaluate.scorer == Rule::Perplexity,
            sampling: self.greedy(),
            file: answers_file(of, place, self.state.rollbacks),
        }
    }

    /// Pays, with a slice of its own where none is open.
    pub(super) fn payment(&mut self, seconds: f64, tokens: u64) -> Result<Option<Paid>> {
        if self.purse.slice().is_none() && self.draw(Amount::ZERO)?.is_err() {
            return Ok(None);
        }
        Ok(self.paid(seconds, tokens))
    }

    /// The teacher's answers to the items, for a cold start.
    pub(super) fn collect(&mut self) -> Result<Worked<()>> {
        let sampling = match &self.state.spec.stages.cold_start {
            Some(stage) => stage.sampling.clone(),
            None => Sampling::default(),
        };
        let wanted = Wanted {
            who: Who::Teacher,
            teacher: None,
            stage: Stage::Collect,
            place: None,
            items: "items.jsonl",
            given: false,
            sampling,
            file: "answers/collected.json".into(),
        };
        let answered = match self.answers(&wanted)? {
            Ok(answered) => answered,
            Err(stop) => return Ok(Err(stop)),
        };
        self.worked(answered.seconds, answered.tokens, Stage::Curate)
    }

    /// Rows to learn from, out of what was collected.
    pub(super) fn curate(&mut self) -> Result<Worked<()>> {
        let bytes = self.folder.read("answers/collected.json")?;
        let answers: Vec<Answered> = serde_json::from_slice(&bytes.unwrap_or_default())
            .map_err(|error| Error::Child(error.to_string()))?;
        let (items, holdout) = (self.items("items.jsonl")?, self.items("holdout.jsonl")?);
        let settings = self.state.spec.curate.as_ref();
        let checked = self.folder.read(create::CHECKED)?;
        let checked = checked
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose();
        let checked = checked.map_err(|error| Error::Child(error.to_string()))?;
        let of = (items.as_slice(), holdout.as_slice());
        let curated = curation::answers(settings, of, &answers, &checked.unwrap_or_default())?;
        if curated.kept.is_empty() {
            return Ok(Err(Stop::failed("curation left no row to learn from")));
        }
        let report = serde_json::json!({"funnel": curated.funnel, "left": curated.left});
        self.folder
            .write("curation.json", report.to_string().as_bytes())?;
        let lines = rows::lines(&curated.kept);
        self.folder.write("curated.jsonl", lines.as_bytes())?;
        self.go(Stage::ColdStart, record::Cause::Done, None)?;
        Ok(Ok(()))
    }

    pub(super) fn worked(&mut self, seconds: f64, tokens: u64, then: Stage) -> Result<Worked<()>> {
        let Some(paid) = self.payment(seconds, tokens)? else {
            return Ok(Err(Stop::pause(record::Cause::Budget)));
        };
        let stage = self.state.stage;
        self.record(&RunEvent::Worked { stage, paid })?;
        self.go(then, record::Cause::Done, None)?;
        Ok(Ok(()))
    }
}

/// The file, in a run's folder, of somebody's answers to the hold-out.
pub(crate) fn answers_file(of: Scored, place: Option<Place>, rollbacks: u64) -> String {
    match of {
        Scored::Start => "answers/start.json".to_owned(),
        Scored::Teacher => "answers/teacher.json".to_owned(),
        Scored::Student => {
            let (stage, step) = place.unwrap_or((Stage::ColdStart, 0));
            let name = super::learn::stage_of(stage).name();
            // After a roll-back the same step is another student.
            format!("answers/student-{name}-{step}-{rollbacks}.json")
        }
    }
}

/// An estimate as the ledger has it.
pub(super) fn interval(estimate: Estimate) -> Result<Interval> {
    let real = |value| {
        Real::new(value).ok_or_else(|| Error::Refused("there is nothing to measure".into()))
    };
    Ok(Interval {
        low: real(estimate.low)?,
        value: real(estimate.value)?,
        high: real(estimate.high)?,
    })
}

/// Bytes of a prompt, with room for what a chat template adds.
pub(super) fn bytes_of(prompt: &trainer::protocol::Prompt) -> u64 {
    use trainer::protocol::Prompt;
    const AROUND: usize = 64;
    let bytes = match prompt {
        Prompt::Text { text } => text.len(),
        Prompt::Messages { messages } => messages
            .iter()
            .map(|message| message.content.len() + AROUND)
            .sum::<usize>(),
    };
    (bytes + AROUND) as u64
}
