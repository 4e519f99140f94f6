//! Which losses go with which stages, samples and teachers. The child refuses a job by it, and whoever
//! reads a run's settings can, long before. Nothing is loaded here.

use crate::protocol::{self, Kind, Learning, Stage, Support, Tuning};
use crate::targets;

/// Where a stage's teacher is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Beside the student.
    Local,
    /// Elsewhere: it is asked for scores.
    Elsewhere,
    /// There is none.
    None,
    /// It is not known yet: what it would have to be is not looked at.
    Unsettled,
}

/// Settings that can not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unfit {
    /// The setting of `learning` that is at fault.
    pub key: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
    /// What helps.
    pub hint: &'static str,
}

/// Whether a stage can be learnt like this.
///
/// # Errors
/// The first thing that can not be.
pub fn check(learning: &Learning, stage: Stage, source: Source) -> Result<(), Unfit> {
    let own = stage == Stage::OnPolicy;
    let loss = &learning.loss;
    let unless = |ok: bool, key, what, hint| match ok {
        true => Ok(()),
        false => Err(Unfit { key, what, hint }),
    };
    unless(
        (1..=protocol::MOST_IDS / 2).contains(&ids(loss.support)),
        "support",
        "ids of a support are 1 to 512",
        "20 are enough as a rule",
    )?;
    judged(learning, stage)?;
    let of_whole = matches!(
        loss.kind,
        Kind::Policy { .. } | Kind::Grpo { .. } | Kind::Dpo { .. }
    );
    unless(
        !of_whole || (loss.temperature == 1.0 && !loss.scaled),
        "temperature",
        "log-probabilities of when answers were written are at temperature 1, and so is this loss",
        "leave out temperature and scaled",
    )?;
    draws(loss, (stage, source))?;
    let Some(needs) = targets::needs(loss, stage) else {
        return Ok(());
    };
    if needs.spans {
        between_vocabularies(loss, source)?;
    }
    let of_own = matches!(loss.kind, Kind::Policy { .. }) || needs.at > 0;
    unless(
        own || !of_own,
        "loss",
        "a policy gradient and the student's support need the student's own answers (on_policy)",
        "learn by forward_kl or cross_entropy in a cold start",
    )?;
    match source {
        Source::Unsettled => Ok(()),
        // The student's own answers, learnt as they are: a probe of what a step takes.
        Source::None => unless(
            own && loss.kind == Kind::CrossEntropy,
            "loss",
            "this loss needs a teacher",
            "cross_entropy in a cold start needs none",
        ),
        Source::Elsewhere => unless(
            !needs.whole,
            "support",
            "a served teacher gives no whole distribution: name a support of the loss",
            "support = { student = 20 }",
        ),
        Source::Local => unless(
            needs.whole || loss.temperature == 1.0,
            "temperature",
            "a local teacher at another temperature than 1 gives its whole distribution only",
            "leave out support, or temperature",
        ),
    }
}

/// Whether what is trained goes with a loss.
///
/// # Errors
/// Dropout where the loss looks at the student twice a step.
pub fn check_tuning(learning: &Learning, tuning: &Tuning) -> Result<(), Unfit> {
    let kind = learning.loss.kind;
    let twice = kind.is_of_pairs() || kind.is_between_vocabularies();
    match tuning {
        Tuning::Lora { dropout, .. } if twice && *dropout > 0.0 => Err(Unfit {
            key: "loss",
            what: "this loss looks at the student twice a step, and dropout would change it in between",
            hint: "leave out dropout in [student]",
        }),
        _ => Ok(()),
    }
}

