//! From answers and what the teacher told of them to batches and goals that the engine learns from.

use crate::error::{Error, Result};
use crate::pairs;
use crate::protocol::{self, Kind, Stage, Support, Tail};
use crate::reward::{self, Judged};
use crate::sampled::Answer;
use crate::teacher::{Needs, Position, Taught};
use crate::uld;
use lm::device::Cpu;
use lm::loss::{self, Target, advantage};
use lm::train::{Batch, Document, Goal, Head, Hidden, SpanRow, Spans, pack};
use std::collections::BTreeMap;

/// An answer with its prompt, to be learnt.
#[derive(Debug)]
pub(crate) struct Learnt<'a> {
    pub(crate) prompt: Vec<u32>,
    pub(crate) answer: &'a Answer,
    /// What the teacher told; none where tokens alone are learnt.
    pub(crate) taught: Option<Taught>,
    /// Which model beside the student told it, where one did.
    pub(crate) local: Option<usize>,
    /// What was judged of it, where anything was.
    pub(crate) judged: Option<Judged>,
    /// Its tokens' log-probabilities under the student as it is, where the loss looks at them first.
    pub(crate) own: Vec<f32>,
    /// The same under the start model, where a policy is tied to it.
    pub(crate) start: Vec<f32>,
    /// What each of its tokens counts, where it is one of a pair.
    pub(crate) weighed: Option<f64>,
}

impl Learnt<'_> {
    /// Whether anything can be learnt from it.
    fn teaches(&self, kind: Kind) -> bool {
        match kind {
            Kind::Dpo { .. } => self.weighed.is_some(),
            Kind::Uld { .. } => self.taught.as_ref().is_some_and(|t| !t.spans.is_empty()),
            Kind::Grpo { teacher, start, .. } => {
                let tied = teacher != 0.0 || start != 0.0;
                tied || self.judged.is_some_and(|j| !j.alike)
            }
            _ => true,
        }
    }
}

/// What a loss wants of the teacher at a stage; none where it wants nothing.
pub(crate) fn needs(loss: &protocol::Loss, stage: Stage) -> Option<Needs> {
    if !loss.kind.asks_teacher(stage) {
        return None;
    }
    let mut needs = Needs {
        whole: false,
        top: 0,
        at: 0,
        spans: false,
        temperature: loss.temperature,
    };
    if loss.kind.is_sampled() {
        return Some(needs);
    }
    needs.spans = loss.kind.is_between_vocabularies();
    match loss.support {
        Support::Whole | Support::Draws(_) => needs.whole = true,
        Support::Teacher(k) => needs.top = k as usize,
        Support::Student(k) => needs.at = k as usize,
        Support::Union(k) => (needs.top, needs.at) = (k as usize, k as usize),
    }
    Some(needs)
}

/// The engine's words for a loss.
pub(crate) fn loss(loss: &protocol::Loss) -> loss::Loss {
    let kind = match loss.kind {
        Kind::CrossEntropy => loss::Kind::CrossEntropy,
        // Of draws the teacher's own entropy is not known, and its slope is 0.
        Kind::ForwardKl if matches!(loss.support, Support::Draws(_)) => loss::Kind::CrossEntropy,
        Kind::ForwardKl => loss::Kind::ForwardKl,
        Kind::ReverseKl => loss::Kind::ReverseKl,
        Kind::Gjsd { beta } => loss::Kind::Gjsd { beta },
        Kind::SkewForward { alpha } => loss::Kind::SkewForward { alpha },
        Kind::SkewReverse { alpha } => loss::Kind::SkewReverse { alpha },
        // Spans have their own formula, and look at this one not at all.
        Kind::TotalVariation | Kind::Uld { .. } => loss::Kind::TotalVariation,
        Kind::K1 => loss::Kind::K1,
        Kind::K2 => loss::Kind::K2,
        Kind::K3 => loss::Kind::K3,
        Kind::Policy { low, high, .. } => loss::Kind::Policy {
            low: low.unwrap_or(f64::INFINITY),
            high: high.unwrap_or(f64::INFINITY),
        },
        Kind::Grpo { low, high, .. } => loss::Kind::Policy { low, high },
        // The slopes of pairs, as advantages that nothing clips.
        Kind::Dpo { .. } => loss::Kind::Policy {
            low: f64::INFINITY,
            high: f64::INFINITY,
        },
    };
    loss::Loss {
        kind,
        temperature: loss.temperature,
        scaled: loss.scaled,
        floor: loss.floor,
    }
}

