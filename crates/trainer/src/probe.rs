//! The job that measures before anything is spent: one batch of the student's answers, what the
//! teacher thinks of them, and what a step of learning from them takes. Nothing is written; what it
//! learns is lost with the process.

use crate::World;
use crate::error::{Error, Result};
use crate::learn::{Run, since};
use crate::metrics;
use crate::parent::Parent;
use crate::protocol::{
    self, Done, Metrics, OfTeacher, Probe, Probed, Ready, Report, Seconds, Stage,
};
use crate::reward;
use crate::targets::Learnt;
use crate::teacher::{self, Taught};
use std::io::Write;

/// Does the job.
pub(crate) fn probe<W: Write>(
    job: &Probe,
    parent: &mut Parent<W>,
    world: World<'_>,
) -> Result<Done> {
    let started = (world.clock)();
    let mut learn = job.learn.clone();
    learn.stage = Stage::OnPolicy;
    learn.learning.batch = job.items.max(1);
    learn.learning.one_step_off = false;
    // Where texts alone are learnt, the teacher may cut them into other tokens: then there is no more
    // to tell of it.
    let (bare, texts) = (
        learn.without_teachers(),
        !learn.learning.loss.kind.asks_teacher(job.learn.stage),
    );
    let mut run = match Run::open(&learn, world) {
        Err(Error::Tokenizers(_)) if texts => Run::open(&bare, world)?,
        opened => opened?,
    };
    run.ask_all();
    let loading = since(world, started);
    let (teacher, teachers) = teacher::digests(run.job)?;
    parent.say(&Report::Ready(Ready {
        version: protocol::VERSION,
        from: None,
        items: run.items.len(),
        student: crate::load::digest(&learn.student.model)?,
        teacher,
        teachers,
        seconds: loading,
    }))?;
    let step = run.step + 1;
    let graded = run.graded(step, parent)?;
    let mut learnt = run.learnt(&graded)?;
    let mut numbers = metrics::of(&learnt, true);
    let (seconds, updating) = run.timed(&mut learnt, &mut numbers)?;
    let taught: Vec<&Taught> = learnt.iter().filter_map(|l| l.taught.as_ref()).collect();
    let length = |l: &Learnt<'_>| l.prompt.len() + l.answer.tokens.len();
    let probed = Probed {
        items: learn.learning.batch,
        answers: learnt.len() as u32,
        metrics: numbers,
        kl_error: error(&learnt),
        teacher_entropy: metrics::teacher_entropy(&taught),
        tokens: run.tokens(&learnt)?,
        longest: learnt.iter().map(length).max().unwrap_or(0) as u64,
        seconds,
        updating,
        loading,
        memory: run.student.memory(),
        tokenizers: run
            .staff
            .posts()
            .find_map(|(_, local, _)| local)
            .map(|local| local.tokenizers),
        teachers: of_teachers(&run, &learnt),
    };
    parent.say(&Report::Probed(Box::new(probed)))?;
    Ok(Done {
        paused: false,
        step: None,
    })
}

impl Run<'_> {
    /// What a step's parts take, and the change of the weights; the step's numbers go into `numbers`.
    fn timed(
        &mut self,
        learnt: &mut [Learnt<'_>],
        numbers: &mut Metrics,
    ) -> Result<(Seconds, f64)> {
        let world = self.world;
        // Learning takes its time also where the judge told no answers apart this once.
        let mut others = *numbers;
        let told = match reward::tell_apart(learnt) {
            true => &mut others,
            false => numbers,
        };
        let started = (world.clock)();
        self.dry(learnt, told)?;
        let learning = since(world, started);
        // Once more, and the weights change.
        let started = (world.clock)();
        self.take(learnt, &mut others)?;
        let updating = (since(world, started) - learning).max(0.0);
        let started = (world.clock)();
        self.student.refresh()?;
        let seconds = Seconds {
            learning,
            refreshing: since(world, started),
            ..self.seconds
        };
        Ok((seconds, updating))
    }

    /// Has the batch also hold an item of each teacher that it has none of.
    fn ask_all(&mut self) {
        let chosen = self.chosen(self.step + 1);
        let firsts = self.staff.posts().map(|(_, _, first)| first);
        self.also = firsts
            .filter(|first| !chosen.iter().any(|item| self.staff.same(*item, *first)))
            .collect();
    }
}

/// What was found of each teacher, where there are several.
fn of_teachers(run: &Run<'_>, learnt: &[Learnt<'_>]) -> Vec<OfTeacher> {
    if run.job.teachers.is_empty() {
        return Vec::new();
    }
    let posts = run.staff.posts();
    let one = |(name, local, first): (Option<&str>, Option<&teacher::Local>, usize)| {
        let its = learnt.iter();
        let its = its.filter(|l| run.staff.same(l.answer.item, first));
        let (answers, kl, overlap) = metrics::agreement(its);
        OfTeacher {
            name: name.map(str::to_owned),
            answers,
            kl,
            overlap,
            tokenizers: local.map(|local| local.tokenizers),
        }
    };
    posts.map(one).collect()
}

/// Standard error of the mean divergence a token, with answers as what was drawn: a ratio of means.
fn error(learnt: &[Learnt<'_>]) -> Option<f64> {
    let answers: Vec<(f64, f64)> = learnt
        .iter()
        .map(metrics::ratios)
        .filter(|r| !r.is_empty())
        .map(|r| (r.iter().sum(), r.len() as f64))
        .collect();
    let count = answers.len() as f64;
    if answers.len() < 2 {
        return None;
    }
    let (sum, tokens) = answers
        .iter()
        .fold((0.0, 0.0), |t, a| (t.0 + a.0, t.1 + a.1));
    let mean = sum / tokens;
    let squares: f64 = answers.iter().map(|(s, n)| (s - mean * n).powi(2)).sum();
    Some((squares * count / (count - 1.0)).sqrt() / tokens)
}