/// What losses of judged answers ask for.
fn judged(learning: &Learning, stage: Stage) -> Result<(), Unfit> {
    let unless = |ok: bool, key, what, hint| match ok {
        true => Ok(()),
        false => Err(Unfit { key, what, hint }),
    };
    if let Kind::Grpo { low, high, .. } = learning.loss.kind {
        unless(
            stage == Stage::OnPolicy,
            "loss",
            "grpo is of the student's own answers (on_policy)",
            "learn by cross_entropy in a cold start",
        )?;
        let clips = low >= 0.0 && high >= 0.0;
        let what = "grpo's ratio is clipped by less than 0";
        unless(clips, "loss", what, "low = 0.2, high = 0.2")?;
    }
    if let Kind::Dpo { beta, flipped, .. } = learning.loss.kind {
        let what = "dpo's beta is not above 0, or flipped not in 0 to 0.5";
        let fits = beta > 0.0 && beta.is_finite() && (0.0..=0.5).contains(&flipped);
        unless(fits, "loss", what, "kind = \"dpo\" has beta = 0.1")?;
    }
    if learning.loss.kind.is_judged(stage) {
        unless(
            learning.samples > 1,
            "samples",
            "one answer to an item can not be held against others: samples is 2 or more",
            "samples = 8",
        )?;
    }
    Ok(())
}

/// What random draws ask for.
fn draws(loss: &protocol::Loss, (stage, source): (Stage, Source)) -> Result<(), Unfit> {
    if !matches!(loss.support, Support::Draws(_)) {
        return Ok(());
    }
    let unless = |ok: bool, what, hint| match ok {
        true => Ok(()),
        false => Err(Unfit {
            key: "support",
            what,
            hint,
        }),
    };
    unless(
        matches!(loss.kind, Kind::CrossEntropy | Kind::ForwardKl),
        "draws from the teacher stand for it in cross_entropy and forward_kl alone",
        "support = { student = 20 } for a reverse divergence",
    )?;
    unless(
        loss.kind != Kind::CrossEntropy || stage == Stage::OnPolicy,
        "in a cold start cross_entropy learns the answers' tokens, and draws nothing",
        "take forward_kl",
    )?;
    unless(
        matches!(source, Source::Local | Source::Unsettled),
        "draws are of the teacher's whole distribution: its model must be on this machine",
        "name the teacher's model, or support = { teacher = 20 }",
    )
}

/// What losses between vocabularies ask for.
fn between_vocabularies(loss: &protocol::Loss, source: Source) -> Result<(), Unfit> {
    let unless = |ok: bool, key, what, hint| match ok {
        true => Ok(()),
        false => Err(Unfit { key, what, hint }),
    };
    let near = matches!(source, Source::Local | Source::Unsettled);
    unless(
        near,
        "loss",
        "uld reads the teacher's whole distribution: its model must be on this machine",
        "name the teacher's model, or learn its texts by cross_entropy in a cold start",
    )?;
    let whole = loss.support == Support::Whole;
    let what = "uld looks at both whole vocabularies";
    unless(whole, "support", what, "leave out support")?;
    let what = "uld is of temperature 1, neither scaled nor with a floor";
    let plain = loss.temperature == 1.0 && !loss.scaled && loss.floor.is_none();
    unless(
        plain,
        "loss",
        what,
        "leave out temperature, scaled and floor",
    )?;
    let Kind::Uld {
        shared: Some(shared),
    } = loss.kind
    else {
        return Ok(());
    };
    let finite = |weight: f64| weight >= 0.0 && weight.is_finite();
    let fits = finite(shared.weight) && finite(shared.rest) && shared.weight + shared.rest > 0.0;
    let what = "uld's weights are not 0 or more, one of them more";
    unless(
        fits,
        "loss",
        what,
        "shared = { kind = \"reverse_kl\" } has 1 and 1",
    )?;
    let beta = match shared.kind {
        protocol::Divergence::Gjsd { beta } => beta,
        _ => 0.5,
    };
    let what = "beta is not between 0 and 1";
    unless(beta > 0.0 && beta < 1.0, "loss", what, "beta = 0.5")
}

fn ids(support: Support) -> usize {
    match support {
        Support::Whole => 1,
        Support::Teacher(k) | Support::Student(k) | Support::Union(k) | Support::Draws(k) => {
            k as usize
        }
    }
}
