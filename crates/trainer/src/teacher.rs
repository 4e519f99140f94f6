//! The teacher: a model beside the student, or the parent, who asks one elsewhere. Either way it
//! tells, for each token of an answer, what it would have written in its place.

use crate::error::{Error, Result};
use crate::load::{self, Reader};
use crate::parent::Parent;
use crate::protocol::{
    self, Item, PositionScores, Score, Scores, Sequence, SequenceScores, Stage, Tokenizers,
};
use crate::sampled::{Answer, Sampled, TOP};
use crate::student;
use lm::device::Cpu;
use lm::train::Head;
use lm::{Cache, Model, Step, Want};
use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::path::Path;

/// Tokens of one pass.
const ROWS: usize = 512;
/// Items whose prompts are looked at for what they have in common.
const LOOKED_AT: usize = 64;
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
    /// Divides the logits of both.
    pub(crate) temperature: f64,
}

/// What it told of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taught {
    /// One a token.
    pub(crate) positions: Vec<Position>,
    /// Its last hidden rows, one a token, where the whole distribution was wanted.
    pub(crate) hidden: Vec<f32>,
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

/// A model beside the student.
pub(crate) struct Local {
    model: Model,
    reader: Reader,
    pub(crate) head: Head<Cpu>,
    pub(crate) width: usize,
    pub(crate) tokenizers: Tokenizers,
    /// What the prompts begin with, read once.
    common: (Vec<u32>, Cache),
}

impl Local {
    /// Loads it. Its tokenizer must be the student's.
    pub(crate) fn open(
        path: &Path,
        student: &student::Student,
        items: &[Item],
        threads: usize,
    ) -> Result<Self> {
        let files = load::model(path)?;
        let tokenizers = compare(&student.reader, &Reader::of(&files));
        if !tokenizers.same {
            let Tokenizers {
                student,
                teacher,
                shared,
                ..
            } = tokenizers;
            return Err(Error::Tokenizers(format!(
                "{student} and {teacher} tokens, {shared} spellings are the same"
            )));
        }
        let model = Model::from_files(&files, &student::options(threads, false));
        let model = model.map_err(load::of_model(path))?;
        let reader = Reader::of(&files);
        let head = Head::open(&*student.device, &files).map_err(load::of_model(path))?;
        let mut common: Option<Vec<u32>> = None;
        for item in items.iter().take(LOOKED_AT) {
            let prompt = reader.prompt(&item.id, item.teacher())?;
            let length = common.as_ref().map_or(prompt.len(), |c| equal(c, &prompt));
            common.get_or_insert(prompt).truncate(length);
        }
        let common = common.unwrap_or_default();
        let mut cache = model.cache();
        model.check_length(common.len())?;
        for tokens in common.chunks(ROWS) {
            let want = Want::nothing();
            let cache = &mut cache;
            model.forward(&mut [Step {
                cache,
                tokens,
                want,
            }])?;
        }
        Ok(Self {
            width: model.config().width,
            model,
            reader,
            head,
            tokenizers,
            common: (common, cache),
        })
    }

    /// What it tells of answers, in their order.
    pub(crate) fn score(
        &self,
        items: &[Item],
        answers: &[Answer],
        needs: Needs,
    ) -> Result<Vec<Taught>> {
        let mut prompts: HashMap<usize, (u32, Cache)> = HashMap::new();
        self.read_prompts(items, answers, &mut prompts)?;
        let mut out: Vec<Taught> = answers.iter().map(|_| Taught::default()).collect();
        let mut waiting: VecDeque<Part> = VecDeque::new();
        for (index, answer) in answers.iter().enumerate() {
            let Some((last, _)) = prompts.get(&answer.item) else {
                continue;
            };
            let before = answer.tokens.len() - 1;
            waiting.push_back(Part {
                index,
                cache: None,
                fed: std::iter::once(*last)
                    .chain(answer.tokens[..before].iter().copied())
                    .collect(),
                ids: answer.ids(needs),
                start: 0,
                end: 0,
            });
        }
        while !waiting.is_empty() {
            let mut left = ROWS;
            let mut parts = Vec::new();
            while left > 0
                && let Some(mut part) = waiting.pop_front()
            {
                part.end = part.fed.len().min(part.start + left);
                left -= part.end - part.start;
                let item = answers[part.index].item;
                if part.cache.is_none() {
                    part.cache = prompts.get(&item).map(|(_, cache)| cache.clone());
                }
                parts.push(part);
            }
            self.pass(answers, &mut parts, needs, &mut out)?;
            for mut part in parts.into_iter().rev() {
                if part.end < part.fed.len() {
                    part.start = part.end;
                    waiting.push_front(part);
                }
            }
        }
        Ok(out)
    }

