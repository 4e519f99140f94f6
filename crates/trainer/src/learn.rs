//! The job that learns: steps, each of answers, scores and a change of the weights; checkpoints
//! between them. What a step does depends on the job, its number and the weights alone.

use crate::World;
use crate::checkpoint::Checkpoints;
use crate::error::{Error, Result};
use crate::parent::Parent;
use crate::protocol::{
    self, Checkpoint, Done, Item, Learn, Place, Ready, Report, Seconds, Stage, Tokens,
};
use crate::reward::Judged;
use crate::sampled::{self, Answer, Sampled, TOP, Which};
use crate::student::Student;
use crate::targets::{self, Learnt};
use crate::teacher::{self, Local, Needs, Staff, Taught};
use crate::{load, metrics, random};
use std::io::Write;
use std::time::Duration;

mod check;
mod take;

/// A job under way.
pub(crate) struct Run<'a> {
    pub(crate) job: &'a Learn,
    pub(crate) items: Vec<Item>,
    pub(crate) student: Student,
    pub(crate) staff: Staff,
    /// The start model, where the student is held to it.
    start: Option<Local>,
    /// Items that each step takes beside those of its own.
    pub(crate) also: Vec<usize>,
    needs: Option<Needs>,
    checkpoints: Checkpoints,
    /// Where it went on from.
    from: Option<Place>,
    /// Steps done.
    pub(crate) step: u64,
    /// What was sampled for the next step.
    ahead: Option<Sampled>,
    pub(crate) world: World<'a>,
    pub(crate) seconds: Seconds,
}

/// A step's answers with what the teacher told, ready to be learnt.
pub(crate) struct Graded {
    sampled: Sampled,
    taught: Vec<Option<Taught>>,
    /// What was judged of each answer; empty where none is.
    judged: Vec<Judged>,
    /// Whether the teacher was asked at all.
    asked: bool,
}

/// Does the job.
pub(crate) fn learn<W: Write>(
    job: &Learn,
    parent: &mut Parent<W>,
    world: World<'_>,
) -> Result<Done> {
    let started = (world.clock)();
    let mut run = Run::open(job, world)?;
    // One that is not asked is not looked at.
    let (teacher, teachers) = match run.needs {
        Some(_) => teacher::digests(job)?,
        None => Default::default(),
    };
    parent.say(&Report::Ready(Ready {
        version: protocol::VERSION,
        from: run.from,
        items: run.items.len(),
        student: load::digest(&job.student.model)?,
        teacher,
        teachers,
        seconds: since(world, started),
    }))?;
    let last = job.until.map_or(job.steps, |until| until.min(job.steps));
    let mut written = run.step;
    while run.step < last {
        let step = run.next(parent)?;
        parent.say(&Report::Step(Box::new(step)))?;
        let paused = parent.paused()?;
        if run.step == last || paused || run.step.is_multiple_of(job.checkpoint_every) {
            parent.say(&Report::Checkpoint(run.checkpoint()?))?;
            written = run.step;
        }
        if paused {
            break;
        }
    }
    Ok(Done {
        paused: written < last,
        step: Some(run.step),
    })
}

impl<'a> Run<'a> {
    /// Loads all, and goes to the place that the job names.
    pub(crate) fn open(job: &'a Learn, world: World<'a>) -> Result<Self> {
        check::check(job)?;
        let items = load::items(&job.items)?;
        let checkpoints = Checkpoints::of(&job.folder);
        checkpoints.clean()?;
        let newest = checkpoints.places(job.stage)?.pop();
        let from = job.from.or(newest).or(job.begin);
        let begun = from.map(|place| checkpoints.seed(place)).transpose()?;
        let learning = (begun.unwrap_or(job.seed), &job.learning);
        let mut student = Student::open(&job.student, learning, (job.steps, job.threads))?;
        let needs = targets::needs(&job.learning.loss, job.stage).filter(|_| job.has_teacher());
        let (mut step, mut ahead) = (0, None);
        if let Some(place) = from {
            let same = place.stage == job.stage;
            ahead = checkpoints.restore(&mut student, place, same)?;
            // What another seed sampled ahead belongs to another course.
            let own = random::of_step(job.seed, job.stage, place.step + 1);
            ahead = ahead.filter(|ahead| ahead.seed == own);
            step = if same { place.step } else { 0 };
        }
        if job.from.is_some() {
            // What came after belongs to a course that was given up.
            let mut later = checkpoints.places(job.stage)?;
            later.retain(|p| p.step > step);
            later.into_iter().try_for_each(|p| checkpoints.remove(p))?;
        }
        let staff = Staff::open(job, &items, &student, needs)?;
        let start = match job.learning.loss.kind.looks_at_start() {
            true => {
                let items: Vec<&Item> = items.iter().collect();
                let model = &job.student.model;
                Some(Local::start(model, &student, &items, job.threads)?)
            }
            false => None,
        };
        if job.stage == Stage::OnPolicy {
            student.refresh()?;
        }
        Ok(Self {
            job,
            items,
            student,
            staff,
            start,
            also: Vec::new(),
            needs,
            checkpoints,
            from,
            step,
            ahead,
            world,
            seconds: Seconds::default(),
        })
    }

