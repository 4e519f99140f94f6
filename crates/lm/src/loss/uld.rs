//! Losses between models with different tokenizers. ULD (Boizard et al. 2024) compares the sorted
//! probabilities; GOLD (Patiño et al. 2025) first merges tokens that spell the same text into spans, then
//! compares the ids that both vocabularies have directly and the rest by ULD. Memory is kept from
//! row to row, so that rows allocate nothing after the first.

use super::divergence::Divergence;
use super::softmax::LogSoftmax;
use super::{Float, Kind, Outcome};
use crate::{Error, Result};
use std::ops::Range;

/// A span of tokens that spells the same text on both sides: the distribution of its first token,
/// and the summed log-probability of the tokens that go on from it (0 where there is none). Its
/// probabilities are the product: they say how likely the whole span is by each first token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<'a, T> {
    /// Logits of the first token.
    pub logits: &'a [T],
    /// Summed log-probability of the rest, at the loss's temperature.
    pub rest: f64,
}

/// A row's result: the gradient with respect to the first token's logits is written, that with
/// respect to the rest is a number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpanOutcome {
    /// Value and marks.
    pub outcome: Outcome,
    /// The slope in the student's [`Span::rest`].
    pub rest: f64,
}

/// ULD, with or without ids that both vocabularies have.
#[derive(Debug, Clone)]
pub struct Uld {
    temperature: f64,
    shared: Option<Shared>,
    student: Vec<(f64, u32)>,
    teacher: Vec<f64>,
}

/// Ids that spell the same in both vocabularies, and how they are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// The student's id and the teacher's; each id at most once.
    pub pairs: Vec<(u32, u32)>,
    /// The divergence between them, each id's term made non-negative as in
    /// [`Tail::PerId`](super::Tail::PerId).
    pub kind: Kind,
    /// The weight of the shared ids' divergence.
    pub weight: f64,
    /// The weight of the other ids' ULD.
    pub rest: f64,
}

