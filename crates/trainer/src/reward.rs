//! Judged rewards: the parent grades a step's answers, and what an answer is better than the others to
//! its item becomes its advantage. Nothing is judged here.

use crate::error::{Error, Result};
use crate::parent::Parent;
use crate::protocol::{Grade, Graded, Item, Spread, Stage};
use crate::sampled::{Answer, Sampled};
use crate::targets::Learnt;
use lm::loss::advantage::{self, Groups};
use lm::loss::{FLOOR, Target};
use std::collections::BTreeMap;
use std::io::Write;

/// The teacher's log-ratios are cut to this.
const MOST: f64 = 5.0;

/// What a judge said of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judged {
    /// How good it is.
    pub(crate) reward: f64,
    /// How much better than the others to its item; 0 where all were judged alike.
    pub(crate) advantage: f64,
    /// Whether all answers to its item were judged alike.
    pub(crate) alike: bool,
}

/// Asks the parent for the rewards of a step's answers, in their order.
pub(crate) fn ask<W: Write>(
    parent: &mut Parent<W>,
    items: &[Item],
    (stage, sampled): (Stage, &Sampled),
) -> Result<Vec<f64>> {
    let answers = sampled.answers.iter().map(|answer| Graded {
        item: items[answer.item].id.clone(),
        sample: answer.sample,
        text: answer.text.clone(),
    });
    let rewards = parent.grade(Grade {
        question: 0,
        stage,
        step: sampled.step,
        answers: answers.collect(),
    })?;
    let (got, wanted) = (rewards.len(), sampled.answers.len());
    if got != wanted {
        return Err(Error::Job(format!("{got} rewards for {wanted} answers")));
    }
    match rewards.iter().find(|reward| !reward.is_finite()) {
        Some(reward) => Err(Error::Job(format!("a reward of {reward}"))),
        None => Ok(rewards),
    }
}

/// Gives judged answers verdicts that differ within each item, so that each teaches; whether there
/// were any. For measuring what a step takes.
pub(crate) fn tell_apart(learnt: &mut [Learnt<'_>]) -> bool {
    let mut any = false;
    for learnt in learnt {
        let Some(judged) = &mut learnt.judged else {
            continue;
        };
        *judged = Judged {
            reward: f64::from(learnt.answer.sample % 2),
            advantage: 1.0,
            alike: false,
        };
        any = true;
    }
    any
}

/// The places of answers by their items.
pub(crate) fn groups(answers: &[Answer]) -> BTreeMap<usize, Vec<usize>> {
    let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, answer) in answers.iter().enumerate() {
        out.entry(answer.item).or_default().push(place);
    }
    out
}

/// Rewards with what they are worth within each item's answers.
pub(crate) fn judged(answers: &[Answer], rewards: &[f64], spread: Spread) -> Vec<Judged> {
    let spread = match spread {
        Spread::Population => advantage::Spread::Population,
        Spread::Sample => advantage::Spread::Sample,
        Spread::None => advantage::Spread::None,
    };
    let judged = rewards.iter().map(|&reward| Judged {
        reward,
        advantage: 0.0,
        alike: true,
    });
    let mut out: Vec<Judged> = judged.collect();
    for places in groups(answers).values() {
        let mut group: Vec<f64> = places.iter().map(|&place| rewards[place]).collect();
        let differ = Groups::default().advantages(&mut group, spread);
        for (&place, advantage) in places.iter().zip(group) {
            (out[place].advantage, out[place].alike) = (advantage, !differ);
        }
    }
    out
}

/// Targets at a judged answer's own tokens. Of the teacher's log-ratio, the share `teacher` is added to
/// each token's advantage, and of the start model's the share `start`.
pub(crate) fn targets(learnt: &Learnt<'_>, teacher: f64, start: f64) -> Vec<Target<'static, f32>> {
    let answer = learnt.answer;
    let advantage = learnt.judged.map_or(0.0, |judged| judged.advantage);
    let positions = learnt.taught.as_ref().map(|taught| &taught.positions);
    let ratio = |told: Option<f32>, own: f64, share: f64| {
        let told = told.map(|lp| f64::from(lp).max(FLOOR) - own.max(FLOOR));
        told.map_or(0.0, |ratio| share * ratio.clamp(-MOST, MOST))
    };
    let pairs = answer.tokens.iter().zip(&answer.logprobs).enumerate();
    let targets = pairs.map(|(place, (&token, &own))| {
        let own = f64::from(own);
        Target::Sampled {
            token,
            advantage: advantage
                + ratio(
                    positions.and_then(|all| all.get(place)?.token),
                    own,
                    teacher,
                )
                + ratio(learnt.start.get(place).copied(), own, start),
            old_logprob: own,
        }
    });
    targets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs;

    fn answer(item: usize, sample: u32) -> Answer {
        Answer {
            item,
            sample,
            tokens: vec![1],
            logprobs: vec![-1.0],
            top: Vec::new(),
            text: String::new(),
            cut: false,
        }
    }

    #[test]
    fn stand_in_verdicts_make_every_judged_answer_teach() {
        let answers = [answer(0, 0), answer(0, 1)];
        let told = judged(&answers, &[0.0, 0.0], Spread::Population);
        let learnt = |judged: &[Option<Judged>]| -> Vec<Learnt<'_>> {
            let pairs = answers.iter().zip(judged);
            let one = |(answer, judged): (_, &Option<Judged>)| Learnt {
                prompt: vec![1],
                answer,
                taught: None,
                local: None,
                judged: *judged,
                own: Vec::new(),
                start: Vec::new(),
                weighed: None,
            };
            pairs.map(one).collect()
        };
        let mut alike = learnt(&[Some(told[0]), Some(told[1])]);
        assert!(pairs::pairs(&alike).is_empty() && tell_apart(&mut alike));
        assert_eq!(pairs::pairs(&alike), [[1, 0]]);
        let worth = |l: &Learnt<'_>| l.judged.is_some_and(|j| !j.alike && j.advantage > 0.0);
        assert!(alike.iter().all(worth));
        assert!(!tell_apart(&mut learnt(&[None, None])));
    }

    #[test]
    fn an_answer_is_held_against_the_others_to_its_item() {
        // The second item's answers lie around the first's, as where an item comes twice in a step.
        let answers = [(3, 0), (3, 1), (5, 0), (5, 1), (3, 2), (3, 3)];
        let answers = answers.map(|(item, sample)| answer(item, sample));
        let rewards = [1.0, 0.0, 1.0, 1.0, 0.5, 0.5];
        let told = judged(&answers, &rewards, Spread::Population);
        let advantages: Vec<f64> = told.iter().map(|j| j.advantage).collect();
        // The values of the research file, to its 12 digits.
        let wanted = [1.413_813_675_478, -1.413_813_675_478, 0.0, 0.0, 0.0, 0.0];
        for (got, wanted) in advantages.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-12, "{advantages:?}");
        }
        let alike: Vec<bool> = told.iter().map(|j| j.alike).collect();
        assert_eq!(alike, [false, false, true, true, false, false]);
        let plain = judged(&answers, &rewards, Spread::None);
        assert_eq!((plain[0].advantage, plain[1].advantage), (0.5, -0.5));
        assert_eq!(told[2].reward, 1.0);
    }
}
