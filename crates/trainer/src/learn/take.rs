//! What a step does with its answers: judging, weighing pairs, the change of the weights.

use super::{Result, Run};
use crate::draws::{self, Draws};
use crate::parent::Parent;
use crate::protocol::{Metrics, Stage, Support};
use crate::reward::{self, Judged};
use crate::sampled::{Answer, Sampled};
use crate::targets::{self, Learnt};
use crate::teacher::{Needs, Taught};
use crate::{pairs, random};
use std::io::Write;

impl Run<'_> {
    /// What the parent judges of answers, where the loss is of judged ones.
    pub(super) fn judged<W: Write>(
        &self,
        parent: &mut Parent<W>,
        sampled: &Sampled,
    ) -> Result<Vec<Judged>> {
        let (kind, stage) = (self.job.learning.loss.kind, self.job.stage);
        let rewards = match stage {
            _ if kind.is_judged(stage) => reward::ask(parent, &self.items, (stage, sampled))?,
            // The first of a given pair is the better one.
            Stage::ColdStart if kind.is_of_pairs() => {
                let better = |a: &Answer| f64::from(u8::from(a.sample == 0));
                sampled.answers.iter().map(better).collect()
            }
            _ => return Ok(Vec::new()),
        };
        Ok(reward::judged(&sampled.answers, &rewards, kind.spread()))
    }

    /// Draws from what teachers beside the student told, where the support is of draws.
    pub(super) fn draw(&self, sampled: &Sampled, taught: &mut [Option<Taught>]) -> Result<()> {
        let loss = &self.job.learning.loss;
        let Support::Draws(count) = loss.support else {
            return Ok(());
        };
        let draws = Draws {
            count: count as usize,
            temperature: loss.temperature,
        };
        let (desks, widths) = (self.staff.desks(), self.staff.widths());
        for (answer, taught) in sampled.answers.iter().zip(taught) {
            let local = self.staff.local(answer.item);
            let desk = local.and_then(|local| Some((desks.get(local)?.0, *widths.get(local)?)));
            let (Some(taught), Some((head, width))) = (taught, desk) else {
                continue;
            };
            let id = &self.items[answer.item].id;
            let seed = random::of_answer(sampled.seed, id, answer.sample);
            draws::draw(taught, draws, (&self.student.device, head, width), seed)?;
        }
        Ok(())
    }

    /// Weighs answers, where the loss is of whole ones.
    fn weigh(&mut self, learnt: &mut [Learnt<'_>], metrics: &mut Metrics) -> Result<()> {
        let kind = self.job.learning.loss.kind;
        if kind.is_between_vocabularies() {
            let places: Vec<usize> = (0..learnt.len()).collect();
            let network = self.student.trainer.network();
            let own = pairs::logprobs(network, learnt, (&places, self.job.learning.rows))?;
            for (learnt, own) in learnt.iter_mut().zip(own) {
                learnt.own = own;
            }
            return Ok(());
        }
        let Some(start) = &self.start else {
            return Ok(());
        };
        let pairs = pairs::pairs(learnt);
        let places: Vec<usize> = match kind.is_of_pairs() {
            true => pairs.iter().flatten().copied().collect(),
            false => (0..learnt.len()).collect(),
        };
        if places.is_empty() {
            return Ok(());
        }
        let answers: Vec<&Answer> = places.iter().map(|&place| learnt[place].answer).collect();
        let told = start.score(&self.items, &answers, Needs::TOKENS)?;
        let Some(dpo) = pairs::formula(kind)? else {
            let tokens = |taught: Taught| taught.positions.iter().filter_map(|p| p.token).collect();
            for (learnt, told) in learnt.iter_mut().zip(told) {
                learnt.start = tokens(told);
            }
            return Ok(());
        };
        let sum = |taught: &Taught| -> f64 {
            let tokens = taught.positions.iter().filter_map(|p| p.token);
            tokens.map(f64::from).sum()
        };
        let reference: Vec<f64> = told.iter().map(sum).collect();
        let network = self.student.trainer.network();
        let own = pairs::logprobs(network, learnt, (&places, self.job.learning.rows))?;
        pairs::weigh(learnt, (&pairs, &dpo), (&own, &reference), metrics)
    }

    /// The change of the weights; its numbers go into `metrics`.
    pub(crate) fn take(
        &mut self,
        learnt: &mut [Learnt<'_>],
        metrics: &mut Metrics,
    ) -> Result<lm::train::Report> {
        self.weigh(learnt, metrics)?;
        let step = self.batches(learnt)?;
        let loss = targets::loss(&self.job.learning.loss);
        let trainer = &mut self.student.trainer;
        let report = match step.is_empty() {
            true => trainer.pass(),
            false => step.with(&self.staff.desks(), |batches| trainer.step(batches, &loss))?,
        };
        put(metrics, &report);
        Ok(report)
    }

    /// The numbers of a step that is not taken.
    pub(crate) fn dry(&mut self, learnt: &mut [Learnt<'_>], metrics: &mut Metrics) -> Result<()> {
        self.weigh(learnt, metrics)?;
        let step = self.batches(learnt)?;
        let loss = targets::loss(&self.job.learning.loss);
        let trainer = &mut self.student.trainer;
        if step.is_empty() {
            return Ok(());
        }
        let report = step.with(&self.staff.desks(), |batches| {
            trainer.dry_step(batches, &loss)
        })?;
        put(metrics, &report);
        Ok(())
    }
}

fn put(metrics: &mut Metrics, report: &lm::train::Report) {
    // That of pairs is told already: it is no mean over tokens.
    if metrics.margin.is_none() {
        metrics.loss = report.loss;
    }
    metrics.tokens = report.tokens as u64;
    metrics.gradient_norm = report.gradient_norm;
    metrics.clamped = report.clamped;
    metrics.saturated = report.saturated;
}
