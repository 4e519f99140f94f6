//! The job that measures before anything is spent: one batch of the student's answers, what the
//! teacher thinks of them, and what a step of learning from them takes. Nothing is learnt or written.

use crate::World;
use crate::error::Result;
use crate::learn::{Run, since};
use crate::metrics;
use crate::parent::Parent;
use crate::protocol::{self, Done, Probe, Probed, Ready, Report, Seconds, Stage, Teacher};
use crate::targets::Learnt;
use crate::teacher::Taught;
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
    let mut run = Run::open(&learn, world)?;
    let loading = since(world, started);
    let local = match &learn.teacher {
        Teacher::Local { model } => Some(crate::load::digest(model)?),
        Teacher::Parent | Teacher::None => None,
    };
    parent.say(&Report::Ready(Ready {
        version: protocol::VERSION,
        from: None,
        items: run.items.len(),
        student: crate::load::digest(&learn.student.model)?,
        teacher: local,
        seconds: loading,
    }))?;
    let step = run.step + 1;
    let graded = run.graded(step, parent)?;
    let learnt = run.learnt(&graded)?;
    let mut numbers = metrics::of(&learnt, true);
    let started = (world.clock)();
    run.dry(&learnt, &mut numbers)?;
    let seconds = Seconds {
        learning: since(world, started),
        ..run.seconds
    };
    let started = (world.clock)();
    run.student.refresh()?;
    let seconds = Seconds {
        refreshing: since(world, started),
        ..seconds
    };
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
        loading,
        memory: run.student.memory(),
        tokenizers: run.local.as_ref().map(|local| local.tokenizers),
    };
    parent.say(&Report::Probed(Box::new(probed)))?;
    Ok(Done {
        paused: false,
        step: None,
    })
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
