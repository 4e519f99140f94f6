//! The teacher: a model beside the student, or the parent, who asks one elsewhere. Either way it
//! tells, for each token of an answer, what it would have written in its place.

use crate::error::{Error, Result};
use crate::load::Reader;
use crate::parent::Parent;
use crate::protocol::{
    self, Item, PositionScores, Score, Scores, Sequence, SequenceScores, Stage, Tokenizers,
};
use crate::sampled::Answer;
use crate::uld::Span;
use std::io::Write;

mod local;
mod staff;

pub(crate) use local::Local;
pub(crate) use staff::{Staff, digests};

/// A log-probability may be above 0, and a distribution's mass above 1, by rounding alone.
const ROUNDING: f64 = 1e-3;

/// What is wanted of a teacher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Needs {
    /// The whole distribution.
    pub(crate) whole: bool,
    /// Its likeliest tokens.
    pub(crate) top: usize,
    /// The student's likeliest, at which it is asked, beside the token itself.
    pub(crate) at: usize,
    /// Whether its tokens may be others, and what it tells is of spans of text.
    pub(crate) spans: bool,
    /// Divides the logits of both.
    pub(crate) temperature: f64,
}

impl Needs {
    /// The answer's own tokens alone.
    pub(crate) const TOKENS: Self = Self {
        whole: false,
        top: 0,
        at: 0,
        spans: false,
        temperature: 1.0,
    };
}

/// What it told of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taught {
    /// One a token.
    pub(crate) positions: Vec<Position>,
    /// Its last hidden rows, one a token, where the whole distribution was wanted.
    pub(crate) hidden: Vec<f32>,
    /// Spans of the answer, where its tokens are others; then rows are one a span.
    pub(crate) spans: Vec<Span>,
    /// Ids drawn from it with their weights, one pair a token, in the place of rows.
    pub(crate) drawn: Vec<(Vec<u32>, Vec<f32>)>,
    /// Tokens of the answer that it read, where they are others.
    pub(crate) read: Option<usize>,
}

/// What it told of a token.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Position {
    /// The token's log-probability.
    pub(crate) token: Option<f32>,
    /// Ids asked for, and what it said of them.
    pub(crate) at: Vec<(u32, f32)>,
    /// Its likeliest tokens.
    pub(crate) top: Vec<(u32, f32)>,
}

