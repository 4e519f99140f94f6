//! Direct preferences: of each item's answers the best against the worst. A pair's loss is of whole
//! answers' log-probabilities, so that they are computed first; its slopes then become what each token of
//! the two answers counts.

use crate::error::{Error, Result};
use crate::protocol::{Kind, Metrics};
use crate::targets::Learnt;
use lm::device::Cpu;
use lm::loss::Target;
use lm::loss::preference::{Dpo, Pair, winner};
use lm::train::{Batch, Document, Network, pack};
use std::collections::BTreeMap;

/// The formula of a kind that is of pairs; none of another.
pub(crate) fn formula(kind: Kind) -> Result<Option<Dpo>> {
    let Kind::Dpo {
        beta,
        flipped,
        by_length,
    } = kind
    else {
        return Ok(None);
    };
    let dpo = Dpo::new(beta)?.flipped(flipped)?;
    Ok(Some(match by_length {
        true => dpo.by_length(),
        false => dpo,
    }))
}

/// Of each item's answers the places of the best and the worst, where one is better.
pub(crate) fn pairs(learnt: &[Learnt<'_>]) -> Vec<[usize; 2]> {
    let mut items: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    for (place, learnt) in learnt.iter().enumerate() {
        if let Some(judged) = learnt.judged {
            let its = items.entry(learnt.answer.item).or_default();
            its.push((place, judged.reward));
        }
    }
    let pair = |its: Vec<(usize, f64)>| {
        let (mut best, mut worst) = (*its.first()?, *its.first()?);
        for other in its {
            if winner(other.1, best.1) == Some(0) {
                best = other;
            }
            if winner(worst.1, other.1) == Some(0) {
                worst = other;
            }
        }
        winner(best.1, worst.1).map(|_| [best.0, worst.0])
    };
    items.into_values().filter_map(pair).collect()
}

/// The tokens' log-probabilities of some answers under a network, in the order of the places.
pub(crate) fn logprobs(
    network: &mut Network<Cpu>,
    learnt: &[Learnt<'_>],
    (places, rows): (&[usize], usize),
) -> Result<Vec<Vec<f32>>> {
    let sequence = |&p: &usize| [learnt[p].prompt.as_slice(), &learnt[p].answer.tokens].concat();
    let sequences: Vec<Vec<u32>> = places.iter().map(sequence).collect();
    let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
    let mut out = vec![Vec::new(); places.len()];
    for numbers in pack(&lengths, rows)? {
        let document = |&n: &usize| Document::answer(&sequences[n], learnt[places[n]].prompt.len());
        let documents: Vec<Document<'_>> = numbers.iter().map(document).collect();
        let told = network.score(&Batch::new(&documents)?)?;
        let mut told = told.as_slice();
        for number in numbers {
            let (its, rest) = told.split_at(learnt[places[number]].answer.tokens.len());
            out[number] = its.to_vec();
            told = rest;
        }
    }
    Ok(out)
}

/// Weighs the answers of the pairs; the others stay as they are and teach nothing. `reference` holds the
/// start model's summed log-probability of each answer of the pairs, both of one after those of another.
/// Mean loss and margin go into `metrics`.
pub(crate) fn weigh(
    learnt: &mut [Learnt<'_>],
    (pairs, dpo): (&[[usize; 2]], &Dpo),
    (logprobs, reference): (&[Vec<f32>], &[f64]),
    metrics: &mut Metrics,
) -> Result<()> {
    let sum = |logprobs: &Vec<f32>| logprobs.iter().map(|&lp| f64::from(lp)).sum::<f64>();
    let (own, reference) = (logprobs.as_chunks::<2>().0, reference.as_chunks::<2>().0);
    let tokens: usize = logprobs.iter().map(Vec::len).sum();
    let count = pairs.len() as f64;
    let (mut loss, mut margin) = (0.0, 0.0);
    for ((&[won, lost], [ours, theirs]), &[ref_won, ref_lost]) in
        pairs.iter().zip(own).zip(reference)
    {
        let pair = Pair {
            won: sum(ours),
            lost: sum(theirs),
            reference_won: ref_won,
            reference_lost: ref_lost,
            tokens_won: ours.len() as u32,
            tokens_lost: theirs.len() as u32,
        };
        let told = dpo.pair(&pair);
        if !told.value.is_finite() {
            return Err(Error::Job(format!("a pair's loss is {}", told.value)));
        }
        loss += told.value / count;
        margin += told.margin / count;
        // A step's gradient is the mean over tokens, a pair's loss is not.
        let each = tokens as f64 / count;
        for (place, slope, logprobs) in [(won, told.grad_won, ours), (lost, told.grad_lost, theirs)]
        {
            learnt[place].weighed = Some(-slope * each);
            learnt[place].own.clone_from(logprobs);
        }
    }
    (metrics.loss, metrics.margin) = (loss, Some(margin));
    Ok(())
}

/// Targets at the tokens of an answer that was weighed.
pub(crate) fn targets(learnt: &Learnt<'_>) -> Vec<Target<'static, f32>> {
    let pairs = learnt.answer.tokens.iter().zip(&learnt.own);
    let target = |(&token, &old): (&u32, &f32)| Target::Sampled {
        token,
        advantage: learnt.weighed.unwrap_or(0.0),
        old_logprob: f64::from(old),
    };
    pairs.map(target).collect()
}

#[cfg(test)]
mod tests;
