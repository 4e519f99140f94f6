//! Which settings of a job that learns can not go together. Nothing is loaded here.

use crate::error::{Error, Result};
use crate::fits::{self, Source};
use crate::protocol::{self, Learn, Teacher};
use std::collections::HashSet;

/// What can not go together.
pub(super) fn check(job: &Learn) -> Result<()> {
    let wrong = |ok: bool, what: &str| match ok {
        true => Ok(()),
        false => Err(Error::Job(what.into())),
    };
    let (learning, sampling) = (&job.learning, &job.sampling);
    let answers = u64::from(learning.batch) * u64::from(learning.samples);
    let range = 1..=protocol::MOST_SEQUENCES as u64;
    wrong(
        range.contains(&answers),
        "answers of a step (batch x samples) are 1 to 65536",
    )?;
    wrong(
        (1..=protocol::MOST_STEPS).contains(&job.steps),
        "steps are 1 to 1000000",
    )?;
    wrong(job.checkpoint_every > 0, "checkpoint_every is 0")?;
    wrong(
        sampling.max_tokens > 0 && sampling.slots > 0,
        "max_tokens or slots is 0",
    )?;
    let mut names = HashSet::new();
    wrong(
        job.teachers
            .iter()
            .all(|further| names.insert(&further.name)),
        "two teachers have one name",
    )?;
    wrong(
        learning.rate.floor >= 0.0 && learning.rate.floor <= 1.0,
        "a rate's floor is not in 0 to 1",
    )?;
    let fits = fits::check_tuning(learning, &job.student.tuning);
    fits.map_err(|unfit| Error::Job(unfit.to_string()))?;
    let further = job.teachers.iter().map(|further| &further.teacher);
    let mut all = std::iter::once(&job.teacher).chain(further);
    all.try_for_each(|teacher| {
        let source = match teacher {
            Teacher::Local { .. } => Source::Local,
            Teacher::Parent => Source::Elsewhere,
            Teacher::None => Source::None,
        };
        let fits = fits::check(learning, job.stage, source);
        fits.map_err(|unfit| Error::Job(unfit.to_string()))
    })
}
