//! Which settings of a job that learns can not go together. Nothing is loaded here.

use crate::error::{Error, Result};
use crate::protocol::{self, Kind, Learn, Stage, Support, Teacher};
use crate::targets;
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
    let support = match learning.loss.support {
        Support::Whole => 1,
        Support::Teacher(k) | Support::Student(k) | Support::Union(k) => k as usize,
    };
    wrong(
        (1..=protocol::MOST_IDS / 2).contains(&support),
        "ids of a support are 1 to 512",
    )?;
    wrong(
        learning.rate.floor >= 0.0 && learning.rate.floor <= 1.0,
        "a rate's floor is not in 0 to 1",
    )?;
    let loss = &learning.loss;
    let Some(needs) = targets::needs(loss, job.stage) else {
        return Ok(());
    };
    let own = matches!(loss.kind, Kind::Policy { .. }) || needs.at > 0;
    wrong(
        job.stage == Stage::OnPolicy || !own,
        "a policy gradient and the student's support need the student's own answers (on_policy)",
    )?;
    let further = job.teachers.iter().map(|further| &further.teacher);
    let mut all = std::iter::once(&job.teacher).chain(further);
    all.try_for_each(|teacher| match teacher {
        Teacher::None => wrong(false, "this loss needs a teacher"),
        Teacher::Parent => wrong(
            !needs.whole,
            "a served teacher gives no whole distribution: name a support of the loss",
        ),
        Teacher::Local { .. } => wrong(
            needs.whole || loss.temperature == 1.0,
            "a local teacher at another temperature than 1 gives its whole distribution only",
        ),
    })
}