    /// The next step.
    fn next<W: Write>(&mut self, parent: &mut Parent<W>) -> Result<protocol::Step> {
        self.seconds = Seconds::default();
        let step = self.step + 1;
        let graded = self.graded(step, parent)?;
        let mut learnt = self.learnt(&graded)?;
        if learnt.is_empty() {
            return Err(Error::Teacher(
                "it scored none of the answers of a step".into(),
            ));
        }
        let own = self.job.stage == Stage::OnPolicy;
        let mut metrics = metrics::of(&learnt, own);
        let started = (self.world.clock)();
        let report = self.take(&mut learnt, &mut metrics)?;
        self.seconds.learning = since(self.world, started);
        let tokens = self.tokens(&learnt)?;
        let shown = learnt.iter().take(self.job.show as usize);
        let tokenizer = &self.student.reader.tokenizer;
        let shown = shown.map(|l| metrics::shown(&self.items[l.answer.item].id, l, tokenizer));
        let samples = shown.collect();
        let unscored = graded.sampled.answers.len() - learnt.len();
        drop(learnt);
        self.step = step;
        if own {
            let started = (self.world.clock)();
            self.student.refresh()?;
            self.seconds.refreshing = since(self.world, started);
        }
        let sampled = &graded.sampled;
        Ok(protocol::Step {
            stage: self.job.stage,
            step,
            seed: sampled.seed,
            rate: report.rate,
            ids: sampled.digest(&self.items),
            items: self.chosen_ids(step),
            metrics,
            tokens,
            seconds: self.seconds,
            staleness: (step - 1 - sampled.written_at) as u32,
            unscored: unscored as u32,
            samples,
        })
    }

    /// The answers of a step and what the teacher says of them. One step off, the next ones are
    /// written while the parent's teacher is at work.
    pub(crate) fn graded<W: Write>(&mut self, step: u64, parent: &mut Parent<W>) -> Result<Graded> {
        let sampled = match self.ahead.take().filter(|ahead| ahead.step == step) {
            Some(ahead) => ahead,
            None => self.answers(step)?,
        };
        let judged = self.judged(parent, &sampled)?;
        let served = sampled.answers.iter().enumerate();
        let served = served.filter(|(_, answer)| self.staff.is_served(answer.item));
        let (places, served): (Vec<usize>, Vec<&Answer>) = served.unzip();
        let question = match self.needs.map(|needs| self.asked_of_parent(needs)) {
            Some(needs) if !served.is_empty() => {
                let about = (self.items.as_slice(), &self.student.reader);
                let at = (self.job.stage, sampled.step);
                Some((teacher::ask(parent, about, at, &served, needs)?, needs))
            }
            _ => None,
        };
        if self.job.learning.one_step_off && step < self.job.steps {
            self.ahead = Some(self.answers(step + 1)?);
        }
        let started = (self.world.clock)();
        let mut taught = sampled.answers.iter().map(|_| None).collect::<Vec<_>>();
        if let Some(needs) = self.needs {
            // The parent's teachers are at work meanwhile.
            let about = (self.items.as_slice(), sampled.answers.as_slice());
            let reader = &self.student.reader;
            self.staff.score(reader, about, needs, &mut taught)?;
            self.draw(&sampled, &mut taught)?;
        }
        if let Some((question, needs)) = question {
            let told = teacher::told(parent.answer(question)?, &served, needs)?;
            for (place, told) in places.into_iter().zip(told) {
                taught[place] = told;
            }
        }
        self.seconds.scoring = since(self.world, started);
        Ok(Graded {
            sampled,
            taught,
            judged,
            asked: self.needs.is_some(),
        })
    }

    /// The parent's teacher is also asked for what the curves are made of.
    fn asked_of_parent(&self, needs: Needs) -> Needs {
        match self.job.stage {
            Stage::OnPolicy => Needs {
                top: needs.top.max(TOP),
                ..needs
            },
            Stage::ColdStart => needs,
        }
    }