impl Uld {
    /// Plain ULD at a temperature.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the temperature is not above 0.
    pub fn new(temperature: f64) -> Result<Self> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Error::Invalid("ULD: temperature is not above 0".into()));
        }
        Ok(Self {
            temperature,
            shared: None,
            student: Vec::new(),
            teacher: Vec::new(),
        })
    }

    /// GOLD's mixture.
    ///
    /// # Errors
    /// [`Error::Invalid`] where an id stands in two pairs, or the loss is one of sampled tokens.
    pub fn sharing(mut self, shared: Shared) -> Result<Self> {
        let sampled = matches!(
            shared.kind,
            Kind::K1 | Kind::K2 | Kind::K3 | Kind::Policy { .. }
        );
        let mut sides: [Vec<u32>; 2] = [
            shared.pairs.iter().map(|p| p.0).collect(),
            shared.pairs.iter().map(|p| p.1).collect(),
        ];
        let repeats = sides.iter_mut().any(|ids| {
            ids.sort_unstable();
            ids.windows(2).any(|two| two[0] == two[1])
        });
        if sampled || repeats {
            let why = if sampled {
                "a loss of sampled tokens can not compare vocabularies"
            } else {
                "an id stands in two pairs"
            };
            return Err(Error::Invalid(format!("GOLD: {why}")));
        }
        self.shared = Some(shared);
        Ok(self)
    }

    /// One span; `grad` is as long as the student's logits and is overwritten. Where lengths or
    /// shared ids do not fit, value and gradient are NaN.
    pub fn row<T: Float>(
        &mut self,
        student: Span<'_, T>,
        teacher: Span<'_, T>,
        grad: &mut [T],
    ) -> SpanOutcome {
        let mine = LogSoftmax::of_logits(student.logits, self.temperature);
        let theirs = LogSoftmax::of_logits(teacher.logits, self.temperature);
        let pairs = self.shared.as_ref().map_or(&[][..], |s| &s.pairs);
        let fits = pairs.iter().all(|&(s, t)| {
            (s as usize) < student.logits.len() && (t as usize) < teacher.logits.len()
        });
        if !fits || grad.len() != student.logits.len() {
            grad.fill(T::narrow(f64::NAN));
            let value = f64::NAN;
            return SpanOutcome {
                outcome: Outcome {
                    value,
                    ..Outcome::default()
                },
                rest: f64::NAN,
            };
        }
        grad.fill(T::narrow(0.0));
        let of_mine = |id: u32| mine.log(id as usize) + student.rest;
        let of_theirs = |id: u32| theirs.log(id as usize) + teacher.rest;
        self.student.clear();
        self.student
            .extend((0..student.logits.len() as u32).map(|id| (of_mine(id).exp(), id)));
        self.teacher.clear();
        self.teacher
            .extend((0..teacher.logits.len() as u32).map(|id| of_theirs(id).exp()));
        let mut sums = Sums::default();
        self.shared(&of_mine, &of_theirs, &mut sums, grad);
        self.sorted(&mut sums, grad);
        let total = sums.slope;
        let outcome = sums.outcome;
        for (id, slot) in grad.iter_mut().enumerate() {
            let slope = slot.wide() - mine.log(id).exp() * total;
            *slot = T::narrow(slope / self.temperature);
        }
        SpanOutcome {
            outcome,
            rest: total,
        }
    }

    /// The shared ids' divergence; they leave the lists that are sorted.
    fn shared<T: Float>(
        &mut self,
        student: &dyn Fn(u32) -> f64,
        teacher: &dyn Fn(u32) -> f64,
        sums: &mut Sums,
        grad: &mut [T],
    ) {
        let Some(shared) = &self.shared else {
            return;
        };
        let divergence = Divergence::new(shared.kind, None);
        let (level, lift) = (divergence.level() + divergence.lift(), divergence.lift());
        for &(s, t) in &shared.pairs {
            let (lp, lq) = (teacher(t), student(s));
            let share = divergence.share(lp, lq);
            let (p, q) = (lp.exp(), lq.exp());
            sums.outcome.value += shared.weight * (share.value + lift * (q - p));
            sums.outcome.clamped += u32::from(share.clamped);
            let slope = shared.weight * (share.slope + level * q);
            grad[s as usize] = T::narrow(slope);
            sums.slope += slope;
            self.student[s as usize].0 = 0.0;
            self.teacher[t as usize] = 0.0;
        }
    }

    /// The distance of the sorted lists, the shorter padded with zeros.
    fn sorted<T: Float>(&mut self, sums: &mut Sums, grad: &mut [T]) {
        let weight = self.shared.as_ref().map_or(1.0, |shared| shared.rest);
        // Greatest first; ties by id, so that the gradient is the same every time.
        self.student
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.teacher.sort_unstable_by(|a, b| b.total_cmp(a));
        for (rank, &(q, id)) in self.student.iter().enumerate() {
            let p = self.teacher.get(rank).copied().unwrap_or(0.0);
            sums.outcome.value += weight * (q - p).abs();
            if q != p && q > 0.0 {
                let slope = weight * (q - p).signum() * q;
                grad[id as usize] = T::narrow(slope);
                sums.slope += slope;
            }
        }
        let more: f64 = self.teacher.iter().skip(self.student.len()).sum();
        sums.outcome.value += weight * more;
    }
}

/// What a row adds up.
#[derive(Default)]
struct Sums {
    outcome: Outcome,
    slope: f64,
}

/// Cuts two tokenizations of the same text at the places that they have in common: from the lengths
/// of their tokens in bytes to the ranges of tokens of each span. A last span that only one side
/// has is left out.
#[must_use]
pub fn spans(student: &[usize], teacher: &[usize]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut out = Vec::new();
    let (mut from, mut at) = ((0, 0), (0, 0));
    let (mut mine, mut theirs) = (0usize, 0usize);
    loop {
        // The side that is behind goes on; both where they are level.
        let level = mine == theirs;
        if level && (at.0 > from.0 || at.1 > from.1) {
            out.push((from.0..at.0, from.1..at.1));
            from = at;
        }
        let (step_mine, step_theirs) = (mine <= theirs, theirs <= mine);
        if step_mine {
            let Some(length) = student.get(at.0) else {
                break;
            };
            mine = mine.saturating_add(*length);
            at.0 += 1;
        }
        if step_theirs {
            let Some(length) = teacher.get(at.1) else {
                break;
            };
            theirs = theirs.saturating_add(*length);
            at.1 += 1;
        }
    }
    out
}