    /// Reads the prompts of answers but for their last tokens; each once.
    fn read_prompts(
        &self,
        items: &[Item],
        answers: &[Answer],
        prompts: &mut HashMap<usize, (u32, Cache)>,
    ) -> Result<()> {
        let mut waiting: VecDeque<(usize, Vec<u32>, Cache)> = VecDeque::new();
        for answer in answers {
            if prompts.contains_key(&answer.item) || waiting.iter().any(|w| w.0 == answer.item) {
                continue;
            }
            let item = &items[answer.item];
            let tokens = self.reader.prompt(&item.id, item.teacher())?;
            self.fits(item, tokens.len() + answer.tokens.len())?;
            let mut cache = self.common.1.clone();
            cache.truncate(equal(&self.common.0, &tokens).min(tokens.len() - 1));
            waiting.push_back((answer.item, tokens, cache));
        }
        while !waiting.is_empty() {
            let mut left = ROWS;
            let mut parts = Vec::new();
            while left > 0
                && let Some((item, tokens, cache)) = waiting.pop_front()
            {
                let start = cache.len();
                let end = (tokens.len() - 1).min(start + left);
                left -= end - start;
                parts.push((item, tokens, cache, start..end));
            }
            let steps = parts.iter_mut().filter(|p| !p.3.is_empty());
            let mut steps: Vec<Step<'_>> = steps
                .map(|(_, tokens, cache, range)| Step {
                    cache,
                    tokens: &tokens[range.clone()],
                    want: Want::nothing(),
                })
                .collect();
            self.model.forward(&mut steps)?;
            for (item, tokens, cache, range) in parts.into_iter().rev() {
                match tokens.split_last() {
                    Some((&last, before)) if range.end == before.len() => {
                        prompts.insert(item, (last, cache));
                    }
                    _ => waiting.push_front((item, tokens, cache)),
                }
            }
        }
        Ok(())
    }

    fn fits(&self, item: &Item, tokens: usize) -> Result<()> {
        self.model.check_length(tokens).map_err(|e| Error::Item {
            id: item.id.clone(),
            what: format!("the teacher's prompt with its answer: {e}"),
        })
    }

    /// One pass over parts of answers.
    fn pass(
        &self,
        answers: &[Answer],
        parts: &mut [Part],
        needs: Needs,
        out: &mut [Taught],
    ) -> Result<()> {
        let mut steps = Vec::new();
        for part in parts.iter_mut() {
            let range = part.start..part.end;
            let Some(cache) = &mut part.cache else {
                continue;
            };
            steps.push(Step {
                cache,
                tokens: &part.fed[range.clone()],
                want: Want {
                    score: &answers[part.index].tokens[range.clone()],
                    top: needs.top.max(TOP),
                    at: part.ids.get(range).unwrap_or(&[]),
                    hidden: needs.whole,
                    ..Want::nothing()
                },
            });
        }
        let outputs = self.model.forward(&mut steps)?;
        for (part, output) in parts.iter().zip(outputs) {
            let taught = &mut out[part.index];
            taught.hidden.extend(output.hidden);
            let ids = part.ids.get(part.start..part.end).unwrap_or(&[]);
            for (row, scored) in output.scores.into_iter().enumerate() {
                let ids = ids.get(row).map_or(&[][..], Vec::as_slice);
                taught.positions.push(Position {
                    token: Some(scored.logprob),
                    at: ids.iter().copied().zip(scored.at).collect(),
                    top: scored.top.iter().map(|t| (t.token, t.logprob)).collect(),
                });
            }
        }
        Ok(())
    }
}

/// An answer under way.
struct Part {
    index: usize,
    cache: Option<Cache>,
    /// The last token of the prompt, and the answer's but its last.
    fed: Vec<u32>,
    ids: Vec<Vec<u32>>,
    start: usize,
    end: usize,
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

/// How many tokens two sequences begin with in common.
fn equal(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
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

/// Asks the parent about answers; returns the question's number.
pub(crate) fn ask<W: Write>(
    parent: &mut Parent<W>,
    (items, reader): (&[Item], &Reader),
    (stage, sampled): (Stage, &Sampled),
    needs: Needs,
) -> Result<u64> {
    let one = |answer: &Answer| {
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
        step: sampled.step,
        temperature: needs.temperature,
        top: needs.top as u32,
        sequences: sampled.answers.iter().map(one).collect::<Result<_>>()?,
    })
}

/// What the parent's teacher told of answers; none where it did not.
pub(crate) fn told(
    scores: Scores,
    answers: &[Answer],
    needs: Needs,
) -> Result<Vec<Option<Taught>>> {
    let (got, wanted) = (scores.sequences.len(), answers.len());
    if got != wanted {
        return Err(Error::Teacher(format!("{got} sequences for {wanted}")));
    }
    let one = |(scores, answer): (Option<SequenceScores>, &Answer)| {
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
            hidden: Vec::new(),
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