    /// The answers of a step.
    fn answers(&mut self, step: u64) -> Result<Sampled> {
        let Learn {
            seed,
            stage,
            learning,
            sampling,
            ..
        } = self.job;
        let chosen = self.chosen(step);
        let which = Which {
            seed: *seed,
            stage: *stage,
            step,
            items: &self.items,
            chosen: &chosen,
        };
        let reader = &self.student.reader;
        if *stage == Stage::ColdStart {
            let pairs = learning.loss.kind.is_of_pairs();
            return sampled::given(which, reader, sampling, pairs);
        }
        let started = (self.world.clock)();
        let top = TOP.max(self.needs.map_or(0, |needs| needs.at));
        let student = (self.student.sampler()?, reader, self.step);
        let sampled = sampled::own(which, student, sampling, (learning.samples, top))?;
        self.seconds.sampling += since(self.world, started);
        Ok(sampled)
    }

    pub(crate) fn chosen(&self, step: u64) -> Vec<usize> {
        let Learn {
            seed,
            stage,
            learning,
            ..
        } = self.job;
        let of = (u64::from(learning.batch), self.items.len());
        let mut chosen = random::items(*seed, *stage, step, of);
        chosen.extend(&self.also);
        chosen
    }

    fn chosen_ids(&self, step: u64) -> Vec<String> {
        let chosen = self.chosen(step).into_iter();
        chosen.map(|item| self.items[item].id.clone()).collect()
    }

    /// Answers with prompts, those alone of which the teacher told where it was asked.
    pub(crate) fn learnt<'g>(&self, graded: &'g Graded) -> Result<Vec<Learnt<'g>>> {
        let mut out = Vec::new();
        let pairs = graded.sampled.answers.iter().zip(&graded.taught);
        for (place, (answer, taught)) in pairs.enumerate() {
            if graded.asked && taught.is_none() {
                continue;
            }
            let item = &self.items[answer.item];
            let prompt = self.student.reader.prompt(&item.id, &item.student)?;
            let (length, most) = (prompt.len() + answer.tokens.len(), self.job.learning.rows);
            if length > most {
                return Err(Error::Item {
                    id: item.id.clone(),
                    what: format!("{length} tokens, and a pass has room for {most} (rows)"),
                });
            }
            out.push(Learnt {
                prompt,
                answer,
                taught: taught.clone(),
                local: taught.as_ref().and(self.staff.local(answer.item)),
                judged: graded.judged.get(place).copied(),
                own: Vec::new(),
                start: Vec::new(),
                weighed: None,
            });
        }
        Ok(out)
    }

    pub(super) fn batches(&self, learnt: &[Learnt<'_>]) -> Result<targets::Step> {
        let Learn { learning, .. } = self.job;
        let (device, widths) = (&*self.student.device, self.staff.widths());
        targets::Step::new(learnt, &learning.loss, (device, &widths, learning.rows))
    }

    /// Tokens that a step took.
    pub(crate) fn tokens(&self, learnt: &[Learnt<'_>]) -> Result<Tokens> {
        let mut out = Tokens::default();
        let mut teacher: Option<(usize, u64)> = None;
        for learnt in learnt {
            out.student_prompt += learnt.prompt.len() as u64;
            out.answer += learnt.answer.tokens.len() as u64;
            let Some(taught) = &learnt.taught else {
                continue;
            };
            let index = learnt.answer.item;
            let prompt = match teacher.filter(|(item, _)| *item == index) {
                Some((_, tokens)) => tokens,
                None => self
                    .staff
                    .prompt(&self.student.reader, &self.items, index)?,
            };
            teacher = Some((index, prompt));
            out.teacher_prompt += prompt;
            if learnt.local.is_some() {
                let read = taught.read.unwrap_or(learnt.answer.tokens.len());
                out.here += prompt + read as u64;
            }
        }
        Ok(out)
    }

    fn checkpoint(&mut self) -> Result<Checkpoint> {
        let started = (self.world.clock)();
        let place = Place {
            stage: self.job.stage,
            step: self.step,
        };
        let (ahead, keep) = (self.ahead.as_ref(), self.job.keep);
        let mut out = self
            .checkpoints
            .write(&mut self.student, place, ahead, keep)?;
        out.seconds = since(self.world, started);
        Ok(out)
    }
}

/// Seconds since.
pub(crate) fn since(world: World<'_>, started: Duration) -> f64 {
    (world.clock)().saturating_sub(started).as_secs_f64()
}
