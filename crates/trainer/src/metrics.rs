//! A step's numbers, from its answers and what the teacher told of them.

use crate::protocol::{Metrics, Sample, SampleToken};
use crate::sampled::{Answer, TOP};
use crate::targets::Learnt;
use crate::teacher::Taught;
use lm::Tokenizer;
use std::collections::{BTreeMap, HashSet};

/// Tokens of the runs that are looked for again.
const GRAM: usize = 4;

/// Numbers of the answers; those of the learning are put in after. `own` says that the student wrote
/// them.
pub(crate) fn of(learnt: &[Learnt<'_>], own: bool) -> Metrics {
    let answers = || learnt.iter().map(|l| l.answer);
    let count = learnt.len().max(1) as f64;
    let tokens: usize = answers().map(|a| a.tokens.len()).sum();
    let mut out = Metrics {
        length: tokens as f64 / count,
        ..Metrics::default()
    };
    if !own {
        return out;
    }
    let judged = || {
        learnt
            .iter()
            .filter_map(|l| Some((l.answer.item, l.judged?)))
    };
    let rewards: Vec<f64> = judged().map(|(_, judged)| judged.reward).collect();
    out.reward = mean(&rewards);
    let groups: BTreeMap<usize, bool> = judged().map(|(item, j)| (item, j.alike)).collect();
    let alike: Vec<f64> = groups.values().map(|&a| f64::from(u8::from(a))).collect();
    out.alike = mean(&alike);
    let sum: f64 = answers()
        .flat_map(|a| &a.logprobs)
        .map(|&lp| f64::from(lp))
        .sum();
    out.entropy = Some(-sum / tokens.max(1) as f64);
    out.cut = Some(answers().filter(|a| a.cut).count() as f64 / count);
    let grams: Vec<(usize, usize)> = answers().map(|a| repeated(&a.tokens)).collect();
    let all: usize = grams.iter().map(|g| g.1).sum();
    let again: usize = grams.iter().map(|g| g.0).sum();
    out.repetition = Some(again as f64 / all.max(1) as f64);
    let ratios: Vec<f64> = learnt.iter().flat_map(ratios).collect();
    out.kl = mean(&ratios);
    let overlaps: Vec<f64> = learnt.iter().flat_map(overlaps).collect();
    out.overlap = mean(&overlaps);
    out
}

/// Of some answers how many there are, their divergence from the teacher and the overlap with it.
pub(crate) fn agreement<'a>(
    learnt: impl Iterator<Item = &'a Learnt<'a>>,
) -> (u32, Option<f64>, Option<f64>) {
    let (mut answers, mut all, mut shares) = (0, Vec::new(), Vec::new());
    for learnt in learnt {
        answers += 1;
        all.extend(ratios(learnt));
        shares.extend(overlaps(learnt));
    }
    (answers, mean(&all), mean(&shares))
}

/// Mean, where there is anything.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// `log q - log p` of an answer's tokens, of which the teacher told.
pub(crate) fn ratios(learnt: &Learnt<'_>) -> Vec<f64> {
    let positions = learnt.taught.iter().flat_map(|t| &t.positions);
    let pairs = positions.zip(&learnt.answer.logprobs);
    let one = |(p, &own): (&crate::teacher::Position, &f32)| {
        let teacher = f64::from(p.token?).max(lm::loss::FLOOR);
        Some(f64::from(own) - teacher)
    };
    pairs.filter_map(one).collect()
}

/// Shares of the teacher's likeliest tokens that are among the student's.
fn overlaps(learnt: &Learnt<'_>) -> Vec<f64> {
    let positions = learnt.taught.iter().flat_map(|t| &t.positions);
    let pairs = positions.zip(&learnt.answer.top);
    let pairs = pairs.filter(|(p, top)| !p.top.is_empty() && !top.is_empty());
    let one = |(p, top): (&crate::teacher::Position, &Vec<u32>)| {
        let teacher = &p.top[..p.top.len().min(TOP)];
        let own = &top[..top.len().min(TOP)];
        let shared = teacher.iter().filter(|(id, _)| own.contains(id)).count();
        shared as f64 / teacher.len() as f64
    };
    pairs.map(one).collect()
}

