//! The child's answers are graded, by the run's own rule. Nothing is bought and nothing written down: the
//! same answers get the same rewards when a step is taken again.

use trainer::protocol::{Grade, Order, Rewards};

use super::learn::of_child;
use super::watch::Flow;
use super::{Child, Driver, Stop};
use crate::create::EXPECTED;
use crate::error::{Error, Result};

impl Driver<'_, '_> {
    /// Answers the child's question for rewards.
    pub(super) fn grade(&mut self, child: &mut Child, question: &Grade) -> Result<Flow> {
        let stage = of_child(question.stage);
        let settings = self.state.spec.stage(stage);
        let Some(reward) = settings.and_then(|stage| stage.reward.as_ref()) else {
            return Ok(Flow::Stop(Stop::failed("the stage has no reward")));
        };
        let refused = |error: crate::measure::ScorerError| Error::Refused(error.to_string());
        let judge = reward.judge().map_err(refused)?;
        if self.expected.is_none() {
            let bytes = self.folder.read(EXPECTED)?.unwrap_or_default();
            let read = serde_json::from_slice(&bytes);
            self.expected = Some(read.map_err(|e| Error::Child(format!("{EXPECTED}: {e}")))?);
        }
        let expected = self.expected.as_ref();
        let rewards = question.answers.iter().map(|answer| {
            let wanted = expected.and_then(|all| all.get(&answer.item));
            let wanted = wanted.map_or("", String::as_str);
            judge.reward(&answer.text, wanted).map_err(refused)
        });
        let rewards = rewards.collect::<Result<Vec<f64>>>()?;
        let question = question.question;
        child.say(&Order::Rewards(Rewards { question, rewards }))?;
        Ok(Flow::On)
    }
}
