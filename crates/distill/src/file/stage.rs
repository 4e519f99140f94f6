//! Whether a run's stages can be learnt as they are written: each loss with what it needs. Pure.

use std::ops::Range;

use trainer::fits::{self, Source};
use trainer::protocol;

use crate::spec::{Spec, Stage, Teacher};

/// What is wrong with a stage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The stage, as its table is called.
    pub(crate) stage: &'static str,
    /// The key within it.
    pub(crate) key: &'static str,
    /// What is wrong.
    pub(crate) what: String,
    /// What helps.
    pub(crate) hint: &'static str,
}

/// Looks at both stages. Where a teacher is not settled yet, what it would have to be is not looked at.
pub(crate) fn check(spec: &Spec) -> Result<(), Fault> {
    let stages = &spec.stages;
    let cold = stages.cold_start.as_ref();
    let all = [
        (cold, "cold_start", protocol::Stage::ColdStart),
        (
            stages.on_policy.as_ref(),
            "on_policy",
            protocol::Stage::OnPolicy,
        ),
    ];
    for (stage, name, at) in all {
        let Some(stage) = stage else { continue };
        let fault = |key, what, hint| Fault {
            stage: name,
            key,
            what,
            hint,
        };
        let fits = |source| fits::check(&stage.learning, at, source);
        fits(Source::Unsettled)
            .map_err(|unfit| fault(unfit.key, unfit.what.to_owned(), unfit.hint))?;
        fits::check_tuning(&stage.learning, &spec.student.tuning)
            .map_err(|unfit| fault(unfit.key, unfit.what.to_owned(), unfit.hint))?;
        for teacher in spec.all_teachers() {
            let whose = match spec.has_several_teachers() {
                true => format!("with the teacher `{}`: ", teacher.name),
                false => String::new(),
            };
            fits(source(teacher))
                .map_err(|unfit| fault(unfit.key, format!("{whose}{}", unfit.what), unfit.hint))?;
        }
        reward(stage, at).map_err(|(what, hint)| fault("reward", what, hint))?;
    }
    Ok(())
}

fn source(teacher: &Teacher) -> Source {
    match (&teacher.model, &teacher.served) {
        (Some(_), _) => Source::Local,
        (None, Some(_)) => Source::Elsewhere,
        (None, None) => Source::Unsettled,
    }
}

fn reward(stage: &Stage, at: protocol::Stage) -> Result<(), (String, &'static str)> {
    let judged = stage.learning.loss.kind.is_judged(at);
    match &stage.reward {
        None if judged => Err((
            "is left out, and this loss is of judged answers".into(),
            "reward = { scorer = { kind = \"exact\" } }",
        )),
        Some(_) if !judged => Err((
            "is given, and this stage's loss does not look at it".into(),
            "leave it out, or take loss = { kind = \"grpo\" }",
        )),
        Some(reward) => match reward.judge() {
            Ok(_) => Ok(()),
            Err(error) => Err((
                error.to_string(),
                "a scorer that judges single answers, such as exact or json_fields",
            )),
        },
        None => Ok(()),
    }
}

/// Where a key of a stage stands in the text: in its table, or in a value within it.
pub(super) fn place(text: &str, stage: &str, key: &str) -> Option<Range<usize>> {
    let table = format!("[stages.{stage}");
    let (mut at, mut inside, mut best) = (0, false, None);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start();
        if bare.starts_with('[') {
            inside = bare.starts_with(&table);
        }
        let here = at..at + line.len();
        at += line.len();
        if !inside {
            continue;
        }
        let mut found = line.match_indices(key);
        let whole = |(from, _): (usize, &str)| {
            let part = |c: char| c.is_alphanumeric() || c == '_';
            let rest = line[from + key.len()..].trim_start();
            !line[..from].ends_with(part) && (rest.starts_with('=') || rest.starts_with(']'))
        };
        if found.any(whole) {
            return Some(here);
        }
        // At least the table itself.
        best = best.or(Some(here));
    }
    best
}