/// Runs of tokens that were in the same answer before, and all runs.
fn repeated(tokens: &[u32]) -> (usize, usize) {
    let mut seen = HashSet::new();
    let grams = tokens.windows(GRAM);
    let all = grams.len();
    (grams.filter(|g| !seen.insert(*g)).count(), all)
}

/// The teacher's entropy over the tokens it named and one bucket for the rest.
pub(crate) fn teacher_entropy(taught: &[&Taught]) -> Option<f64> {
    let entropy = |p: &crate::teacher::Position| {
        let named = p.top.iter().map(|&(_, lp)| f64::from(lp));
        let rest = (1.0 - named.clone().map(f64::exp).sum::<f64>()).max(0.0);
        let part = |p: f64, lp: f64| if p > 0.0 { -p * lp } else { 0.0 };
        named.map(|lp| part(lp.exp(), lp)).sum::<f64>() + part(rest, rest.ln())
    };
    let positions = taught.iter().flat_map(|t| &t.positions);
    let positions = positions.filter(|p| !p.top.is_empty());
    mean(&positions.map(entropy).collect::<Vec<_>>())
}

/// An answer, token by token.
pub(crate) fn shown(id: &str, learnt: &Learnt<'_>, tokenizer: &Tokenizer) -> Sample {
    let Answer {
        tokens,
        logprobs,
        text,
        ..
    } = learnt.answer;
    let teacher = |place: usize| learnt.taught.as_ref()?.positions.get(place)?.token;
    let pairs = tokens.iter().zip(logprobs).enumerate();
    let tokens = pairs.map(|(place, (&token, &student))| SampleToken {
        text: tokenizer.token_text(token),
        student,
        teacher: teacher(place),
    });
    Sample {
        item: id.to_owned(),
        text: text.clone(),
        tokens: tokens.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::teacher::Position;

    #[test]
    fn numbers_of_a_small_step() {
        let answer = |tokens: &[u32], cut| Answer {
            item: 0,
            sample: 0,
            tokens: tokens.to_vec(),
            logprobs: vec![-1.0; tokens.len()],
            top: vec![vec![1, 2]; tokens.len()],
            text: String::new(),
            cut,
        };
        let position = |token| Position {
            token,
            at: Vec::new(),
            top: vec![(2, -0.1), (3, -4.0)],
        };
        let answers = [
            answer(&[1, 2, 3, 4, 1, 2, 3, 4], true),
            answer(&[5, 6], false),
        ];
        let taught = Taught {
            positions: vec![position(Some(-3.0)), position(None)],
            ..Taught::default()
        };
        let learnt = answers.iter().map(|answer| Learnt {
            prompt: vec![1],
            answer,
            taught: Some(taught.clone()),
            local: None,
            judged: None,
            own: Vec::new(),
            start: Vec::new(),
            weighed: None,
        });
        let learnt: Vec<Learnt<'_>> = learnt.collect();
        let got = of(&learnt, true);
        assert_eq!(
            (got.length, got.cut, got.entropy),
            (5.0, Some(0.5), Some(1.0))
        );
        // Five runs of the first answer, one of which came before; none of the second.
        assert_eq!(got.repetition, Some(0.2));
        assert_eq!((got.kl, got.overlap), (Some(2.0), Some(0.5)));
        assert_eq!(of(&learnt, false).kl, None);
        let entropy = teacher_entropy(&[&taught]).unwrap();
        let (a, b) = ((-0.1f64).exp(), (-4f64).exp());
        let rest = 1.0 - a - b;
        assert!((entropy - (0.1 * a + 4.0 * b - rest * rest.ln())).abs() < 1e-6);
    }
}