/// The engine's words for a divergence.
pub(crate) fn divergence(kind: protocol::Divergence) -> loss::Kind {
    match kind {
        protocol::Divergence::ForwardKl => loss::Kind::ForwardKl,
        protocol::Divergence::ReverseKl => loss::Kind::ReverseKl,
        protocol::Divergence::Gjsd { beta } => loss::Kind::Gjsd { beta },
        protocol::Divergence::TotalVariation => loss::Kind::TotalVariation,
    }
}

/// What makes logits of a model's rows, and what compares them where it has another vocabulary.
pub(crate) type Desk<'a> = (&'a Head<Cpu>, Option<&'a loss::Uld>);

/// What a batch is held against, with its own memory.
enum Held {
    Next,
    /// A model's rows, and which one's.
    Hidden(Hidden<Cpu>, usize),
    /// The same of spans, with what each row is to them.
    Spans(Hidden<Cpu>, usize, Vec<SpanRow>),
    /// Ids and log-probabilities, one pair a row; empty where the teacher told nothing.
    Sparse(Vec<(Vec<u32>, Vec<f32>)>),
    /// Ids with their weights, one pair a row.
    Drawn(Vec<(Vec<u32>, Vec<f32>)>),
    /// Targets at the sampled token; none where the teacher told nothing.
    Sampled(Vec<Target<'static, f32>>),
}

impl Held {
    /// Targets one a row, where there are such.
    fn rows(&self, tail: loss::Tail) -> Vec<Target<'_, f32>> {
        let sparse = |(ids, logprobs)| Target::Sparse {
            ids,
            logprobs,
            tail,
        };
        match self {
            Held::Sparse(rows) => rows
                .iter()
                .map(|(a, b)| sparse((a.as_slice(), b.as_slice())))
                .collect(),
            Held::Drawn(rows) => rows
                .iter()
                .map(|(ids, weights)| Target::Weighted { ids, weights })
                .collect(),
            Held::Sampled(rows) => rows.clone(),
            Held::Next | Held::Hidden(..) | Held::Spans(..) => Vec::new(),
        }
    }
}

/// Batches ready to learn from.
pub(crate) struct Step {
    batches: Vec<(Batch, Held)>,
    tail: loss::Tail,
}

