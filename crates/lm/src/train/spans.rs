//! A goal between vocabularies: the learnt rows of a batch, cut into spans that spell the same text as spans
//! of a teacher's tokens, held against the teacher's rows by [`Uld`]. Rows are computed on this side of the
//! device, one after the other: sorting two vocabularies is no work for a kernel that others share.

use super::network::Hidden;
use super::teacher::Head;
use crate::device::Device;
use crate::loss::{Outcome, Span, Uld};
use crate::{Error, Result};

/// What a learnt row is to a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpanRow {
    /// Of its first token.
    First {
        /// Summed log-probability of the span's further tokens under the student as it is; 0 for none.
        own: f64,
        /// The same of the teacher's further tokens.
        teacher: f64,
    },
    /// Of a further token of the span before.
    Further,
    /// Of no span: it has no loss.
    Outside,
}

/// The spans of a batch. The loss is the mean over spans, each weighed as its first row; the weights of
/// all other rows are to be 0.
pub struct Spans<'a, D: Device> {
    /// The teacher's rows before the first token of each span, in order.
    pub hidden: &'a Hidden<D>,
    /// What makes logits of them.
    pub head: &'a Head<D>,
    /// One for each of [`Batch::learnt`](super::Batch::learnt).
    pub rows: &'a [SpanRow],
    /// At temperature 1, as the further tokens' log-probabilities are.
    pub loss: &'a Uld,
}

impl<D: Device> std::fmt::Debug for Spans<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spans")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Some rows of a batch, from `start` on.
pub(super) struct Part<'a> {
    pub(super) start: usize,
    /// The student's logits, which become gradients.
    pub(super) logits: &'a mut [f32],
    pub(super) vocabulary: usize,
    /// The teacher's, one row for each span that begins here.
    pub(super) teacher: &'a [f32],
    /// The learnt tokens of the whole batch.
    pub(super) next: &'a [u32],
    pub(super) weights: &'a [f32],
    pub(super) values: &'a mut [Outcome],
}

impl<D: Device> Spans<'_, D> {
    /// Whether rows and spans fit together.
    pub(super) fn check(&self, rows: usize) -> Result<()> {
        let wrong = |what: String| Err(Error::Invalid(format!("spans: {what}")));
        if self.rows.len() != rows {
            return wrong(format!("{} rows for {rows} learnt tokens", self.rows.len()));
        }
        let (firsts, told) = (firsts(self.rows), self.hidden.rows);
        if firsts != told {
            return wrong(format!("{told} rows of a teacher for {firsts} spans"));
        }
        let begins = self.rows.iter().find(|row| **row != SpanRow::Outside);
        match begins {
            Some(SpanRow::Further) => wrong("a further token before the first".into()),
            _ => Ok(()),
        }
    }

    /// Values of the losses of some rows, whose logits become gradients. `carried` is the slope in the
    /// further tokens' log-probabilities of the span that is open, from one part to the next.
    pub(super) fn losses(&self, part: Part<'_>, carried: &mut f64) {
        let mut uld = self.loss.clone();
        let mut gradient = vec![0.0; part.vocabulary];
        let mut teacher = part.teacher.chunks_exact(self.head.vocabulary.max(1));
        let rows = part.logits.chunks_exact_mut(part.vocabulary);
        let rows = rows.zip(part.values).zip(part.weights).enumerate();
        for (row, ((logits, value), &weight)) in rows {
            let place = part.start + row;
            *value = Outcome::default();
            match self.rows[place] {
                SpanRow::First { own, teacher: rest } => {
                    let theirs = Span {
                        logits: teacher.next().unwrap_or_default(),
                        rest,
                    };
                    let mine = Span { logits, rest: own };
                    let out = uld.row(mine, theirs, &mut gradient);
                    *value = out.outcome;
                    *carried = out.rest * f64::from(weight);
                    for (logit, slope) in logits.iter_mut().zip(&gradient) {
                        *logit = slope * weight;
                    }
                }
                SpanRow::Further => through(logits, part.next[place] as usize, *carried),
                SpanRow::Outside => logits.fill(0.0),
            }
        }
    }
}

/// How many spans begin in some rows.
pub(super) fn firsts(rows: &[SpanRow]) -> usize {
    let first = |row: &&SpanRow| matches!(row, SpanRow::First { .. });
    rows.iter().filter(first).count()
}

/// From logits to `slope` times the gradient of a token's log-probability, in place.
fn through(logits: &mut [f32], token: usize, slope: f64) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let part = |logit: f32| (f64::from(logit) - f64::from(most)).exp();
    let sum: f64 = logits.iter().map(|&logit| part(logit)).sum();
    for (id, logit) in logits.iter_mut().enumerate() {
        let own = if id == token { 1.0 } else { 0.0 };
        *logit = (slope * (own - part(*logit) / sum)) as f32;
    }
}