impl Answer {
    /// The ids at which a teacher is asked, upwards: some of the student's likeliest, and the token.
    pub(crate) fn ids(&self, needs: Needs) -> Vec<Vec<u32>> {
        if needs.at == 0 {
            return Vec::new();
        }
        let one = |(top, &token): (&Vec<u32>, &u32)| {
            let mut ids: Vec<u32> = top.iter().take(needs.at).copied().collect();
            ids.push(token);
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        self.top.iter().zip(&self.tokens).map(one).collect()
    }
}

/// How two tokenizers agree.
pub(crate) fn compare(student: &Reader, teacher: &Reader) -> Tokenizers {
    let (a, b) = (&student.tokenizer, &teacher.tokenizer);
    let ids = |vocabulary: usize| 0..vocabulary as u32;
    let spellings: std::collections::HashSet<&[u8]> =
        ids(a.vocabulary()).map(|t| a.bytes(t)).collect();
    let shared = ids(b.vocabulary()).filter(|&t| spellings.contains(b.bytes(t)));
    let shared = shared.count() as u64;
    let same = a.vocabulary() == b.vocabulary()
        && ids(a.vocabulary()).all(|t| {
            let kinds = (a.is_control(t), a.is_end(t)) == (b.is_control(t), b.is_end(t));
            kinds && a.bytes(t) == b.bytes(t)
        });
    Tokenizers {
        same,
        student: a.vocabulary() as u64,
        teacher: b.vocabulary() as u64,
        shared,
    }
}

/// Asks the parent about some answers of a step; returns the question's number.
pub(crate) fn ask<W: Write>(
    parent: &mut Parent<W>,
    (items, reader): (&[Item], &Reader),
    (stage, step): (Stage, u64),
    answers: &[&Answer],
    needs: Needs,
) -> Result<u64> {
    let one = |answer: &&Answer| {
        let item = &items[answer.item];
        let mut tokens = reader.prompt(&item.id, item.teacher())?;
        let from = tokens.len();
        tokens.extend(&answer.tokens);
        let token = |&token: &u32| vec![token];
        let mut ids = answer.ids(needs);
        if ids.is_empty() {
            ids = answer.tokens.iter().map(token).collect();
        }
        Ok(Sequence {
            item: item.id.clone(),
            teacher: item.taught_by.clone(),
            sample: answer.sample,
            prompt: item.teacher().clone(),
            answer: answer.text.clone(),
            tokens,
            from,
            ids,
        })
    };
    parent.ask(Score {
        question: 0,
        stage,
        step,
        temperature: needs.temperature,
        top: needs.top as u32,
        sequences: answers.iter().map(one).collect::<Result<_>>()?,
    })
}

/// What the parent's teacher told of answers; none where it did not.
pub(crate) fn told(
    scores: Scores,
    answers: &[&Answer],
    needs: Needs,
) -> Result<Vec<Option<Taught>>> {
    let (got, wanted) = (scores.sequences.len(), answers.len());
    if got != wanted {
        return Err(Error::Teacher(format!("{got} sequences for {wanted}")));
    }
    let one = |(scores, answer): (Option<SequenceScores>, &&Answer)| {
        let Some(SequenceScores { positions }) = scores else {
            return Ok(None);
        };
        let (got, wanted) = (positions.len(), answer.tokens.len());
        if got != wanted {
            return Err(Error::Teacher(format!(
                "{got} positions for {wanted} tokens"
            )));
        }
        let ids = answer.ids(needs);
        let pairs = positions.into_iter().zip(&answer.tokens).enumerate();
        let positions = pairs.map(|(place, (position, &token))| {
            let own = [token];
            let ids = ids.get(place).map_or(&own[..], Vec::as_slice);
            check(&position, ids)?;
            let at = ids.iter().zip(&position.at);
            let at: Vec<(u32, f32)> = at
                .filter_map(|(&id, lp)| Some((id, (*lp)?.min(0.0))))
                .collect();
            let top: Vec<(u32, f32)> = position
                .top
                .iter()
                .map(|&(id, lp)| (id, lp.min(0.0)))
                .collect();
            let mut all = at.iter().chain(&top);
            Ok(Position {
                token: all.find(|(id, _)| *id == token).map(|(_, lp)| *lp),
                at,
                top,
            })
        });
        let positions = positions.collect::<Result<_>>()?;
        Ok(Some(Taught {
            positions,
            ..Taught::default()
        }))
    };
    scores.sequences.into_iter().zip(answers).map(one).collect()
}

/// An error where a position is not of a distribution.
fn check(position: &PositionScores, ids: &[u32]) -> Result<()> {
    let wrong = |what: String| Err(Error::Teacher(what));
    let (got, wanted) = (position.at.len(), ids.len());
    if got != wanted {
        return wrong(format!("{got} log-probabilities for {wanted} ids"));
    }
    if position.top.len() > protocol::MOST_IDS {
        return wrong(format!("{} likeliest tokens", position.top.len()));
    }
    let at = ids.iter().zip(&position.at);
    let at = at.filter_map(|(&id, lp)| Some((id, (*lp)?)));
    let mut all: Vec<(u32, f32)> = at.chain(position.top.iter().copied()).collect();
    if let Some((id, lp)) = all
        .iter()
        .find(|(_, lp)| lp.is_nan() || f64::from(*lp) > ROUNDING)
    {
        return wrong(format!("a log-probability of {lp} for token {id}"));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    if let Some(pair) = all
        .windows(2)
        .find(|w| w[0].0 == w[1].0 && f64::from((w[0].1 - w[1].1).abs()) > ROUNDING)
    {
        let (id, a, b) = (pair[0].0, pair[0].1, pair[1].1);
        return wrong(format!("two log-probabilities for token {id}: {a} and {b}"));
    }
    all.dedup_by_key(|(id, _)| *id);
    let mass: f64 = all.iter().map(|(_, lp)| f64::from(*lp).exp()).sum();
    let tail = position.tail.unwrap_or(0.0);
    if !(tail >= -ROUNDING && mass + tail <= 1.0 + ROUNDING) {
        return wrong(format!("a mass of {mass} with a tail of {tail}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