impl Step {
    /// Packs answers into passes of at most `rows` tokens; `widths` are those of the models beside
    /// the student.
    pub(crate) fn new(
        learnt: &[Learnt<'_>],
        settings: &protocol::Loss,
        (device, widths, rows): (&Cpu, &[usize], usize),
    ) -> Result<Self> {
        let learnt: Vec<&Learnt<'_>> = learnt.iter().filter(|l| l.teaches(settings.kind)).collect();
        let sequence = |l: &&Learnt<'_>| [l.prompt.as_slice(), &l.answer.tokens].concat();
        let sequences: Vec<Vec<u32>> = learnt.iter().map(sequence).collect();
        let mut batches = Vec::new();
        for group in groups(&learnt, settings) {
            let lengths: Vec<usize> = group.iter().map(|&p| sequences[p].len()).collect();
            for places in pack(&lengths, rows)? {
                let places: Vec<usize> = places.into_iter().map(|place| group[place]).collect();
                let document = |&p: &usize| Document::answer(&sequences[p], learnt[p].prompt.len());
                let documents: Vec<Document<'_>> = places.iter().map(document).collect();
                let mut batch = Batch::new(&documents)?;
                let taught: Vec<&Learnt<'_>> = places.iter().map(|&p| learnt[p]).collect();
                let held = held(&taught, settings, (device, widths), &mut batch)?;
                batches.push((batch, held));
            }
        }
        Ok(Self {
            batches,
            tail: match settings.tail {
                Tail::Bucket => loss::Tail::Bucket,
                Tail::Renormalised => loss::Tail::Renormalised,
                Tail::Truncated => loss::Tail::Truncated,
                Tail::PerId => loss::Tail::PerId,
            },
        })
    }

    /// Whether there is nothing to learn from.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Hands the batches with their goals to `f`; `desks` are those of the models beside
    /// the student.
    pub(crate) fn with<T>(
        &self,
        desks: &[Desk<'_>],
        f: impl FnOnce(&[(&Batch, Goal<'_, Cpu>)]) -> lm::Result<T>,
    ) -> Result<T> {
        let tail = self.tail;
        let rows = self.batches.iter().map(|(_, held)| held.rows(tail));
        let rows: Vec<Vec<Target<'_, f32>>> = rows.collect();
        let missing = || Error::Job("a whole distribution without a local teacher".into());
        let spans = self.batches.iter().map(|(_, held)| {
            let Held::Spans(hidden, local, rows) = held else {
                return Ok(None);
            };
            let (head, loss) = *desks.get(*local).ok_or_else(missing)?;
            let loss = loss.ok_or_else(missing)?;
            Ok(Some(Spans {
                hidden,
                head,
                rows,
                loss,
            }))
        });
        let spans: Vec<Option<Spans<'_, Cpu>>> = spans.collect::<Result<_>>()?;
        let pairs = self.batches.iter().zip(&rows).zip(&spans);
        let goals = pairs.map(|(((batch, held), rows), spans)| {
            let goal = match held {
                Held::Next => Goal::Next,
                Held::Hidden(hidden, local) => {
                    Goal::Hidden(hidden, desks.get(*local).ok_or_else(missing)?.0)
                }
                Held::Spans(..) => Goal::Spans(spans.as_ref().ok_or_else(missing)?),
                Held::Sparse(_) | Held::Drawn(_) | Held::Sampled(_) => Goal::Rows(rows),
            };
            Ok((batch, goal))
        });
        let goals: Vec<_> = goals.collect::<Result<_>>()?;
        Ok(f(&goals)?)
    }
}

/// Answers that can stand in the same pass, by number: where whole distributions are learnt a pass
/// has one teacher, since logits are made by one table. In the order of the models.
fn groups(learnt: &[&Learnt<'_>], settings: &protocol::Loss) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    let whole = !settings.kind.is_sampled() && settings.support == Support::Whole;
    for (place, learnt) in learnt.iter().enumerate() {
        let local = learnt.local.filter(|_| whole);
        groups.entry(local).or_default().push(place);
    }
    groups.into_values().collect()
}

fn held(
    learnt: &[&Learnt<'_>],
    settings: &protocol::Loss,
    (device, widths): (&Cpu, &[usize]),
    batch: &mut Batch,
) -> Result<Held> {
    if let Kind::Grpo { teacher, start, .. } = settings.kind {
        let rows = learnt
            .iter()
            .flat_map(|l| reward::targets(l, teacher, start));
        return Ok(Held::Sampled(rows.collect()));
    }
    if settings.kind.is_of_pairs() {
        let rows = learnt.iter().flat_map(|l| pairs::targets(l));
        return Ok(Held::Sampled(rows.collect()));
    }
    let mut taught = Vec::new();
    for learnt in learnt {
        match &learnt.taught {
            Some(t) => taught.push((t, learnt.answer)),
            None => return Ok(Held::Next),
        }
    }
    if !settings.kind.is_sampled() && settings.support == Support::Whole {
        let rows: Vec<f32> = taught
            .iter()
            .flat_map(|(t, _)| t.hidden.iter().copied())
            .collect();
        let local = learnt.first().and_then(|l| l.local).unwrap_or(0);
        let width = widths.get(local).copied().unwrap_or(0);
        let hidden = Hidden::of_rows(device, width, &rows)?;
        if settings.kind.is_between_vocabularies() {
            let rows: Vec<SpanRow> = learnt.iter().flat_map(|l| uld::rows(l)).collect();
            let first = |row: &SpanRow| matches!(row, SpanRow::First { .. });
            unlearn(batch, rows.iter().map(first));
            return Ok(Held::Spans(hidden, local, rows));
        }
        return Ok(Held::Hidden(hidden, local));
    }
    if settings.kind.is_sampled() {
        let rows = taught
            .iter()
            .flat_map(|(t, answer)| at_tokens(t, answer, settings.kind));
        let rows: Vec<Option<Target<'static, f32>>> = rows.collect();
        unlearn(batch, rows.iter().map(Option::is_some));
        let tokens = rows.into_iter().zip(batch.learnt());
        let rows = tokens.map(|(row, &token)| row.unwrap_or_else(|| nothing(token, settings.kind)));
        return Ok(Held::Sampled(rows.collect()));
    }
    if matches!(settings.support, Support::Draws(_)) {
        let rows = taught.iter().flat_map(|(t, _)| t.drawn.iter().cloned());
        return Ok(Held::Drawn(rows.collect()));
    }
    let positions = taught.iter().flat_map(|(t, _)| &t.positions);
    let rows: Vec<_> = positions.map(|p| named(p, settings.support)).collect();
    unlearn(batch, rows.iter().map(|(ids, _)| !ids.is_empty()));
    Ok(Held::Sparse(rows))
}

/// Rows of which the teacher told nothing count nothing.
fn unlearn(batch: &mut Batch, told: impl Iterator<Item = bool>) {
    for (weight, told) in batch.weights_mut().iter_mut().zip(told) {
        if !told {
            *weight = 0.0;
        }
    }
}

/// The ids of a support and the teacher's log-probabilities there, upwards.
fn named(position: &Position, support: Support) -> (Vec<u32>, Vec<f32>) {
    let (at, top) = (position.at.as_slice(), position.top.as_slice());
    let top = |k: u32| &top[..top.len().min(k as usize)];
    let mut all = match support {
        Support::Teacher(k) => top(k).to_vec(),
        Support::Student(_) => at.to_vec(),
        Support::Union(k) => [at, top(k)].concat(),
        Support::Whole | Support::Draws(_) => Vec::new(),
    };
    all.sort_by_key(|&(id, _)| id);
    all.dedup_by_key(|&mut (id, _)| id);
    all.into_iter().unzip()
}

/// Targets at an answer's own tokens.
fn at_tokens(taught: &Taught, answer: &Answer, kind: Kind) -> Vec<Option<Target<'static, f32>>> {
    let told = taught.positions.iter().map(|p| p.token.map(f64::from));
    let Kind::Policy { gamma, most, .. } = kind else {
        let pairs = told.zip(&answer.tokens);
        let one =
            |(lp, &token): (Option<f64>, &u32)| lp.map(|logprob| Target::Scored { token, logprob });
        return pairs.map(one).collect();
    };
    let told: Vec<Option<f64>> = told.collect();
    let ratio = |(lp, &own): (&Option<f64>, &f32)| {
        lp.map_or(0.0, |lp| {
            lp.max(loss::FLOOR) - f64::from(own).max(loss::FLOOR)
        })
    };
    let mut ratios: Vec<f64> = told.iter().zip(&answer.logprobs).map(ratio).collect();
    advantage::discounted(&mut ratios, gamma, most);
    let rows = answer.tokens.iter().zip(&answer.logprobs).zip(ratios);
    let rows = rows.zip(told).map(|(((&token, &own), advantage), told)| {
        told.map(|_| Target::Sampled {
            token,
            advantage,
            old_logprob: f64::from(own),
        })
    });
    rows.collect()
}

/// A target for a row that does not count.
fn nothing(token: u32, kind: Kind) -> Target<'static, f32> {
    match kind {
        Kind::Policy { .. } => Target::Sampled {
            token,
            advantage: 0.0,
            old_logprob: 0.0,
        },
        _ => Target::Scored {
            token,
            logprob: 0.0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supports_name_their_ids() {
        let position = Position {
            token: Some(-1.0),
            at: vec![(2, -1.0), (5, -2.0)],
            top: vec![(7, -0.5), (2, -1.0), (9, -3.0)],
        };
        let named = |support| named(&position, support);
        assert_eq!(named(Support::Student(2)), (vec![2, 5], vec![-1.0, -2.0]));
        assert_eq!(named(Support::Teacher(2)), (vec![2, 7], vec![-1.0, -0.5]));
        assert_eq!(
            named(Support::Union(3)),
            (vec![2, 5, 7, 9], vec![-1.0, -2.0, -0.5, -3.0])
        );
    }

    #[test]
    fn a_policy_s_advantages_are_log_ratios() {
        let position = |token| Position {
            token,
            ..Position::default()
        };
        let taught = Taught {
            positions: vec![position(Some(-1.0)), position(None), position(Some(-9.0))],
            ..Taught::default()
        };
        let answer = Answer {
            item: 0,
            sample: 0,
            tokens: vec![4, 5, 6],
            logprobs: vec![-2.0, -1.0, -1.0],
            top: Vec::new(),
            text: String::new(),
            cut: false,
        };
        let kind = Kind::Policy {
            low: None,
            high: None,
            gamma: 0.0,
            most: 5.0,
        };
        let rows = at_tokens(&taught, &answer, kind);
        let target = |token, advantage, old_logprob| {
            Some(Target::Sampled {
                token,
                advantage,
                old_logprob,
            })
        };
        assert_eq!(rows, [target(4, 1.0, -2.0), None, target(6, -5.0, -1.0)]);
        assert_eq!(
            at_tokens(&taught, &answer, Kind::K1)[0],
            Some(Target::Scored {
                token: 4,
                logprob: -1.0
            })
        );
    }
}
